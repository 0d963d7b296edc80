//! Start and stop of a process, in two stages: first what takes work, then what finishes it.

use std::{
    future::Future,
    io,
    panic::AssertUnwindSafe,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_util::FutureExt;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{error, info, warn};

/// How long each stage may go on after its stop. Both together stay below the ten seconds that are
/// promised from a signal to the end.
#[derive(Clone, Copy, Debug)]
struct Grace {
    intake: Duration,
    background: Duration,
}

const GRACE: Grace = Grace { intake: Duration::from_secs(7), background: Duration::from_secs(2) };

/// When a task is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Takes work from outside: HTTP, sockets, the admin socket. Stopped first; a request that runs
    /// may finish, and needs the background for that.
    Intake,
    /// Works behind: projections, reactors, schedules. Stopped when the intake has ended.
    Background,
}

/// What happens when a task ends before it was told to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// A panic is logged, and that is all.
    Light,
    /// The process stops, and says that it failed.
    Vital,
}

/// The life of one process; clones are handles to the same one.
#[derive(Clone, Debug)]
pub struct Lifecycle(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    grace: Grace,
    intake: Tasks,
    background: Tasks,
    ready: AtomicBool,
    failed: OnceLock<&'static str>,
}

#[derive(Debug, Default)]
struct Tasks {
    stop: CancellationToken,
    tracker: TaskTracker,
}

/// A vital task ended by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} stopped by itself")]
pub struct Failed(pub &'static str);

impl Default for Lifecycle {
    fn default() -> Self {
        Self::new()
    }
}

impl Lifecycle {
    /// A life at its beginning: not ready.
    pub fn new() -> Self {
        Self::with(GRACE)
    }

    fn with(grace: Grace) -> Self {
        Self(Arc::new(Inner {
            grace,
            intake: Tasks::default(),
            background: Tasks::default(),
            ready: AtomicBool::new(false),
            failed: OnceLock::new(),
        }))
    }

    fn tasks(&self, stage: Stage) -> &Tasks {
        match stage {
            Stage::Intake => &self.0.intake,
            Stage::Background => &self.0.background,
        }
    }

    /// Cancelled when tasks of that stage are to stop.
    pub fn stopping(&self, stage: Stage) -> CancellationToken {
        self.tasks(stage).stop.clone()
    }

    /// Runs a task that the stop waits for. It must watch [`Lifecycle::stopping`] of its stage.
    pub fn spawn<F>(&self, stage: Stage, weight: Weight, name: &'static str, work: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let life = self.clone();
        self.tasks(stage).tracker.spawn(async move {
            let panicked = AssertUnwindSafe(work).catch_unwind().await.is_err();
            if panicked {
                error!(task = name, "a task ended in a panic");
            }
            if weight == Weight::Vital && !life.tasks(stage).stop.is_cancelled() {
                life.fail(name);
            }
        });
    }

    /// Everything is there: from now on `/readyz` may say yes.
    pub fn set_ready(&self) {
        self.0.ready.store(true, Ordering::Release);
    }

    /// True between [`Lifecycle::set_ready`] and the stop.
    pub fn is_ready(&self) -> bool {
        self.0.ready.load(Ordering::Acquire) && !self.0.intake.stop.is_cancelled()
    }

    /// Begins to stop. Idempotent.
    pub fn stop(&self) {
        self.0.intake.stop.cancel();
    }

    /// Begins to stop because something that everything needs is gone.
    pub fn fail(&self, what: &'static str) {
        error!(task = what, "stopped by itself; stopping everything");
        let _first_one_counts = self.0.failed.set(what);
        self.stop();
    }

    /// Waits for the stop, then for the tasks: intake first, then background, each within its grace.
    ///
    /// # Errors
    /// [`Failed`] when it was no wish but a failure.
    pub async fn finished(&self) -> Result<(), Failed> {
        self.0.intake.stop.cancelled().await;
        info!("stopping");
        drain(&self.0.intake, self.0.grace.intake).await;
        self.0.background.stop.cancel();
        drain(&self.0.background, self.0.grace.background).await;
        self.0.failed.get().map_or(Ok(()), |what| Err(Failed(what)))
    }

    /// Stops at the first SIGTERM or SIGINT; ends the process at the second, at once.
    ///
    /// # Errors
    /// The system does not let us listen to signals.
    pub fn watch_signals(&self) -> io::Result<()> {
        let mut signals = [signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?];
        let life = self.clone();
        tokio::spawn(async move {
            either(&mut signals).await;
            life.stop();
            either(&mut signals).await;
            warn!("second signal: ending at once");
            std::process::exit(130);
        });
        Ok(())
    }
}

async fn either([first, second]: &mut [Signal; 2]) {
    tokio::select! { _ = first.recv() => {}, _ = second.recv() => {} }
}

async fn drain(tasks: &Tasks, grace: Duration) {
    tasks.tracker.close();
    if timeout(grace, tasks.tracker.wait()).await.is_err() {
        warn!(tasks = tasks.tracker.len(), "some tasks did not end in time and are cut off");
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn the_background_works_until_the_intake_has_ended() {
        let life = Lifecycle::new();
        let (finish, request) = oneshot::channel::<()>();
        let background = life.stopping(Stage::Background);
        life.spawn(Stage::Intake, Weight::Light, "request", async { request.await.unwrap() });
        let worker = life.stopping(Stage::Background);
        life.spawn(Stage::Background, Weight::Vital, "worker", async move { worker.cancelled().await });
        life.stop();
        let mut end = std::pin::pin!(life.finished());
        assert!(futures_util::poll!(&mut end).is_pending());
        assert!(!background.is_cancelled());
        finish.send(()).unwrap();
        assert_eq!(end.await, Ok(()));
        assert!(background.is_cancelled());
    }

    #[tokio::test]
    async fn a_task_that_does_not_end_is_cut_off() {
        let short = Duration::from_millis(1);
        let life = Lifecycle::with(Grace { intake: short, background: short });
        for stage in [Stage::Intake, Stage::Background] {
            life.spawn(stage, Weight::Light, "deaf", std::future::pending());
        }
        life.stop();
        assert_eq!(life.finished().await, Ok(()));
    }

    #[test]
    fn the_graces_leave_a_second_of_the_ten_that_are_promised() {
        assert!(GRACE.intake + GRACE.background <= Duration::from_secs(9));
    }

    #[tokio::test]
    async fn the_end_of_a_vital_task_is_a_failure_and_of_a_light_one_is_not() {
        let life = Lifecycle::new();
        life.spawn(Stage::Intake, Weight::Light, "light", async { panic!("light") });
        life.spawn(Stage::Background, Weight::Vital, "projections", async { panic!("vital") });
        assert_eq!(life.finished().await, Err(Failed("projections")));
    }

    #[tokio::test]
    async fn a_process_is_ready_only_between_start_and_stop() {
        let life = Lifecycle::new();
        assert!(!life.is_ready());
        life.set_ready();
        assert!(life.is_ready());
        life.stop();
        assert!(!life.is_ready());
    }

    #[tokio::test]
    async fn a_signal_stops() {
        let life = Lifecycle::new();
        life.watch_signals().unwrap();
        rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::TERM).unwrap();
        assert_eq!(life.finished().await, Ok(()));
    }
}
