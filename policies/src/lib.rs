//! Who may do what: the casbin model, the role matrix, and the authoriser.
//!
//! This crate owns `model.conf` and `roles.csv` (readable without Rust: begin there), the folding of
//! roles, memberships, ownership and grants into maps per tenant, and every decision made from
//! them. casbin decides: each action on each kind of object has an enforcer with its lines, and all
//! of them ask one role manager, which looks the caller's roles up in the maps. The crate must not know of
//! storage, commands or the API; what it decides about reaches it as `AuthorityChange`s.
//!
//! To add an action: name it in the `Action` port and in `vocabulary.rs`, and give it a line in
//! `roles.csv`. To add a kind of object: the same for `Object` and `Kind`, and say in
//! `question.rs` whose it is. Then let `cargo xtask update` write `access-matrix.txt` and read the
//! difference: that is the change of policy.

mod authorizer;
mod facts;
mod files;
mod manager;
mod matrix;
mod model;
mod policy;
mod question;
mod slot;
mod standing;
mod tenants;
mod vocabulary;
mod world;

pub use authorizer::CasbinAuthorizer;
pub use files::{PolicyError, PolicyFile, PolicyFiles};

pub use matrix::access_matrix;
pub use tenants::DEFAULT_ENTRIES;
use vocabulary::Kind;
