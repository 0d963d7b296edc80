//! A real RabbitMQ broker with its management plugin.

use std::path::Path;

use reqwest::{Client, Method};
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::{
    eventually, free_port,
    guard::Guarded,
    home::{Home, installed},
    install_crypto,
};

/// Debian's `rabbitmq-server` on the path insists on root or its own user; this is what it calls.
const BROKER: &str = "/usr/lib/rabbitmq/bin/rabbitmq-server";
/// The administrator's name and password.
const ADMIN: (&str, &str) = ("admin", "only-for-tests");

/// A broker on free loopback ports, without the system's configuration; killed when dropped.
#[derive(Debug)]
pub struct RabbitMq {
    port: u16,
    client: Client,
    _broker: Guarded,
    /// The broker's register of nodes; its own, or the broker would leave one of the system behind.
    _register: Guarded,
    _home: Home,
}

impl RabbitMq {
    /// A broker with nobody but an administrator.
    pub async fn start() -> Self {
        assert!(Path::new(BROKER).is_file(), "`{BROKER}` is missing: run `cargo xtask tools`");
        install_crypto();
        let home = Home::new("keytrail-rabbitmq-");
        let (port, register_port) = (free_port(), free_port());
        let register = start_register(&home, register_port).await;
        let broker = start_broker(&home, port, register_port);
        let broker = Self { port, client: Client::new(), _broker: broker, _register: register, _home: home };
        let log = broker._home.path().join("broker.log");
        eventually(&format!("RabbitMQ answers; its log is {}", log.display()), async || {
            broker.manage(Method::GET, "whoami", &Value::Null).await.ok()
        })
        .await;
        broker
    }

    /// Address of its management API.
    pub fn management(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Makes a user; `tags` say what of the management API it may use.
    ///
    /// # Panics
    /// When the broker refuses.
    pub async fn user(&self, name: &str, password: &str, tags: &str) {
        let user = json!({"password": password, "tags": tags});
        self.manage(Method::PUT, &format!("users/{name}"), &user).await.expect("a user");
    }

    async fn manage(&self, method: Method, path: &str, body: &Value) -> reqwest::Result<()> {
        let (user, password) = ADMIN;
        let request = self.client.request(method, format!("{}/api/{path}", self.management()));
        let answer = request.basic_auth(user, Some(password)).json(body).send().await?;
        answer.error_for_status().map(drop)
    }
}

/// Waits until it listens: a broker that finds none starts one that stays.
async fn start_register(home: &Home, port: u16) -> Guarded {
    let log = home.path().join("register.log");
    let arguments = ["-port", &port.to_string(), "-address", "127.0.0.1"].map(str::to_owned);
    let register = Guarded::start_as(home.user(), &installed("epmd", "erlang-base"), &arguments, &log);
    let register = register.expect("the register of nodes starts");
    eventually("the register of nodes listens", async || TcpStream::connect(("127.0.0.1", port)).await.ok())
        .await;
    register
}

fn start_broker(home: &Home, port: u16, register_port: u16) -> Guarded {
    let (user, password) = ADMIN;
    let config = format!(
        "listeners.tcp = none\nmanagement.tcp.ip = 127.0.0.1\nmanagement.tcp.port = {port}\n\
         default_user = {user}\ndefault_pass = {password}\nlog.file = false\nlog.console = true\n"
    );
    home.file("broker.conf", &config);
    home.file("plugins", "[rabbitmq_management].");
    let folder = home.path().display();
    // A clean environment; as under a service manager, the script then becomes the broker.
    let arguments = [
        "-i".to_owned(),
        "PATH=/usr/bin:/bin".to_owned(),
        "RUNNING_UNDER_SYSTEMD=true".to_owned(),
        format!("HOME={folder}"),
        format!("ERL_EPMD_PORT={register_port}"),
        "RABBITMQ_NODENAME=keytrail@localhost".to_owned(),
        format!("RABBITMQ_DIST_PORT={}", free_port()),
        format!("RABBITMQ_MNESIA_BASE={folder}/data"),
        format!("RABBITMQ_LOG_BASE={folder}/log"),
        format!("RABBITMQ_CONFIG_FILE={folder}/broker.conf"),
        format!("RABBITMQ_ADVANCED_CONFIG_FILE={folder}/none.config"),
        format!("RABBITMQ_CONF_ENV_FILE={folder}/none"),
        format!("RABBITMQ_ENABLED_PLUGINS_FILE={folder}/plugins"),
        // One scheduler that sleeps when idle, and nodes only from this machine.
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=+S 1 +sbwt none -kernel inet_dist_use_interface {127,0,0,1}"
            .to_owned(),
        BROKER.to_owned(),
    ];
    let log = home.path().join("broker.log");
    Guarded::start_as(home.user(), Path::new("/usr/bin/env"), &arguments, &log).expect("the broker starts")
}
