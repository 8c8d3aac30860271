//! What all fuzz targets share: a check by name, run with bounded memory.

use std::alloc::System;

use cap::Cap;
pub use libfuzzer_sys;
use statetool_testkit::checks;

#[global_allocator]
static MEMORY: Cap<System> = Cap::new(System, usize::MAX);

/// What a check may take whatever the size of its input: buffers, tables, a decompressed block.
const BASE: usize = 64 << 20;
/// What it may take for each byte of its input.
const PER_BYTE: usize = 2 << 10;

/// Runs a check; memory beyond its bound ends the process, which libFuzzer reports.
pub fn run(check: checks::Check, input: &[u8]) {
    let limit = MEMORY.allocated() + BASE + input.len() * PER_BYTE;
    let _ = MEMORY.set_limit(limit);
    check(input);
    let _ = MEMORY.set_limit(usize::MAX);
}

/// The check of that name.
pub fn named(name: &str) -> checks::Check {
    checks::named(name).expect("a check of this name")
}

/// Defines the fuzz target of a check.
#[macro_export]
macro_rules! target {
    ($name:literal) => {
        static CHECK: std::sync::LazyLock<fn(&[u8])> =
            std::sync::LazyLock::new(|| $crate::named($name));
        $crate::libfuzzer_sys::fuzz_target!(|input: &[u8]| $crate::run(*CHECK, input));
    };
}
