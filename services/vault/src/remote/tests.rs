//! What needs no server: the configuration, and what each answer means.

use rustify::errors::ClientError as RestError;
use vaultrs::error::ClientError;

use super::*;

fn config(address: &str) -> VaultConfig {
    VaultConfig {
        address: address.to_owned(),
        mount: "keytrail".to_owned(),
        namespace: None,
        ca_file: None,
        login: Login::Token(SecretValue::new("s.token".to_owned())),
    }
}

#[test]
fn an_address_is_trimmed_and_anything_else_is_refused_without_being_quoted() {
    for good in ["http://127.0.0.1:8200", " https://vault.example.com\n", "https://[::1]:8200/"] {
        assert!(config(good).checked().is_ok(), "{good}");
    }
    for bad in [
        "",
        "vault",
        "vault:8200",
        "ftp://vault",
        "https://user:hunter2@vault",
        "https://hunter2@vault",
        "https://vault/prefix",
        "https://vault?token=hunter2",
        "https://vault#hunter2",
        "http://",
        "http:// hunter2",
    ] {
        let refused = config(bad).checked().err().unwrap_or_else(|| panic!("{bad} was taken"));
        assert!(!format!("{refused} {refused:?}").contains("hunter2"));
    }
}

#[test]
fn a_token_is_trimmed_and_must_fit_into_a_header() {
    let with = |text: &str| VaultConfig {
        login: Login::Token(SecretValue::new(text.to_owned())),
        ..config("http://v")
    };
    let Login::Token(token) = with(" s.token\r\n").checked().map(|it| it.login).unwrap() else {
        panic!("a token")
    };
    assert_eq!(token.expose(), "s.token");
    for bad in ["", "  ", "two\nlines", "with space", "ünicode", "nul\0"] {
        assert!(matches!(with(bad).checked(), Err(VaultConfigError::Token)), "{bad:?}");
    }
}

#[test]
fn mounts_and_namespaces_cannot_climb_or_split() {
    for good in ["keytrail", "/keytrail/", "team/key_trail-2"] {
        assert!(VaultConfig { mount: good.to_owned(), ..config("http://v") }.checked().is_ok(), "{good}");
    }
    for bad in ["", "/", "a/../b", "a//b", "a b", "a%2fb", "a?b", "a\nb", "ä"] {
        let mount = VaultConfig { mount: bad.to_owned(), ..config("http://v") };
        assert!(matches!(mount.checked(), Err(VaultConfigError::Mount)), "{bad:?}");
    }
    let space = |name: &str| VaultConfig { namespace: Some(name.to_owned()), ..config("http://v") }.checked();
    assert_eq!(space("team/one/").unwrap().namespace.as_deref(), Some("team/one"));
    assert_eq!(space(" ").unwrap().namespace, None);
    assert!(matches!(space("a\r\nX-Evil: 1"), Err(VaultConfigError::Namespace)));
}

#[test]
fn a_file_of_authorities_must_be_there_and_hold_some() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("ca.pem");
    let with = || VaultConfig { ca_file: Some(path.clone()), ..config("https://v") };
    assert!(matches!(with().checked(), Err(VaultConfigError::CaFile { .. })));
    std::fs::write(&path, "no certificate").unwrap();
    assert!(matches!(with().checked(), Err(VaultConfigError::NoCertificates { .. })));
}

fn api(code: u16, errors: &[&str]) -> Fault {
    ClientError::APIError { code, errors: errors.iter().map(|&text| text.to_owned()).collect() }.into()
}

fn raw(code: u16, content: Option<&str>) -> Fault {
    let source = RestError::ServerResponseError { code, content: content.map(str::to_owned) };
    ClientError::RestClientError { source }.into()
}

#[test]
fn only_the_vault_itself_can_say_that_a_secret_is_missing() {
    assert_eq!(api(404, &[]), Fault::Missing);
    assert_eq!(raw(404, Some(r#"{"data":{"data":null,"metadata":{"version":1}}}"#)), Fault::Missing);
    assert_eq!(api(404, &["no handler for route"]), Fault::NoMount);
    assert_eq!(raw(404, Some("<html>not found</html>")), Fault::Stranger);
    assert_eq!(raw(404, None), Fault::Stranger);
}

#[test]
fn every_status_has_its_reaction() {
    for (code, fault) in [
        (400, Fault::Refused),
        (403, Fault::Forbidden),
        (429, Fault::Busy),
        (473, Fault::Sealed),
        (500, Fault::Failing),
        (502, Fault::Failing),
        (503, Fault::Sealed),
        (307, Fault::Stranger),
        (418, Fault::Stranger),
    ] {
        assert_eq!((api(code, &["x"]), raw(code, Some("x"))), (fault, fault), "{code}");
    }
}

#[test]
fn a_place_is_named_only_where_somebody_has_to_look_at_it() {
    let text = |fault: Fault| fault.into_error("a/b/c").to_string();
    assert!(text(Fault::Unreadable).contains("a/b/c"));
    for fault in
        [Fault::Missing, Fault::Exists, Fault::Policy, Fault::Silent, Fault::Stranger, Fault::Refused]
    {
        assert!(!text(fault).contains("a/b/c"), "{fault:?}");
    }
}
