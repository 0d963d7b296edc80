use keytrail_ports::ComponentCatalog;
use serde_json::json;

use super::*;
use crate::Catalog;

fn good(slug: &str) -> Value {
    serde_json::to_value(&*Catalog::load().unwrap().get(slug).unwrap()).unwrap()
}

/// GitHub's definition with one place changed (null: taken away), and where that is complained about.
fn complaints(pointer: &str, value: Value) -> Vec<String> {
    complaints_of("github", pointer, value)
}

/// The same for any component.
fn complaints_of(slug: &str, pointer: &str, value: Value) -> Vec<String> {
    let mut definition = good(slug);
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let parent = definition.pointer_mut(parent).unwrap_or_else(|| panic!("{pointer}"));
    match (parent, value) {
        (Value::Object(entries), Value::Null) => drop(entries.remove(name)),
        (Value::Array(items), value) => items[name.parse::<usize>().unwrap()] = value,
        (parent, value) => parent[name] = value,
    }
    match validate_definition(&definition) {
        Ok(_) => vec![],
        Err(errors) => errors.into_iter().map(|error| error.path).collect(),
    }
}

#[test]
fn the_built_in_ones_are_good() {
    for component in Catalog::load().unwrap().list() {
        assert_eq!(validate_definition(&good(&component.slug)).unwrap(), *component);
    }
}

#[test]
fn a_broken_head_is_told() {
    for (pointer, value, path) in [
        ("/slug", json!("Git Hub"), "slug"),
        ("/slug", json!("a/b"), "slug"),
        ("/version", json!(0), "version"),
        ("/name", json!("a\nb"), "name"),
        ("/kind", json!("NONSENSE"), "kind"),
        ("/description", json!(""), "description"),
        ("/documentation", json!("javascript:alert(1)"), "documentation"),
        ("/documentation", json!("http://a.example"), "documentation"),
        ("/allowedHosts", json!([]), "allowedHosts"),
        ("/allowedHosts/0", json!("*"), "allowedHosts[0]"),
        ("/allowedHosts/0", json!("{{token}}"), "allowedHosts[0]"),
        ("/allowedHosts/0", json!("{{base_url}}.evil.example"), "allowedHosts[0]"),
        ("/allowedHosts/0", json!("https://a.example/"), "allowedHosts[0]"),
        ("/description", json!("x".repeat(70_000)), ""),
    ] {
        assert_eq!(complaints(pointer, value.clone()), [path], "{pointer} {value}");
    }
    assert_eq!(complaints("/extra", json!(1)).len(), 1);
}

#[test]
fn a_broken_schema_is_told() {
    let token = "/fields/properties/token";
    for (pointer, value, path) in [
        ("/fields/type", json!("array"), "fields.type"),
        ("/fields/additionalProperties", json!(true), "fields.additionalProperties"),
        ("/fields/allOf", json!([]), "fields.allOf"),
        ("/fields/required", json!(["tokn"]), "fields.required"),
        ("/fields/anyOf", json!([{"required": ["tokn"]}]), "fields.anyOf[0].required"),
        (
            "/fields/properties/Bad Name",
            json!({"type": "boolean", "title": "x"}),
            "fields.properties.Bad Name",
        ),
        (&format!("{token}/$ref"), json!("https://evil.example/schema"), "fields.properties.token.$ref"),
        (&format!("{token}/not"), json!({}), "fields.properties.token.not"),
        (&format!("{token}/title"), Value::Null, "fields.properties.token.title"),
        (&format!("{token}/maxLength"), Value::Null, "fields.properties.token.maxLength"),
        (&format!("{token}/maxLength"), json!(1_000_000), "fields.properties.token.maxLength"),
        (&format!("{token}/minLength"), json!(0), "fields.properties.token.minLength"),
        (&format!("{token}/default"), json!("x"), "fields.properties.token.default"),
        (&format!("{token}/enum"), json!(["a"]), "fields.properties.token.enum"),
        (&format!("{token}/x-destination"), json!(true), "fields.properties.token.x-destination"),
        (&format!("{token}/x-secret"), json!("yes"), "fields.properties.token.x-secret"),
        (&format!("{token}/format"), json!("regex"), "fields.properties.token.format"),
        (&format!("{token}/pattern"), json!("(a"), "fields.properties.token.pattern"),
        (&format!("{token}/pattern"), json!("(?=a)"), "fields.properties.token.pattern"),
        // A few characters that take hundreds of kilobytes.
        (&format!("{token}/pattern"), json!("^\\p{L}{9}$"), "fields.properties.token.pattern"),
        (&format!("{token}/pattern"), json!(7), "fields.properties.token.pattern"),
        ("/fields/properties/base_url/default", json!("nowhere"), "fields.properties.base_url.default"),
    ] {
        assert_eq!(complaints(pointer, value.clone()), [path], "{pointer} {value}");
    }
}

