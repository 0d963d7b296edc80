//! Promises 4, 6 and 7: lists against a naive filter over all rows, both ways to the rows.

use std::cmp::Ordering;

use keytrail_domain::{
    EnvironmentId,
    credential::{Status, UsageKind},
};
use keytrail_ports::views::{CredentialSort, Page, SortKey, UsageRow};
use proptest::{collection::vec, option, prelude::*, sample::select, test_runner::TestCaseError};

use super::*;
use crate::views::{
    credentials::{self, Question, Shelf},
    text::folded,
    thing,
};

const NOW: i64 = 100 * 86_400;
const NAMES: [&str; 6] = ["alpha", "Alpha", "beta", "Bet", "ALPHABET", "ä"];
const COMPONENTS: [&str; 2] = ["github", "slack"];

/// A credential, and who was granted it until when.
#[derive(Clone, Debug)]
struct Sample {
    name: &'static str,
    component: &'static str,
    health: Health,
    flags: (bool, bool, bool, bool),
    end_days: Option<i64>,
    times: (i64, i64),
    leased: Option<i64>,
    owner: u128,
    label: Option<(&'static str, &'static str)>,
    used: bool,
    grants: Vec<(u128, Option<i64>)>,
}

fn sample() -> impl Strategy<Value = Sample> {
    let healths = [Health::Unverified, Health::Valid, Health::Invalid, Health::Expired];
    let flags = (any::<bool>(), 0..5u8, 0..9u8, any::<bool>())
        .prop_map(|(suspended, deleted, purged, alert)| (suspended, deleted == 0, purged == 0, alert));
    let days = option::of(select(vec![-1, 0, 1, 29, 30, 31, 90]));
    let label = option::of((select(vec!["env", "team"]), select(vec!["prod", "Test"])));
    let grants = vec((0..4u128, option::of(select(vec![-1, 0, 1]))), 0..3);
    let what = (select(NAMES.to_vec()), select(COMPONENTS.to_vec()), select(healths.to_vec()), flags);
    let when = (days, (0..4i64, 0..4i64), option::of(0..4i64));
    let who = (0..4u128, label, any::<bool>(), grants);
    (what, when, who).prop_map(|(what, when, who)| {
        let ((name, component, health, flags), (end_days, times, leased)) = (what, when);
        let (owner, label, used, grants) = who;
        Sample { name, component, health, flags, end_days, times, leased, owner, label, used, grants }
    })
}

fn day(days: i64) -> Timestamp {
    time(NOW).plus_days(days)
}

impl Sample {
    fn row(&self, tenant: TenantId, number: u128) -> CredentialRow {
        let mut row = credential(tenant, number, self.name);
        let usage = UsageRow {
            kind: UsageKind::Flow,
            id: "flow_1".into(),
            active: true,
            attached_at: time(0),
            changed_at: time(0),
        };
        let (suspended, deleted, purged, alert) = self.flags;
        row.component.slug = self.component.to_owned();
        row.kind = if number.is_multiple_of(3) { CredentialKind::Basic } else { CredentialKind::ApiKey };
        row.external_id = (number.is_multiple_of(4)).then(|| format!("ext-{number}"));
        row.owner = Owner::Team(team(self.owner));
        row.health = self.health;
        row.suspended = suspended;
        row.deleted_at = (deleted || purged).then(|| time(1));
        row.purged = purged;
        row.open_alerts = u32::from(alert);
        row.expires_at = self.end_days.map(day);
        (row.created_at, row.updated_at) = (time(self.times.0), time(self.times.1));
        row.last_leased_at = self.leased.map(time);
        row.labels = Labels::new(self.label.map(|(key, value)| (key.to_owned(), value.to_owned()))).unwrap();
        row.usages = self.used.then_some(usage).into_iter().collect();
        row
    }

