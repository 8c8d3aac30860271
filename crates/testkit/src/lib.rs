//! Fixtures and the corpus for the tests of the other crates.
#![allow(
    clippy::print_stdout,
    clippy::panic,
    clippy::expect_used,
    reason = "for tests alone, which tell what they skip"
)]

pub mod bucket;
pub mod checks;
pub mod compacting;
pub mod faulty;
pub mod moved;
pub mod opened;
pub mod rewriting;
pub mod web;

mod places;

pub use places::{corpus, files_named, fixtures, is_shared, root};
