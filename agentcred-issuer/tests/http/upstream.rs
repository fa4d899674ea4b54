//! An upstream on loopback that keeps every byte it gets and answers as it is told.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use rcgen::{CertificateParams, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Arrived {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Arrived {
    /// The request line without its version.
    pub(crate) fn line(&self) -> &str {
        self.head.lines().next().unwrap().trim_end_matches(" HTTP/1.1")
    }

    /// Every value of a header.
    pub(crate) fn header(&self, name: &str) -> Vec<&str> {
        self.head
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(": "))
            .filter(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
            .collect()
    }

    /// The names of all headers.
    pub(crate) fn header_names(&self) -> Vec<String> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        let mut names: Vec<_> = lines.map(|(name, _)| name.to_ascii_lowercase()).collect();
        names.sort_unstable();
        names
    }
}

/// It stops when it is dropped.
pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    arrived: Arc<Mutex<Vec<Arrived>>>,
    accepting: Option<JoinHandle<()>>,
}

/// Whether a connection is closed once the answer is sent.
#[derive(Clone, Copy)]
enum AfterAnswer {
    Close,
    Hang,
}

impl Upstream {
    /// Answers every request with these bytes and closes the connection.
    pub(crate) async fn answering(answer: impl Into<Vec<u8>>) -> Self {
        let answer = answer.into();
        Self::start(move |_| answer.clone()).await
    }

    /// Answers every request with what `answer` makes of it.
    pub(crate) async fn start(
        answer: impl Fn(&Arrived) -> Vec<u8> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut upstream = Self::at(listener.local_addr().unwrap());
        upstream.accept(listener, answer, AfterAnswer::Close);
        upstream
    }

    /// Answers with these bytes and then says nothing more, but stays.
    pub(crate) async fn hanging_after(answer: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut upstream = Self::at(listener.local_addr().unwrap());
        upstream.accept(listener, |_| answer.as_bytes().to_vec(), AfterAnswer::Hang);
        upstream
    }

    /// Answers `{}` over TLS, by a certificate for this name. Gives the authority's certificate.
    pub(crate) async fn with_tls(name: &str) -> (Self, String) {
        Self::with_certificate(name, |_| {}).await
    }

    /// The same by a changed certificate.
    pub(crate) async fn with_certificate(
        name: &str,
        change: impl FnOnce(&mut CertificateParams),
    ) -> (Self, String) {
        let (acceptor, authority) = acceptor(name, &[], change);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut upstream = Self::at(listener.local_addr().unwrap());
        let kept = Arc::clone(&upstream.arrived);
        upstream.accepting = Some(tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let Ok(mut stream) = acceptor.accept(stream).await else { continue };
                let Some(request) = read_request(&mut stream).await else { continue };
                kept.lock().unwrap().push(request);
                let _ = stream.write_all(json("{}").as_bytes()).await;
                let _ = stream.shutdown().await;
            }
        }));
        (upstream, authority)
    }

    /// An upstream that does not listen yet.
    pub(crate) fn at(address: SocketAddr) -> Self {
        Self { address, arrived: Arc::default(), accepting: None }
    }

    /// Listens now, and answers with this JSON.
    pub(crate) async fn listen(&mut self, body: &str) {
        let listener = TcpListener::bind(self.address).await.unwrap();
        let answer = json(body).into_bytes();
        self.accept(listener, move |_| answer.clone(), AfterAnswer::Close);
    }

    fn accept(
        &mut self,
        listener: TcpListener,
        answer: impl Fn(&Arrived) -> Vec<u8> + Send + Sync + 'static,
        after: AfterAnswer,
    ) {
        let (kept, answer) = (Arc::clone(&self.arrived), Arc::new(answer));
        self.accepting = Some(tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (kept, answer) = (Arc::clone(&kept), Arc::clone(&answer));
                tokio::spawn(async move {
                    let Some(request) = read_request(&mut stream).await else { return };
                    kept.lock().unwrap().push(request.clone());
                    let _ = stream.write_all(&answer(&request)).await;
                    match after {
                        AfterAnswer::Close => drop(stream.shutdown().await),
                        AfterAnswer::Hang => std::future::pending().await,
                    }
                });
            }
        }));
    }

    /// What arrived so far.
    pub(crate) fn arrived(&self) -> Vec<Arrived> {
        self.arrived.lock().unwrap().clone()
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        if let Some(accepting) = &self.accepting {
            accepting.abort();
        }
    }
}

/// TLS by a changed certificate for this name, and the authority's certificate.
pub(crate) fn acceptor(
    name: &str,
    protocols: &[&[u8]],
    change: impl FnOnce(&mut CertificateParams),
) -> (TlsAcceptor, String) {
    let mut params = CertificateParams::new([name.to_owned()]).unwrap();
    change(&mut params);
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    let authority = certificate.pem();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.into()], key)
        .unwrap();
    config.alpn_protocols = protocols.iter().map(|it| it.to_vec()).collect();
    (TlsAcceptor::from(Arc::new(config)), authority)
}

/// An answer with a JSON body.
pub(crate) fn json(body: &str) -> String {
    answer("200 OK", &[("content-type", "application/json")], body)
}

/// An answer with a status, headers and a body.
pub(crate) fn answer(status: &str, headers: &[(&str, &str)], body: &str) -> String {
    let headers: Vec<_> =
        headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let headers = headers.concat();
    format!("HTTP/1.1 {status}\r\n{headers}content-length: {}\r\n\r\n{body}", body.len())
}

/// A chunked body of these chunks.
pub(crate) fn chunked<'c>(chunks: impl IntoIterator<Item = &'c [u8]>) -> Vec<u8> {
    let mut body = Vec::new();
    for chunk in chunks {
        body.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
        body.extend_from_slice(chunk);
        body.extend(b"\r\n");
    }
    body.extend(b"0\r\n\r\n");
    body
}

pub(crate) async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> Option<Arrived> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let mut body = bytes.split_off(end + 4);
    let head = String::from_utf8(bytes).unwrap().trim_end().to_owned();
    let mut request = Arrived { head, body: Vec::new() };
    let length = request.header("content-length").first().map_or(0, |text| text.parse().unwrap());
    while body.len() < length {
        if stream.read_buf(&mut body).await.ok()? == 0 {
            return None;
        }
    }
    request.body = body;
    Some(request)
}
