//! Pages of fifty, asked for by one caller after another: filtered, sorted, deep.

use serde_json::{Value, json};

use super::{
    super::{
        plan::body,
        report::{Row, thousands},
        say,
    },
    fill::Component,
};
use crate::{
    BenchError,
    load::{Amount, Bodies, Target, ask, drive},
};

/// Credentials on a page.
const PAGE: usize = 50;
/// Credentials on a page of the walk to a deep place.
const WALK: u64 = 1_000;
/// Half of the answers should take at most so long.
const MOST_MS: f64 = 1.0;
/// One kind of page is asked for so long, unless it is to be shorter, as far as the bounds of the count
/// allow.
const SECONDS: f64 = 3.0;
const FEWEST: f64 = 20.0;
const MOST: f64 = 1_000.0;
/// Asked before anything counts.
const WARM_UP: Amount = Amount { requests: 10, connections: 1 };

/// What the filters look for; about one in 8, in 10 and in 5 has it.
const TEXT: &str = "billing";
const STATUS: &str = "EXPIRING";
const COMPONENT: Component = Component::Basic;

/// Who asks.
pub(super) struct Caller {
    /// As the table calls him.
    pub(super) name: &'static str,
    /// The server, and his token.
    pub(super) target: Target,
    /// So many times shorter.
    pub(super) shorter: u64,
}

/// One kind of page.
struct Page {
    name: &'static str,
    filter: Value,
    order: Value,
}

/// A name and a component that every filter finds.
pub(super) fn found_by_all(number: u64, expires: &str) -> Value {
    let mut input = COMPONENT.input(&format!("{TEXT} shared {number}"), u64::MAX - number);
    input["expiresAt"] = json!(expires);
    input
}

/// Measures every kind of page for this caller.
pub(super) fn rows(caller: &Caller) -> Result<Vec<Row>, BenchError> {
    let mut rows: Vec<Row> = pages().iter().map(|page| row(caller, page)).collect::<Result<_, _>>()?;
    rows.push(deep(caller)?);
    Ok(rows)
}

fn pages() -> [Page; 6] {
    let by_name = || json!({ "by": "NAME" });
    let (text, status, component) = (json!(TEXT), json!([STATUS]), json!([COMPONENT.slug()]));
    let all = json!({ "text": text, "statuses": status, "components": component });
    [
        Page { name: "text, status and component, by name", filter: all, order: by_name() },
        Page { name: "text, by name", filter: json!({ "text": text }), order: by_name() },
        Page { name: "status, by name", filter: json!({ "statuses": status }), order: by_name() },
        Page { name: "component, by name", filter: json!({ "components": component }), order: by_name() },
        Page { name: "all, by name", filter: Value::Null, order: by_name() },
        Page { name: "all, newest first", filter: Value::Null, order: Value::Null },
    ]
}

fn row(caller: &Caller, page: &Page) -> Result<Row, BenchError> {
    let total = total(caller, &page.filter)?;
    let request = request(page, PAGE, &Value::Null);
    expect(caller, page, &request, usize::try_from(total).map_or(PAGE, |total| total.min(PAGE)))?;
    measure(caller, &format!("{} ({} found)", page.name, thousands(total as f64)), request)
}

/// The page in the middle, where only a cursor leads.
fn deep(caller: &Caller) -> Result<Row, BenchError> {
    let page = Page { name: "all, newest first, deep", filter: Value::Null, order: Value::Null };
    let total = total(caller, &page.filter)?;
    let (mut after, mut left) = (Value::Null, total / 2);
    while left > 0 {
        let step = left.min(WALK);
        let step_of = usize::try_from(step).unwrap_or(PAGE);
        let data = ask(&caller.target, &request(&page, step_of, &after))?;
        after = data["credentials"]["pageInfo"]["endCursor"].clone();
        left -= step;
    }
    let request = request(&page, PAGE, &after);
    let behind = usize::try_from(total - total / 2).unwrap_or(PAGE);
    expect(caller, &page, &request, behind.min(PAGE))?;
    let before = thousands((total / 2) as f64);
    let name = format!("{} (behind {before} of {})", page.name, thousands(total as f64));
    measure(caller, &name, request)
}

fn measure(caller: &Caller, name: &str, request: String) -> Result<Row, BenchError> {
    let name = format!("{}: {name}", caller.name);
    let bodies = Bodies::Same(request);
    let warm = drive(&caller.target, &bodies, WARM_UP)?;
    let most = SECONDS * 1e6 / caller.shorter as f64;
    let requests = (most / warm.p50_us.max(1.0)).clamp(FEWEST, MOST) as u64;
    let sample = drive(&caller.target, &bodies, Amount { requests, connections: 1 })?;
    say(&format!("{name}: {:.0} us, p99 {:.0} us", sample.p50_us, sample.p99_us));
    Ok(Row::answers(&name, MOST_MS, &sample))
}

fn request(page: &Page, first: usize, after: &Value) -> String {
    let variables = json!({ "filter": page.filter, "orderBy": page.order, "first": first, "after": after });
    body(include_str!("../../../queries/page.graphql"), &variables)
}

fn total(caller: &Caller, filter: &Value) -> Result<u64, BenchError> {
    let query =
        "query($filter: CredentialFilterInput) { credentials(filter: $filter, first: 1) { totalCount } }";
    let data = ask(&caller.target, &body(query, &json!({ "filter": filter })))?;
    let total = data["credentials"]["totalCount"].as_u64().unwrap_or_default();
    if total == 0 {
        return Err(BenchError::BadAnswer(format!("{} finds no credential with {filter}", caller.name)));
    }
    Ok(total)
}

/// A page that lists fewer than there are would look fast.
fn expect(caller: &Caller, page: &Page, request: &str, wanted: usize) -> Result<(), BenchError> {
    let data = ask(&caller.target, request)?;
    let count = data["credentials"]["edges"].as_array().map_or(0, Vec::len);
    if count == wanted {
        return Ok(());
    }
    let (who, name) = (caller.name, page.name);
    Err(BenchError::BadAnswer(format!("{who}: {name}: wanted {wanted} credentials, it lists {count}")))
}
