//! Files that were deleted, damaged, mixed up or left open: the views come back, log and key are
//! not guessed at.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use serde_json::{Value, json};

use crate::harness::{Client, Keytrail, Settings, World, create_bearer};

/// Everything that a caller can see, in parts that are each within the limits of one query.
const SEEN: [&str; 5] = [
    "{ viewer { role tenant { id name slug revision restoreDays } member { id name email } teams { lead team { id } } } }",
    "{ credentials(first: 8, orderBy: { by: NAME }) { totalCount nodes {
        id name externalId kind status revision secretVersion allowedHosts createdAt updatedAt viewerPermissions
        component { slug } labels { key value } fields { name value isSecret isSet } versions { number createdAt }
        owner { __typename } grants { level inForce grantedAt } alerts(first: 5) { nodes { id } }
        verifications(first: 5) { nodes { id verdict } } history(first: 10) { nodes { id type data recordedAt revision } }
    } } }",
    "{ credentials(first: 100, filter: { text: \"dep\" }) { totalCount nodes { id } }
       deleted: credentials(filter: { deleted: true }) { totalCount nodes { id status deletedAt } } }",
    "{ teams(first: 5) { nodes { id name revision members { lead member { id } } } } alerts(first: 5) { nodes { id state } }
       members { nodes { id name role subject addedAt removedAt } } components { nodes { slug credentialCount } } }",
    "{ stats { byStatus { status count } byComponent { component count } byTeam { count } openAlerts } }",
];
const AUDIT: &str = "{ auditLog(first: 100) { nodes { id type data recordedAt revision actor { kind } } } }";

/// A world in which each kind of row occurs, and what its people see.
struct Story {
    world: World,
    people: [Client; 4],
}

impl Story {
    async fn tell() -> Self {
        Self::told_with(Settings::default()).await
    }

