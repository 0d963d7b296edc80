use std::sync::atomic::{AtomicI64, Ordering};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::json;

use super::*;
use crate::auth::{KeySet, MintRequest};

const NOW: i64 = 1_800_000_000;

struct Hands(AtomicI64);

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        Timestamp::EPOCH.plus_seconds(self.0.load(Ordering::Acquire))
    }
}

struct World {
    issuer: BuiltinIssuer,
    hands: Arc<Hands>,
    verifier: TokenVerifier,
    _folder: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let issuer = BuiltinIssuer::open(folder.path()).unwrap();
        let hands = Arc::new(Hands(AtomicI64::new(NOW)));
        let verifier = TokenVerifier::builtin(&issuer, hands.clone());
        Self { issuer, hands, verifier, _folder: folder }
    }

    fn mint(&self, seconds: i64) -> String {
        let now = Timestamp::EPOCH.plus_seconds(NOW);
        let request = MintRequest {
            token: TokenId::from_uuid(uuid::Uuid::from_u128(7)),
            tenant_slug: "acme".into(),
            subject: "alice".into(),
            issued_at: now,
            expires_at: now.plus_seconds(seconds),
        };
        self.issuer.mint(&request).unwrap().expose().to_owned()
    }

    async fn verify(&self, token: &str) -> Result<Arc<Claims>, AuthError> {
        self.verifier.verify(token).await
    }
}

fn invalid(why: InvalidToken) -> Result<Arc<Claims>, AuthError> {
    Err(AuthError::Invalid(why))
}

/// An outside issuer with an ECDSA key, and a way to sign anything with it.
struct Outside {
    private: EncodingKey,
    public_pem: String,
}

impl Outside {
    fn new() -> Self {
        let pair = rcgen::KeyPair::generate().unwrap();
        let private = EncodingKey::from_ec_pem(pair.serialize_pem().as_bytes()).unwrap();
        Self { private, public_pem: pair.public_key_pem() }
    }

    fn verifier(&self) -> TokenVerifier {
        let expected = Expected {
            issuer: "https://id.example".into(),
            audience: "keytrail-prod".into(),
            tenant_claim: "org".into(),
        };
        let keys = KeySource::Fixed(Arc::new(KeySet::from_pem(self.public_pem.as_bytes()).unwrap()));
        TokenVerifier::outside(expected, keys, Arc::new(Hands(AtomicI64::new(NOW))))
    }

    fn sign(&self, change: impl FnOnce(&mut Value)) -> String {
        let mut claims = json!({
            "iss": "https://id.example", "aud": ["other", "keytrail-prod"], "sub": "u-1", "org": "acme",
            "exp": NOW + 60, "nbf": NOW - 60,
        });
        change(&mut claims);
        encode(&Header::new(Algorithm::ES256), &claims, &self.private).unwrap()
    }
}

#[tokio::test]
async fn a_minted_token_says_who_for_which_tenant_until_when() {
    let world = World::new();
    let claims = world.verify(&world.mint(60)).await.unwrap();
    assert_eq!((claims.tenant_slug.as_str(), claims.subject.as_str()), ("acme", "alice"));
    assert_eq!(claims.token_id, Some(TokenId::from_uuid(uuid::Uuid::from_u128(7))));
    assert_eq!(claims.expires_at, Timestamp::EPOCH.plus_seconds(NOW + 60));
}

#[tokio::test]
async fn a_token_of_ours_ends_on_the_second_also_when_it_was_verified_before() {
    let world = World::new();
    let token = world.mint(60);
    for (seconds, holds) in [(0, true), (59, true), (60, false), (1_000, false)] {
        world.hands.0.store(NOW + seconds, Ordering::Release);
        let answer = world.verify(&token).await;
        assert_eq!(answer.is_ok(), holds, "after {seconds} s: {answer:?}");
    }
    assert_eq!(world.verify(&token).await, invalid(InvalidToken::Expired));
}

#[tokio::test]
async fn another_issuers_clock_may_be_half_a_minute_off() {
    let outside = Outside::new();
    let verifier = outside.verifier();
    for (end, holds) in [(NOW - 29, true), (NOW - 30, false)] {
        let token = outside.sign(|claims| claims["exp"] = json!(end));
        assert_eq!(verifier.verify(&token).await.is_ok(), holds, "ended {} s ago", NOW - end);
    }
}

#[tokio::test]
async fn a_token_of_another_key_is_refused() {
    let (world, stranger) = (World::new(), World::new());
    assert_eq!(world.verify(&stranger.mint(60)).await, invalid(InvalidToken::UnknownKey));
}

