//! A thread that owns something blocking, and a bounded queue to it.

use std::{io, thread};

use tokio::sync::mpsc;

use crate::fault::Fault;

/// Most jobs that wait; more callers wait for room.
const QUEUE: usize = 1_024;
/// Most jobs that are handed over at once.
const BATCH: usize = 256;

/// A thread with a queue. Dropping it finishes what was queued and waits for the thread, so that
/// the file is closed when its owner is gone.
pub(crate) struct Worker<J> {
    queue: Option<mpsc::Sender<J>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl<J: Send + 'static> Worker<J> {
    /// `handle` gets everything that waits, oldest first, and empties it.
    pub(crate) fn spawn(
        name: &str,
        mut handle: impl FnMut(&mut Vec<J>) + Send + 'static,
    ) -> io::Result<Self> {
        let (queue, mut jobs) = mpsc::channel(QUEUE);
        let thread = thread::Builder::new().name(name.to_owned()).spawn(move || {
            let mut batch = Vec::with_capacity(BATCH);
            while jobs.blocking_recv_many(&mut batch, BATCH) > 0 {
                handle(&mut batch);
                batch.clear();
            }
        })?;
        Ok(Self { queue: Some(queue), thread: Some(thread) })
    }

    /// Queues a job; it is done even when the caller goes away.
    pub(crate) async fn send(&self, job: J) -> Result<(), Fault> {
        let queue = self.queue.as_ref().ok_or(Fault::Stopped)?;
        queue.send(job).await.map_err(|_| Fault::Stopped)
    }
}

impl<J> Drop for Worker<J> {
    fn drop(&mut self) {
        drop(self.queue.take());
        if let Some(thread) = self.thread.take() {
            // A panic in there has been printed by its own thread.
            let _ = thread.join();
        }
    }
}
