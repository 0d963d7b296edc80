//! Servers that tests talk to besides OpenBao, each pinned, each installed once into `.tools`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    process::{Done, Failure, program, run, version},
    say, workspace,
};

/// What moto's server needs, and no more.
const MOTO: &str = "xtask/moto.txt";
/// The OAuth2 server: its packages with their hashes, and its script.
const OIDC: &str = "tests/support/oidc";
/// Vault's API for Python, as consumers of leases use it.
const HVAC: &str = "tests/hvac/requirements.txt";
/// KurrentDB's official client for Python: no server, but what shows that our double of that server is true.
const KURRENTDB: &str = "tests/kurrentdbclient/requirements.txt";

/// Installs what is missing; quick when nothing is.
pub(crate) fn install() -> Done {
    python(".tools/moto", MOTO, "moto (60 MB)")?;
    oidc()?;
    python(".tools/hvac", HVAC, "a client of Vault for Python (1 MB)")?;
    python(".tools/kurrentdbclient", KURRENTDB, "KurrentDB's client for Python (25 MB)")
}

/// What the tests are told, and where it is.
pub(crate) fn environment() -> [(&'static str, PathBuf); 4] {
    [
        ("KEYTRAIL_TEST_MOTO", workspace::path(".tools/moto")),
        ("KEYTRAIL_TEST_OIDC", workspace::path(".tools/oidc/server.mjs")),
        ("KEYTRAIL_TEST_HVAC", workspace::path(".tools/hvac")),
        ("KEYTRAIL_TEST_KURRENTDBCLIENT", workspace::path(".tools/kurrentdbclient")),
    ]
}

/// Packages for Python with a file of their pins.
fn python(home: &str, file: &str, what: &str) -> Done {
    let home = workspace::path(home);
    let pins = fs::read_to_string(workspace::path(file))?;
    if is_of(&home, &pins) {
        return Ok(());
    }
    say::line(&format!("tools: installing {what} into .tools, once"));
    replaced(&home, &pins, |fresh| run(pip(file).arg(fresh)))
}

/// Hashes are checked for every package when the file has one.
fn pip(pins: &str) -> Command {
    let mut install = program("python3");
    install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]);
    install.args(["--only-binary=:all:", "--requirement", pins, "--target"]);
    install.env("PIP_ROOT_USER_ACTION", "ignore");
    install
}

fn oidc() -> Done {
    let home = workspace::path(".tools/oidc");
    let mut files = Vec::new();
    for name in ["package.json", "package-lock.json", "server.mjs"] {
        files.push((name, fs::read_to_string(workspace::path(OIDC).join(name))?));
    }
    let pins: String = files.iter().map(|(_, text)| text.as_str()).collect();
    if is_of(&home, &pins) {
        return Ok(());
    }
    if version(program("node")).is_none() {
        return Err(Failure::new(
            "the tests need node 20 with npm, for a real OAuth2 server; on Debian or Ubuntu: apt-get install npm",
        ));
    }
    say::line("tools: installing oidc-provider (10 MB) into .tools, once");
    replaced(&home, &pins, |fresh| {
        fs::create_dir_all(fresh)?;
        for (name, text) in &files {
            fs::write(fresh.join(name), text)?;
        }
        let mut install = program("npm");
        install.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix"]).arg(fresh);
        run(&mut install)
    })
}

fn is_of(home: &Path, pins: &str) -> bool {
    fs::read_to_string(home.join("pins.txt")).is_ok_and(|installed| installed == pins)
}

/// Into a folder beside it first, so that a broken download leaves nothing that looks complete.
fn replaced(home: &Path, pins: &str, install: impl FnOnce(&Path) -> Done) -> Done {
    let fresh = home.with_extension(format!("unpacking-{}", std::process::id()));
    let placed = install(&fresh).and_then(|()| {
        fs::write(fresh.join("pins.txt"), pins)?;
        _ = fs::remove_dir_all(home);
        match fs::rename(&fresh, home) {
            // Another run was faster: its copy is as good.
            Err(_) if is_of(home, pins) => Ok(()),
            other => Ok(other?),
        }
    });
    _ = fs::remove_dir_all(&fresh);
    placed
}