#[test]
fn a_broken_recipe_is_told() {
    for (pointer, value, path) in [
        ("/checks", json!([]), ".checks"),
        ("/checks/0/wenn", json!({}), ".checks[0].wenn"),
        ("/checks/0/when", json!({"set": ["tokn"]}), ".checks[0].when"),
        ("/checks/0/request/method", json!("DELETE"), ".checks[0].request.method"),
        ("/checks/0/request/url", json!("{{token}}/user"), ".checks[0].request.url"),
        ("/checks/0/request/url", json!("http://a.example/"), ".checks[0].request.url"),
        ("/checks/0/request/url", json!("{{base_url}}.evil.example/"), ".checks[0].request.url"),
        ("/checks/0/request/url", json!("{{base_url}}/{{nonesuch}}"), ".checks[0].request.url"),
        ("/checks/0/request/headers/Host", json!("a.example"), ".checks[0].request.headers.Host"),
        ("/checks/0/request/headers/X-A", json!("{{nonesuch}}"), ".checks[0].request.headers.X-A"),
        ("/checks/0/request/headers/X-A", json!("{{token"), ".checks[0].request.headers.X-A"),
        ("/checks/0/request/query/a", json!("{{nonesuch}}"), ".checks[0].request.query.a"),
        ("/checks/0/request/body", json!({"json": {}}), ".checks[0].request.body"),
        ("/checks/0/request/auth", json!({"digest": "{{token}}"}), ".checks[0].request.auth"),
        ("/checks/0/rules", json!([]), ".checks[0].rules"),
        (
            "/checks/0/rules",
            json!([{"status": [401], "verdict": "INVALID", "message": "no"}]),
            ".checks[0].rules",
        ),
        ("/checks/0/rules/0/status", json!([]), ".checks[0].rules[0].status"),
        ("/checks/0/rules/0/status", json!([100]), ".checks[0].rules[0].status"),
        ("/checks/0/rules/0/status", json!([429]), ".checks[0].rules[0].status"),
        ("/checks/0/rules/0/status", json!([503]), ".checks[0].rules[0].status"),
        ("/checks/0/rules/0/status", json!({"from": 200, "to": 599}), ".checks[0].rules[0].status"),
        ("/checks/0/rules/0/status", json!({"from": 299, "to": 200}), ".checks[0].rules[0].status"),
        ("/checks/0/rules/0/status", json!({"field": "base_url"}), ".checks[0].rules[0].status"),
        ("/checks/0/rules/0/status", json!({"von": 200}), ".checks[0].rules[0].status"),
        ("/checks/0/rules/0/verdict", json!("MAYBE"), ".checks[0].rules[0].verdict"),
        ("/checks/0/rules/0/reason", json!("TIMEOUT"), ".checks[0].rules[0].reason"),
        ("/checks/0/rules/0/message", json!("hello {{token}}"), ".checks[0].rules[0].message"),
        ("/checks/0/rules/0/json", json!({"path": "$..a"}), ".checks[0].rules[0].json.path"),
        (
            "/checks/0/rules/0/json",
            json!({"path": "$.a", "equals": 1, "oneOf": [1]}),
            ".checks[0].rules[0].json",
        ),
        ("/checks/0/rules/0/header", json!({"name": "a b"}), ".checks[0].rules[0].header.name"),
        ("/checks/1/identity", json!({"json": "login"}), ".checks[1].identity.json"),
        ("/checks/1/identity", json!({"header": "a b"}), ".checks[1].identity"),
        ("/checks/1/scopes", json!({"from": {"header": ""}}), ".checks[1].scopes"),
    ] {
        let found = complaints(&format!("/verify{pointer}"), value.clone());
        assert_eq!(found, [format!("verify{path}")], "{pointer} {value}");
    }
}

#[test]
fn a_definition_for_a_driver_has_the_fields_that_it_reads_marked_for_what_they_decide() {
    let fields = "/fields/properties";
    for (pointer, value, path) in [
        ("/verify/driver".to_owned(), json!("postgresql"), "verify.driver"),
        ("/verify/driver".to_owned(), json!(1), "verify.driver"),
        ("/verify/checks".to_owned(), json!([]), "verify.checks"),
        ("/fields/required".to_owned(), json!(["host", "password"]), "fields.properties.username"),
        (format!("{fields}/sslmode/x-destination"), json!(false), "fields.properties.sslmode"),
        (format!("{fields}/ca/x-destination"), Value::Null, "fields.properties.ca"),
        (format!("{fields}/password/x-secret"), json!(false), "fields.properties.password"),
        (format!("{fields}/sslmode"), Value::Null, "fields.properties.sslmode"),
        ("/allowedHosts/0".to_owned(), json!("{{host}}:{{username}}"), "allowedHosts[0]"),
        ("/allowedHosts/0".to_owned(), json!("{{host}}.evil.example:{{port}}"), "allowedHosts[0]"),
        ("/allowedHosts/0".to_owned(), json!("{{port}}:{{host}}"), "allowedHosts[0]"),
    ] {
        assert_eq!(complaints_of("postgres", &pointer, value.clone()), [path], "{pointer} {value}");
    }
    let mut unknown = good("postgres");
    unknown["verify"]["driver"] = json!("postgresql");
    let errors = validate_definition(&unknown).unwrap_err();
    for known in ["postgres", "mysql", "redis", "tls-certificate"] {
        assert!(errors[0].message.contains(known), "{errors:?}");
    }
}

