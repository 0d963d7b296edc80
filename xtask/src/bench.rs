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
    command.arg("--json").arg(built.with_file_name(json(args)));
    process::run(command.args(args))
}

/// The part at scale has a file of its own: one part does not take away what the other measured.
fn json(args: &[String]) -> &'static str {
    let at_scale = args.iter().any(|arg| arg == "--scale" || arg.starts_with("--scale="));
    if at_scale { "bench-scale.json" } else { "bench.json" }
}
