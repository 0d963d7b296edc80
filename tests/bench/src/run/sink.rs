//! A small HTTP server inside the bench: it notes what comes, and gives one and the same answer.

use std::{
    collections::HashSet,
    net::{SocketAddr, TcpListener},
    sync::mpsc::{Receiver, Sender, channel},
    thread,
    time::{Duration, Instant},
};

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, http::StatusCode, web};

use crate::BenchError;

/// What arrived.
pub(super) struct Arrival {
    /// When it was answered.
    pub(super) at: Instant,
    /// Length of its body.
    pub(super) bytes: usize,
    /// Its `webhook-id`, the same for each attempt at one delivery.
    pub(super) id: Option<String>,
}

/// Listens on a free loopback port until the program ends.
pub(super) struct Sink {
    pub(super) address: SocketAddr,
    arrivals: Receiver<Arrival>,
}

impl Sink {
    /// Starts one that answers everything with this status.
    pub(super) fn start(status: StatusCode) -> Result<Self, BenchError> {
        let (sender, arrivals) = channel();
        let workers = thread::available_parallelism().map_or(1, usize::from);
        let address = serve(workers, move |app| {
            let sender = sender.clone();
            app.default_service(web::to(move |request: HttpRequest, body: web::Bytes| {
                note(&sender, &request, &body);
                async move { HttpResponse::new(status) }
            }));
        })?;
        Ok(Self { address, arrivals })
    }

    /// Waits for so many that are not the same delivery once more.
    pub(super) fn take(&self, count: usize, patience: Duration) -> Result<Vec<Arrival>, BenchError> {
        let end = Instant::now() + patience;
        let (mut taken, mut ids) = (Vec::with_capacity(count), HashSet::new());
        while taken.len() < count {
            let left = end.saturating_duration_since(Instant::now());
            let Ok(arrival) = self.arrivals.recv_timeout(left) else {
                let (came, seconds) = (taken.len(), patience.as_secs());
                return Err(BenchError::BadAnswer(format!("{came} of {count} arrived within {seconds} s")));
            };
            if arrival.id.clone().is_none_or(|id| ids.insert(id)) {
                taken.push(arrival);
            }
        }
        Ok(taken)
    }

    /// What has come since it was looked at last.
    pub(super) fn so_far(&self) -> Vec<Arrival> {
        self.arrivals.try_iter().collect()
    }
}

fn note(sender: &Sender<Arrival>, request: &HttpRequest, body: &web::Bytes) {
    let id = request.headers().get("webhook-id").and_then(|id| id.to_str().ok()).map(str::to_owned);
    // Nobody wants to know any more when the measuring is over.
    _ = sender.send(Arrival { at: Instant::now(), bytes: body.len(), id });
}

/// Serves on a free loopback port until the program ends.
pub(super) fn serve<F>(workers: usize, configure: F) -> Result<SocketAddr, BenchError>
where
    F: Fn(&mut web::ServiceConfig) + Clone + Send + 'static,
{
    let listener = TcpListener::bind(("127.0.0.1", 0)).map_err(BenchError::io("binding a loopback port"))?;
    let address = listener.local_addr().map_err(BenchError::io("binding a loopback port"))?;
    thread::spawn(move || {
        actix_web::rt::System::new().block_on(async move {
            let server = HttpServer::new(move || App::new().configure(configure.clone()));
            server.workers(workers).disable_signals().listen(listener)?.run().await
        })
    });
    Ok(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sink_that_got(ids: &[Option<&str>]) -> Sink {
        let (sender, arrivals) = channel();
        for id in ids {
            let arrival = Arrival { at: Instant::now(), bytes: 1, id: id.map(str::to_owned) };
            sender.send(arrival).expect("room");
        }
        Sink { address: SocketAddr::from(([127, 0, 0, 1], 1)), arrivals }
    }

    #[test]
    fn the_same_delivery_twice_is_one_and_what_does_not_come_is_an_error() {
        let patience = Duration::from_millis(1);
        let twice = [Some("a"), Some("a"), Some("b")];
        assert_eq!(sink_that_got(&twice).take(2, patience).map(|all| all.len()).ok(), Some(2));
        assert!(sink_that_got(&twice).take(3, patience).is_err());
        assert_eq!(sink_that_got(&[None, None]).take(2, patience).map(|all| all.len()).ok(), Some(2));
    }
}
