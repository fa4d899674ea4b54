//! The billing agent's stand-in for Stripe as a process of its own, for an issuer that is one.
//!
//!     cargo run --example stripe_sandbox -- --key-file sandbox.key
//!
//! In the issuer's configuration: `origin = "http://127.0.0.1:8421"`, `secret =
//! "file:sandbox.key"` and `allow_networks = ["127.0.0.1/32"]`.

#[path = "billing_agent/sandbox/mod.rs"]
mod sandbox;

use std::fs::OpenOptions;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use clap::Parser;

use self::sandbox::{Sandbox, SandboxKey};

/// Serve the stand-in for Stripe until Ctrl-C.
#[derive(Parser)]
struct Cli {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:8421")]
    listen: SocketAddr,

    /// The file to write the key to, which is new at every start.
    #[arg(long, value_name = "FILE")]
    key_file: PathBuf,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs())?;
    let key = SandboxKey::random()?;
    write_key(&cli.key_file, &key).with_context(|| {
        format!("{} cannot be written; remove it if it is an old one", cli.key_file.display())
    })?;
    let sandbox = Sandbox::start(cli.listen, key, now).await.context("cannot listen there")?;
    let mut out = std::io::stdout();
    writeln!(out, "listening on {}, the key is in {}", sandbox.url(), cli.key_file.display())?;
    tokio::signal::ctrl_c().await?;
    writeln!(out, "answered {} requests", sandbox.requests().len())?;
    Ok(())
}

/// Readable by this user alone, and never over a file that is there.
fn write_key(file: &PathBuf, key: &SandboxKey) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(file)?.write_all(key.expose().as_bytes())
}
