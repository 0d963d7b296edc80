//! The double as official clients see it.

mod access;
mod faults;
mod python;
mod streams;
mod support;
