//! The rules, by what they are about.

#[cfg(test)]
mod authorization_tests;
pub(super) mod changing;
pub(super) mod check;
pub(super) mod compromise;
#[cfg(test)]
mod compromise_tests;
pub(super) mod lifecycle;
pub(super) mod sharing;
#[cfg(test)]
mod tests;
pub(super) mod transfer;
#[cfg(test)]
mod transfer_tests;
pub(super) mod using;
#[cfg(test)]
mod version_tests;
pub(super) mod versions;
