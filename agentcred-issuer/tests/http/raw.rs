//! A client that writes bytes as a test gives them: no library tidies them up on the way.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use url::Url;

/// A connection to a server.
pub(crate) struct RawClient {
    stream: TcpStream,
    read: Vec<u8>,
}

/// An answer, taken apart no further than a test needs.
#[derive(Debug)]
pub(crate) struct RawAnswer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl RawAnswer {
    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        lines.into_iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, it)| it)
    }
}

impl RawClient {
    pub(crate) async fn connect(url: &Url) -> Self {
        let address = (url.host_str().unwrap(), url.port().unwrap());
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, read: Vec::new() }
    }

    /// Sends a request and reads its answer. None when the server closes without one.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> Option<RawAnswer> {
        self.stream.write_all(request).await.ok()?;
        self.answer().await
    }

    /// Reads the next answer. None when the server closes without one.
    pub(crate) async fn answer(&mut self) -> Option<RawAnswer> {
        let end = loop {
            if let Some(end) = position(&self.read, b"\r\n\r\n") {
                break end;
            }
            self.fill().await?;
        };
        let rest = self.read.split_off(end + 4);
        let head = String::from_utf8(std::mem::replace(&mut self.read, rest)).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let mut answer = RawAnswer { status, head, body: Vec::new() };
        if answer.header("transfer-encoding") == Some("chunked") {
            loop {
                let line = self.line().await?;
                let chunk = self.take(usize::from_str_radix(&line, 16).unwrap()).await?;
                self.line().await?;
                if chunk.is_empty() {
                    break;
                }
                answer.body.extend(chunk);
            }
        } else {
            let length = answer.header("content-length").map_or(0, |text| text.parse().unwrap());
            answer.body = self.take(length).await?;
        }
        Some(answer)
    }

    async fn line(&mut self) -> Option<String> {
        let end = loop {
            if let Some(end) = position(&self.read, b"\r\n") {
                break end;
            }
            self.fill().await?;
        };
        let line = self.take(end + 2).await?;
        Some(String::from_utf8(line).unwrap().trim_end().to_owned())
    }

    async fn take(&mut self, length: usize) -> Option<Vec<u8>> {
        while self.read.len() < length {
            self.fill().await?;
        }
        let rest = self.read.split_off(length);
        Some(std::mem::replace(&mut self.read, rest))
    }

    /// Sends bytes and reads everything until the server closes. None when it does not.
    pub(crate) async fn until_closed(mut self, request: &[u8]) -> Option<Vec<u8>> {
        // A server that has closed already is what some tests are after.
        let _ = self.stream.write_all(request).await;
        let closing = async { while self.fill().await.is_some() {} };
        tokio::time::timeout(PATIENCE, closing).await.ok()?;
        Some(self.read)
    }

    /// Sends bytes, says that no more will come, and reads everything until the server closes.
    /// None when it does not.
    pub(crate) async fn half_closed(mut self, request: &[u8]) -> Option<Vec<u8>> {
        let _ = self.stream.write_all(request).await;
        let _ = self.stream.shutdown().await;
        self.until_closed(b"").await
    }

    async fn fill(&mut self) -> Option<()> {
        match self.stream.read_buf(&mut self.read).await {
            Ok(0) | Err(_) => None,
            Ok(_) => Some(()),
        }
    }
}

/// The status of each answer in what a server sent.
pub(crate) fn statuses(answers: &[u8]) -> Vec<u16> {
    let text = String::from_utf8_lossy(answers);
    // The first piece is what stands before the first answer.
    text.split("HTTP/1.1 ").skip(1).map(|answer| answer[..3].parse().unwrap()).collect()
}

/// Where `wanted` first stands in `bytes`.
pub(crate) fn position(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

/// How long a server may take to close a connection that it should close.
const PATIENCE: Duration = Duration::from_secs(10);
