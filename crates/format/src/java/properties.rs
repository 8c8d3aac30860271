//! Checkpoint properties.
