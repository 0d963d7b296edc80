//! MySQL and MariaDB: handshake, login, `COM_PING`, `COM_QUIT`. No statement is made.
//!
//! Written here because no client library takes a stream of ours: each resolves names and opens
//! connections by itself, past the guard. It is the protocol's first phase and nothing else.

mod packet;
mod scramble;

use async_trait::async_trait;
use keytrail_domain::verification::{InconclusiveReason as Reason, Verdict};
use tokio::io::{AsyncRead, AsyncWrite};
use zeroize::Zeroizing;

use super::{Driver, Found, Outside, Question, Role, Wanted, judged, place::TlsField, unproven};
use crate::{
    guard::{Dialled, Transport, Wire},
    recipe::{Evidence, Judgement},
};
use packet::{Greeting, Reply, Talk};

const TLS: TlsField = TlsField { name: "tls", off: "off" };
const USUAL_PORT: u16 = 3306;
const COM_QUIT: u8 = 0x01;
const COM_PING: u8 = 0x0e;

const WANTS: [Wanted; 7] = [
    Wanted::always("host", Role::Destination),
    Wanted::always("port", Role::Destination),
    Wanted::always("tls", Role::Destination),
    Wanted::perhaps("ca", Role::Destination),
    Wanted::perhaps("database", Role::Plain),
    Wanted::always("username", Role::Plain),
    Wanted::always("password", Role::Secret),
];

/// Logs in and out again.
pub(super) struct MySql;

#[async_trait]
impl Driver for MySql {
    fn name(&self) -> &'static str {
        "mysql"
    }

    fn wants(&self) -> &'static [Wanted] {
        &WANTS
    }

    async fn check(&self, question: Question<'_>, outside: &Outside) -> Result<Found, Judgement> {
        let user = question.needed("username")?;
        let transport = question.transport(TLS);
        let dialled = question.dial(outside, transport, USUAL_PORT).await?;
        let login = Login {
            user: &user,
            password: Zeroizing::new(question.needed("password")?.into_owned()),
            database: question.fields.text("database").map(std::borrow::Cow::into_owned),
            transport,
        };
        let (talk, greeting) = prepared(dialled, question, transport).await?;
        let judgement = login.run(talk, &greeting).await?;
        let identity = judgement.verdict.is_yes().then(|| user.to_string());
        Ok((judgement, Evidence { identity, ..Evidence::default() }))
    }
}

/// The connection once it is safe to log in, and what the server greeted us with.
async fn prepared(
    mut dialled: Dialled<'_>,
    question: Question<'_>,
    transport: Transport,
) -> Result<(Talk<Wire>, Greeting), Judgement> {
    let mut talk = Talk::begin(dialled.greeting());
    let first = talk.receive().await?;
    let greeting = match Reply::of(&first) {
        Reply::Error(code) => return Err(turned_away(code)),
        _ => Greeting::parse(&first).ok_or_else(not_understood)?,
    };
    if transport == Transport::Plain {
        let sequence = talk.sequence;
        return Ok((Talk::go_on(dialled.in_the_clear()?, sequence), greeting));
    }
    if !greeting.offers_tls() {
        return Err(unproven(Reason::Unexpected, "the server offers no TLS, so no password was sent"));
    }
    let database = question.fields.text("database");
    talk.send(&packet::tls_request(database.as_deref())).await?;
    let sequence = talk.sequence;
    Ok((Talk::go_on(dialled.secured(question.trust()).await?, sequence), greeting))
}

struct Login<'a> {
    user: &'a str,
    password: Zeroizing<String>,
    database: Option<String>,
    transport: Transport,
}

