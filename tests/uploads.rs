//! A tool's upload, through the real broker to an upstream that counts what arrives.

#![expect(clippy::unwrap_used, reason = "a test may end where it fails")]

use std::path::Path;
use std::time::Duration;

use agentcred::protocol::key::SigningKey;
use agentcred::protocol::refusal::RefusalCode;
use agentcred::{Agent, HttpIssuer, RequestError, Task, Toolbox, Upload, UploadProblem};
use agentcred_issuer::{Config, Server};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// More than the broker reads whole.
const LENGTH: u64 = 5 << 20;

struct Stage {
    task: Task,
    /// How much of each upload arrived.
    arrived: mpsc::UnboundedReceiver<u64>,
    _server: Server,
    _folder: TempDir,
}

impl Stage {
    async fn set() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (key, private) = SigningKey::generate().unwrap();
        let public = serde_json::to_string(key.public()).unwrap();
        std::fs::write(folder.path().join("clerk.jwk"), public).unwrap();
        write_private(&folder.path().join("store.key"), "a_real_key_0123456789");
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let policy = format!(
            r#"
            [server]
            listen = "127.0.0.1:0"
            [audit]
            file = "audit.jsonl"
            [agents.clerk]
            keys = ["clerk.jwk"]
            allow = [{{ service = "store", scopes = ["write:files"] }}]
            [services.store]
            origin = "http://{}"
            secret = "file:store.key"
            inject = {{ header = "authorization", format = "Bearer {{secret}}" }}
            allow_networks = ["127.0.0.1/32"]
            [[services.store.scopes."write:files"]]
            method = "PUT"
            path = "/files/{{name}}"
            max_request_body = "16MiB"
            "#,
            listener.local_addr().unwrap()
        );
        let server = Server::start(Config::parse(&policy, folder.path()).unwrap()).await.unwrap();
        let (count, arrived) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                count.send(take(stream).await).unwrap();
            }
        });
        let key = SigningKey::read(&private).unwrap();
        let issuer = HttpIssuer::new(server.url().clone(), key).unwrap();
        let agent = Agent::builder("clerk").issuer(issuer).tools(Toolbox::new()).build().unwrap();
        let task = agent.task("task-1").await.unwrap();
        Self { task, arrived, _server: server, _folder: folder }
    }

    async fn upload(&self, body: Upload) -> Result<String, RequestError> {
        let nonce = self.task.nonce("store", "write:files", Duration::from_mins(1)).await.unwrap();
        let request = nonce.put("/files/export").upload("text/csv", body);
        request.within(Duration::from_mins(1)).send().await?.text()
    }
}

/// Reads a request, and answers when all of it has come. How much of its body came.
async fn take(mut stream: TcpStream) -> u64 {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        assert!(stream.read_buf(&mut bytes).await.unwrap() > 0);
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
    let length: u64 = length.parse().unwrap();
    let mut taken = (bytes.len() - end) as u64;
    let mut piece = vec![0; 1 << 16];
    while taken < length {
        match stream.read(&mut piece).await {
            Ok(read @ 1..) => taken += read as u64,
            _ => return taken,
        }
    }
    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\nconnection: close\r\n\r\nstored";
    stream.write_all(answer).await.unwrap();
    taken
}

fn write_private(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
}

#[tokio::test]
async fn a_body_from_a_reader_arrives_whole() {
    let mut stage = Stage::set().await;
    let body = Upload::reader(LENGTH, tokio::io::repeat(b'a').take(LENGTH));
    assert_eq!(stage.upload(body.clone()).await.unwrap(), "stored");
    assert_eq!(stage.arrived.recv().await, Some(LENGTH));
    // It was sent, so there is nothing left to send.
    let sent = RequestError::Upload(UploadProblem::Sent);
    assert_eq!(stage.upload(body).await, Err(sent));
    assert!(stage.arrived.try_recv().is_err());
}

#[tokio::test]
async fn a_body_of_another_length_is_never_a_whole_request() {
    let mut stage = Stage::set().await;
    for (length, problem) in
        [(LENGTH + 1, UploadProblem::Shorter), (LENGTH - 1, UploadProblem::Longer)]
    {
        let body = Upload::reader(length, tokio::io::repeat(b'a').take(LENGTH));
        assert_eq!(stage.upload(body).await, Err(RequestError::Upload(problem)));
        assert!(stage.arrived.recv().await.unwrap() < length, "{problem}");
    }
}

#[tokio::test]
async fn a_body_beyond_the_policy_is_refused_by_name() {
    let mut stage = Stage::set().await;
    let length = 1 << 30;
    let body = Upload::reader(length, tokio::io::repeat(b'a').take(length));
    let refused = RequestError::Refused(RefusalCode::ContentTooLarge);
    assert_eq!(stage.upload(body).await, Err(refused));
    assert!(stage.arrived.try_recv().is_err());
}
