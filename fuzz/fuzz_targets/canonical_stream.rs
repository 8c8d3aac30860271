#![no_main]
statetool_fuzz::target!("canonical_stream");