#[test]
fn a_field_that_may_be_missing_cannot_shape_the_request() {
    let mut vault = good("vault");
    vault["verify"]["checks"][1]["when"] = json!({});
    let errors = validate_definition(&vault).unwrap_err();
    assert!(errors.iter().all(|error| error.path == "verify.checks[1].request.body"), "{errors:?}");
    assert_eq!(errors.len(), 2, "role_id and secret_id");
}

#[test]
fn nothing_but_an_object_is_a_definition() {
    for other in [json!(null), json!([]), json!("x"), json!({})] {
        assert!(validate_definition(&other).is_err());
    }
}

#[test]
fn how_often_it_is_checked_and_whether_that_locks_accounts_is_part_of_a_definition() {
    let checked = |pointer: &str, value: Value| {
        let mut definition = good("github");
        definition[pointer] = value;
        validate_definition(&definition)
    };
    assert!(
        good("github").get("lockoutSafe").is_none()
            && Catalog::load().unwrap().get("github").unwrap().lockout_safe
    );
    assert_eq!(checked("checkEverySeconds", json!(86_400)).unwrap().check_every_seconds, Some(86_400));
    assert!(!checked("lockoutSafe", json!(false)).unwrap().lockout_safe);
    for wrong in [json!(59), json!(2_592_001)] {
        assert_eq!(checked("checkEverySeconds", wrong).unwrap_err()[0].path, "checkEverySeconds");
    }
}

#[test]
fn a_definition_may_narrow_the_ways_of_its_connections_and_add_none() {
    let with = |ways: Value| {
        let mut definition = good("github");
        definition["transitions"] = ways;
        validate_definition(&definition)
    };
    assert!(with(json!({ "REGISTERED": ["CONNECTED"], "CONNECTED": [] })).is_ok());
    for wrong in [json!({ "IGNORED": ["CONNECTED"] }), json!({ "DELETED": ["REGISTERED"] })] {
        assert_eq!(with(wrong).unwrap_err()[0].path, "transitions");
    }
    assert!(with(json!({ "NOWHERE": [] })).is_err());
}

const PAGE: &str = include_str!("../../../../docs/adding-a-component.md");

#[test]
fn the_example_of_the_page_for_strangers_is_good() {
    let (_, rest) = PAGE.split_once("```json\n").unwrap();
    let (example, _) = rest.split_once("```").unwrap();
    validate_definition(&serde_json::from_str(example).unwrap()).unwrap();
}

#[test]
fn the_page_for_strangers_has_every_word_of_a_field() {
    let words = FIELD_WORDS.iter().chain(&ITEM_WORDS).chain(&TYPES).chain(&TOP_WORDS);
    for word in words.chain(&OWN_FORMATS).chain(&KNOWN_FORMATS) {
        assert!(PAGE.contains(&format!("`{word}`")), "{word}");
    }
}

#[test]
fn patterns_are_few_and_small_in_items_too() {
    let field = |n: usize| (format!("field_{n}"), list("^a{1,8}$", n));
    let with = |most: usize| good_with((0..most).map(field));
    assert!(validate_definition(&with(MOST_PATTERNS)).is_ok());
    let errors = validate_definition(&with(MOST_PATTERNS + 1)).unwrap_err();
    assert_eq!(errors, [FieldError::new("fields.properties", "must hold at most 32 patterns")]);
    let large = good_with([("field".to_owned(), list(r"^\p{L}{9}$", 1))]);
    let errors = validate_definition(&large).unwrap_err();
    assert_eq!(errors[0].path, "fields.properties.field.items.pattern");
    assert!(errors[0].message.contains("at most 64 KiB"), "{}", errors[0].message);
}

/// GitHub's definition without its own patterns, and with these fields.
fn good_with(fields: impl IntoIterator<Item = (String, Value)>) -> Value {
    let mut definition = good("github");
    let own = definition["fields"]["properties"].as_object_mut().unwrap();
    own.values_mut().for_each(|field| drop(field.as_object_mut().unwrap().remove("pattern")));
    own.extend(fields);
    definition
}

fn list(pattern: &str, most: usize) -> Value {
    let items = json!({"type": "string", "pattern": pattern});
    json!({"type": "array", "title": "List", "maxItems": most + 1, "items": items})
}
