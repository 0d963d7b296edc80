//! Certificates for servers in tests.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    date_time_ymd,
};

/// A certificate authority that nobody trusts yet.
#[derive(Debug)]
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate with its key, as PEM.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The certificate.
    pub certificate: String,
    /// Its private key.
    pub key: String,
}

/// A year, of which the first day counts.
pub(crate) type Year = i32;

impl Authority {
    /// A new one.
    pub fn new() -> Self {
        Self::with(|_| ())
    }

    /// The same with something changed.
    pub fn with(change: impl FnOnce(&mut CertificateParams)) -> Self {
        let mut params = authority();
        change(&mut params);
        let key = KeyPair::generate().expect("a key");
        Self(CertifiedIssuer::self_signed(params, key).expect("an authority"))
    }

    /// Another one with something changed, which this one has signed.
    #[must_use]
    pub fn below(&self, change: impl FnOnce(&mut CertificateParams)) -> Self {
        let mut params = authority();
        params.distinguished_name.push(DnType::CommonName, "below");
        change(&mut params);
        let key = KeyPair::generate().expect("a key");
        Self(CertifiedIssuer::signed_by(params, key, &self.0).expect("an authority"))
    }

    /// Its own certificate, as PEM.
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// A server's certificate for these names and addresses, good from 2020 to 2099.
    pub fn identity(&self, names: &[&str]) -> Identity {
        self.identity_with(names, |_| ())
    }

    /// The same, good between the first days of two years.
    pub fn identity_for(&self, names: &[&str], from: Year, until: Year) -> Identity {
        self.identity_with(names, |params| {
            params.not_before = date_time_ymd(from, 1, 1);
            params.not_after = date_time_ymd(until, 1, 1);
        })
    }

    /// The same with something changed.
    pub fn identity_with(&self, names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Identity {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).expect("names of hosts");
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2099, 1, 1);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        change(&mut params);
        let key = KeyPair::generate().expect("a key");
        let signed = params.signed_by(&key, &self.0).expect("a certificate");
        Identity { certificate: signed.pem(), key: key.serialize_pem() }
    }
}

fn authority() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}
