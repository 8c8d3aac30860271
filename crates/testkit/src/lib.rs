//! Fixtures and the corpus for the tests of the other crates.
#![allow(clippy::print_stdout, reason = "tests tell what they skip")]

pub mod checks;
pub mod faulty;
pub mod opened;
pub mod moved;
pub mod web;

mod places;

pub use places::{corpus, files_named, fixtures, is_shared, root};
