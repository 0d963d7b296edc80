//! Parsed documents, kept within an estimate of bytes.

use std::sync::Arc;

use quick_cache::{Weighter, sync::Cache};

use super::Parsed;

/// What the parsed form of one token takes, by rough measure of the tree.
const BYTES_PER_TOKEN: u64 = 160;

#[derive(Clone, Debug)]
struct ByBytes;

impl Weighter<Box<str>, Arc<Parsed>> for ByBytes {
    fn weight(&self, text: &Box<str>, parsed: &Arc<Parsed>) -> u64 {
        text.len() as u64 + 128 + parsed.tokens as u64 * BYTES_PER_TOKEN
    }
}

/// By the exact text, so that no two texts can be taken for each other.
#[derive(Debug)]
pub(super) struct DocumentCache(Cache<Box<str>, Arc<Parsed>, ByBytes>);

impl DocumentCache {
    pub(super) fn new(bytes: u64) -> Self {
        let typical = usize::try_from(bytes / 8_192).unwrap_or(1_024).max(16);
        Self(Cache::with_weighter(typical, bytes, ByBytes))
    }

    pub(super) fn get(&self, text: &str) -> Option<Arc<Parsed>> {
        self.0.get(text)
    }

    pub(super) fn put(&self, text: &str, parsed: &Arc<Parsed>) {
        self.0.insert(text.into(), Arc::clone(parsed));
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}