    fn puts(&self, tenant: TenantId, number: u128) -> Vec<Put> {
        let row = self.row(tenant, number);
        let (id, owner) = (row.id, row.owner);
        let grant = |(who, days): &(u128, Option<i64>)| {
            Put::Grant(id, holder(*who), Some(Level::View), days.map(day))
        };
        [put(row), Put::Owner(id, owner)].into_iter().chain(self.grants.iter().map(grant)).collect()
    }

    /// The last grant to each counts.
    fn is_held_by(&self, who: &[Grantee]) -> bool {
        let in_force = |days: Option<i64>| days.is_none_or(|days| days > 0);
        let last = |number: u128| self.grants.iter().rev().find(|(holder, _)| *holder == number);
        who.iter().any(|grantee| match grantee {
            Grantee::Team(id) => *id == team(self.owner),
            Grantee::ServiceAccount(_) => false,
            other => (0..5)
                .find(|number| holder(*number) == *other)
                .is_some_and(|number| last(number).is_some_and(|(_, days)| in_force(*days))),
        })
    }
}

/// Who has the grant of this number: people, and one environment.
fn holder(number: u128) -> Grantee {
    if number == 3 { Grantee::Environment(environment()) } else { Grantee::Member(member(number)) }
}

fn environment() -> EnvironmentId {
    EnvironmentId::from_uuid(uuid::Uuid::from_u128(3))
}

fn filter() -> impl Strategy<Value = CredentialFilter> {
    let text = option::weighted(0.3, select(vec!["a", "alph", "BET", "ä", "prod", "hub", "ext-1", "zzz"]));
    let statuses = prop_oneof![3 => Just(Vec::new()), 2 => vec(select(Status::ALL.to_vec()), 1..4)];
    let labels = option::weighted(0.2, (select(vec!["env", "team"]), option::of(Just("prod"))));
    let what = (text, statuses, labels, option::weighted(0.2, select(COMPONENTS.to_vec())));
    let who = (option::weighted(0.1, 0..4u128), option::weighted(0.1, 0..4u128), any::<bool>());
    let rare = (0..12u8, option::weighted(0.1, -1..40i64), option::weighted(0.1, 0..4i64));
    (what, who, rare, proptest::bool::weighted(0.2)).prop_map(|(what, who, rare, deleted)| CredentialFilter {
        text: what.0.map(str::to_owned),
        statuses: what.1,
        labels: what.2.map(|(key, value)| (key.to_owned(), value.map(str::to_owned))).into_iter().collect(),
        components: what.3.map(str::to_owned).into_iter().collect(),
        kinds: if rare.0 == 0 { vec![CredentialKind::Basic] } else { Vec::new() },
        owner: who.0.map(|number| Owner::Team(team(number))),
        team: who.1.map(team),
        environment: (rare.0 == 3).then(environment),
        used_by: (rare.0 == 1).then(|| "flow_1".to_owned()),
        has_open_alert: (rare.0 == 2).then_some(who.2),
        expiring_before: rare.1.map(day),
        unused_since: rare.2.map(time),
        deleted,
    })
}

fn question() -> impl Strategy<Value = CredentialQuery> {
    use CredentialSort as S;
    let by = select(vec![S::Name, S::CreatedAt, S::UpdatedAt, S::ExpiresAt]);
    let grantee =
        prop_oneof![(0..5u128).prop_map(holder), (0..5u128).prop_map(|number| Grantee::Team(team(number))),];
    let scope = prop_oneof![Just(Scope::All), vec(grantee, 0..4).prop_map(Scope::GrantedTo)];
    (filter(), by, any::<bool>(), scope, 1..6u32).prop_map(|(filter, by, descending, scope, limit)| {
        CredentialQuery {
            tenant: acme(),
            scope,
            filter,
            order: CredentialOrder { by, descending },
            page: PageRequest::first(limit),
            now: time(NOW),
        }
    })
}

