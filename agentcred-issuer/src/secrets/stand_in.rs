//! A server of a test's own, in the place of a store: it says what the test wants it to say.

use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// A server that answers each request with what `reply` makes of it.
pub(crate) async fn serve(reply: impl Fn(&str) -> String + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let reply = Arc::new(reply);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let reply = Arc::clone(&reply);
            tokio::spawn(async move {
                let mut request = Vec::new();
                let mut buffer = [0; 4096];
                while let Ok(length @ 1..) = stream.read(&mut buffer).await {
                    request.extend_from_slice(&buffer[..length]);
                    if request.windows(4).any(|it| it == b"\r\n\r\n") {
                        break;
                    }
                }
                let answer = reply(&String::from_utf8_lossy(&request));
                let _ = stream.write_all(answer.as_bytes()).await;
                // What it does not answer, it leaves open.
                if answer.is_empty() {
                    let _ = stream.read(&mut buffer).await;
                }
            });
        }
    });
    address
}

pub(crate) fn answer(status: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n{body}",
        body.len()
    )
}
