//! A tap on the wire between agent and vault side: it passes bytes on and remembers every token.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, OnceLock};

use agentcred::protocol::token::{GrantToken, NonceToken};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

/// What was heard, in its order. Its clones are the same one.
#[derive(Clone, Default)]
pub(crate) struct Heard(Arc<Mutex<Tokens>>);

#[derive(Default)]
struct Tokens {
    order: Vec<String>,
    known: HashSet<String>,
}

/// A tap that listens. What comes before [`Tap::connect_to`] waits.
pub(crate) struct Tap {
    pub(crate) address: SocketAddr,
    pub(crate) heard: Heard,
    target: Arc<OnceLock<SocketAddr>>,
}

impl Tap {
    /// Listens on a free loopback port.
    pub(crate) async fn listen() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let tap = Self { address, heard: Heard::default(), target: Arc::default() };
        let (target, heard) = (Arc::clone(&tap.target), tap.heard.clone());
        tokio::spawn(async move {
            while let Ok((agent, _)) = listener.accept().await {
                let target = *target.get().unwrap();
                let Ok(vault) = TcpStream::connect(target).await else { continue };
                for stream in [&agent, &vault] {
                    stream.set_nodelay(true).unwrap();
                }
                let (from_agent, to_agent) = agent.into_split();
                let (from_vault, to_vault) = vault.into_split();
                tokio::spawn(pass(from_agent, to_vault, heard.clone()));
                tokio::spawn(pass(from_vault, to_agent, heard.clone()));
            }
        });
        tap
    }

    /// Says where the vault side listens.
    pub(crate) fn connect_to(&self, target: SocketAddr) {
        self.target.set(target).unwrap();
    }
}

impl Heard {
    /// Every nonce so far.
    pub(crate) fn nonces(&self) -> Vec<String> {
        self.tokens().into_iter().filter(|token| token.starts_with("acn_")).collect()
    }

    /// Every nonce and task grant so far.
    pub(crate) fn tokens(&self) -> Vec<String> {
        self.since(0)
    }

    /// Those that came after so many others.
    pub(crate) fn since(&self, known: usize) -> Vec<String> {
        self.0.lock().unwrap().order[known..].to_vec()
    }

    fn listen(&self, bytes: &[u8]) {
        let mut tokens = self.0.lock().unwrap();
        for prefix in ["acn_", "acg_"] {
            for start in memchr::memmem::find_iter(bytes, prefix) {
                let Some(token) = bytes.get(start..start + TOKEN) else { continue };
                let token = String::from_utf8_lossy(token).into_owned();
                // Among so many signatures the letters of a prefix come by chance, too.
                if is_token(&token) && tokens.known.insert(token.clone()) {
                    tokens.order.push(token);
                }
            }
        }
    }
}

/// Whether its checksum says that it was minted.
fn is_token(text: &str) -> bool {
    NonceToken::parse(text.to_owned()).is_ok() || GrantToken::parse(text.to_owned()).is_ok()
}

/// How long a token is.
const TOKEN: usize = 53;

async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, heard: Heard) {
    // What may be the beginning of a token is kept for the next turn.
    let (mut kept, mut buffer) = (Vec::new(), [0; 16 * 1024]);
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        kept.extend_from_slice(&buffer[..length]);
        heard.listen(&kept);
        kept.drain(..kept.len().saturating_sub(TOKEN - 1));
        if to.write_all(&buffer[..length]).await.is_err() {
            break;
        }
    }
}
