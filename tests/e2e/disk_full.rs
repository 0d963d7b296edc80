//! A disk without room, as a small file system in a name space of the user's own.

use std::process::Stdio;

use keytrail_sqlite::SqliteEventStore;
use keytrail_test_support::eventually;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    process::{Child, ChildStdin, Command},
};

use crate::harness::{Client, create_bearer};

/// Runs where the small file system is. A line on standard input frees a third of it; a second one
/// stops the server and brings its log out.
const SCRIPT: &str = r#"
set -eu
mount -t tmpfs -o size=6m tmpfs "$PLACE"
"$KEYTRAIL" tenant create acme --owner alice >/dev/null
"$KEYTRAIL" token --tenant acme --user alice
head -c 2097152 /dev/zero >"$PLACE/ballast"
"$KEYTRAIL" serve </dev/null &
server=$!
read -r _
rm "$PLACE/ballast"
read -r _
kill -TERM "$server"
wait "$server"
cp "$PLACE/data/log.db" "$OUT/log.db"
"#;

/// A server whose data directory is on a disk of six megabytes.
struct SmallDisk {
    folder: TempDir,
    child: Child,
    orders: ChildStdin,
    alice: Client,
}

impl SmallDisk {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("disk");
        std::fs::create_dir(&place).unwrap();
        let mut child = Command::new("unshare")
            .args(["--map-root-user", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", SCRIPT])
            .env("PLACE", &place)
            .env("OUT", folder.path())
            .env("KEYTRAIL", env!("CARGO_BIN_EXE_keytrail"))
            .env("KEYTRAIL_DATA_DIR", place.join("data"))
            .env("KEYTRAIL_LISTEN", "127.0.0.1:0")
            .current_dir(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("unshare, of util-linux");
        let orders = child.stdin.take().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut line =
            async || lines.next_line().await.unwrap().expect("it runs: user name spaces are needed");
        let token = line().await;
        let base = line().await.strip_prefix("listening on ").expect("an address").to_owned();
        Self { folder, child, orders, alice: Client::new(&base, Some(token)) }
    }

    async fn order(&mut self) {
        self.orders.write_all(b"\n").await.unwrap();
    }

    /// Ends it in order; answers its log.
    async fn end(mut self) -> (TempDir, SqliteEventStore) {
        self.order().await;
        assert!(self.child.wait().await.unwrap().success());
        let log = SqliteEventStore::open(&self.folder.path().join("log.db")).expect("opened");
        (self.folder, log)
    }
}

const CREATE: &str = "mutation($input: CreateCredentialInput!) {
    createCredential(input: $input) { credential { id } }
}";

/// A secret and a name; the name says which.
fn input(number: usize) -> Value {
    json!({ "input": {
        "component": "http-basic",
        "name": format!("number {number}"),
        "verify": false,
        "fields": {
            "base_url": "https://api.example.com",
            "username": "u",
            "password": format!("{number}-{}", "x".repeat(4_000)),
        },
    } })
}

#[tokio::test]
async fn a_full_disk_refuses_changes_keeps_the_log_whole_and_passes_with_room() {
    let mut disk = SmallDisk::start().await;
    let alice = disk.alice.clone();
    let mut made = Vec::new();
    let error = loop {
        let answer = alice.ask(CREATE, input(made.len())).await;
        match answer["data"]["createCredential"]["credential"]["id"].as_str() {
            Some(id) => made.push(id.to_owned()),
            None => break answer["errors"][0].clone(),
        }
        assert!(made.len() < 2_000, "the disk is never full");
    };
    assert_eq!(error["extensions"]["code"], "UNAVAILABLE", "{error:#}");
    assert!(!made.is_empty());
    for _ in 0..3 {
        assert_eq!(alice.code(CREATE, input(usize::MAX)).await, "UNAVAILABLE");
    }
    assert_eq!(alice.get("/healthz").await.status(), 200);

    disk.order().await;
    let late = eventually("there is room again", async || {
        let answer = alice.ask(CREATE, input(usize::MAX)).await;
        Some(answer["data"]["createCredential"]["credential"]["id"].as_str()?.to_owned())
    })
    .await;
    made.extend([late, create_bearer(&alice, "Last", "s3cr3t").await]);
    all_there(&alice, &made).await;
    let (_folder, log) = disk.end().await;
    log.verify().await.expect("the log is whole");
}

/// What was acknowledged is listed, and nothing else.
async fn all_there(alice: &Client, made: &[String]) {
    let count = alice.data("{ credentials { totalCount } }", Value::Null).await;
    assert_eq!(count["credentials"]["totalCount"], made.len());
    for id in made {
        let found = alice.data("query($id: ID!) { credential(id: $id) { id } }", json!({ "id": id })).await;
        assert_eq!(found["credential"]["id"], *id);
    }
}
