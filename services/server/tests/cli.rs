//! The real binary: what it refuses, and how it says so.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

use keytrail_server::{
    config::Mode,
    data_dir::{DataDir, Wanted},
};

/// A folder to run in.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Runs `keytrail` here, with this environment only.
    fn run(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_keytrail"))
            .args(arguments)
            .env_clear()
            .envs(environment.iter().copied())
            .current_dir(self.0.path())
            .output()
            .unwrap()
    }
}

fn errors(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Asserts one `error:` line and one `hint:` line, and gives them.
fn failure(output: &Output) -> String {
    let shown = errors(output);
    assert_eq!(output.status.code(), Some(1), "{shown}");
    assert!(output.stdout.is_empty());
    let lines: Vec<_> = shown.lines().collect();
    assert!(
        matches!(lines[..], [error, hint] if error.starts_with("error: ") && hint.starts_with("hint: ")),
        "{shown}"
    );
    shown
}

fn held(path: &Path, mode: Mode) -> DataDir {
    DataDir::open(path, Wanted::For(mode)).unwrap()
}

#[test]
fn an_unknown_variable_names_the_nearest_known_one() {
    let shown = failure(&Folder::new().run(&["serve"], &[("KEYTRAIL_LISTN", "127.0.0.1:0")]));
    assert!(shown.contains("KEYTRAIL_LISTN") && shown.contains("did you mean `KEYTRAIL_LISTEN`?"), "{shown}");
}

#[test]
fn an_unknown_key_in_the_file_names_line_and_nearest_known_one() {
    let folder = Folder::new();
    std::fs::write(folder.path("k.toml"), "\nlisten_on = \"127.0.0.1:0\"\n").unwrap();
    for shown in [
        failure(&folder.run(&["serve", "--config", "k.toml"], &[])),
        failure(&folder.run(&["serve"], &[("KEYTRAIL_CONFIG", "k.toml")])),
    ] {
        assert!(shown.contains("k.toml, line 2") && shown.contains("did you mean `listen`?"), "{shown}");
    }
}

#[test]
fn a_wrong_value_is_refused_with_setting_source_and_rule_and_not_quoted() {
    let shown = failure(&Folder::new().run(&["serve"], &[("KEYTRAIL_LISTEN", "s3cr3t")]));
    assert!(shown.contains("`KEYTRAIL_LISTEN` in the environment must be an IP address"), "{shown}");
    assert!(!shown.contains("s3cr3t"), "{shown}");
}

#[test]
fn serving_off_loopback_without_tls_is_refused() {
    let shown = failure(&Folder::new().run(&["serve"], &[("KEYTRAIL_LISTEN", "0.0.0.0:0")]));
    assert!(shown.contains("in the clear") && shown.contains("KEYTRAIL_TLS_CERT_FILE"), "{shown}");
    let shown = failure(&Folder::new().run(&["dev"], &[("KEYTRAIL_LISTEN", "0.0.0.0:0")]));
    assert!(shown.contains("this machine only"), "{shown}");
}

#[test]
fn serve_refuses_the_folder_of_dev_and_dev_that_of_serve() {
    let folder = Folder::new();
    let (dev, serve) = (folder.path("keytrail-dev-data"), folder.path("keytrail-data"));
    drop((held(&dev, Mode::Dev), held(&serve, Mode::Serve)));
    let shown = failure(&folder.run(&["serve"], &[("KEYTRAIL_DATA_DIR", "keytrail-dev-data")]));
    assert!(shown.contains("made by `keytrail dev`"), "{shown}");
    let shown = failure(&folder.run(&["dev"], &[("KEYTRAIL_DATA_DIR", "keytrail-data")]));
    assert!(shown.contains("made by `keytrail serve`"), "{shown}");
}

#[test]
fn a_second_process_on_one_directory_is_refused_and_told_who_holds_it() {
    let folder = Folder::new();
    let us = format!("process {}", std::process::id());
    for (command, directory, mode) in
        [("serve", "keytrail-data", Mode::Serve), ("dev", "keytrail-dev-data", Mode::Dev)]
    {
        let _first = held(&folder.path(directory), mode);
        let shown = failure(&folder.run(&[command], &[]));
        assert!(shown.contains(directory) && shown.contains(&us), "{shown}");
    }
}

#[test]
fn an_admin_command_finds_the_folder_of_dev_when_there_is_no_other() {
    let folder = Folder::new();
    let _dev = held(&folder.path("keytrail-dev-data"), Mode::Dev);
    let shown = failure(&folder.run(&["token", "--tenant", "acme", "--user", "alice"], &[]));
    assert!(shown.contains("nobody answers") && shown.contains("keytrail-dev-data"), "{shown}");
}

#[test]
fn commands_that_need_data_say_that_there_is_none_and_make_none() {
    let folder = Folder::new();
    for arguments in [
        &["token", "--tenant", "acme", "--user", "alice"][..],
        &["views", "rebuild"],
        &["vault", "sweep", "--dry-run"],
    ] {
        let shown = failure(&folder.run(arguments, &[]));
        assert!(shown.contains("no data directory") && shown.contains("keytrail dev"), "{shown}");
    }
    assert_eq!(std::fs::read_dir(folder.0.path()).unwrap().count(), 0);
}

#[test]
fn a_command_that_makes_no_sense_ends_with_two() {
    for arguments in
        [&["sirve"][..], &[], &["token"], &["token", "--tenant", "a", "--user", "b", "--ttl", "1y"]]
    {
        let output = Folder::new().run(arguments, &[]);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty());
    }
}

#[test]
fn help_names_every_command_and_goes_to_standard_output() {
    let output = Folder::new().run(&["--help"], &[]);
    let shown = String::from_utf8(output.stdout).unwrap();
    assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0));
    for command in ["dev", "serve", "token", "tenant", "schema", "views", "vault"] {
        assert!(shown.lines().any(|line| line.trim_start().starts_with(command)), "{command}: {shown}");
    }
    let output = Folder::new().run(&["--version"], &[]);
    assert_eq!(output.stdout, format!("keytrail {}\n", env!("CARGO_PKG_VERSION")).into_bytes());
}

#[test]
fn every_command_explains_itself() {
    for arguments in [
        &["dev"][..],
        &["serve"],
        &["token"],
        &["tenant", "create"],
        &["schema"],
        &["views", "rebuild"],
        &["vault", "sweep"],
    ] {
        let output = Folder::new().run(&[arguments, &["--help"]].concat(), &[]);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        assert!(String::from_utf8(output.stdout).unwrap().contains("--config"), "{arguments:?}");
    }
}
