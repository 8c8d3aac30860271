#![no_main]
statetool_fuzz::target!("serializer_snapshot");