    async fn told_with(settings: Settings) -> Self {
        let world = World::with(settings).await;
        for name in ["Deploy", "Deposit", "Billing"] {
            create_bearer(&world.alice, name, "s3cr3t").await;
        }
        let share = "mutation($input: ShareCredentialInput!) { shareCredential(input: $input) { visible } }";
        let shared = create_bearer(&world.alice, "Depot", "s3cr3t").await;
        for grantee in [&world.team, &world.carol_id] {
            let input = json!({ "credentialId": shared, "granteeId": grantee, "level": "VIEW" });
            world.alice.data(share, json!({ "input": input })).await;
        }
        let gone = create_bearer(&world.alice, "Gone", "s3cr3t").await;
        let change = "mutation($shared: ID!, $gone: ID!, $carol: ID!) {
            revokeShare(input: { credentialId: $shared, granteeId: $carol }) { visible }
            suspendCredential(input: { credentialId: $shared, reason: \"leaked\" }) { visible }
            deleteCredential(input: { credentialId: $gone }) { visible }
            updateTenant(input: { name: \"Acme Ltd\" }) { visible }
        }";
        let ids = json!({ "shared": shared, "gone": gone, "carol": world.carol_id });
        world.alice.data(change, ids).await;
        let people = [&world.alice, &world.bob, &world.carol, &world.stranger].map(Client::clone);
        Self { world, people }
    }

    fn server(&mut self) -> &mut Keytrail {
        &mut self.world.server
    }

    /// What everybody sees; owners see the audit log too.
    async fn seen(&self) -> Vec<Value> {
        let mut seen = Vec::new();
        for person in &self.people {
            let person = person.at(&self.world.server.base);
            for query in SEEN {
                // What somebody may not see is part of it.
                seen.push(person.ask(query, Value::Null).await);
            }
        }
        assert!(
            seen[..SEEN.len()].iter().all(|answer| answer["errors"].is_null()),
            "an owner sees everything"
        );
        for owner in [&self.people[0], &self.people[3]] {
            seen.push(owner.at(&self.world.server.base).data(AUDIT, Value::Null).await);
        }
        seen
    }
}

fn same(before: &[Value], after: &[Value], what: &str) {
    for (before, after) in before.iter().zip(after) {
        assert_eq!(before, after, "{what}");
    }
}

#[tokio::test]
async fn views_that_were_deleted_or_damaged_come_back_with_the_same_answers() {
    let mut story = Story::tell().await;
    let before = story.seen().await;
    assert_eq!(before[1]["data"]["credentials"]["totalCount"], 4);
    for (what, damage) in DAMAGES {
        story.server().kill().await;
        damage(&story.server().data_dir());
        story.server().up().await;
        same(&before, &story.seen().await, what);
        assert!(story.server().log().contains("the views are made"), "{what}");
        fs::write(story.server().log_file(), "").unwrap();
    }
}

type Damage = fn(&Path);

const DAMAGES: [(&str, Damage); 5] = [
    ("all deleted", |data| {
        for name in ["views.db", "views.db-wal", "views.db-shm"] {
            drop(fs::remove_file(data.join(name)));
        }
    }),
    ("only the file deleted, its log of changes left", |data| {
        fs::remove_file(data.join("views.db")).unwrap()
    }),
    ("empty", |data| fs::write(data.join("views.db"), "").unwrap()),
    ("garbage", |data| fs::write(data.join("views.db"), [0xA5; 64 * 1024]).unwrap()),
    ("cut in half", |data| {
        // Without the log of changes, which would put the pages back.
        drop(fs::remove_file(data.join("views.db-wal")));
        halve(&data.join("views.db"));
    }),
];

fn halve(path: &Path) {
    let file = fs::File::options().write(true).open(path).unwrap();
    file.set_len(file.metadata().unwrap().len() / 2 / 4096 * 4096 + 100).unwrap();
}

#[tokio::test]
async fn views_rebuilt_by_hand_answer_the_same_stopped_and_running() {
    let mut story = Story::tell().await;
    let before = story.seen().await;
    story.server().stop().await;
    let said = story.server().run(&["views", "rebuild"]).await;
    assert!(said.starts_with("rebuilt from ") && !said.contains(" 0 "), "{said}");
    story.server().up().await;
    same(&before, &story.seen().await, "rebuilt while stopped");

    story.server().run(&["views", "rebuild"]).await;
    same(&before, &story.seen().await, "rebuilt while running");
    let late = create_bearer(&story.people[0].at(&story.world.server.base), "Later", "s3cr3t").await;
    let before = story.seen().await;
    assert!(before[1].to_string().contains(&late));
    story.server().kill().await;
    story.server().up().await;
    same(&before, &story.seen().await, "the rebuilt views taken at the next start");
}

#[tokio::test]
async fn a_damaged_log_is_refused_by_name_and_left_as_it_is() {
    // It is about the embedded log's file.
    let mut story = Story::told_with(Settings::embedded()).await;
    story.server().stop().await;
    let log = story.server().file("log.db");
    let good = fs::read(&log).unwrap();
    let bent = [&[0xA5; 100], &good[100..]].concat();
    let foreign = fs::read(story.server().file("journal.db")).unwrap();
    for (what, bytes) in
        [("bent header", bent), ("another file of ours", foreign), ("cut", good[..4196].to_vec())]
    {
        fs::write(&log, &bytes).unwrap();
        let said = story.server().refuses_to_start().await;
        assert!(said.contains("error: ") && said.contains("hint: "), "{what}: {said}");
        assert!(said.contains(log.to_str().unwrap()), "{what}: {said}");
        assert!(fs::read(&log).unwrap() == bytes, "{what}: a damaged log was written to");
    }
    fs::write(&log, good).unwrap();
    story.server().up().await;
}

#[tokio::test]
async fn a_log_that_is_gone_is_not_begun_anew() {
    // It is about the embedded log's file.
    let mut story = Story::told_with(Settings::embedded()).await;
    story.server().stop().await;
    for name in ["log.db", "log.db-wal", "log.db-shm"] {
        drop(fs::remove_file(story.server().file(name)));
    }
    let said = story.server().refuses_to_start().await;
    assert!(said.contains("log.db") && said.contains("hint: "), "{said}");
}

#[tokio::test]
async fn a_server_without_its_own_vault_key_does_not_start() {
    let mut story = Story::tell().await;
    story.server().stop().await;
    let key = story.server().file("vault.key");
    let good = fs::read(&key).unwrap();
    let other = Keytrail::start().await;

    fs::remove_file(&key).unwrap();
    refused(story.server(), "is missing").await;
    assert!(!key.exists(), "no new key is made");
    for (bytes, wrong) in [
        (fs::read(other.file("vault.key")).unwrap(), "is not the key"),
        (b"no key at all\n".to_vec(), "does not hold a key"),
        (Vec::new(), "does not hold a key"),
    ] {
        write_key(&key, &bytes, 0o600);
        refused(story.server(), wrong).await;
    }
    write_key(&key, &good, 0o644);
    refused(story.server(), "chmod 600").await;
    write_key(&key, &good, 0o600);
    let alice = story.people[0].clone();
    story.server().up().await;
    alice.at(&story.server().base).data(SEEN[1], Value::Null).await;
}

async fn refused(server: &Keytrail, why: &str) {
    let said = server.refuses_to_start().await;
    assert!(said.contains("vault.key") && said.contains(why), "{said}");
    assert!(said.contains("error: ") && said.contains("hint: "), "{said}");
}

fn write_key(path: &Path, bytes: &[u8], mode: u32) {
    fs::write(path, bytes).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}
