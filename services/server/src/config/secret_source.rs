//! Secrets that the operator gives us.

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use keytrail_domain::SecretValue;
use zeroize::Zeroizing;

/// No secret file is longer, in bytes.
const LONGEST: u64 = 64 * 1024;

/// Where a secret of the operator comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// A file, read again whenever the secret is needed anew.
    File(PathBuf),
    /// The environment.
    Value(SecretValue),
}

/// A secret file cannot be used. Names the file, never what is in it.
#[derive(Debug, thiserror::Error)]
#[error("cannot use the secret file {path}: {cause}", path = path.display())]
pub struct SecretFileError {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub cause: String,
}

impl SecretSource {
    /// The secret, without white space around it. Blocks: it may read a file.
    ///
    /// # Errors
    /// The file cannot be read, is empty, longer than 64 KiB, or no text.
    pub fn read(&self) -> Result<SecretValue, SecretFileError> {
        match self {
            Self::Value(value) => Ok(SecretValue::new(value.expose().trim().to_owned())),
            Self::File(path) => read_file(path)
                .map_err(|cause| SecretFileError { path: path.clone(), cause: cause.to_owned() }),
        }
    }
}

fn read_file(path: &Path) -> Result<SecretValue, &'static str> {
    let file = File::open(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => "it does not exist",
        std::io::ErrorKind::PermissionDenied => "this process may not read it",
        _ => "it cannot be opened",
    })?;
    let mut bytes = Zeroizing::new(Vec::new());
    file.take(LONGEST + 1).read_to_end(&mut bytes).map_err(|_| "it cannot be read")?;
    if bytes.len() as u64 > LONGEST {
        return Err("it is longer than 64 KiB");
    }
    match std::str::from_utf8(&bytes).map(str::trim) {
        Ok("") => Err("it is empty"),
        Ok(text) => Ok(SecretValue::new(text.to_owned())),
        Err(_) => Err("it is not text in UTF-8"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(content: &[u8]) -> (tempfile::TempDir, SecretSource) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret");
        std::fs::write(&path, content).unwrap();
        (dir, SecretSource::File(path))
    }

    #[test]
    fn the_line_end_after_a_secret_is_not_part_of_it() {
        let (_dir, source) = file(b"s3cr3t\r\n");
        assert_eq!(source.read().unwrap().expose(), "s3cr3t");
    }

    #[test]
    fn an_unusable_file_is_named_and_not_quoted() {
        for content in [&b" \n"[..], &b"s3cr3t\xff"[..], &[b's'; 65 * 1024][..]] {
            let (_dir, source) = file(content);
            let error = source.read().unwrap_err();
            let shown = format!("{error} {error:?}");
            assert!(
                shown.contains("/secret") && !shown.contains("s3cr") && !shown.contains("sss"),
                "{shown}"
            );
        }
        assert!(SecretSource::File("/nowhere/at/all".into()).read().is_err());
    }
}
