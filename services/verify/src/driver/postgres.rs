//! PostgreSQL: start-up and authentication, then an orderly end. No query is made.

use std::{error::Error, io, time::Duration};

use async_trait::async_trait;
use keytrail_domain::verification::{InconclusiveReason as Reason, Verdict};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::timeout,
};
use tokio_postgres::{Config, NoTls, config::SslMode, error::DbError};

use super::{
    Driver, Found, Outside, Question, Role, Wanted, judged,
    place::{TlsField, broken},
    unproven,
};
use crate::{
    guard::{Dialled, Transport, Wire},
    recipe::{Evidence, Judgement},
};

/// How long the server may take to hear that we are done.
const FAREWELL: Duration = Duration::from_millis(500);
const TLS: TlsField = TlsField { name: "sslmode", off: "disable" };
const USUAL_PORT: u16 = 5432;
/// `SSLRequest` of the protocol: length 8, code 80877103.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

const WANTS: [Wanted; 7] = [
    Wanted::always("host", Role::Destination),
    Wanted::always("port", Role::Destination),
    Wanted::always("sslmode", Role::Destination),
    Wanted::perhaps("ca", Role::Destination),
    Wanted::perhaps("database", Role::Plain),
    Wanted::always("username", Role::Plain),
    Wanted::always("password", Role::Secret),
];

/// Logs in and out again.
pub(super) struct Postgres;

#[async_trait]
impl Driver for Postgres {
    fn name(&self) -> &'static str {
        "postgres"
    }

    fn wants(&self) -> &'static [Wanted] {
        &WANTS
    }

    async fn check(&self, question: Question<'_>, outside: &Outside) -> Result<Found, Judgement> {
        let (user, password) = (question.needed("username")?, question.needed("password")?);
        let mut config = Config::new();
        config.user(&*user).password(password.as_bytes()).application_name("keytrail");
        // TLS is ours, from before its first byte.
        config.ssl_mode(SslMode::Disable);
        if let Some(database) = question.fields.text("database") {
            config.dbname(&*database);
        }
        let transport = question.transport(TLS);
        let dialled = question.dial(outside, transport, USUAL_PORT).await?;
        let wire = match transport {
            Transport::Encrypted => negotiated(dialled, question).await?,
            Transport::Plain => dialled.in_the_clear()?,
        };
        let judgement = log_in(&config, wire).await;
        let identity = judgement.verdict.is_yes().then(|| user.into_owned());
        Ok((judgement, Evidence { identity, ..Evidence::default() }))
    }
}

async fn negotiated(mut dialled: Dialled<'_>, question: Question<'_>) -> Result<Wire, Judgement> {
    dialled.greeting().write_all(&SSL_REQUEST).await.map_err(broken)?;
    // One byte and no more: what somebody slipped in behind it must not count as the server's word.
    let answer = dialled.greeting().read_u8().await.map_err(broken)?;
    if answer != b'S' {
        return Err(unproven(Reason::Unexpected, "the server offers no TLS, so no password was sent"));
    }
    Ok(dialled.secured(question.trust()).await?)
}

async fn log_in(config: &Config, wire: Wire) -> Judgement {
    match config.connect_raw(wire, NoTls).await {
        Ok((client, connection)) => {
            drop(client);
            // Whether the farewell arrives changes nothing.
            drop(timeout(FAREWELL, connection).await);
            judged(Verdict::Valid, "the server accepts the password")
        }
        Err(error) => match error.as_db_error() {
            Some(answer) => refused(answer),
            None => no_answer(&error),
        },
    }
}

fn refused(answer: &DbError) -> Judgement {
    match answer.code().code() {
        "28P01" => judged(Verdict::Invalid, "the server rejects the user or the password"),
        // Only from here is it about the user: elsewhere the server's rules, or a service that it asks, refuse
        // this client or this way of connecting, whatever the password.
        "28000" if answer.routine().is_some_and(|routine| routine.starts_with("InitializeSessionUserId")) => {
            judged(Verdict::Invalid, "the server does not let this user in")
        }
        "28000" => unproven(Reason::Unexpected, "the server's access rules do not let this connection in"),
        "3D000" => judged(Verdict::Valid, "the server accepts the password; there is no such database"),
        "42501" => {
            judged(Verdict::Limited, "the server accepts the password; the user may not use the database")
        }
        "53300" => unproven(Reason::Unreachable, "the server has too many clients"),
        "57P03" => unproven(Reason::Unreachable, "the server is not ready to answer"),
        _ => unproven(Reason::Unexpected, "the server gave an error that proves nothing here"),
    }
}

fn no_answer(error: &tokio_postgres::Error) -> Judgement {
    match error.source().and_then(|cause| cause.downcast_ref::<io::Error>()) {
        Some(_) => unproven(Reason::Unreachable, "the connection broke before the system had answered"),
        None if error.is_closed() => unproven(Reason::Unreachable, "the server closed the connection"),
        None => {
            unproven(Reason::Unexpected, "the server asks for a way of logging in that is not known here")
        }
    }
}