/// Which rows fit, said as plainly as possible.
fn fits(sample: &Sample, row: &CredentialRow, query: &CredentialQuery) -> bool {
    let filter = &query.filter;
    let granted = |who: &[Grantee]| sample.is_held_by(who);
    let has_text = |text: &String| {
        let parts = [&row.name, &row.component.slug, row.external_id.as_ref().unwrap_or(&row.name)];
        let values = row.labels.iter().map(|(_, value)| value);
        parts.into_iter().map(String::as_str).chain(values).any(|part| folded(part).contains(&folded(text)))
    };
    let has_label = |(key, value): &(String, Option<String>)| {
        row.labels.iter().any(|(k, v)| k == key && value.as_ref().is_none_or(|value| value == v))
    };
    !row.purged
        && row.deleted_at.is_some() == filter.deleted
        && match &query.scope {
            Scope::All => true,
            Scope::GrantedTo(who) => granted(who),
        }
        && filter.text.as_ref().is_none_or(has_text)
        && (filter.statuses.is_empty() || filter.statuses.contains(&row.status(query.now)))
        && (filter.components.is_empty() || filter.components.contains(&row.component.slug))
        && (filter.kinds.is_empty() || filter.kinds.contains(&row.kind))
        && filter.owner.is_none_or(|owner| owner == row.owner)
        && filter.team.is_none_or(|team| granted(&[Grantee::Team(team)]))
        && filter.environment.is_none_or(|it| granted(&[Grantee::Environment(it)]))
        && filter.labels.iter().all(has_label)
        && filter.used_by.as_ref().is_none_or(|user| row.usages.iter().any(|usage| usage.id == *user))
        && filter.expiring_before.is_none_or(|end| row.expires_at.is_some_and(|at| at < end))
        && filter.unused_since.is_none_or(|since| row.last_leased_at.is_none_or(|at| at < since))
        && filter.has_open_alert.is_none_or(|wanted| wanted == (row.open_alerts > 0))
}

fn compare(a: &CredentialRow, b: &CredentialRow, order: CredentialOrder) -> Ordering {
    let last = Timestamp::from_micros(i64::MAX);
    let ascending = match order.by {
        CredentialSort::Name => folded(&a.name).cmp(&folded(&b.name)),
        CredentialSort::CreatedAt => a.created_at.cmp(&b.created_at),
        CredentialSort::UpdatedAt => a.updated_at.cmp(&b.updated_at),
        CredentialSort::ExpiresAt => a.expires_at.unwrap_or(last).cmp(&b.expires_at.unwrap_or(last)),
    };
    let ascending = ascending.then(a.id.cmp(&b.id));
    if order.descending { ascending.reverse() } else { ascending }
}

fn expected(samples: &[Sample], query: &CredentialQuery) -> Vec<CredentialId> {
    let rows =
        samples.iter().enumerate().map(|(number, sample)| (sample, sample.row(acme(), number as u128)));
    let mut rows: Vec<_> =
        rows.filter(|(sample, row)| fits(sample, row, query)).map(|(_, row)| row).collect();
    rows.sort_by(|a, b| compare(a, b, query.order));
    rows.iter().map(|row| row.id).collect()
}

/// One page, by candidates (`few` many at most) or along the order.
async fn page(views: &SqliteViews, query: &CredentialQuery, few: i64) -> Page<Arc<CredentialRow>> {
    let (query, hot, ticket) = (query.clone(), Arc::clone(&views.hot), views.hot.ticket());
    let read = views.readers.read(move |connection| {
        let tenant = thing::find_tenant(connection, query.tenant)?.unwrap();
        let shelf = Shelf { hot: &hot, ticket };
        credentials::page(connection, &Question::new(tenant, &query).with_few(few), &shelf)
    });
    read.await.unwrap()
}

type Listed = Vec<(SortKey, CredentialId)>;

