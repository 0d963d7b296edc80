//! No file is longer than a reader can hold in mind.

use std::fs;

use crate::{
    process::{Done, Failure, output, program},
    update, workspace,
};

/// The longest file, in lines.
const MOST: usize = 500;
/// What people read and write.
const READ_BY_PEOPLE: [&str; 12] = [
    "*.rs",
    "*.sh",
    "*.py",
    "*.ts",
    "*.tsx",
    "*.css",
    "*.toml",
    "*.md",
    "*.yml",
    "*.yaml",
    "*.graphql",
    ".ci/run",
];

/// Names every file that is longer than [`MOST`] lines; generated ones may be.
pub(crate) fn check() -> Done {
    let mut list = program("git");
    list.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--"]).args(READ_BY_PEOPLE);
    let listed = output(&mut list)?;
    let listed = String::from_utf8_lossy(&listed);
    let written = |file: &&str| update::GENERATED.iter().all(|generated| generated.file != *file);
    let long: Vec<String> = listed
        .split_terminator('\0')
        .filter(written)
        .filter_map(|file| Some((file, length(file)?)))
        .filter(|(_, lines)| *lines > MOST)
        .map(|(file, lines)| format!("{file} has {lines} lines"))
        .collect();
    if long.is_empty() {
        return Ok(());
    }
    Err(Failure::new(format!("more than {MOST} lines: {}", long.join(", "))))
}

/// None for a file that is listed but gone from the work tree.
fn length(file: &str) -> Option<usize> {
    let bytes = fs::read(workspace::path(file)).ok()?;
    Some(String::from_utf8_lossy(&bytes).lines().count())
}
