#![no_main]
statetool_fuzz::target!("rocksdb_manifest");
