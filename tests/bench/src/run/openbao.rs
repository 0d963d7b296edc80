//! Creates with a real OpenBao behind them, against bare writes to the same OpenBao.

use std::{
    net::SocketAddr,
    path::Path,
    rc::Rc,
    sync::atomic::{AtomicU64, Ordering},
};

use keytrail_test_support::OpenBao;
use serde_json::json;
use tokio::runtime::{Builder, Runtime};

use super::{
    Options,
    installation::{Installation, as_caller},
    plan::{Goal, Load, Measurement},
    process::Process,
    report::Row,
    say,
    turns::alternate,
};
use crate::{
    BenchError,
    load::{Amount, Bodies, Sample, Target, drive},
};

const MEASUREMENT: Measurement = Measurement {
    what: "create, OpenBao (raft)",
    load: Load::Create,
    amount: Amount { requests: 2_000, connections: 64 },
    rate: Goal::AtLeast(0.85),
    p99: None,
};

/// How long the tokens live.
const TOKEN_LIFE: &str = "12h";

/// Measures it, unless something else is asked for or there is no OpenBao here.
pub(super) fn rows(options: &Options) -> Result<Vec<Row>, BenchError> {
    if !options.wants(MEASUREMENT.what) {
        return Ok(Vec::new());
    }
    if !OpenBao::is_installed() {
        let what = MEASUREMENT.what;
        say(&format!("`{what}` is left out: there is no OpenBao here; `cargo xtask tools` installs it"));
        return Ok(Vec::new());
    }
    say("starting an OpenBao with raft storage");
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(BenchError::io("starting OpenBao"))?;
    let bao = runtime.block_on(OpenBao::raft_with_policy());
    let limit = Bare::open(&bao, &runtime)?;
    match options.subject() {
        Some(binary) => {
            let subject = Full::open(binary, &bao, &runtime)?;
            alternate(&MEASUREMENT, options, &|amount| limit.once(amount), &|amount| subject.once(amount))
        }
        None => {
            let subject = Bare::open(&bao, &runtime)?;
            alternate(&MEASUREMENT, options, &|amount| limit.once(amount), &|amount| subject.once(amount))
        }
    }
}

/// A mount behind the policy of `infra/vault`, and a token for it.
fn access(bao: &OpenBao, runtime: &Runtime) -> (String, String) {
    runtime.block_on(async {
        let access = bao.fresh_access().await;
        let token = bao.create_token(&[&access.mount], TOKEN_LIFE).await;
        (access.mount, token)
    })
}

/// OpenBao with nothing before it.
struct Bare {
    target: Target,
    mount: String,
    token: String,
}

impl Bare {
    fn open(bao: &OpenBao, runtime: &Runtime) -> Result<Self, BenchError> {
        let address = bao.address();
        let address = address.strip_prefix("http://").and_then(|it| it.parse::<SocketAddr>().ok());
        let address = address.ok_or_else(|| BenchError::BadAnswer("OpenBao has no address".to_owned()))?;
        let (mount, token) = access(bao, runtime);
        Ok(Self { target: Target { address, token: None }, mount, token })
    }

    fn once(&self, amount: Amount) -> Result<Sample, BenchError> {
        let (target, mount) = (self.target.clone(), self.mount.clone());
        let header = format!("X-Vault-Token: {}\r\n", self.token);
        let write = move |_| write(&target, &mount, &header);
        drive(&self.target, &Bodies::Http(Rc::new(write)), amount)
    }
}

/// One secret at a path that no other has, only if nothing is there: as Keytrail writes it.
fn write(target: &Target, mount: &str, header: &str) -> Vec<u8> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let id = |kind: u32| format!("{kind:08x}-0000-7000-8000-{number:012x}");
    let path = format!("/v1/{mount}/data/00000000-0000-7000-8000-000000000000/{}/{}", id(1), id(2));
    let data = json!({ "token": format!("bench-token-{number:012}") });
    target.post(&path, header, &json!({ "options": { "cas": 0 }, "data": data }).to_string())
}

/// Keytrail before the same OpenBao.
struct Full {
    target: Target,
    _server: Process,
    _installation: Installation,
}

impl Full {
    fn open(binary: &Path, bao: &OpenBao, runtime: &Runtime) -> Result<Self, BenchError> {
        let (mount, token) = access(bao, runtime);
        let settings = vec![
            ("KEYTRAIL_VAULT", bao.address()),
            ("KEYTRAIL_VAULT_MOUNT", mount),
            ("KEYTRAIL_VAULT_TOKEN", token),
        ];
        let installation = Installation::new(binary, settings)?;
        let owner = installation.tenant("acme", "alice")?;
        let server = installation.serve()?;
        Ok(Self { target: as_caller(&server, &owner), _server: server, _installation: installation })
    }

    fn once(&self, amount: Amount) -> Result<Sample, BenchError> {
        drive(&self.target, &MEASUREMENT.load.bodies(""), amount)
    }
}
