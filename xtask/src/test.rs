//! Every test of the workspace, and one line at the end that says how many.

use std::{
    io::{BufRead, BufReader, IsTerminal, Read, Write},
    process::{Command, Stdio},
    thread,
};

use crate::{
    pinned,
    process::{Done, Failure, cargo, not_started, shown, variables, version},
    say, servers,
    tally::{Runner, Tally},
    tools, verifiers, workspace,
};

/// Installs the tools, then runs the tests; `args` go to the runner.
pub(crate) fn run(args: &[String]) -> Done {
    tools::install()?;
    verifiers::install()?;
    servers::install()?;
    let mut tally = Tally::default();
    let code = match version(cargo(["nextest"])) {
        Some(nextest) => with_nextest(&nextest, args, &mut tally)?,
        None => with_plain_cargo(args, &mut tally)?,
    };
    say::result(&format!("{} passed, {} failed, {} skipped", tally.passed, tally.failed, tally.skipped));
    match (code, tally.passed + tally.failed) {
        (0, 0) => Err(Failure::new("no test was run")),
        (0, _) => Ok(()),
        (code, _) => Err(Failure::new(format!("tests failed (code {code})")).with_code(code)),
    }
}

/// nextest knows no doc tests: cargo runs those after it, unless only some tests were asked for.
fn with_nextest(nextest: &str, args: &[String], tally: &mut Tally) -> Result<u8, Failure> {
    say::line(&format!("test: running with {nextest}"));
    let mut run = cargo(["nextest", "run", "--workspace", "--no-fail-fast"]);
    let code = counted(Runner::Nextest, run.args(args), tally)?;
    let built = tally.passed + tally.failed > 0;
    if !args.is_empty() || !built {
        return Ok(code);
    }
    let mut run = cargo(["test", "--workspace", "--doc", "--no-fail-fast"]);
    let docs = counted(Runner::Cargo, &mut run, tally)?;
    Ok(if code == 0 { docs } else { code })
}

fn with_plain_cargo(args: &[String], tally: &mut Tally) -> Result<u8, Failure> {
    say::line(
        "test: running with plain cargo (cargo-nextest is faster: cargo install cargo-nextest --locked)",
    );
    counted(Runner::Cargo, cargo(["test", "--workspace", "--no-fail-fast"]).args(args), tally)
}

/// Runs a test runner, passes on what it prints, counts, and answers its exit code.
fn counted(runner: Runner, command: &mut Command, tally: &mut Tally) -> Result<u8, Failure> {
    say::line(&format!("$ {}", shown(command)));
    prepare_environment(command);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| not_started(command, &error))?;
    let errors =
        child.stderr.take().map(|pipe| thread::spawn(move || pass_on(runner, pipe, std::io::stderr())));
    let of_output = child.stdout.take().map(|pipe| pass_on(runner, pipe, std::io::stdout()));
    let of_errors = errors.and_then(|thread| thread.join().ok());
    [of_output, of_errors].into_iter().flatten().for_each(|part| tally.add(part));
    let code = child.wait()?.code().unwrap_or(1);
    Ok(u8::try_from(code).unwrap_or(1))
}

/// Tests see the tools, and nothing of the settings of the person or machine that runs them.
fn prepare_environment(command: &mut Command) {
    let settings = |name: &str| {
        let of_product = name.starts_with("KEYTRAIL_") && !name.starts_with("KEYTRAIL_TEST_");
        of_product || name.starts_with("VAULT_") || name.starts_with("BAO_")
    };
    for name in variables().iter().filter(|name| settings(&name.to_string_lossy())) {
        command.env_remove(name);
    }
    command.env("KEYTRAIL_TEST_BAO", workspace::path(".tools/bin/bao"));
    command.envs(pinned::environment());
    if std::io::stderr().is_terminal() {
        command.env("CARGO_TERM_COLOR", "always");
    }
}

fn pass_on(runner: Runner, from: impl Read, mut to: impl Write) -> Tally {
    let mut tally = Tally::default();
    let mut lines = BufReader::new(from);
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
        // Counting goes on when nobody reads us any more.
        _ = to.write_all(&line);
        tally.read(runner, &String::from_utf8_lossy(&line));
        line.clear();
    }
    tally
}
