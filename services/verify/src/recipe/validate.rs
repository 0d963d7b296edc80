//! What can be wrong with a recipe, told at load and not at the first check.

use keytrail_domain::{FieldError, component::Component, verification::Verdict};
use reqwest::header::HeaderName;
use serde_json::Value;

use super::{
    Auth, Body, Check, HeaderTest, JsonTest, Place, Recipe, RequestTemplate, Rule, Statuses, Template, When,
    is_header_name,
};

/// Most checks of one recipe, and rules of one check.
const MOST: usize = 32;

/// Every wrong place in a recipe.
pub fn problems(component: &Component, recipe: &Recipe) -> Vec<FieldError> {
    let mut found = Problems { component, errors: Vec::new() };
    found.unless((1..=MOST).contains(&recipe.checks.len()), "verify.checks", "must hold 1 to 32 checks");
    for (n, check) in recipe.checks.iter().enumerate() {
        found.check(&format!("verify.checks[{n}]"), check);
    }
    found.errors
}

struct Problems<'a> {
    component: &'a Component,
    errors: Vec<FieldError>,
}

impl Problems<'_> {
    fn unless(&mut self, good: bool, path: &str, message: &str) {
        if !good {
            self.errors.push(FieldError::new(path, message));
        }
    }

    fn check(&mut self, path: &str, check: &Check) {
        for name in check.when.ensured() {
            self.known(&format!("{path}.when"), name);
        }
        self.request(&format!("{path}.request"), &check.when, &check.request);
        self.unless(
            (1..=MOST).contains(&check.rules.len()),
            &format!("{path}.rules"),
            "must hold 1 to 32 rules",
        );
        let yes = check.rules.is_empty() || check.rules.iter().any(|rule| rule.verdict.is_yes());
        self.unless(yes, &format!("{path}.rules"), "must have a rule that says VALID or LIMITED");
        for (n, rule) in check.rules.iter().enumerate() {
            self.rule(&format!("{path}.rules[{n}]"), rule);
        }
        let scopes = check.scopes.iter().map(|scopes| ("scopes", &scopes.from));
        let ends = check.expires_at.iter().map(|expiry| ("expiresAt", &expiry.from));
        for (name, place) in check.identity.iter().map(|place| ("identity", place)).chain(scopes).chain(ends)
        {
            if let Place::Header(header) = place {
                self.header_name(&format!("{path}.{name}"), header);
            }
        }
    }

    fn request(&mut self, path: &str, when: &When, request: &RequestTemplate) {
        if let Some(name) = request.url.base_field() {
            let good = self.component.destination_fields().contains(name);
            self.unless(good, &format!("{path}.url"), "must begin with a field marked `x-destination`");
            self.ensured(&format!("{path}.url"), when, name);
        }
        for name in request.url.path_fields() {
            self.ensured(&format!("{path}.url"), when, name);
        }
        for (name, template) in &request.headers {
            let path = format!("{path}.headers.{name}");
            self.unless(is_header_name(name), &path, "is not the name of a header that may be set");
            self.template(&path, template);
        }
        for (name, template) in &request.query {
            self.template(&format!("{path}.query.{name}"), template);
        }
        if let Some(body) = &request.body {
            self.unless(
                request.method == super::Method::Post,
                &format!("{path}.body"),
                "goes with POST only",
            );
            self.body(&format!("{path}.body"), when, body);
        }
        self.auth(&format!("{path}.auth"), when, request.auth.as_ref());
    }

    fn body(&mut self, path: &str, when: &When, body: &Body) {
        match body {
            Body::Form(entries) => entries.values().for_each(|template| self.template(path, template)),
            Body::Json(value) => self.json(path, when, value),
        }
    }

    fn json(&mut self, path: &str, when: &When, value: &Value) {
        match value {
            Value::String(text) => match Template::try_from(text.clone()) {
                Ok(template) => template.fields().for_each(|name| self.ensured(path, when, name)),
                Err(error) => self.errors.push(FieldError::new(path, error.to_string())),
            },
            Value::Array(items) => items.iter().for_each(|item| self.json(path, when, item)),
            Value::Object(entries) => entries.values().for_each(|value| self.json(path, when, value)),
            _ => {}
        }
    }

    fn auth(&mut self, path: &str, when: &When, auth: Option<&Auth>) {
        let templates = match auth {
            None => vec![],
            Some(Auth::Bearer(token)) => vec![token],
            Some(Auth::Basic { user: one, password: two }) => vec![one, two],
            Some(Auth::Header { name: one, value: two } | Auth::Query { name: one, value: two }) => {
                vec![one, two]
            }
        };
        for name in templates.into_iter().flat_map(Template::fields) {
            self.ensured(path, when, name);
        }
    }

    fn rule(&mut self, path: &str, rule: &Rule) {
        let inconclusive = rule.verdict == Verdict::Inconclusive;
        self.unless(
            rule.verdict != Verdict::Unsupported,
            &format!("{path}.verdict"),
            "cannot be UNSUPPORTED",
        );
        let message = "goes with INCONCLUSIVE, and only with it";
        self.unless(inconclusive == rule.reason.is_some(), &format!("{path}.reason"), message);
        let plain = (1..=200).contains(&rule.message.len()) && !rule.message.contains("{{");
        self.unless(plain, &format!("{path}.message"), "must be 1 to 200 bytes without placeholders");
        self.statuses(&format!("{path}.status"), &rule.status, inconclusive);
        if let Some(JsonTest { equals, one_of, contains, .. }) = &rule.json {
            let given = [equals.is_some(), one_of.is_some(), contains.is_some()];
            self.one_comparison(&format!("{path}.json"), given);
        }
        if let Some(HeaderTest { name, equals, one_of, contains }) = &rule.header {
            self.header_name(&format!("{path}.header.name"), name);
            let given = [equals.is_some(), one_of.is_some(), contains.is_some()];
            self.one_comparison(&format!("{path}.header"), given);
        }
    }

    fn one_comparison(&mut self, path: &str, given: [bool; 3]) {
        let count = given.into_iter().filter(|given| *given).count();
        self.unless(count <= 1, path, "has at most one of `equals`, `oneOf` and `contains`");
    }

    fn statuses(&mut self, path: &str, statuses: &Statuses, inconclusive: bool) {
        let (codes, nonempty) = match statuses {
            Statuses::List(codes) => (codes.clone(), !codes.is_empty()),
            Statuses::Range(range) => (vec![range.from, range.to], range.from <= range.to),
            Statuses::Field(field) => return self.status_field(path, &field.field),
        };
        let real = codes.iter().all(|code| (200..=599).contains(code));
        self.unless(nonempty && real, path, "must be status codes from 200 to 599");
        // 429 and 5xx speak of the system's state, not of the credential.
        let spoken = match statuses {
            Statuses::Range(range) => range.to >= 429,
            _ => codes.iter().any(|code| *code == 429 || *code >= 500),
        };
        self.unless(inconclusive || !spoken, path, "429 and 5xx prove nothing: only INCONCLUSIVE");
    }

    fn status_field(&mut self, path: &str, name: &str) {
        let schema = &self.component.fields["properties"][name];
        let items = &schema["items"];
        let bounded = items["type"] == "integer" && items["minimum"].as_u64() >= Some(200);
        let good =
            schema["type"] == "array" && bounded && items["maximum"].as_u64().is_some_and(|most| most < 429);
        self.unless(good, path, "must name an array field of integers from 200 to at most 428");
        self.unless(schema["x-secret"] != true, path, "must not name a secret field");
    }

    fn template(&mut self, path: &str, template: &Template) {
        for name in template.fields() {
            self.known(path, name);
        }
    }

    fn header_name(&mut self, path: &str, name: &str) {
        self.unless(HeaderName::from_bytes(name.as_bytes()).is_ok(), path, "is not a header's name");
    }

    fn known(&mut self, path: &str, name: &str) -> bool {
        let known = self.component.fields["properties"].get(name).is_some();
        self.unless(known, path, &format!("there is no field `{name}`"));
        known
    }

    /// The field is known and surely has a value when the check is made.
    fn ensured(&mut self, path: &str, when: &When, name: &str) {
        if !self.known(path, name) {
            return;
        }
        let schema = &self.component.fields;
        let sure = schema["required"].as_array().into_iter().flatten().any(|required| required == name)
            || schema["properties"][name].get("default").is_some()
            || when.ensured().any(|ensured| ensured == name);
        self.unless(
            sure,
            path,
            &format!("`{name}` is not surely set: require it, give a default, or ask in `when`"),
        );
    }
}
