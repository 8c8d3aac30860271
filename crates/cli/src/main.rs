//! statetool
fn main() {}
