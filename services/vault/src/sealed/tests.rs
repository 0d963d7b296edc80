//! The sealed store on real files.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use futures_util::future::join_all;
use keytrail_domain::{SecretId, SecretValue};
use keytrail_test_support::eventually;
use rusqlite::Connection;
use tempfile::TempDir;
use uuid::Uuid;

use super::*;

const CANARY: &str = "canary-51f0-sealed-payload-text";

keytrail_ports::secret_store_contract!(async {
    let files = Files::new();
    (files.open().await.unwrap(), files)
});

struct Files(TempDir);

impl Files {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn config(&self) -> SealedConfig {
        SealedConfig { path: self.path("secrets.db"), key: KeySource::File(self.path("secrets.key")) }
    }

    async fn open(&self) -> Result<SealedSecretStore, OpenError> {
        SealedSecretStore::open(self.config()).await
    }

    /// Why it cannot be opened, as an operator reads it.
    async fn refusal(&self) -> String {
        self.open().await.map(drop).expect_err("it is to be refused").to_string()
    }

    fn database(&self) -> Connection {
        Connection::open(self.path("secrets.db")).unwrap()
    }

    /// Every byte of database, write-ahead log and index.
    fn bytes(&self) -> Vec<u8> {
        ["secrets.db", "secrets.db-wal", "secrets.db-shm"]
            .iter()
            .flat_map(|name| fs::read(self.path(name)).unwrap_or_default())
            .collect()
    }
}

fn place(number: u128) -> SecretRef {
    let secret = SecretId::from_uuid(Uuid::from_u128(number));
    SecretRef { tenant: TenantId::of_slug("acme"), owner: Uuid::from_u128(7), secret }
}

