//! `keygen`: a key pair for an agent or a token for an operator, in files never overwritten.

use std::ffi::{OsStr, OsString};
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use agentcred_protocol::key::SigningKey;
use agentcred_protocol::names::OperatorName;
use agentcred_protocol::operator::OperatorHash;
use agentcred_protocol::token::OperatorToken;
use aws_lc_rs::rand::SystemRandom;
use clap::Args;

use crate::Failure;

#[derive(Args)]
pub(crate) struct Arguments {
    /// Where the files go and what they are called, as keys/billing-agent.
    #[arg(long, value_name = "DIR/NAME")]
    out: PathBuf,
    /// Make an operator's token instead: NAME.operator is the operator's, and what is printed
    /// goes into `[operators]` of the configuration.
    #[arg(long)]
    operator: bool,
}

pub(crate) fn keygen(arguments: &Arguments) -> Result<(), Failure> {
    let name =
        arguments.out.file_name().ok_or("--out must end in a name, as keys/billing-agent")?;
    if arguments.operator {
        return operator_token(&arguments.out, name);
    }
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

/// The token goes into the file and nowhere else: what is printed stays in a terminal's history.
fn operator_token(out: &Path, name: &OsStr) -> Result<(), Failure> {
    let operator = OperatorName::new(name.to_string_lossy())?;
    let file = out.with_file_name(with_ending(name, ".operator"));
    let (token, text) = OperatorToken::generate(&SystemRandom::new())?;
    write_new(&file, text.as_bytes(), 0o600)?;
    writeln!(
        io::stdout(),
        "{}  the token of {operator}, who keeps it; put its hash into the configuration:\n\n\
         [operators]\nlisten = \"127.0.0.1:8421\"\ntokens = {{ \"{operator}\" = \"{}\" }}",
        file.display(),
        OperatorHash::of(&token)
    )?;
    Ok(())
}

fn with_ending(name: &OsStr, ending: &str) -> OsString {
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
