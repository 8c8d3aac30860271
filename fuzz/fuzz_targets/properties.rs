#![no_main]
statetool_fuzz::target!("properties");
