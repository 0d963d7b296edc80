//! `keytrail run`: leases a credential and lets a program take this one's place, with the credential's fields in
//! its environment. Nothing is written to a disk, and nothing of it stands in an argument.

use std::{
    collections::BTreeMap, ffi::OsString, os::unix::process::CommandExt, process::Command, time::Duration,
};

use clap::Args;
use keytrail_domain::SecretValue;
use serde::Deserialize;
use serde_json::{Value, json};
use url::{Host, Url};

use super::failure::Failure;
use crate::hardening::Before;

/// What the variables begin with when nobody names them.
const PREFIX: &str = "CREDENTIAL_";
/// One request.
const PATIENCE: Duration = Duration::from_secs(15);
const FIND: &str = "id fields { name value isSecret }";

#[derive(Debug, Args)]
pub(super) struct RunArgs {
    /// The credential, by its name or id
    #[arg(long, value_name = "NAME")]
    credential: String,
    /// What for: it is written down with the lease (default: the program's name)
    #[arg(long, value_name = "TEXT")]
    purpose: Option<String>,
    /// A variable for one field, for example GITHUB_TOKEN=token; without any, every field is in CREDENTIAL_<FIELD>
    #[arg(long, value_name = "VARIABLE=FIELD", value_parser = mapping)]
    env: Vec<(String, String)>,
    /// The program and its arguments
    #[arg(last = true, required = true, value_name = "PROGRAM")]
    program: Vec<OsString>,
}

