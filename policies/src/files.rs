//! The policy files: their text, and the lines of `roles.csv`.

use std::collections::HashSet;

use keytrail_ports::Action;

use crate::{
    Kind,
    vocabulary::{Standing, action_of_word},
};

/// One policy file, by whatever name an operator knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyFile {
    /// What errors call it.
    pub name: String,
    /// What is in it.
    pub text: String,
}

impl PolicyFile {
    /// A file with this name and text.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self { name: name.into(), text: text.into() }
    }

    pub(crate) fn error(&self, line: usize, why: impl Into<String>) -> PolicyError {
        PolicyError { file: self.name.clone(), line, why: why.into() }
    }

    /// The lines that say something, each with its number.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let numbered = self.text.lines().enumerate().map(|(place, line)| (place + 1, line.trim()));
        numbered.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
    }
}

/// The files that say who may do what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyFiles {
    /// casbin's model.
    pub model: PolicyFile,
    /// The table of kinds, roles and actions.
    pub roles: PolicyFile,
}

impl PolicyFiles {
    /// The files that are compiled in.
    pub fn builtin() -> Self {
        Self {
            model: PolicyFile::new("policies/model.conf", include_str!("../model.conf")),
            roles: PolicyFile::new("policies/roles.csv", include_str!("../roles.csv")),
        }
    }
}

/// A policy file that cannot be used. Names file and line, and does not quote the line: a wrong
/// path can lead to a file with secrets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}, line {line}: {why}")]
pub struct PolicyError {
    /// The file's name.
    pub file: String,
    /// Counted from 1; one past the last line for something that is missing.
    pub line: usize,
    /// What is wrong.
    pub why: String,
}

/// A line of `roles.csv`: whoever is `standing` to an object of `kind` may do `action`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct RoleLine {
    pub(crate) kind: Kind,
    pub(crate) standing: Standing,
    pub(crate) action: Action,
}

/// Reads `roles.csv`.
pub(crate) fn role_lines(file: &PolicyFile) -> Result<Vec<RoleLine>, PolicyError> {
    let mut seen = HashSet::new();
    let mut lines = Vec::new();
    for (number, text) in file.lines() {
        let line = role_line(text).map_err(|why| file.error(number, why))?;
        if !seen.insert(line) {
            return Err(file.error(number, "this line stands in the file already"));
        }
        lines.push(line);
    }
    if !lines.iter().any(is_view_of_credential) {
        let end = file.text.lines().count() + 1;
        return Err(file.error(end, "`p, credential, VIEW, view` is missing: lists are made from grants"));
    }
    Ok(lines)
}

fn is_view_of_credential(line: &RoleLine) -> bool {
    (line.kind, line.action) == (Kind::Credential, Action::View)
}

fn role_line(text: &str) -> Result<RoleLine, String> {
    let columns: Vec<_> = text.split(',').map(str::trim).collect();
    let ["p", kind, standing, action] = columns[..] else {
        return Err("expected `p, KIND, ROLE, ACTION`".into());
    };
    let kind = Kind::of_word(kind).ok_or_else(|| {
        let known: Vec<_> = Kind::ALL.iter().map(|kind| kind.word()).collect();
        format!("unknown kind of object; known are {}", known.join(", "))
    })?;
    let fits = |standing: &Standing| standing.fits(kind);
    let standing = Standing::of_word(standing).filter(fits).ok_or_else(|| {
        let known: Vec<_> = Standing::ALL.iter().filter(|it| fits(it)).map(|it| it.word()).collect();
        format!("nobody has this role on a {}; possible are {}", kind.word(), known.join(", "))
    })?;
    let action =
        action_of_word(action).ok_or("unknown action; the file that is compiled in names them all")?;
    let line = RoleLine { kind, standing, action };
    if is_view_of_credential(&line) && standing != Standing::View {
        return Err("`view` of a credential must stand at VIEW: lists are made from grants".into());
    }
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(line: &str) -> PolicyError {
        let text = format!("# a comment\n\np, team, MEMBER, view\n{line}\n");
        role_lines(&PolicyFile::new("my-roles.csv", text)).expect_err(line)
    }

    #[test]
    fn a_bad_line_is_named_by_file_and_number() {
        for bad in [
            "p, team, MEMBER",
            "p, team, MEMBER, view, allow",
            "g, OWNER, ADMIN",
            "p, planet, MEMBER, view",
            "p, team, KING, view",
            "p, team, USE, view",
            "p, tenant, LEAD, update",
            "p, credential, MEMBER, update",
            "p, credential, USE, view",
            "p, team, MEMBER, paint",
            "p, team, MEMBER, view",
        ] {
            let error = refused(bad);
            assert_eq!((error.file.as_str(), error.line), ("my-roles.csv", 4), "{bad}");
        }
    }

    #[test]
    fn a_table_without_view_of_credentials_is_refused() {
        let error =
            role_lines(&PolicyFile::new("my-roles.csv", "p, team, MEMBER, view")).expect_err("no view");
        assert_eq!(error.line, 2);
    }

    #[test]
    fn an_error_says_what_is_possible_and_quotes_nothing() {
        let message = refused("p, team, hunter2, view").to_string();
        assert_eq!(
            message,
            "my-roles.csv, line 4: nobody has this role on a team; possible are OWNER, ADMIN, MEMBER, \
             AUDITOR, LEAD, TEAM, MAKER"
        );
    }
}
