//! Prints the access matrix of the policy files that are compiled in.

use std::io::Write;

use keytrail_policy::{PolicyFiles, access_matrix};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let matrix = access_matrix(&PolicyFiles::builtin()).await?;
    Ok(std::io::stdout().write_all(matrix.as_bytes())?)
}