fn mapping(text: &str) -> Result<(String, String), String> {
    let good = |name: &str| {
        !name.is_empty()
            && !name.starts_with(|c: char| c.is_ascii_digit())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    match text.split_once('=') {
        Some((variable, field)) if good(variable) && !field.is_empty() => {
            Ok((variable.to_owned(), field.to_owned()))
        }
        _ => Err("VARIABLE=FIELD, for example GITHUB_TOKEN=token".to_owned()),
    }
}

/// Does it; comes back only with a failure.
pub(super) async fn run(args: RunArgs, before: Before) -> Result<(), Failure> {
    let server = Server::of_environment()?;
    let purpose = args.purpose.clone().unwrap_or_else(|| purpose_of(&args.program));
    let found = server.find(&args.credential).await?;
    let lease = server.lease(&found.id, &purpose).await?;
    let secrets = server.unwrap(&lease).await?;
    let variables = variables(&args.env, &found.fields, &secrets)?;
    let mut program = Command::new(&args.program[0]);
    program.args(&args.program[1..]).env_remove("KEYTRAIL_TOKEN");
    for (name, value) in &variables {
        program.env(name, value.expose());
    }
    let restored = before.restore();
    restored.map_err(|error| Failure::system("cannot give the program its own limits", &error))?;
    let error = program.exec();
    let name = args.program[0].to_string_lossy().into_owned();
    Err(Failure::new(format!("cannot start {name}: {error}"), "check the program's name and PATH"))
}

fn purpose_of(program: &[OsString]) -> String {
    let name = program.first().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let short: String = name.chars().filter(|c| !c.is_control()).take(100).collect();
    format!("keytrail run {short}")
}

/// Which variable has which field's value.
fn variables(
    wanted: &[(String, String)],
    plain: &BTreeMap<String, String>,
    secrets: &BTreeMap<String, SecretValue>,
) -> Result<Vec<(String, SecretValue)>, Failure> {
    let value =
        |field: &str| secrets.get(field).cloned().or_else(|| plain.get(field).cloned().map(SecretValue::new));
    if wanted.is_empty() {
        let names = plain.keys().chain(secrets.keys());
        return Ok(names.filter_map(|field| Some((variable_of(field), value(field)?))).collect());
    }
    let named = wanted.iter().map(|(variable, field)| match value(field) {
        Some(value) => Ok((variable.clone(), value)),
        None => {
            let known: Vec<_> = plain.keys().chain(secrets.keys()).map(String::as_str).collect();
            let hint = format!("it has: {}", known.join(", "));
            Err(Failure::new(format!("the credential has no field {field}"), hint))
        }
    });
    named.collect()
}

fn variable_of(field: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    format!("{PREFIX}{}", field.chars().map(plain).collect::<String>())
}

/// Keytrail, as this user reaches it.
struct Server {
    http: reqwest::Client,
    url: Url,
    token: SecretValue,
}

struct Found {
    id: String,
    /// The fields that are no secret.
    fields: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Lease {
    token: String,
    unwrap_url: String,
}

#[derive(Deserialize)]
struct Unwrapped {
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    data: BTreeMap<String, String>,
}

impl Server {
    /// By `KEYTRAIL_URL` and `KEYTRAIL_TOKEN`.
    #[expect(clippy::disallowed_methods, reason = "a user's command has no other settings")]
    fn of_environment() -> Result<Self, Failure> {
        let read = |name: &str, hint: &str| {
            let value = std::env::var(name).ok().filter(|value| !value.trim().is_empty());
            value.ok_or_else(|| Failure::new(format!("{name} is not set"), hint))
        };
        let url =
            read("KEYTRAIL_URL", "set it to the server's address, for example https://keytrail.example.com")?;
        let token = read(
            "KEYTRAIL_TOKEN",
            "set it to a token of yours, or to an API token of a service account; it is taken from the environment only",
        )?;
        let url = checked(&url)?;
        let http = reqwest::Client::builder().timeout(PATIENCE).redirect(reqwest::redirect::Policy::none());
        let http = http.build().map_err(|error| Failure::system("cannot set up the HTTP client", &error))?;
        Ok(Self { http, url, token: SecretValue::new(token.trim().to_owned()) })
    }

    async fn find(&self, name: &str) -> Result<Found, Failure> {
        let (query, variables, field) = if name.starts_with("cred_") {
            (
                format!("query($id: ID!) {{ credential(id: $id) {{ {FIND} }} }}"),
                json!({ "id": name }),
                "credential",
            )
        } else {
            let query = format!("query($name: String!) {{ credentialByName(name: $name) {{ {FIND} }} }}");
            (query, json!({ "name": name }), "credentialByName")
        };
        let data = self.ask(&query, variables).await?;
        let found = &data[field];
        let Some(id) = found["id"].as_str() else {
            let hint = "check the name, and that it was shared with whoever the token is of";
            return Err(Failure::new("there is no such credential for this token", hint));
        };
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let fields = found["fields"].as_array().into_iter().flatten();
        let plain = fields.filter(|field| field["isSecret"] == false && !field["value"].is_null());
        let fields = plain.map(|field| (text(&field["name"]), text(&field["value"]))).collect();
        Ok(Found { id: id.to_owned(), fields })
    }

    async fn lease(&self, id: &str, purpose: &str) -> Result<Lease, Failure> {
        let query = "mutation($input: LeaseCredentialInput!) {
            leaseCredential(input: $input) { lease { token unwrapUrl } }
        }";
        let input = json!({ "input": { "credentialId": id, "purpose": purpose } });
        let data = self.ask(query, input).await?;
        Lease::deserialize(&data["leaseCredential"]["lease"]).map_err(|_| strange())
    }

    async fn unwrap(&self, lease: &Lease) -> Result<BTreeMap<String, SecretValue>, Failure> {
        let url = checked(&lease.unwrap_url)?;
        let request = self.http.post(url).header("x-vault-token", &lease.token);
        let answer = request.send().await.map_err(|error| unreachable_at("the vault", &error))?;
        if !answer.status().is_success() {
            let status = answer.status().as_u16();
            let hint = "lease again; if it stays so, whoever runs the vault can tell why";
            return Err(Failure::new(format!("the lease was not exchanged (status {status})"), hint));
        }
        let unwrapped: Unwrapped = answer.json().await.map_err(|_| strange())?;
        Ok(unwrapped.data.data.into_iter().map(|(name, text)| (name, SecretValue::new(text))).collect())
    }

    async fn ask(&self, query: &str, variables: Value) -> Result<Value, Failure> {
        let url = self.url.join("graphql").map_err(|_| strange())?;
        let body = json!({ "query": query, "variables": variables });
        let request = self.http.post(url).bearer_auth(self.token.expose()).json(&body);
        let answer = request.send().await.map_err(|error| unreachable_at("Keytrail", &error))?;
        let mut answer: Value = answer.json().await.map_err(|_| strange())?;
        if let Some(error) = answer["errors"].get(0) {
            return Err(refused(error));
        }
        Ok(answer["data"].take())
    }
}

/// What an error of the API means here.
fn refused(error: &Value) -> Failure {
    let message = error["message"].as_str().unwrap_or("Keytrail refused").to_owned();
    let hint = match error["extensions"]["code"].as_str() {
        Some("UNAUTHENTICATED") => "KEYTRAIL_TOKEN is not, or no longer, a good token",
        Some("FORBIDDEN") => {
            "the token's owner needs USE of the credential: ask somebody who manages it to share it"
        }
        Some("NOT_FOUND") => {
            "the token's owner sees no credential of this name or id: check it, or have it shared with USE"
        }
        Some("UNAVAILABLE" | "RATE_LIMITED") => "try again",
        _ => "see the message",
    };
    Failure::new(message, hint)
}

fn unreachable_at(what: &str, error: &reqwest::Error) -> Failure {
    let why = if error.is_timeout() { "it did not answer in time" } else { "it cannot be reached" };
    Failure::new(format!("{what}: {why}"), "check KEYTRAIL_URL and the network")
}

fn strange() -> Failure {
    Failure::new("something that is not Keytrail answered", "check KEYTRAIL_URL")
}

/// An address that a token may be sent to: `https`, or this machine.
fn checked(text: &str) -> Result<Url, Failure> {
    let hint =
        "give an address such as https://keytrail.example.com, or http://127.0.0.1:8080 on this machine";
    let wrong = |message: &str| Failure::new(message, hint);
    let url = Url::parse(text.trim()).map_err(|_| wrong("KEYTRAIL_URL is no address"))?;
    let here = match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => return Err(wrong("KEYTRAIL_URL is no address")),
    };
    match url.scheme() {
        "https" => Ok(url),
        "http" if here => Ok(url),
        _ => Err(wrong("a token is sent over https only, but on this machine")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets() -> BTreeMap<String, SecretValue> {
        BTreeMap::from([("token".to_owned(), SecretValue::new("s3cr3t".to_owned()))])
    }

    fn plain() -> BTreeMap<String, String> {
        BTreeMap::from([("base-url".to_owned(), "https://a.example".to_owned())])
    }

    #[test]
    fn fields_have_variables_of_their_own_or_those_that_were_named() {
        let names =
            |all: Vec<(String, SecretValue)>| all.into_iter().map(|(name, _)| name).collect::<Vec<_>>();
        let all = variables(&[], &plain(), &secrets()).expect("all");
        assert_eq!(names(all), ["CREDENTIAL_BASE_URL", "CREDENTIAL_TOKEN"]);
        let wanted = [mapping("GITHUB_TOKEN=token").expect("good")];
        assert_eq!(names(variables(&wanted, &plain(), &secrets()).expect("one")), ["GITHUB_TOKEN"]);
        let none = [mapping("X=password").expect("good")];
        let said = variables(&none, &plain(), &secrets()).expect_err("no such field").to_string();
        assert!(said.contains("password") && said.contains("base-url, token") && !said.contains("s3cr3t"));
        for bad in ["TOKEN", "=token", "1A=token", "A B=token", "A="] {
            assert!(mapping(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_token_goes_over_tls_or_nowhere_else() {
        for good in ["https://keys.example", "http://127.0.0.1:8080", "http://[::1]:1", "http://localhost:2"]
        {
            assert!(checked(good).is_ok(), "{good}");
        }
        for bad in ["http://keys.example", "http://10.0.0.1", "ftp://127.0.0.1", "keys.example", ""] {
            assert!(checked(bad).is_err(), "{bad}");
        }
    }
}
