#![no_main]
statetool_fuzz::target!("java");
