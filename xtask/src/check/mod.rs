//! Everything that must be true of a commit besides its tests.

mod lines;

use std::time::Instant;

use crate::{
    process::{Done, Failure, cargo, output, program, run as execute, version},
    say, update,
};

/// What a step comes to.
enum Outcome {
    Fine,
    /// A tool is not installed; says how to get it.
    LeftOut(&'static str),
}

type Step = (&'static str, fn() -> Result<Outcome, Failure>);

/// All steps, the quick ones first.
const STEPS: [Step; 8] = [
    ("format", format),
    ("file sizes", file_sizes),
    ("scripts", scripts),
    ("lock file", lock_file),
    ("dependencies", dependencies),
    ("lints", lints),
    ("documents", documents),
    ("generated files", generated_files),
];

/// Runs every step, also after one has failed, and lists what came out.
pub(crate) fn run() -> Done {
    let mut report = Vec::new();
    let mut failed = Vec::new();
    for (name, step) in STEPS {
        say::line(&format!("check: {name}"));
        let start = Instant::now();
        let outcome = step();
        let seconds = start.elapsed().as_secs_f32();
        report.push(match outcome {
            Ok(Outcome::Fine) => format!("  ok        {name} ({seconds:.1} s)"),
            Ok(Outcome::LeftOut(why)) => format!("  left out  {name}: {why}"),
            Err(failure) => {
                failed.push(name);
                format!("  FAILED    {name} ({seconds:.1} s): {failure}")
            }
        });
    }
    say::line(&format!("check:\n{}", report.join("\n")));
    if failed.is_empty() {
        return Ok(());
    }
    Err(Failure::new(format!("check failed: {}", failed.join(", "))))
}

fn format() -> Result<Outcome, Failure> {
    execute(&mut cargo(["fmt", "--all", "--check"])).map(|()| Outcome::Fine)
}

fn file_sizes() -> Result<Outcome, Failure> {
    lines::check().map(|()| Outcome::Fine)
}

fn lock_file() -> Result<Outcome, Failure> {
    output(&mut cargo(["metadata", "--locked", "--format-version", "1"])).map(|_| Outcome::Fine)
}

fn lints() -> Result<Outcome, Failure> {
    let mut clippy = cargo(["clippy", "--workspace", "--all-targets", "--locked", "--keep-going"]);
    execute(clippy.args(["--", "-D", "warnings"])).map(|()| Outcome::Fine)
}

/// Examples are named so that features are the ones that the lints used: nothing is compiled again.
fn documents() -> Result<Outcome, Failure> {
    let mut doc = cargo([
        "doc",
        "--workspace",
        "--no-deps",
        "--locked",
        "--lib",
        "--bins",
        "--examples",
        "--keep-going",
    ]);
    execute(doc.env("RUSTDOCFLAGS", "-D warnings")).map(|()| Outcome::Fine)
}

/// What is checked in must be what the programs print now.
fn generated_files() -> Result<Outcome, Failure> {
    let changed = update::write_all()?;
    let files = update::GENERATED.map(|generated| generated.file);
    let dirty = output(program("git").args(["status", "--porcelain", "--"]).args(files))?;
    match (changed.is_empty(), dirty.is_empty()) {
        (true, true) => Ok(Outcome::Fine),
        (false, _) => Err(Failure::new(format!("{} changed: look at it and commit it", changed.join(", ")))),
        (true, false) => Err(Failure::new(format!("not committed:\n{}", String::from_utf8_lossy(&dirty)))),
    }
}

fn dependencies() -> Result<Outcome, Failure> {
    if version(cargo(["deny"])).is_none() {
        return Ok(Outcome::LeftOut("cargo-deny is not installed (cargo install cargo-deny --locked)"));
    }
    execute(&mut cargo(["deny", "--workspace", "check", "bans", "licenses", "sources"]))
        .map(|()| Outcome::Fine)
}

fn scripts() -> Result<Outcome, Failure> {
    let listed = output(program("git").args(["ls-files", "-z", "*.sh", ".ci/run"]))?;
    let listed = String::from_utf8_lossy(&listed);
    let files: Vec<&str> = listed.split_terminator('\0').collect();
    if version(program("shellcheck")).is_none() {
        return Ok(Outcome::LeftOut("shellcheck is not installed (apt-get install shellcheck)"));
    }
    execute(program("shellcheck").args(files)).map(|()| Outcome::Fine)
}
