//! Redis, Valkey and what else speaks their protocol: `AUTH`, `PING`, `QUIT`.

use async_trait::async_trait;
use keytrail_domain::verification::{InconclusiveReason as Reason, Verdict};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};

use super::{
    Driver, Found, Outside, Question, Role, Wanted, judged,
    place::{TlsField, broken},
    unproven,
};
use crate::{
    guard::{Transport, Wire},
    recipe::{Evidence, Judgement},
};

/// Longest line that an answer may have.
const LONGEST_LINE: u64 = 1024;
const TLS: TlsField = TlsField { name: "tls", off: "off" };
const USUAL_PORT: u16 = 6379;

const WANTS: [Wanted; 6] = [
    Wanted::always("host", Role::Destination),
    Wanted::always("port", Role::Destination),
    Wanted::always("tls", Role::Destination),
    Wanted::perhaps("ca", Role::Destination),
    Wanted::perhaps("username", Role::Plain),
    Wanted::always("password", Role::Secret),
];

/// Authenticates and says hello.
pub(super) struct Redis;

#[async_trait]
impl Driver for Redis {
    fn name(&self) -> &'static str {
        "redis"
    }

    fn wants(&self) -> &'static [Wanted] {
        &WANTS
    }

    async fn check(&self, question: Question<'_>, outside: &Outside) -> Result<Found, Judgement> {
        let user = question.fields.text("username");
        let password = question.needed("password")?;
        let transport = question.transport(TLS);
        let dialled = question.dial(outside, transport, USUAL_PORT).await?;
        let wire = match transport {
            Transport::Encrypted => dialled.secured(question.trust()).await?,
            Transport::Plain => dialled.in_the_clear()?,
        };
        let mut talk = Talk(BufReader::new(wire));
        let auth: Vec<&str> = ["AUTH"].into_iter().chain(user.as_deref()).chain([&*password]).collect();
        let answer = talk.ask(&auth).await?;
        if answer != "+OK" {
            return Err(rejected(&answer));
        }
        let answer = talk.ask(&["PING"]).await?;
        // Whether the farewell arrives changes nothing.
        drop(talk.say(&["QUIT"]).await);
        let identity = Some(user.as_deref().unwrap_or("default").to_owned());
        Ok((answered(&answer), Evidence { identity, ..Evidence::default() }))
    }
}

struct Talk(BufReader<Wire>);

impl Talk {
    async fn ask(&mut self, words: &[&str]) -> Result<String, Judgement> {
        self.say(words).await?;
        let mut line = Vec::new();
        (&mut self.0).take(LONGEST_LINE).read_until(b'\n', &mut line).await.map_err(broken)?;
        let text = String::from_utf8_lossy(&line);
        if text.is_empty() {
            return Err(unproven(Reason::Unreachable, "the server closed the connection without an answer"));
        }
        Ok(text.trim_end().to_owned())
    }

    /// A command in RESP: lengths and bytes, so no value can change its shape.
    async fn say(&mut self, words: &[&str]) -> Result<(), Judgement> {
        let mut message = zeroize::Zeroizing::new(format!("*{}\r\n", words.len()));
        for word in words {
            message.push_str(&format!("${}\r\n{word}\r\n", word.len()));
        }
        self.0.write_all(message.as_bytes()).await.map_err(broken)?;
        self.0.flush().await.map_err(broken)
    }
}

/// What an answer to `AUTH` means that is no `+OK`.
fn rejected(answer: &str) -> Judgement {
    match answer.split_whitespace().next() {
        Some("-WRONGPASS" | "-NOAUTH") => {
            judged(Verdict::Invalid, "the server rejects the user or the password")
        }
        // Before version 6.
        Some("-ERR") if answer == "-ERR invalid password" => {
            judged(Verdict::Invalid, "the server rejects the password")
        }
        Some("-ERR") if answer.contains("without any password") || answer.contains("no password is set") => {
            unproven(Reason::Unexpected, "the server asks for no password, so it proves nothing")
        }
        _ => busy(answer),
    }
}

/// What an answer to `PING` means.
fn answered(answer: &str) -> Judgement {
    match answer.split_whitespace().next() {
        Some("+PONG") => judged(Verdict::Valid, "the server accepts the password"),
        Some("-NOPERM") => {
            judged(Verdict::Limited, "the server accepts the password, but the user may not `PING`")
        }
        Some("-NOAUTH") => judged(Verdict::Invalid, "the server rejects the password"),
        _ => busy(answer),
    }
}

fn busy(answer: &str) -> Judgement {
    match answer.split_whitespace().next() {
        Some("-LOADING" | "-MASTERDOWN" | "-BUSY" | "-DENIED" | "-CLUSTERDOWN") => {
            unproven(Reason::Unreachable, "the server is not ready to answer")
        }
        Some("-ERR") if answer.contains("max number of clients") => {
            unproven(Reason::Unreachable, "the server has too many clients")
        }
        _ => unproven(Reason::Unexpected, "the server gave an answer that proves nothing here"),
    }
}
