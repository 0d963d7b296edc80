//! The `keytrail` binary.

use std::process::ExitCode;

use keytrail_server::{cli, wire};

fn main() -> ExitCode {
    if rustls::crypto::aws_lc_rs::default_provider().install_default().is_err() {
        return ExitCode::FAILURE; // somebody came before the first line of main
    }
    cli::main(std::env::args_os(), &wire::launcher())
}
