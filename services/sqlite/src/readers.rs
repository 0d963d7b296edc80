//! A few threads that read, each with a connection of its own, so that no executor thread blocks.

use std::{collections::VecDeque, io, sync::Arc, thread};

use parking_lot::{Condvar, Mutex};
use rusqlite::Connection;
use tokio::sync::{Semaphore, oneshot};

use crate::{
    fault::Fault,
    file::{File, OpenError},
};

/// Most reads that wait; more callers wait for room.
const QUEUE: usize = 4_096;

type Job = Box<dyn FnOnce(&Connection) + Send>;

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    closed: bool,
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    news: Condvar,
}

/// The reading side of one file.
pub(crate) struct Readers {
    shared: Arc<Shared>,
    room: Arc<Semaphore>,
    threads: Vec<thread::JoinHandle<()>>,
}

impl Readers {
    /// So many threads, each with a connection. The file has been made before.
    pub(crate) fn spawn(file: &File, threads: usize) -> Result<Self, OpenError> {
        let shared = Arc::new(Shared::default());
        let mut readers =
            Self { shared, room: Arc::new(Semaphore::new(QUEUE)), threads: Vec::with_capacity(threads) };
        for number in 0..threads {
            let connection = file.open_reader().map_err(|fault| file.refused(fault))?;
            readers.threads.push(readers.thread(number, connection).map_err(|source| {
                OpenError::Unavailable { kind: file.kind.name, source: Box::new(source) }
            })?);
        }
        Ok(readers)
    }

    fn thread(&self, number: usize, connection: Connection) -> io::Result<thread::JoinHandle<()>> {
        let shared = Arc::clone(&self.shared);
        thread::Builder::new().name(format!("read-{number}")).spawn(move || {
            while let Some(job) = shared.next() {
                job(&connection);
            }
        })
    }

    /// Runs `work` on a reader thread, inside one read transaction: all that it sees is of one
    /// moment.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let room = Arc::clone(&self.room).acquire_owned().await.map_err(|_| Fault::Stopped)?;
        let (reply, answer) = oneshot::channel();
        self.shared.push(Box::new(move |connection| {
            let _room = room;
            // A caller who has gone away costs nothing.
            if !reply.is_closed() {
                let _ = reply.send(at_one_moment(connection, work));
            }
        }));
        answer.await.unwrap_or(Err(Fault::Stopped))
    }
}

fn at_one_moment<T>(
    connection: &Connection,
    work: impl FnOnce(&Connection) -> Result<T, Fault>,
) -> Result<T, Fault> {
    connection.prepare_cached("BEGIN")?.execute([])?;
    let answer = work(connection);
    connection.prepare_cached("ROLLBACK")?.execute([])?;
    answer
}

impl Shared {
    fn push(&self, job: Job) {
        self.queue.lock().jobs.push_back(job);
        self.news.notify_one();
    }

    fn next(&self) -> Option<Job> {
        let mut queue = self.queue.lock();
        loop {
            if let Some(job) = queue.jobs.pop_front() {
                return Some(job);
            }
            if queue.closed {
                return None;
            }
            self.news.wait(&mut queue);
        }
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.shared.queue.lock().closed = true;
        self.shared.news.notify_all();
        for thread in self.threads.drain(..) {
            // A panic in there has been printed by its own thread.
            let _ = thread.join();
        }
    }
}
