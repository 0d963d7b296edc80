//! `docs/parity.md` names a test for each feature: each of them is there.

use std::{collections::BTreeSet, fs, path::Path};

use crate::tutorials::repository;

/// What a row may say instead of a test: the part of Keytrail that is not made yet.
const WAITING: [&str; 4] = ["not yet", "waits for import", "waits for discovery", "waits for audit"];

/// Names of all functions of all tests of the workspace.
fn tests() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for folder in ["services", "graphql", "policies", "tests"] {
        collect(&repository().join(folder), &mut names);
    }
    names
}

fn collect(folder: &Path, names: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
        if entry.is_dir() {
            collect(&entry, names);
        } else if entry.extension().is_some_and(|extension| extension == "rs") {
            names.extend(tests_of(&fs::read_to_string(&entry).expect("a text")));
        }
    }
}

/// The functions that follow `#[test]` or `#[tokio::test…]`.
fn tests_of(source: &str) -> Vec<String> {
    let mut marked = false;
    let mut names = Vec::new();
    for line in source.lines().map(str::trim) {
        marked |= line == "#[test]" || line.starts_with("#[tokio::test");
        let name =
            line.trim_start_matches("async ").strip_prefix("fn ").and_then(|rest| rest.split('(').next());
        if let Some(name) = name {
            names.extend(marked.then(|| name.to_owned()));
            marked = false;
        }
    }
    names
}

#[test]
fn each_feature_of_the_parity_page_has_a_test_that_exists() {
    let page = fs::read_to_string(repository().join("docs/parity.md")).expect("the page");
    let (known, mut rows) = (tests(), 0);
    let is_row =
        |line: &&str| line.starts_with("| ") && !line.starts_with("| feature") && !line.starts_with("| **");
    for line in page.lines().filter(is_row) {
        let cells: Vec<_> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let [feature, here, test] = cells[..] else { panic!("three cells: {line}") };
        rows += 1;
        assert!(!here.is_empty(), "{feature}: how to ask for it");
        if WAITING.contains(&test) {
            continue;
        }
        let named: Vec<_> = test.split('`').skip(1).step_by(2).collect();
        assert!(!named.is_empty(), "{feature}: names no test");
        for name in named {
            assert!(known.contains(name), "{feature}: there is no test {name}");
        }
    }
    assert!(rows > 40, "{rows} rows");
}
