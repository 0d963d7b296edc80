//! x
pub mod guard;
pub mod recipe;
