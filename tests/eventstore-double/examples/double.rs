//! A double to try things with by hand: on the port that is given, or on any, until it is interrupted.

use std::{
    error::Error,
    io::{Write, stdout},
};

use keytrail_eventstore_double::Double;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let port = std::env::args().nth(1).map(|port| port.parse()).transpose()?;
    let double = Double::builder().port(port.unwrap_or(0)).start().await?;
    writeln!(stdout(), "export KEYTRAIL_EVENT_LOG='{}'", double.url())?;
    Ok(tokio::signal::ctrl_c().await?)
}
