#![no_main]
statetool_fuzz::target!("heap_stream");
