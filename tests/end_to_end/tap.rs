//! A wire tap between the agent and the vault side: it passes bytes on and keeps a copy, so that a
//! test knows every nonce that was minted, by value.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, OnceLock, mpsc};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

/// A listening tap. What comes before [`Tap::connect_to`] waits.
pub(crate) struct Tap {
    address: SocketAddr,
    target: Arc<OnceLock<SocketAddr>>,
    ear: Arc<Ear>,
}

/// What was heard, and what is done when the first nonce is.
#[derive(Default)]
struct Ear {
    heard: Mutex<Vec<u8>>,
    on_first_nonce: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

/// A nonce that waits on its way to the agent.
pub(crate) struct Held(mpsc::Sender<()>);

impl Held {
    pub(crate) fn go_on(self) {
        // The tap may have ended with its agent.
        let _ = self.0.send(());
    }
}

impl Tap {
    /// Listens on a free loopback port.
    pub(crate) async fn listen() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let tap = Self {
            address: listener.local_addr().unwrap(),
            target: Arc::default(),
            ear: Arc::default(),
        };
        let (target, ear) = (Arc::clone(&tap.target), Arc::clone(&tap.ear));
        tokio::spawn(async move {
            while let Ok((agent, _)) = listener.accept().await {
                let target = *target.get().expect("the tap is connected before it is used");
                let Ok(vault) = TcpStream::connect(target).await else { continue };
                let (from_agent, to_agent) = agent.into_split();
                let (from_vault, to_vault) = vault.into_split();
                tokio::spawn(pass(from_agent, to_vault, Arc::clone(&ear)));
                tokio::spawn(pass(from_vault, to_agent, Arc::clone(&ear)));
            }
        });
        tap
    }

    /// Says where the vault side listens.
    pub(crate) fn connect_to(&self, target: SocketAddr) {
        self.target.set(target).unwrap();
    }

    /// The URL by which the agent knows the vault side.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Does something when the first nonce is on its way to the agent, before it gets there.
    pub(crate) fn on_first_nonce(&self, act: impl FnOnce() + Send + 'static) {
        *self.ear.on_first_nonce.lock().unwrap() = Some(Box::new(act));
    }

    /// Stops the next nonce on its way to the agent, until it is told to go on or forgotten.
    pub(crate) fn hold_at_next_nonce(&self) -> oneshot::Receiver<Held> {
        let (reached, reaching) = oneshot::channel();
        let (going_on, waiting) = mpsc::channel();
        self.on_first_nonce(move || {
            if reached.send(Held(going_on)).is_ok() {
                let _ = waiting.recv();
            }
        });
        reaching
    }

    /// Every nonce from now on passes.
    pub(crate) fn let_pass(&self) {
        self.ear.on_first_nonce.lock().unwrap().take();
    }

    /// Every byte that was heard, both ways.
    pub(crate) fn heard(&self) -> Vec<u8> {
        self.ear.heard.lock().unwrap().clone()
    }

    /// Every nonce and task grant that was heard.
    pub(crate) fn tokens(&self) -> BTreeSet<String> {
        tokens(&self.ear.heard.lock().unwrap())
    }
}

/// Every text that has the form of a nonce or a task grant.
pub(crate) fn tokens(text: &[u8]) -> BTreeSet<String> {
    const LENGTH: usize = 53;
    let starts = [&b"acn_"[..], b"acg_"]
        .into_iter()
        .flat_map(|prefix| memchr::memmem::find_iter(text, prefix));
    starts
        .filter_map(|start| std::str::from_utf8(text.get(start..start + LENGTH)?).ok())
        .filter(|token| {
            token.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        })
        .map(str::to_owned)
        .collect()
}

async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, ear: Arc<Ear>) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        ear.hear(&buffer[..length]);
        if to.write_all(&buffer[..length]).await.is_err() {
            break;
        }
    }
}

impl Ear {
    fn hear(&self, bytes: &[u8]) {
        self.heard.lock().unwrap().extend_from_slice(bytes);
        if memchr::memmem::find(bytes, b"\"acn_").is_none() {
            return;
        }
        // Not under the lock: it may take long, and may ask for the next one.
        let act = self.on_first_nonce.lock().unwrap().take();
        if let Some(act) = act {
            act();
        }
    }
}
