//! Builds adapters, application and schema, in reading order: the only file that knows which
//! adapter is used.

use std::sync::Arc;

use async_trait::async_trait;

use crate::{
    config::Config,
    data_dir::DataDir,
    launch::{Launcher, StartError, Wired},
    lifecycle::Lifecycle,
};

/// What `main` hands to the command line.
pub fn launcher() -> impl Launcher {
    NoApplication
}

/// A build without an application: every command that needs one says so.
struct NoApplication;

fn missing() -> StartError {
    StartError::new("this build of keytrail has no application in it", "use a released build")
}

#[async_trait]
impl Launcher for NoApplication {
    async fn open(&self, _: Arc<Config>, _: &DataDir, _: &Lifecycle) -> Result<Box<dyn Wired>, StartError> {
        Err(missing())
    }

    fn schema(&self) -> Result<String, StartError> {
        Err(missing())
    }
}
