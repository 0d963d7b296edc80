//! The databases and the broker that tests start, and OpenSSL, from packages of the system. Tests use folders
//! and ports of their own; no service of the system is started or used.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use crate::{
    process::{Done, Failure, output, program, run, version},
    say,
};

/// A program that tests need, and the Debian packages that bring it.
struct Server {
    program: &'static str,
    packages: &'static [&'static str],
}

const SERVERS: [Server; 8] = [
    Server { program: "initdb", packages: &["postgresql"] },
    Server { program: "psql", packages: &["postgresql-client"] },
    Server { program: "mariadbd", packages: &["mariadb-server-core"] },
    Server { program: "mariadb", packages: &["mariadb-client-core"] },
    Server { program: "redis-server", packages: &["redis-server"] },
    Server { program: "redis-cli", packages: &["redis-tools"] },
    Server { program: "rabbitmq-server", packages: &["rabbitmq-server"] },
    // No server: what `infra/tls/make.sh` makes certificates with.
    Server { program: "openssl", packages: &["openssl"] },
];

/// Debian's word on whether a package may start what it brings.
const POLICY: &str = "/usr/sbin/policy-rc.d";

/// Installs the packages that are missing, when that is possible here.
pub(crate) fn install() -> Done {
    let missing: Vec<_> = SERVERS.iter().filter(|server| !is_installed(server.program)).collect();
    let packages: Vec<_> = missing.iter().flat_map(|server| server.packages).copied().collect();
    if packages.is_empty() {
        say::line("tools: PostgreSQL, MariaDB, Redis, RabbitMQ and OpenSSL are installed");
        return Ok(());
    }
    if !is_root()? || version(program("apt-get")).is_none() {
        return Err(Failure::new(format!(
            "the tests need PostgreSQL, MariaDB, Redis, RabbitMQ and OpenSSL; on Debian or Ubuntu: apt-get install {}",
            packages.join(" ")
        )));
    }
    quietly(|| {
        run(program("apt-get").args(["update", "-qq"]))?;
        let mut install = program("apt-get");
        install.env("DEBIAN_FRONTEND", "noninteractive");
        run(install.args(["install", "-y", "-qq", "--no-install-recommends"]).args(&packages))
    })?;
    match SERVERS.iter().find(|server| !is_installed(server.program)) {
        Some(server) => Err(Failure::new(format!("`{}` is still missing", server.program))),
        None => Ok(()),
    }
}

/// The same for those who may not need them: what is missing is said, and no failure.
pub(crate) fn install_or_say() {
    if let Err(failure) = install() {
        say::line(&format!("tools: {failure}"));
    }
}

/// While packages are installed, none may start its service.
fn quietly(install: impl FnOnce() -> Done) -> Done {
    let policy = Path::new(POLICY);
    if policy.exists() {
        // Whoever put it there, a container most likely, has decided; our tests do not depend on it.
        return install();
    }
    fs::write(policy, "#!/bin/sh\nexit 101\n")?;
    fs::set_permissions(policy, fs::Permissions::from_mode(0o755))?;
    let done = install();
    fs::remove_file(policy)?;
    done
}

/// On the path, or where Debian puts programs that are not for everybody.
fn is_installed(name: &str) -> bool {
    let path = search_path();
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    std::env::split_paths(&path)
        .chain(["/usr/sbin".into()])
        .chain(versions.map(|version| version.path().join("bin")))
        .any(|folder| folder.join(name).is_file())
}

fn search_path() -> std::ffi::OsString {
    std::env::var_os("PATH").unwrap_or_default()
}

fn is_root() -> Result<bool, Failure> {
    Ok(output(program("id").arg("-u"))?.trim_ascii() == b"0")
}
