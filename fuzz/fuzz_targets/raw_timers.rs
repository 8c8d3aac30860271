#![no_main]
statetool_fuzz::target!("raw_timers");
