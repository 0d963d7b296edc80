//! The official verifiers of Standard Webhooks, for Python and for Node, as receivers use them.

use std::{fs, path::Path};

use crate::{
    process::{Done, Failure, program, run, version},
    say, workspace,
};

/// Where the pins are: versions with hashes.
const PINS: &str = "tests/verifiers";
const PYTHON: &str = include_str!("../../tests/verifiers/requirements.txt");
const NODE: &str = include_str!("../../tests/verifiers/package.json");
/// Where tests find them.
const HOME: &str = ".tools/verifiers";
/// Says what is installed; written last.
const MARK: &str = "installed.txt";

/// Installs what is missing; quick when nothing is.
pub(crate) fn install() -> Done {
    let home = workspace::path(HOME);
    let wanted = format!("{PYTHON}{NODE}");
    if fs::read_to_string(home.join(MARK)).ok().as_ref() != Some(&wanted) {
        let fresh = workspace::path(&format!("{HOME}-{}", std::process::id()));
        let unpacked = unpack(&fresh).and_then(|()| Ok(fs::write(fresh.join(MARK), wanted)?));
        let placed = unpacked.and_then(|()| {
            _ = fs::remove_dir_all(&home);
            Ok(fs::rename(&fresh, &home)?)
        });
        _ = fs::remove_dir_all(&fresh);
        placed?;
    }
    say::line(&format!("tools: {HOME} has the official webhook verifiers"));
    Ok(())
}

/// Into a folder beside it first, so that a broken download leaves nothing that looks complete.
fn unpack(fresh: &Path) -> Done {
    if version(program("npm")).is_none() {
        return Err(Failure::new(
            "the tests need node with npm, to check webhooks as receivers do; \
             on Debian or Ubuntu: apt-get install nodejs npm",
        ));
    }
    fs::create_dir_all(fresh)?;
    let mut pip = program("python3");
    pip.env("PIP_ROOT_USER_ACTION", "ignore");
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"])
        .args(["--only-binary=:all:", "--require-hashes", "--requirement"])
        .arg(workspace::path(PINS).join("requirements.txt"))
        .arg("--target")
        .arg(fresh.join("python"));
    run(&mut pip)?;
    for file in ["package.json", "package-lock.json"] {
        fs::copy(workspace::path(PINS).join(file), fresh.join(file))?;
    }
    let mut npm = program("npm");
    run(npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]).current_dir(fresh))
}
