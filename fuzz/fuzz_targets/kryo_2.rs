#![no_main]
statetool_fuzz::target!("kryo_2");