#[tokio::test]
async fn a_changed_claim_breaks_the_signature() {
    let world = World::new();
    let token = world.mint(60);
    let mut parts: Vec<String> = token.split('.').map(str::to_owned).collect();
    let claims = String::from_utf8(URL_SAFE_NO_PAD.decode(&parts[1]).unwrap()).unwrap();
    parts[1] = URL_SAFE_NO_PAD.encode(claims.replace("alice", "owner"));
    assert_eq!(world.verify(&parts.join(".")).await, invalid(InvalidToken::Signature));
}

#[tokio::test]
async fn no_algorithm_and_a_shared_secret_made_of_the_public_key_are_refused() {
    let world = World::new();
    let token = world.mint(60);
    let claims = token.split('.').nth(1).unwrap();
    let none = format!("{}.{claims}.", URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#));
    assert!(matches!(world.verify(&none).await, Err(AuthError::Invalid(_))));

    let outside = Outside::new();
    let secret = EncodingKey::from_secret(outside.public_pem.as_bytes());
    let forged = encode(&Header::new(Algorithm::HS256), &json!({ "sub": "u-1" }), &secret).unwrap();
    assert_eq!(outside.verifier().verify(&forged).await, invalid(InvalidToken::Algorithm));
}

#[tokio::test]
async fn an_outside_token_must_name_issuer_audience_subject_tenant_and_end() {
    let outside = Outside::new();
    let claims = outside.verifier().verify(&outside.sign(|_| ())).await.unwrap();
    assert_eq!((claims.tenant_slug.as_str(), claims.token_id), ("acme", None));

    type Change = fn(&mut Value);
    let cases: [(&str, Change, InvalidToken); 11] = [
        ("iss", |it| it["iss"] = json!("https://evil.example"), InvalidToken::Issuer),
        ("no iss", |it| it["iss"] = Value::Null, InvalidToken::Issuer),
        ("iss list", |it| it["iss"] = json!(["https://id.example"]), InvalidToken::Issuer),
        ("aud", |it| it["aud"] = json!("other"), InvalidToken::Audience),
        ("no aud", |it| it["aud"] = Value::Null, InvalidToken::Audience),
        ("no exp", |it| it["exp"] = Value::Null, InvalidToken::Claims),
        ("exp text", |it| it["exp"] = json!("later"), InvalidToken::Claims),
        ("nbf", |it| it["nbf"] = json!(NOW + 31), InvalidToken::NotYet),
        ("no sub", |it| it["sub"] = Value::Null, InvalidToken::Claims),
        ("no tenant", |it| it["org"] = Value::Null, InvalidToken::Claims),
        ("long sub", |it| it["sub"] = json!("x".repeat(300)), InvalidToken::Claims),
    ];
    for (what, change, why) in cases {
        assert_eq!(outside.verifier().verify(&outside.sign(change)).await, invalid(why), "{what}");
    }
}

#[tokio::test]
async fn with_an_outside_issuer_our_own_tokens_are_refused() {
    let (world, outside) = (World::new(), Outside::new());
    let answer = outside.verifier().verify(&world.mint(60)).await;
    assert!(matches!(answer, Err(AuthError::Invalid(_))), "{answer:?}");
}

#[tokio::test]
async fn a_header_that_demands_what_we_do_not_know_is_refused() {
    let outside = Outside::new();
    let header = Header { crit: Some(vec!["exp2".into()]), ..Header::new(Algorithm::ES256) };
    let token = encode(&header, &json!({ "iss": "https://id.example" }), &outside.private).unwrap();
    assert_eq!(outside.verifier().verify(&token).await, invalid(InvalidToken::Malformed));
}

#[tokio::test]
async fn anything_else_is_not_a_token() {
    let world = World::new();
    for bad in ["", ".", "..", "a.b.c", "eyJhbGciOiJFZERTQSJ9..", "no", "a.b.c.d"] {
        assert!(matches!(world.verify(bad).await, Err(AuthError::Invalid(_))), "{bad}");
    }
}

#[test]
fn a_private_key_is_no_public_key_file() {
    let pem = rcgen::KeyPair::generate().unwrap().serialize_pem();
    assert!(KeySet::from_pem(pem.as_bytes()).is_err());
    assert!(KeySet::from_pem(b"nonsense").is_err());
}

#[test]
fn a_symmetric_key_in_a_published_set_is_ignored() {
    let set = json!({ "keys": [{ "kty": "oct", "k": "c2VjcmV0", "alg": "HS256" }, { "kty": "odd" }] });
    assert!(KeySet::from_jwks(&set).unwrap().is_empty());
}
