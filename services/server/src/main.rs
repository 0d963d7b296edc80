//! The `keytrail` binary.
fn main() {}
