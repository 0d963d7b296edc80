use super::*;
use crate::catalog::Catalog;
use keytrail_ports::ComponentCatalog;

const SECRET: &str = "ghp_very-secret-0123456789";

fn check(slug: &str, fields: Value, completeness: Completeness) -> Result<CheckedFields, Vec<FieldError>> {
    let catalog = Catalog::load().unwrap();
    let Value::Object(fields) = fields else { panic!("fields are an object") };
    catalog.check_fields(&catalog.get(slug).unwrap(), fields, completeness)
}

fn complete(slug: &str, fields: Value) -> Result<CheckedFields, Vec<FieldError>> {
    check(slug, fields, Completeness::Complete)
}

fn errors(slug: &str, fields: Value) -> Vec<(String, String)> {
    let errors = complete(slug, fields).unwrap_err();
    assert!(!format!("{errors:?}").contains(SECRET), "a value is quoted");
    errors.into_iter().map(|error| (error.path, error.message)).collect()
}

fn error(path: &str, message: &str) -> Vec<(String, String)> {
    vec![(path.to_owned(), message.to_owned())]
}

#[test]
fn plain_and_secret_fields_are_parted_and_defaults_filled_in() {
    let checked = complete("github", json!({"token": SECRET})).unwrap();
    assert_eq!(checked.plain, BTreeMap::from([("base_url".to_owned(), json!("https://api.github.com"))]));
    assert_eq!(checked.secrets.get("token").unwrap().expose(), SECRET);
    assert!(!format!("{checked:?}").contains(SECRET));
}

#[test]
fn a_part_needs_no_required_fields_and_gets_no_defaults() {
    let checked = check("vault", json!({"namespace": "team"}), Completeness::Partial).unwrap();
    assert_eq!(checked.plain.len(), 1);
    assert!(checked.secrets.is_empty());
    let errors = check("vault", json!({"namespace": ""}), Completeness::Partial).unwrap_err();
    assert_eq!(errors[0].path, "fields.namespace");
}

#[test]
fn an_unknown_field_is_told_with_the_nearest_known_one() {
    assert_eq!(
        errors("github", json!({"token": SECRET, "tokn": SECRET})),
        error("fields.tokn", "is not a field of github; did you mean `token`?")
    );
    assert_eq!(
        errors("github", json!({"token": SECRET, "zzz": SECRET})),
        error("fields.zzz", "is not a field of github; it has base_url, token")
    );
}

#[test]
fn a_value_in_the_place_of_a_name_is_not_repeated() {
    let name = format!("{SECRET} {SECRET}");
    assert_eq!(errors("github", json!({"token": SECRET, name: 1}))[0].0, "fields");
}

#[test]
fn missing_fields_are_named() {
    assert_eq!(errors("github", json!({})), error("fields.token", "is required"));
    assert_eq!(
        errors("vault", json!({"address": "https://v.example", "role_id": "r"})),
        error("fields", "need token, or role_id and secret_id")
    );
}

#[test]
fn every_broken_rule_is_told_once_and_without_the_value() {
    assert_eq!(errors("github", json!({"token": 5})), error("fields.token", "must be text"));
    assert_eq!(errors("github", json!({"token": [SECRET]})), error("fields.token", "must be text"));
    assert_eq!(errors("github", json!({"token": null})), error("fields.token", "must be text"));
    assert_eq!(errors("github", json!({"token": ""})).len(), 1);
    assert_eq!(
        errors("github", json!({"token": format!("{SECRET}\r\nX-Evil: 1")})),
        error("fields.token", "must be visible ASCII characters without spaces")
    );
    assert_eq!(
        errors("github", json!({"token": SECRET.repeat(200)})),
        error("fields.token", "must have at most 4096 characters")
    );
    let both = errors("github", json!({"token": 5, "base_url": format!("https://u:{SECRET}@h.example")}));
    assert_eq!(
        both.iter().map(|(path, _)| path.as_str()).collect::<Vec<_>>(),
        ["fields.base_url", "fields.token"]
    );
}

#[test]
fn places_inside_lists_are_told() {
    let with = |statuses: Value| json!({"base_url": "https://a.example", "token": SECRET, "valid_statuses": statuses});
    assert_eq!(
        errors("http-bearer", with(json!([200, 500]))),
        error("fields.valid_statuses.1", "must be at most 428")
    );
    assert_eq!(
        errors("http-bearer", with(json!(["x"]))),
        error("fields.valid_statuses.0", "must be a whole number")
    );
    assert_eq!(
        errors("http-bearer", with(json!([]))),
        error("fields.valid_statuses", "must have at least 1 entries")
    );
    assert_eq!(
        errors("http-bearer", with(json!([200, 200]))),
        error("fields.valid_statuses", "must not have the same entry twice")
    );
}

#[test]
fn what_shapes_a_request_is_bounded() {
    let key = |name: &str, value: &str| {
        let mut fields = json!({"base_url": "https://a.example", "header_name": "X-Key", "value": SECRET});
        fields[name] = value.into();
        errors("http-api-key", fields)[0].0.clone()
    };
    for (name, value) in [
        ("header_name", "Host"),
        ("header_name", "X-Key: a"),
        ("check_path", "v1"),
        ("check_path", "/../admin"),
        ("base_url", "https://a.example?x="),
        ("base_url", "https://a.exa\tmple"),
    ] {
        assert_eq!(key(name, value), format!("fields.{name}"), "{value}");
    }
    let user = json!({"base_url": "https://a.example", "username": "a:b", "password": SECRET});
    assert_eq!(
        errors("http-basic", user),
        error("fields.username", "must not hold a colon or control characters")
    );
}
