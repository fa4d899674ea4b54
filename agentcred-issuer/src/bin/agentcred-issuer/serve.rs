//! `serve` and `check`: the configuration is read, and run or explained.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use agentcred_issuer::{Config, Finding, Server};
use clap::Args;
use tracing_subscriber::EnvFilter;

use crate::Failure;
use crate::harden;
use crate::manifest::Needs;

#[derive(Args)]
pub(crate) struct Arguments {
    /// The configuration, a TOML file.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The name of this issuer in its audit, in place of the configuration's `replica`.
    #[arg(long, value_name = "NAME")]
    replica: Option<String>,
    /// What to log, as `info` or `agentcred_issuer=debug`.
    #[arg(long, value_name = "FILTER", default_value = "info")]
    log: String,
}

/// Runs the server until it is told to stop.
pub(crate) fn serve(arguments: &Arguments) -> Result<(), Failure> {
    let filter = EnvFilter::try_new(&arguments.log)
        .map_err(|error| format!("--log {} is no filter: {error}", arguments.log))?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(io::stderr().is_terminal())
        .with_writer(io::stderr)
        .init();
    harden::harden()?;
    harden::allow_open_files();
    let mut config = Config::load(&arguments.config)?;
    if let Some(replica) = &arguments.replica {
        config = config.named(replica)?;
    }
    for warning in config.warnings() {
        tracing::warn!("{warning}");
    }
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        // Before the server is ready, so that no signal is missed once it says that it is.
        let stop = stop_signal()?;
        let mut reload = reload_signal()?;
        let server = Server::start(config).await?;
        writeln!(
            io::stdout(),
            "listening on {}://{}, agents use {}",
            server.scheme(),
            server.address(),
            server.url()
        )?;
        if let Some(at) = server.operators() {
            writeln!(io::stdout(), "operators: {at}")?;
        }
        io::stdout().flush()?;
        let mut stop = std::pin::pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => break,
                () = reload.told() => reload_all(&server).await,
            }
        }
        tracing::info!("stopping; requests under way may finish");
        server.shutdown().await;
        Ok(())
    })
}

/// Takes over a changed policy and renewed certificates. What is refused changes nothing.
async fn reload_all(server: &Server) {
    if let Err(error) = server.reload().await {
        tracing::error!("the policy from before stays in use: {error}");
    }
    match server.renew_certificates() {
        Ok(true) => tracing::info!("new connections get the renewed certificate"),
        Ok(false) => {}
        Err(error) => {
            tracing::error!("the certificate from before stays in use: server.tls.{error}");
        }
    }
}

/// Lists all findings and fails when one is an error.
pub(crate) fn check(path: &Path, needs: &Needs) -> Result<(), Failure> {
    let (findings, is_sound) = match Config::load(path) {
        Ok(config) => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let mut findings = config.warnings().to_vec();
            findings.extend(runtime.block_on(config.check_secrets(&*config.secret_stores())));
            findings.extend(needs.compare(&config)?);
            let is_sound = findings.iter().all(Finding::is_warning);
            (findings, is_sound)
        }
        Err(invalid) => (invalid.findings().to_vec(), false),
    };
    let mut out = io::stdout().lock();
    for finding in &findings {
        writeln!(out, "{}: {finding}", path.display())?;
    }
    if !is_sound {
        return Err("the configuration is refused".into());
    }
    writeln!(out, "{}: the configuration is sound", path.display())?;
    Ok(())
}

/// SIGHUP, by which an operator asks for a reload.
struct ReloadSignal {
    #[cfg(unix)]
    hangup: tokio::signal::unix::Signal,
}

impl ReloadSignal {
    async fn told(&mut self) {
        #[cfg(unix)]
        let told = self.hangup.recv().await.is_some();
        #[cfg(not(unix))]
        let told = false;
        if !told {
            std::future::pending::<()>().await;
        }
    }
}

fn reload_signal() -> io::Result<ReloadSignal> {
    Ok(ReloadSignal {
        #[cfg(unix)]
        hangup: tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup())?,
    })
}

#[cfg(unix)]
fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

#[cfg(not(unix))]
fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    Ok(async {
        // Without the signal there is no way to stop but to be killed.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    })
}
