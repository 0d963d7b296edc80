//! The generated files, written anew. Golden files are not among them: what is stored is for ever.

use std::fs;

use crate::{
    process::{self, Done, Failure, cargo, output, program},
    say, workspace,
};

/// A checked-in file and the program that prints it.
pub(crate) struct Generated {
    pub(crate) file: &'static str,
    /// Below the folder of a build.
    program: &'static str,
    args: &'static [&'static str],
}

/// All of them. To add one: a line here.
pub(crate) const GENERATED: [Generated; 2] = [
    Generated { file: "graphql/schema.graphql", program: "keytrail", args: &["schema"] },
    Generated { file: "policies/access-matrix.txt", program: "examples/access_matrix", args: &[] },
];

/// Builds the printing programs and writes what they print.
pub(crate) fn write_all() -> Result<Vec<&'static str>, Failure> {
    // With examples, features are the ones that tests use: nothing is compiled for this alone.
    process::run(&mut cargo(["build", "--workspace", "--bins", "--examples", "--locked"]))?;
    let mut changed = Vec::new();
    for generated in &GENERATED {
        if write(generated)? {
            changed.push(generated.file);
        }
    }
    Ok(changed)
}

/// The command: says which files changed.
pub(crate) fn run() -> Done {
    let changed = write_all()?;
    for generated in &GENERATED {
        let news = if changed.contains(&generated.file) { "written" } else { "unchanged" };
        say::line(&format!("update: {} {news}", generated.file));
    }
    Ok(())
}

/// Answers whether the file is another one now.
fn write(generated: &Generated) -> Result<bool, Failure> {
    let mut command = program(workspace::built("debug")?.join(generated.program));
    let text = output(command.args(generated.args))?;
    if text.is_empty() {
        return Err(Failure::new(format!("`{}` printed nothing", generated.program)));
    }
    let file = workspace::path(generated.file);
    if fs::read(&file).is_ok_and(|old| old == text) {
        return Ok(false);
    }
    fs::write(file, text)?;
    Ok(true)
}
