//! The official verifiers of Standard Webhooks, as processes of their own languages.

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::{Value, json};

use crate::Seen;

/// A language that has an official verifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verifier {
    /// `standardwebhooks` for Python.
    Python,
    /// `standardwebhooks` for Node.
    Node,
}

impl Verifier {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Python, Self::Node];

    /// What the library says to each delivery under this secret: true when it is good. The secret
    /// goes over standard input.
    ///
    /// # Panics
    /// When the verifier does not run to its end.
    pub async fn verify(self, secret: &str, deliveries: &[Seen]) -> Vec<bool> {
        let lines: String = deliveries.iter().map(|seen| format!("{}\n", line(secret, seen))).collect();
        let said = tokio::task::spawn_blocking(move || self.run(&lines)).await.expect("the verifier runs");
        let words: Vec<_> = said.lines().map(|word| word == "verified").collect();
        assert_eq!(words.len(), deliveries.len(), "one word for each delivery: {said}");
        words
    }

    fn run(self, lines: &str) -> String {
        let mut child = self.command().stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let child = child.as_mut().expect("the verifier starts: is its language installed?");
        child.stdin.take().expect("a pipe").write_all(lines.as_bytes()).expect("it reads");
        let mut said = String::new();
        let mut output = child.stdout.take().expect("a pipe");
        std::io::Read::read_to_string(&mut output, &mut said).expect("text");
        assert!(child.wait().expect("it ends").success(), "the verifier failed after: {said}");
        said
    }

    fn command(self) -> Command {
        let (home, scripts) = (home(), workspace().join("tests/verifiers"));
        let (program, script, variable, library) = match self {
            Self::Python => ("python3", "verify.py", "PYTHONPATH", home.join("python")),
            Self::Node => ("node", "verify.cjs", "NODE_PATH", home.join("node_modules")),
        };
        let mut command = Command::new(program);
        command.arg(scripts.join(script)).env(variable, library).env("PYTHONDONTWRITEBYTECODE", "1");
        command
    }
}

fn line(secret: &str, seen: &Seen) -> Value {
    let headers: serde_json::Map<_, _> = seen
        .headers
        .iter()
        .filter(|(name, _)| name.starts_with("webhook-"))
        .map(|(name, value)| (name.clone(), json!(value)))
        .collect();
    json!({ "secret": secret, "headers": headers, "body": String::from_utf8_lossy(&seen.body) })
}

/// The folder of the workspace's `Cargo.toml`.
fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn home() -> PathBuf {
    let home = workspace().join(".tools/verifiers");
    assert!(home.exists(), "the webhook verifiers are not at {}: run `cargo xtask tools`", home.display());
    home
}
