//! The tutorials, as their readers do them: each command of a page, in the order of the page, in one
//! shell beside `keytrail dev`; and each answer that the page promises.

use std::{
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    time::timeout,
};

/// A page takes seconds here.
const PATIENCE: Duration = Duration::from_secs(120);
/// Where the pages let the stand-ins and the OAuth2 provider listen.
const PAGES_PORTS: [&str; 2] = ["9100", "9200"];
/// In the order in which the README and they name each other.
const PAGES: [&str; 6] = [
    "tutorials/meshery.md",
    "tutorials/integration-flow.md",
    "leases.md",
    "service-accounts.md",
    "rotation.md",
    "oauth2.md",
];

/// What a fenced block of a page is.
#[derive(Clone, Copy, PartialEq)]
enum Block {
    /// ```` ```sh ````: typed into the shell.
    Commands,
    /// ```` ```text ````: lines that the commands before it must have printed, in this order.
    Promises,
}

/// The blocks of a page that count, in order.
fn blocks(page: &str) -> Vec<(Block, String)> {
    let mut found = Vec::new();
    let mut fences = page.split("\n```");
    fences.next();
    while let Some(opened) = fences.next() {
        let (kind, body) = opened.split_once('\n').expect("a fence ends its line");
        fences.next();
        match kind {
            "sh" => found.push((Block::Commands, body.to_owned())),
            "text" => found.push((Block::Promises, body.to_owned())),
            _ => {}
        }
    }
    found
}

/// The folder of the project.
pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the repository")
}

/// `keytrail dev` in a folder where a page's paths lead to the repository's files.
struct Reader {
    folder: tempfile::TempDir,
    base: String,
    _dev: Child,
}

impl Reader {
    async fn start() -> Self {
        let folder = tempfile::tempdir().expect("folder");
        for part in ["docs", ".tools"] {
            symlink(repository().join(part), folder.path().join(part)).expect("a link to the repository");
        }
        let mut dev = here(folder.path(), env!("CARGO_BIN_EXE_keytrail"));
        dev.arg("dev").env("KEYTRAIL_LISTEN", "127.0.0.1:0").stdout(Stdio::piped()).stderr(Stdio::null());
        let mut dev = dev.spawn().expect("keytrail starts");
        let mut lines = BufReader::new(dev.stdout.take().expect("stdout")).lines();
        let line = timeout(PATIENCE, lines.next_line()).await.expect("in time").expect("readable");
        let base = line.as_deref().and_then(|line| line.strip_prefix("listening on "));
        let base = base.unwrap_or_else(|| panic!("the promised line, not {line:?}")).to_owned();
        // The tenant and its owner are there when all of the greeting is.
        loop {
            let line = timeout(PATIENCE, lines.next_line()).await.expect("in time").expect("readable");
            if line.expect("it runs").contains("Another token:") {
                break;
            }
        }
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Self { folder, base, _dev: dev }
    }

    /// Types the blocks; answers what each block of commands printed.
    async fn types(&self, commands: &[&str]) -> Vec<String> {
        let ports = PAGES_PORTS.map(|port| (port, keytrail_test_support::free_port().to_string()));
        // As an interactive shell: jobs have numbers, and a command that fails does not end it.
        let mut script = "set -m\ntrap 'kill $(jobs -p) 2>/dev/null' EXIT\nexec 2>&1\n".to_owned();
        for (number, block) in commands.iter().enumerate() {
            let block =
                ports.iter().fold((*block).to_owned(), |block, (page, here)| block.replace(page, here));
            script += &format!("exec >block-{number}\n{block}\n");
        }
        let binaries = Path::new(env!("CARGO_BIN_EXE_keytrail")).parent().expect("a folder").to_owned();
        let mut shell = here(self.folder.path(), "bash");
        #[expect(clippy::disallowed_methods, reason = "where curl and python3 are on this machine")]
        let path = format!("{}:{}", binaries.display(), std::env::var("PATH").unwrap_or_default());
        shell.args(["-c", &script]).env("PATH", path).env("KEYTRAIL_URL", &self.base);
        let mut shell = shell.stdout(Stdio::null()).spawn().expect("bash starts");
        timeout(PATIENCE, shell.wait()).await.expect("the page ends").expect("it can be waited for");
        let printed = |number| self.folder.path().join(format!("block-{number}"));
        (0..commands.len())
            .map(|number| std::fs::read_to_string(printed(number)).unwrap_or_default())
            .collect()
    }
}

