//! Speed, measured: the release build of Keytrail against the limit programs.

use crate::{
    process::{self, Done, cargo, program},
    workspace,
};

/// Builds both and runs the bench program; `args` go to it.
pub(crate) fn run(args: &[String]) -> Done {
    process::run(&mut cargo(["build", "--workspace", "--bins", "--release", "--locked"]))?;
    let built = workspace::built("release")?;
    let mut command = program(built.join("keytrail-bench"));
    command.arg("run").arg("--keytrail").arg(built.join("keytrail"));
    command.arg("--json").arg(built.with_file_name("bench.json"));
    process::run(command.args(args))
}