/// All pages, one after the other; checks what each says about its neighbours.
async fn listed(
    views: &SqliteViews,
    query: &CredentialQuery,
    backwards: bool,
    few: i64,
) -> Result<Listed, TestCaseError> {
    let mut all: Listed = Vec::new();
    let mut query = query.clone();
    query.page.backwards = backwards;
    loop {
        let page = page(views, &query, few).await;
        let more = if backwards { page.has_previous } else { page.has_next };
        let came = if backwards { page.has_next } else { page.has_previous };
        prop_assert!(page.rows.len() <= query.page.limit as usize);
        prop_assert_eq!(came, !all.is_empty());
        let rows: Listed = page.rows.into_iter().map(|(key, row)| (key, row.id)).collect();
        all = if backwards { [rows, all].concat() } else { [all, rows].concat() };
        if !more {
            return Ok(all);
        }
        if backwards {
            query.page.before = all.first().map(|(key, _)| key.clone());
        } else {
            query.page.after = all.last().map(|(key, _)| key.clone());
        }
    }
}

async fn filled(samples: &[Sample]) -> SqliteViews {
    let views = views().await;
    let puts = |tenant, shift: u128| {
        let numbered = samples.iter().enumerate();
        numbered
            .flat_map(move |(number, sample)| sample.puts(tenant, number as u128 + shift))
            .collect::<Vec<_>>()
    };
    let batch = vec![event(other(), 1, &puts(other(), 1_000)), event(acme(), 2, &puts(acme(), 0))];
    project(&views, batch).await.unwrap();
    views
}

async fn agree(
    views: &SqliteViews,
    samples: &[Sample],
    query: &CredentialQuery,
) -> Result<(), TestCaseError> {
    let expected = expected(samples, query);
    for (backwards, few) in [(false, 1_000), (false, -1), (true, 1_000), (true, -1)] {
        let listed = listed(views, query, backwards, few).await?;
        let ids: Vec<_> = listed.iter().map(|(_, id)| *id).collect();
        prop_assert_eq!(&ids, &expected, "backwards {}, few {}, {:?}", backwards, few, query);
        if let [first, .., last] = listed.as_slice() {
            let mut within = query.clone();
            within.page = PageRequest {
                limit: 99,
                backwards,
                after: Some(first.0.clone()),
                before: Some(last.0.clone()),
            };
            let page = page(views, &within, few).await;
            let between: Vec<_> = page.rows.iter().map(|(_, row)| row.id).collect();
            prop_assert_eq!(&between, &expected[1..expected.len() - 1]);
            prop_assert!(page.has_next && page.has_previous);
        }
    }
    let count = views.count_credentials(query.clone()).await.unwrap();
    prop_assert_eq!(count, expected.len() as u64);
    let counts = views.status_counts(query.clone()).await.unwrap();
    prop_assert_eq!(counts.by_status.iter().map(|(_, count)| count).sum::<u64>(), count);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn pages_of_any_list_are_what_a_naive_filter_gives(
        samples in vec(sample(), 0..40),
        questions in vec(question(), 8),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let views = filled(&samples).await;
            for question in &questions {
                if !samples.is_empty() {
                    agree(&views, &samples, question).await?;
                }
            }
            Ok::<(), TestCaseError>(())
        })?;
    }
}

#[tokio::test]
async fn a_walk_goes_along_its_index_and_sorts_nothing() {
    let views = views().await;
    project(&views, vec![event(acme(), 1, &[put(credential(acme(), 1, "one"))])]).await.unwrap();
    for by in [
        CredentialSort::Name,
        CredentialSort::CreatedAt,
        CredentialSort::UpdatedAt,
        CredentialSort::ExpiresAt,
    ] {
        let mut asked = query(acme());
        asked.order.by = by;
        asked.page = PageRequest::first(5).after(page(&views, &asked, 9).await.rows[0].0.clone());
        let plan = views.readers.read(move |connection| {
            let tenant = thing::find_tenant(connection, acme())?.unwrap();
            Question::new(tenant, &asked).listing(connection)?.explain(connection, &asked.page)
        });
        let plan = plan.await.unwrap();
        assert!(plan.contains("(tenant=? AND life=? AND (") && !plan.contains("TEMP B-TREE"), "{plan}");
    }
}
