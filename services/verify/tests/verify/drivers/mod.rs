//! Every driver against a real server of its kind.

mod certificate;
mod mysql;
mod postgres;
mod rabbitmq;
mod redis;

use keytrail_domain::verification::{InconclusiveReason as Reason, Report, Verdict};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use crate::harness::{Credential, PATIENT, SHORT};

/// What a check came to, to be compared.
type Outcome = (Verdict, Option<Reason>);

const VALID: Outcome = (Verdict::Valid, None);
const LIMITED: Outcome = (Verdict::Limited, None);
const INVALID: Outcome = (Verdict::Invalid, None);
const UNREACHABLE: Outcome = (Verdict::Inconclusive, Some(Reason::Unreachable));
const UNEXPECTED: Outcome = (Verdict::Inconclusive, Some(Reason::Unexpected));
const TIMEOUT: Outcome = (Verdict::Inconclusive, Some(Reason::Timeout));

fn outcome(report: &Report) -> Outcome {
    (report.verdict, report.reason)
}

/// One credential with some fields given otherwise; null takes a field away.
#[derive(Clone)]
struct Given {
    slug: &'static str,
    fields: Value,
}

impl Given {
    fn but(&self, changes: Value) -> Self {
        let mut changed = self.clone();
        let Value::Object(changes) = changes else { panic!("changes are an object") };
        for (name, value) in changes {
            let fields = changed.fields.as_object_mut().unwrap();
            match value {
                Value::Null => drop(fields.remove(&name)),
                value => drop(fields.insert(name, value)),
            }
        }
        changed
    }

    async fn report(&self) -> Report {
        Credential::new(self.slug, self.fields.clone()).check(PATIENT).await
    }

    async fn is(&self, expected: Outcome, message: &str) {
        let report = self.report().await;
        assert!(
            outcome(&report) == expected && report.message.contains(message),
            "{:?} is not {expected:?} with {message:?}",
            report
        );
    }

    /// The same against a port on which nobody says anything.
    async fn finds_silence_to_be_a_timeout(&self) {
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = silent.local_addr().unwrap().port();
        self.but(json!({"port": port})).finds_no_answer().await;
    }

    /// A server that waits for more than it was told.
    async fn finds_no_answer(&self) {
        let report = Credential::new(self.slug, self.fields.clone()).check(SHORT).await;
        assert_eq!(outcome(&report), TIMEOUT);
    }
}

/// A server that is played: it sends this to whoever connects, reads what comes, and ends.
async fn played(answer: Vec<u8>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            drop(stream.write_all(&answer).await);
            drop(stream.read(&mut [0; 1024]).await);
        }
    });
    port
}