impl Login<'_> {
    async fn run(&self, mut talk: Talk<Wire>, greeting: &Greeting) -> Result<Judgement, Judgement> {
        // A method that we do not know is switched to by the server if it means it.
        let answer = scramble::answer(&greeting.plugin, &self.password, &greeting.nonce);
        let response = packet::login(&packet::Login {
            user: self.user,
            proof: &answer.unwrap_or_default(),
            database: self.database.as_deref(),
            plugin: &greeting.plugin,
            transport: self.transport,
        });
        talk.send(&response).await?;
        if let Some(refusal) = self.authenticate(&mut talk, greeting.plugin.clone()).await? {
            return Ok(refusal);
        }
        talk.begin_command();
        talk.send(&[COM_PING]).await?;
        if let Reply::Error(code) = Reply::of(&talk.receive().await?) {
            return Err(refused(code));
        }
        talk.begin_command();
        // Whether the farewell arrives changes nothing.
        drop(talk.send(&[COM_QUIT]).await);
        Ok(judged(Verdict::Valid, "the server accepts the password"))
    }

    /// None when we are in; else what the server's error means, which may be good news. It may ask
    /// for other methods and more steps; a few turns are enough for all.
    async fn authenticate<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        talk: &mut Talk<S>,
        mut plugin: String,
    ) -> Result<Option<Judgement>, Judgement> {
        for _ in 0..8 {
            let packet = talk.receive().await?;
            match Reply::of(&packet) {
                Reply::Ok => return Ok(None),
                Reply::Error(code) => return Ok(Some(refused(code))),
                Reply::Switch { to, nonce } => {
                    to.clone_into(&mut plugin);
                    talk.send(&self.answer_to(&plugin, nonce)?).await?;
                }
                Reply::More(scramble::SHA2_KNOWN) if plugin == scramble::CACHING_SHA2 => {}
                Reply::More(scramble::SHA2_UNKNOWN) if plugin == scramble::CACHING_SHA2 => {
                    talk.send(&self.in_full()?).await?;
                }
                Reply::More(_) | Reply::Other => return Err(not_understood()),
            }
        }
        Err(not_understood())
    }

    fn answer_to(&self, plugin: &str, nonce: &[u8]) -> Result<Zeroizing<Vec<u8>>, Judgement> {
        if plugin == scramble::CLEAR {
            return self.in_full();
        }
        scramble::answer(plugin, &self.password, nonce).ok_or_else(|| {
            unproven(Reason::Unexpected, "the server asks for a way of logging in that is not known here")
        })
    }

    /// The password itself, which only TLS may carry.
    fn in_full(&self) -> Result<Zeroizing<Vec<u8>>, Judgement> {
        match self.transport {
            Transport::Encrypted => Ok(Zeroizing::new([self.password.as_bytes(), b"\0"].concat())),
            Transport::Plain => Err(unproven(
                Reason::Unexpected,
                "the server asks for the password itself, which is sent only with TLS",
            )),
        }
    }
}

/// What an error in place of a greeting means: nobody has given a password yet, so it proves nothing.
fn turned_away(code: u16) -> Judgement {
    match code {
        1040 | 1053 | 1129 | 1130 | 1203 => refused(code),
        _ => unproven(Reason::Unexpected, "the server gave an error that proves nothing here"),
    }
}

/// What the server's error means once it was given a password, by its number.
fn refused(code: u16) -> Judgement {
    match code {
        1045 | 1698 => judged(Verdict::Invalid, "the server rejects the user or the password"),
        1044 => {
            judged(Verdict::Limited, "the server accepts the password; the user may not use the database")
        }
        1049 => judged(Verdict::Valid, "the server accepts the password; there is no such database"),
        1820 | 1862 => judged(Verdict::Expired, "the password has expired"),
        3118 | 4151 => judged(Verdict::Invalid, "the account is locked"),
        1040 | 1203 | 1226 => unproven(Reason::Unreachable, "the server has too many clients"),
        1053 => unproven(Reason::Unreachable, "the server is not ready to answer"),
        1129 | 1130 => {
            unproven(Reason::Unexpected, "the server does not let this machine in, whatever the password")
        }
        3159 => unproven(Reason::Unexpected, "the server wants TLS"),
        _ => unproven(Reason::Unexpected, "the server gave an error that proves nothing here"),
    }
}

fn not_understood() -> Judgement {
    unproven(Reason::Unexpected, "the server said something that is not of its protocol")
}
