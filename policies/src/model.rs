//! `model.conf`: only the shape that this crate's role manager can answer for.
//!
//! casbin itself takes more: a second role definition shares one graph with the first, an effect
//! that it does not know panics at the first question, and another effect can allow what no line
//! names. So everything but the matcher is fixed, and the matcher is tried out (`policy.rs`).

use crate::{PolicyError, PolicyFile};

/// Section, key, and what must stand there.
const DEFINITIONS: [(&str, &str, Option<&str>); 5] = [
    ("request_definition", "r", Some("sub, res, act")),
    ("policy_definition", "p", Some("role, act")),
    ("role_definition", "g", Some("_, _, _")),
    ("policy_effect", "e", Some("some(where (p.eft == allow))")),
    ("matchers", "m", None),
];

/// Checks the model; answers the number of the matcher's line.
pub(crate) fn check(file: &PolicyFile) -> Result<usize, PolicyError> {
    let mut section = "";
    let mut found = [0; DEFINITIONS.len()];
    for (number, line) in file.lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = name;
            continue;
        }
        let place = definition(section, line).map_err(|why| file.error(number, why))?;
        if std::mem::replace(&mut found[place], number) != 0 {
            return Err(file.error(number, "this is defined already"));
        }
    }
    let end = file.text.lines().count() + 1;
    for ((section, key, _), number) in DEFINITIONS.iter().zip(found) {
        if number == 0 {
            return Err(file.error(end, format!("`{key} = …` is missing from [{section}]")));
        }
    }
    Ok(found[DEFINITIONS.len() - 1])
}

fn definition(section: &str, line: &str) -> Result<usize, String> {
    let (key, value) = line.split_once('=').ok_or("expected `[section]` or `key = value`")?;
    if value.ends_with('\\') {
        return Err("a definition must stand on one line".into());
    }
    let same = |(of, known, _): &(&str, &str, _)| (*of, *known) == (section, key.trim());
    let place = DEFINITIONS.iter().position(same).ok_or("no such definition is used here")?;
    match DEFINITIONS[place].2 {
        Some(only) if plain(value) != plain(only) => Err(format!("must be `{only}`")),
        _ => Ok(place),
    }
}

/// Without spaces and comment.
fn plain(value: &str) -> String {
    let value = value.split('#').next().unwrap_or_default();
    value.chars().filter(|c| !c.is_whitespace()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PolicyFiles;

    fn refused(from: &str, to: &str) -> PolicyError {
        let mut file = PolicyFiles::builtin().model;
        assert!(file.text.contains(from), "{from}");
        file.text = file.text.replace(from, to);
        check(&file).expect_err(to)
    }

    #[test]
    fn the_model_that_is_compiled_in_is_good() {
        assert!(check(&PolicyFiles::builtin().model).is_ok());
    }

    #[test]
    fn a_second_role_definition_is_refused() {
        assert_eq!(refused("g = _, _, _", "g = _, _, _\ng2 = _, _").why, "no such definition is used here");
    }

    #[test]
    fn an_effect_that_allows_what_no_line_names_is_refused() {
        let error = refused("some(where (p.eft == allow))", "!some(where (p.eft == deny))");
        assert_eq!(error.why, "must be `some(where (p.eft == allow))`");
    }

    #[test]
    fn another_shape_of_request_or_policy_is_refused() {
        assert_eq!(refused("r = sub, res, act", "r = sub, act").why, "must be `sub, res, act`");
        assert_eq!(refused("p = role, act", "p = role, act, eft").why, "must be `role, act`");
    }

    #[test]
    fn what_is_missing_doubled_or_no_definition_is_named_by_line() {
        let file = PolicyFiles::builtin().model;
        let lines = file.text.lines().count();
        assert_eq!(refused("[matchers]\nm", "[matchers]\n# m").line, lines + 1);
        assert_eq!(refused("[matchers]", "[matchers]\nm = true").line, lines + 1);
        assert_eq!(refused("[matchers]", "[matchers]\nnonsense").line, lines);
    }
}
