//! A disk without room, as a small file system in a name space of the user's own.

use std::{collections::BTreeSet, process::Stdio};

use keytrail_sqlite::SqliteEventStore;
use keytrail_test_support::eventually;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    process::{Child, ChildStdin, Command},
};

use crate::harness::Client;

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

fn name(number: usize) -> String {
    format!("number {number}")
}

fn input(number: usize) -> Value {
    json!({ "input": {
        "component": "http-basic",
        "name": name(number),
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
    let mut made = BTreeSet::new();
    let error = loop {
        let number = made.len();
        let answer = alice.ask(CREATE, input(number)).await;
        if !answer["errors"].is_null() {
            break answer["errors"][0].clone();
        }
        // Also when the views have no room any more, and nothing can be shown.
        made.insert(name(number));
        assert!(number < 2_000, "the disk is never full");
    };
    assert_eq!(error["extensions"]["code"], "UNAVAILABLE", "{error:#}");
    assert!(!made.is_empty());
    for _ in 0..3 {
        assert_eq!(alice.code(CREATE, input(usize::MAX)).await, "UNAVAILABLE");
    }
    assert_eq!(alice.get("/healthz").await.status(), 200);

    disk.order().await;
    eventually("there is room again", async || {
        let answer = alice.ask(CREATE, input(usize::MAX)).await;
        answer["errors"].is_null().then_some(())
    })
    .await;
    made.insert(name(usize::MAX));
    eventually("what was acknowledged is listed, and nothing else", async || {
        (listed(&alice).await == made).then_some(())
    })
    .await;
    let (_folder, log) = disk.end().await;
    log.verify().await.expect("the log is whole");
}

async fn listed(alice: &Client) -> BTreeSet<String> {
    let all = alice.data("{ credentials(first: 1000) { nodes { name } } }", Value::Null).await;
    let nodes = all["credentials"]["nodes"].as_array().expect("nodes");
    nodes.iter().map(|node| node["name"].as_str().expect("name").to_owned()).collect()
}
