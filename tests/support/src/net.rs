//! Ports and the like.

use std::{net::TcpListener, sync::Once};

/// A port on 127.0.0.1 that nobody listens on right now.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("a bound socket has an address").port()
}

/// Gives rustls its cryptography, as `main` does; every test that makes an HTTP client calls it.
pub fn install_crypto() {
    static ONCE: Once = Once::new();
    // Another crate of the same test binary may have been first; that is as good.
    ONCE.call_once(|| drop(rustls::crypto::aws_lc_rs::default_provider().install_default()));
}

/// A listener that takes connections and never answers.
#[derive(Debug)]
pub struct BlackHole(TcpListener);

impl BlackHole {
    /// Opens one on a free port.
    pub fn open() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").expect("a free port"))
    }

    /// Its address, `http://127.0.0.1:port`.
    pub fn address(&self) -> String {
        format!("http://{}", self.0.local_addr().expect("a bound socket has an address"))
    }
}
