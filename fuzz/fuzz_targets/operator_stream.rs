#![no_main]
statetool_fuzz::target!("operator_stream");