/// A program in that folder, free of the settings of whoever tests, and ended with the test.
fn here(folder: &Path, program: &str) -> Command {
    let mut command = Command::new(program);
    #[expect(clippy::disallowed_methods, reason = "settings of the person who tests must not count")]
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("KEYTRAIL_")) {
        command.env_remove(name);
    }
    command.current_dir(folder).stdin(Stdio::null()).kill_on_drop(true);
    command
}

fn text_of(page: &str) -> String {
    std::fs::read_to_string(repository().join("docs").join(page)).expect("the page")
}

/// Reads a page, does what it says, and finds what it promises.
async fn follow(page: &str) {
    Reader::start().await.follows(&[(page, text_of(page))]).await;
}

impl Reader {
    /// Pages in one shell; answers all that was printed.
    async fn follows(&self, pages: &[(&str, String)]) -> String {
        let blocks: Vec<_> = pages.iter().map(|(page, text)| (*page, blocks(text))).collect();
        let of_page = |(_, blocks): &(&str, Vec<(Block, String)>)| {
            let commands = blocks.iter().filter(|(kind, _)| *kind == Block::Commands);
            commands.map(|(_, text)| text.clone()).collect::<Vec<_>>()
        };
        let commands: Vec<String> = blocks.iter().flat_map(of_page).collect();
        let typed: Vec<&str> = commands.iter().map(String::as_str).collect();
        let printed = self.types(&typed).await;
        let (mut last, mut typed) = (0, 0);
        for (page, blocks) in &blocks {
            let mut promised = 0;
            for (kind, body) in blocks {
                if *kind == Block::Commands {
                    (last, typed) = (typed, typed + 1);
                    continue;
                }
                let mut rest = printed[last].as_str();
                for line in body.lines() {
                    let at = rest.find(line);
                    let at = at.unwrap_or_else(|| {
                        panic!("{page} promises {line}\nafter{}\nbut came\n{}", commands[last], printed[last])
                    });
                    rest = &rest[at + line.len()..];
                    promised += 1;
                }
            }
            let is_page = *page != "README.md";
            assert!(
                !is_page || promised > 9,
                "{page} promises {promised} things: are its blocks marked sh and text?"
            );
        }
        printed.concat()
    }
}

#[tokio::test]
async fn who_reads_one_page_after_another_finds_what_each_of_them_promises() {
    // The session of the README comes first, has added him, and leaves a job that the shell knows.
    let added = "'mutation { addMember(input: {subject: \"bob\", role: MEMBER}) { visible } }'";
    let first = format!("\n```sh\n. docs/examples/gql.sh\ngql {added}\nsleep 600 &\n```\n");
    let pages = PAGES.map(|page| (page, text_of(page)));
    let all: Vec<_> = std::iter::once(("README.md", first)).chain(pages).collect();
    let printed = Reader::start().await.follows(&all).await;
    for wrong in ["no such job", "Traceback", "already in use"] {
        assert!(!printed.contains(wrong), "{wrong}: {printed}");
    }
}

#[tokio::test]
async fn the_page_about_oauth2_does_what_it_says() {
    follow("oauth2.md").await;
}

#[tokio::test]
async fn the_tutorial_about_connections_does_what_it_says() {
    follow("tutorials/meshery.md").await;
}

#[tokio::test]
async fn the_page_about_leases_does_what_it_says() {
    follow("leases.md").await;
}

#[tokio::test]
async fn the_page_about_service_accounts_does_what_it_says() {
    follow("service-accounts.md").await;
}

#[tokio::test]
async fn the_page_about_rotation_does_what_it_says() {
    follow("rotation.md").await;
}

#[tokio::test]
async fn the_tutorial_about_flows_does_what_it_says() {
    follow("tutorials/integration-flow.md").await;
}
