//! `rewrite` when things go wrong: killed, interrupted, beside another run, on a full disk, in a store that fails.
//!
//! Seeds are printed; `STATETOOL_SEED=N` begins with run N again.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a test fails by panicking and says what it counted"
)]

mod case;
mod dice;
mod full_disk;
mod held;
mod interrupted;
mod killed;
mod races;
mod refused;
mod stores;
