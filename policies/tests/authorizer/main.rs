//! The authoriser as its callers see it, with the policy files that are compiled in.
#![cfg(test)]

mod loading;
mod matrix;
mod properties;
mod rules;
mod support;
