//! The double as the official client for Python sees it. Every step of `tests/kurrentdbclient/drive.py` says its name
//! when the double's answers were those of the real server.

use std::{error::Error, process::Stdio};

use keytrail_eventstore_double::Double;
use tokio::process::Command;

const STEPS: [&str; 6] = ["appends", "reads", "all_of_a_kind", "subscribes", "metadata", "deletes"];

#[tokio::test]
async fn it_answers_as_the_real_server_does() -> Result<(), Box<dyn Error>> {
    let double = Double::start().await?;
    let home =
        std::env::var_os("KEYTRAIL_TEST_KURRENTDBCLIENT").ok_or("run the tests with `cargo xtask test`")?;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../kurrentdbclient/drive.py");
    let mut command = Command::new("python3");
    command.arg(script).arg(double.url()).env("PYTHONPATH", home).env("PYTHONDONTWRITEBYTECODE", "1");
    let done = command.stdin(Stdio::null()).kill_on_drop(true).output().await?;
    let said = String::from_utf8_lossy(&done.stdout);
    let steps: Vec<_> = said.lines().collect();
    assert_eq!(STEPS, *steps, "{}", String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    Ok(())
}
