//! `keygen`: a key pair for an agent, in two files that are never overwritten.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use agentcred_protocol::key::SigningKey;
use clap::Args;

use crate::Failure;

#[derive(Args)]
pub(crate) struct Arguments {
    /// Where the files go and what they are called, as keys/billing-agent.
    #[arg(long, value_name = "DIR/NAME")]
    out: PathBuf,
}

pub(crate) fn keygen(arguments: &Arguments) -> Result<(), Failure> {
    let name =
        arguments.out.file_name().ok_or("--out must end in a name, as keys/billing-agent")?;
    let private_file = arguments.out.with_file_name(with_ending(name, ".private.jwk"));
    let public_file = arguments.out.with_file_name(with_ending(name, ".jwk"));
    if public_file.exists() {
        return Err(exists(&public_file).into());
    }
    let (key, private) = SigningKey::generate()?;
    let public = serde_json::to_string(key.public())?;
    write_new(&private_file, private.as_bytes(), 0o600)?;
    write_new(&public_file, format!("{public}\n").as_bytes(), 0o644)?;
    writeln!(
        io::stdout(),
        "{}  private: give it to the agent (AGENTCRED_AGENT_KEY_FILE) and keep no copy\n\
         {}  public: name it in `keys` of the agent in the issuer's configuration",
        private_file.display(),
        public_file.display()
    )?;
    Ok(())
}

fn with_ending(name: &std::ffi::OsStr, ending: &str) -> OsString {
    let mut name = name.to_owned();
    name.push(ending);
    name
}

/// Creates the file with its mode, so that a private key is never readable by others, not even
/// for a moment.
fn write_new(path: &Path, text: &[u8], mode: u32) -> Result<(), Failure> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    #[cfg(not(unix))]
    let _ = mode;
    let mut file = options.open(path).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => exists(path),
        _ => format!("{} cannot be written: {error}", path.display()),
    })?;
    file.write_all(text)?;
    file.sync_all()?;
    Ok(())
}

fn exists(path: &Path) -> String {
    format!("{} exists already; move it away or choose another name", path.display())
}