fn payload(text: &str) -> SecretPayload {
    SecretPayload::new([("token".to_owned(), SecretValue::new(text.to_owned()))])
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[tokio::test]
async fn what_was_put_is_there_after_opening_again() {
    let files = Files::new();
    files.open().await.unwrap().put(place(1), &payload("kept")).await.unwrap();
    let again = files.open().await.unwrap();
    assert!(again.get(place(1)).await.unwrap() == payload("kept"));
}

#[tokio::test]
async fn a_payload_is_nowhere_in_the_files() {
    let files = Files::new();
    let store = files.open().await.unwrap();
    store.put(place(1), &payload(CANARY)).await.unwrap();
    assert!(!contains(&files.bytes(), CANARY.as_bytes()) && !contains(&files.bytes(), b"token"));
}

#[tokio::test]
async fn many_puts_share_their_commits() {
    let files = Files::new();
    let store = files.open().await.unwrap();
    let wanted = payload("one of many");
    let outcomes = join_all((0..200).map(|number| store.put(place(number), &wanted))).await;
    assert!(outcomes.iter().all(Result::is_ok));
    // A commit writes a page to the write-ahead log at the least.
    let pages = fs::metadata(files.path("secrets.db-wal")).unwrap().len() / 4_096;
    assert!(pages < 100, "200 puts wrote {pages} pages");
}

#[tokio::test]
async fn a_row_moved_to_another_place_does_not_open() {
    let files = Files::new();
    let store = files.open().await.unwrap();
    for number in [1, 2] {
        store.put(place(number), &payload(CANARY)).await.unwrap();
    }
    let columns = ["wrapped", "sealed", "kek"].map(|name| format!("{name} = other.{name}")).join(", ");
    let sql = format!(
        "UPDATE secrets SET {columns} FROM secrets AS other WHERE secrets.secret = ?1 AND other.secret = ?2"
    );
    let changed =
        files.database().execute(&sql, (Uuid::from_u128(1).as_bytes(), Uuid::from_u128(2).as_bytes()));
    assert_eq!(changed.unwrap(), 1);
    assert_corrupt(&store).await;
    assert!(store.get(place(2)).await.is_ok());
}

#[tokio::test]
async fn a_damaged_row_is_corrupt_and_names_its_place_only() {
    for damage in [
        "sealed = zeroblob(length(sealed))",
        "wrapped = zeroblob(length(wrapped))",
        "sealed = x'00'",
        "wrapped = x''",
        "sealed = NULL",
        "kek = zeroblob(16)",
        "kek = x'01'",
        "sealed = substr(sealed, 1, length(sealed) - 1)",
    ] {
        let files = Files::new();
        let store = files.open().await.unwrap();
        store.put(place(1), &payload(CANARY)).await.unwrap();
        assert_eq!(files.database().execute(&format!("UPDATE secrets SET {damage}"), []).unwrap(), 1);
        assert_corrupt(&store).await;
    }
}

async fn assert_corrupt(store: &SealedSecretStore) {
    let Err(SecretError::Corrupt(text)) = store.get(place(1)).await else { panic!("expected Corrupt") };
    assert_eq!(text, format!("the sealed secret at {}", place(1).path()));
}

#[tokio::test]
async fn of_a_destroyed_secret_no_byte_is_left() {
    let files = Files::new();
    let store = files.open().await.unwrap();
    store.put(place(1), &payload(CANARY)).await.unwrap();
    let sealed: Vec<u8> =
        files.database().query_row("SELECT sealed FROM secrets", [], |row| row.get(0)).unwrap();
    assert!(contains(&files.bytes(), &sealed), "the test looks at the right bytes");
    store.destroy(place(1)).await.unwrap();
    // The writer answers first and cleans its log afterwards; the store stays open meanwhile.
    eventually("its bytes are gone", async || (!contains(&files.bytes(), &sealed)).then_some(())).await;
    drop(store);
}

#[tokio::test]
async fn a_full_disk_is_unavailable_and_writes_nothing() {
    let files = Files::new();
    drop(files.open().await.unwrap());
    let mut connection = file::open(&files.path("secrets.db")).unwrap();
    let kek = key::unlock(&mut connection, &files.config()).unwrap();
    connection.query_row("PRAGMA max_page_count = 20", [], |_| Ok(())).unwrap();
    let store = SealedSecretStore {
        kek: Arc::new(kek),
        writer: Writer::start(connection).unwrap(),
        readers: Arc::new(Readers::open(&files.path("secrets.db")).unwrap()),
        clock: SystemClock,
    };
    let large = payload(&"x".repeat(200_000));
    let refused = store.put(place(1), &large).await;
    assert!(matches!(&refused, Err(SecretError::Unavailable(text)) if text.contains("full")), "{refused:?}");
    assert!(matches!(store.get(place(1)).await, Err(SecretError::Missing)));
    store.put(place(1), &payload("small")).await.unwrap();
    assert!(store.get(place(1)).await.is_ok(), "what still fits is taken");
}

#[tokio::test]
async fn the_key_file_is_made_once_for_its_owner_only() {
    let files = Files::new();
    drop(files.open().await.unwrap());
    let mode = |name| fs::metadata(files.path(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("secrets.key"), mode("secrets.db")), (0o600, 0o600));
    let key = fs::read(files.path("secrets.key")).unwrap();
    drop(files.open().await.unwrap());
    assert!(fs::read(files.path("secrets.key")).unwrap() == key, "the second start keeps the key");
}

#[tokio::test]
async fn a_key_that_others_may_read_is_refused_with_the_command_that_helps() {
    let files = Files::new();
    drop(files.open().await.unwrap());
    fs::set_permissions(files.path("secrets.key"), fs::Permissions::from_mode(0o640)).unwrap();
    let text = files.refusal().await;
    assert!(text.contains(&format!("chmod 600 '{}'", files.path("secrets.key").display())), "{text}");
}

#[tokio::test]
async fn a_key_file_with_something_else_is_refused_and_not_quoted() {
    for content in ["", "c2hvcnQ=", "not base64, canary", &"QUFB".repeat(1_000), "\u{0}\u{fffd}"] {
        let files = Files::new();
        write_key(&files.path("secrets.key"), content);
        let text = files.refusal().await;
        assert!(text.contains("secrets.key") && !text.contains("canary"), "{text}");
    }
}

#[tokio::test]
async fn a_lost_key_file_is_not_replaced_by_a_new_key() {
    let files = Files::new();
    drop(files.open().await.unwrap());
    fs::remove_file(files.path("secrets.key")).unwrap();
    let text = files.refusal().await;
    assert!(text.contains("secrets.key") && text.contains("backup"), "{text}");
    assert!(!files.path("secrets.key").exists());
}

#[tokio::test]
async fn another_key_is_refused_whether_file_or_value() {
    let files = Files::new();
    drop(files.open().await.unwrap());
    let other = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    write_key(&files.path("secrets.key"), other);
    let text = files.refusal().await;
    assert!(text.contains("secrets.key") && text.contains("secrets.db"), "{text}");

    let config = SealedConfig { key: KeySource::Value(SecretValue::new(other.to_owned())), ..files.config() };
    let refused = SealedSecretStore::open(config).await.map(drop).expect_err("another key");
    assert!(!format!("{refused} {refused:?}").contains(&other[..10]), "a key is never shown");
}

#[tokio::test]
async fn a_configured_key_opens_the_same_store_again_and_a_bad_one_is_refused() {
    let files = Files::new();
    let with = |text: &str| SealedConfig {
        key: KeySource::Value(SecretValue::new(text.to_owned())),
        ..files.config()
    };
    let key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    let store = SealedSecretStore::open(with(key)).await.unwrap();
    store.put(place(1), &payload("kept")).await.unwrap();
    drop(store);
    let again = SealedSecretStore::open(with(&format!(" {key}\n"))).await.unwrap();
    assert!(again.get(place(1)).await.unwrap() == payload("kept"));
    assert!(matches!(SealedSecretStore::open(with("short")).await, Err(OpenError::NotAKeyValue)));
    assert!(!files.path("secrets.key").exists());
}

fn write_key(path: &Path, content: &str) {
    fs::write(path, content).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

#[tokio::test]
async fn files_of_others_are_refused_and_left_as_they_are() {
    for make in [
        (|path: &Path| fs::write(path, "a letter, not a database, and long enough").unwrap()) as fn(&Path),
        |path| Connection::open(path).unwrap().execute_batch("CREATE TABLE mine (x)").unwrap(),
        |path| {
            Connection::open(path)
                .unwrap()
                .execute_batch("PRAGMA application_id = 7; CREATE TABLE m (x)")
                .unwrap()
        },
    ] {
        let files = Files::new();
        make(&files.path("secrets.db"));
        let before = fs::read(files.path("secrets.db")).unwrap();
        let text = files.refusal().await;
        assert!(text.contains("is not a secret store of Keytrail"), "{text}");
        assert!(fs::read(files.path("secrets.db")).unwrap() == before);
        assert!(!files.path("secrets.key").exists());
    }
}

#[tokio::test]
async fn a_newer_format_is_refused() {
    let files = Files::new();
    drop(files.open().await.unwrap());
    files.database().pragma_update(None, "user_version", 2).unwrap();
    let text = files.refusal().await;
    assert!(text.contains("format 2") && text.contains("newer"), "{text}");
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_named() {
    let files = Files::new();
    let config = SealedConfig { path: files.path("nowhere/secrets.db"), ..files.config() };
    let refused = SealedSecretStore::open(config).await.map(drop).expect_err("no folder");
    assert!(refused.to_string().contains("nowhere/secrets.db"));
}
