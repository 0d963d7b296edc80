//! Who may do what.

use std::collections::HashMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use tonic::{Status, metadata::MetadataMap};

use crate::answers;

/// What a user may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rights {
    /// Everything.
    Write,
    /// Only read.
    Read,
}

/// Who is known. Nobody: then everybody may do everything.
#[derive(Debug, Default)]
pub(crate) struct Users(HashMap<String, (String, Rights)>);

impl Users {
    pub(crate) fn of(users: &[(&str, &str, Rights)]) -> Self {
        let entry = |(name, password, rights): &(&str, &str, Rights)| {
            ((*name).to_owned(), ((*password).to_owned(), *rights))
        };
        Self(users.iter().map(entry).collect())
    }

    pub(crate) fn check(&self, metadata: &MetadataMap, writes: bool) -> Result<(), Status> {
        if self.0.is_empty() {
            return Ok(());
        }
        match self.rights(metadata) {
            None => Err(Status::unauthenticated("Unauthenticated")),
            Some(Rights::Read) if writes => Err(answers::access_denied()),
            Some(_) => Ok(()),
        }
    }

    fn rights(&self, metadata: &MetadataMap) -> Option<Rights> {
        let header = metadata.get("authorization")?.to_str().ok()?;
        let said = STANDARD.decode(header.strip_prefix("Basic ")?).ok()?;
        let said = String::from_utf8(said).ok()?;
        let (name, password) = said.split_once(':')?;
        let (known, rights) = self.0.get(name)?;
        (known == password).then_some(*rights)
    }
}
