//! AWS: a signed `GetCallerIdentity`, which needs no right at all.

use std::time::{Duration, UNIX_EPOCH};

use async_trait::async_trait;
use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4,
};
use keytrail_domain::verification::{InconclusiveReason as Reason, Verdict};
use reqwest::header::{HeaderMap, HeaderName};
use url::Url;

use super::{
    Driver, Found, Outside, Question, Role, Wanted, judged, unproven,
    web::{form, proves_nothing, secret_header},
};
use crate::{
    guard::{Answer, Outgoing},
    recipe::{Evidence, Judgement},
};

const WANTS: [Wanted; 5] = [
    Wanted::always("endpoint", Role::Destination),
    Wanted::always("region", Role::Plain),
    Wanted::always("access_key_id", Role::Plain),
    Wanted::always("secret_access_key", Role::Secret),
    Wanted::perhaps("session_token", Role::Secret),
];
const QUESTION: [(&str, &str); 2] = [("Action", "GetCallerIdentity"), ("Version", "2011-06-15")];

/// Asks the Security Token Service.
pub(super) struct Aws;

#[async_trait]
impl Driver for Aws {
    fn name(&self) -> &'static str {
        "aws"
    }

    fn wants(&self) -> &'static [Wanted] {
        &WANTS
    }

    async fn check(&self, question: Question<'_>, outside: &Outside) -> Result<Found, Judgement> {
        let first = ask(&question, outside).await?;
        // Seen from AWS for good keys too, now and then: only the second time counts.
        match code(&first).as_deref() {
            Some("SignatureDoesNotMatch") => understood(&ask(&question, outside).await?),
            _ => understood(&first),
        }
    }
}

async fn ask(question: &Question<'_>, outside: &Outside) -> Result<Answer, Judgement> {
    let url = question.address("endpoint")?;
    let mut request = form(url, HeaderMap::new(), &QUESTION);
    let seconds = u64::try_from(outside.clock.now().as_seconds()).unwrap_or_default();
    let region = question.needed("region")?;
    let region = region_of(&request.url).unwrap_or(&region).to_owned();
    let token = question.fields.text("session_token").map(|token| token.into_owned());
    let (id, secret) = (question.needed("access_key_id")?, question.needed("secret_access_key")?);
    let keys = Credentials::new(id, secret, token, None, "keytrail");
    let signed = signature(&request, keys, &region, Duration::from_secs(seconds));
    let signed = signed.ok_or_else(|| unproven(Reason::Unexpected, "the request could not be signed"))?;
    for (name, value) in signed {
        request.headers.insert(name, secret_header(&value)?);
    }
    question.send(outside, request).await
}

/// The headers that sign a request.
fn signature(
    request: &Outgoing,
    keys: Credentials,
    region: &str,
    since_1970: Duration,
) -> Option<Vec<(HeaderName, String)>> {
    let identity = keys.into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name("sts")
        .time(UNIX_EPOCH + since_1970)
        .settings(SigningSettings::default())
        .build()
        .ok()?;
    let headers =
        request.headers.iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
    let body = SignableBody::Bytes(request.body.as_deref().unwrap_or_default());
    let signable = SignableRequest::new(request.method.as_str(), request.url.as_str(), headers, body).ok()?;
    let (instructions, _) = sign(signable, &parameters.into()).ok()?.into_parts();
    let named =
        |(name, value): (&str, &str)| Some((HeaderName::from_bytes(name.as_bytes()).ok()?, value.to_owned()));
    instructions.headers().map(named).collect()
}

/// The region that an endpoint of AWS itself is of: it takes no other in the signature.
fn region_of(endpoint: &Url) -> Option<&str> {
    let host = endpoint.host_str()?;
    let inner = host.strip_suffix(".amazonaws.com").or_else(|| host.strip_suffix(".amazonaws.com.cn"))?;
    match inner {
        "sts" => Some("us-east-1"),
        inner => inner.strip_prefix("sts.").or_else(|| inner.strip_prefix("sts-fips.")),
    }
}

fn understood(answer: &Answer) -> Result<Found, Judgement> {
    let body = text(answer);
    if let (200, Some(arn)) = (answer.status, element(&body, "Arn")) {
        let evidence = Evidence { identity: Some(arn.to_owned()), ..Evidence::default() };
        return Ok((judged(Verdict::Valid, "AWS accepts the key"), evidence));
    }
    Err(match code(answer).as_deref() {
        Some("InvalidClientTokenId" | "UnrecognizedClientException" | "InvalidAccessKeyId") => {
            judged(Verdict::Invalid, "AWS does not know the access key")
        }
        Some("SignatureDoesNotMatch") if is_about_time(&body) => {
            unproven(Reason::Unexpected, "AWS takes no signature of this moment: is the clock right here?")
        }
        Some("SignatureDoesNotMatch") => {
            judged(Verdict::Invalid, "AWS says that the secret does not belong to the access key")
        }
        Some("ExpiredToken" | "ExpiredTokenException") => {
            judged(Verdict::Expired, "AWS says that the session token has expired")
        }
        Some("AccessDenied" | "AccessDeniedException") => {
            judged(Verdict::Limited, "AWS knows the key, but a policy keeps it from asking who it is")
        }
        Some("RequestExpired" | "RequestInTheFuture") => {
            unproven(Reason::Unexpected, "AWS takes no signature of this moment: is the clock right here?")
        }
        Some("Throttling" | "ThrottlingException" | "RequestLimitExceeded") => {
            unproven(Reason::RateLimited, "AWS asked to come back later")
        }
        _ => proves_nothing(answer.status),
    })
}

fn is_about_time(body: &str) -> bool {
    body.contains("Signature expired") || body.contains("Signature not yet current")
}

fn code(answer: &Answer) -> Option<String> {
    (answer.status >= 400).then(|| element(&text(answer), "Code").map(str::to_owned))?
}

fn text(answer: &Answer) -> String {
    String::from_utf8_lossy(&answer.body).into_owned()
}

/// The text of the first element of this name: all that is needed of two small documents.
fn element<'a>(document: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = document.split_once(&format!("<{name}>"))?;
    let (inner, _) = rest.split_once(&format!("</{name}>"))?;
    Some(inner.trim()).filter(|inner| !inner.is_empty() && !inner.contains('<'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_of_aws_says_its_region_and_others_do_not() {
        for (endpoint, region) in [
            ("https://sts.eu-west-1.amazonaws.com", Some("eu-west-1")),
            ("https://sts.amazonaws.com/", Some("us-east-1")),
            ("https://sts-fips.us-gov-west-1.amazonaws.com", Some("us-gov-west-1")),
            ("https://sts.cn-north-1.amazonaws.com.cn", Some("cn-north-1")),
            ("https://sts.example.com", None),
            ("http://127.0.0.1:5000", None),
        ] {
            assert_eq!(region_of(&Url::parse(endpoint).unwrap()), region, "{endpoint}");
        }
    }

    #[test]
    fn an_element_is_found_only_whole() {
        assert_eq!(element("<a><Arn> x </Arn></a>", "Arn"), Some("x"));
        for broken in ["<Arn>x", "<Arn></Arn>", "<Arn><b/></Arn>", "Arn", ""] {
            assert_eq!(element(broken, "Arn"), None, "{broken}");
        }
    }
}
