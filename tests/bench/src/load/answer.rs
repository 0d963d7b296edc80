//! Just enough HTTP/1.1 to read an answer: status, `content-length`, body.

use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::BenchError;

/// Longest head that is read, in bytes.
const HEAD_LEN: usize = 16 * 1024;
/// Longest answer that is read, in bytes.
const BODY_LEN: usize = 16 * 1024 * 1024;
/// Where errors are looked for: an answer begins with its data and ends with its errors.
const TAIL_LEN: usize = 1_024;

/// One answer, inside the connection's buffer.
pub(super) struct Answer<'a> {
    status: u16,
    body: &'a [u8],
}

/// Reads one answer. The buffer is reused: nothing is allocated once it is large enough.
pub(super) async fn read<'a>(
    stream: &mut (impl AsyncRead + Unpin),
    buffer: &'a mut Vec<u8>,
) -> Result<Answer<'a>, BenchError> {
    buffer.clear();
    let body_at = loop {
        more(stream, buffer).await?;
        if let Some(at) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
        if buffer.len() > HEAD_LEN {
            return Err(BenchError::BadAnswer("its head does not end".to_owned()));
        }
    };
    let (status, length) = head(&buffer[..body_at])?;
    buffer.reserve((body_at + length).saturating_sub(buffer.len()));
    while buffer.len() < body_at + length {
        more(stream, buffer).await?;
    }
    Ok(Answer { status, body: &buffer[body_at..body_at + length] })
}

async fn more(stream: &mut (impl AsyncRead + Unpin), buffer: &mut Vec<u8>) -> Result<(), BenchError> {
    match stream.read_buf(buffer).await.map_err(BenchError::io("reading"))? {
        0 => Err(BenchError::BadAnswer("the connection was closed".to_owned())),
        _ => Ok(()),
    }
}

/// Status and length of the body.
fn head(bytes: &[u8]) -> Result<(u16, usize), BenchError> {
    let bad = |what: &str| BenchError::BadAnswer(what.to_owned());
    let text = std::str::from_utf8(bytes).map_err(|_| bad("its head is no text"))?;
    let mut lines = text.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok());
    let length = lines.filter_map(|line| line.split_once(':')).find_map(|(name, value)| {
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    // There is never a body behind 204, and so no length.
    let length = length.or((status == Some(204)).then_some(0));
    let length = length.ok_or_else(|| bad("it has no content-length"))?;
    if length > BODY_LEN {
        return Err(bad("it is too long"));
    }
    Ok((status.ok_or_else(|| bad("it has no status"))?, length))
}

impl Answer<'_> {
    /// Fails unless it is data without errors; cheap, for every answer of a run.
    pub(super) fn check(&self) -> Result<(), BenchError> {
        let tail = &self.body[self.body.len().saturating_sub(TAIL_LEN)..];
        let errors = tail.windows(9).any(|nine| nine == b"\"errors\":");
        if self.status == 200 && self.body.starts_with(b"{\"data\":{") && !errors {
            return Ok(());
        }
        Err(self.refused())
    }

    /// Fails unless it says 200 or 204; for a server that does not speak GraphQL.
    pub(super) fn is_ok(&self) -> Result<(), BenchError> {
        if matches!(self.status, 200 | 204) { Ok(()) } else { Err(self.refused()) }
    }

    /// The data, read as JSON.
    pub(super) fn data(&self) -> Result<Value, BenchError> {
        self.check()?;
        let mut json: Value = serde_json::from_slice(self.body).map_err(|_| self.refused())?;
        Ok(json["data"].take())
    }

    fn refused(&self) -> BenchError {
        let start = String::from_utf8_lossy(&self.body[..self.body.len().min(400)]);
        BenchError::BadAnswer(format!("status {}, {start}", self.status))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn outcome(bytes: &[u8]) -> Result<Value, BenchError> {
        let mut buffer = Vec::new();
        read(&mut &bytes[..], &mut buffer).await?.data()
    }

    fn answer(status: &str, body: &str) -> Vec<u8> {
        format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
    }

    #[tokio::test]
    async fn data_is_read_to_its_last_byte() {
        let data = outcome(&answer("200 OK", r#"{"data":{"a":"é"}}"#)).await.expect("data");
        assert_eq!(data["a"], "é");
    }

    #[tokio::test]
    async fn nothing_is_waited_for_behind_204_and_it_is_good_but_no_data() {
        let mut buffer = Vec::new();
        let bytes = b"HTTP/1.1 204 No Content\r\n\r\n";
        let answer = read(&mut &bytes[..], &mut buffer).await.expect("an answer");
        assert!(answer.is_ok().is_ok() && answer.check().is_err());
    }

    #[tokio::test]
    async fn what_is_no_good_answer_is_an_error() {
        for bytes in [
            answer("200 OK", r#"{"data":null,"errors":[{"message":"no"}]}"#),
            answer("200 OK", r#"{"data":{"a":null},"errors":[{"message":"no"}]}"#),
            answer("429 Too Many Requests", r#"{"data":{}}"#),
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n".to_vec(),
            b"HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n{\"data\":{".to_vec(),
            b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n".to_vec(),
        ] {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            assert!(matches!(outcome(&bytes).await, Err(BenchError::BadAnswer(_))), "{text}");
        }
    }
}
