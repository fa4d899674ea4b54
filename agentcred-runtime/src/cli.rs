//! A command for your own tools: it prints their schemas and their manifest, and checks the copies
//! that you keep in files.
//!
//! A crate that has tools needs one small binary, with the feature `cli`:
//!
//! ```no_run
//! use std::process::ExitCode;
//! use agentcred_runtime::{Toolbox, cli, toolbox};
//!
//! fn tools() -> Toolbox {
//!     toolbox![]
//! }
//!
//! fn main() -> ExitCode {
//!     cli::main(tools())
//! }
//! ```
//!
//! `schemas --format openai` prints what the model of a provider is told, and
//! `manifest --format toml` what the tools need from the issuer. With `--check FILE`, either says
//! nothing as long as the file has the same text, which is for CI: a change of a tool is then a
//! change of a file that somebody reviews.
//!
//! It exits with 0 when all is well, 1 when the file is stale, and 2 when it could not tell.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};
use similar::TextDiff;

use crate::dialect::{Dialect, DialectError};
use crate::manifest::ManifestError;
use crate::toolbox::Toolbox;

/// Runs the command on the program's own arguments.
///
/// The example stands at the [module](self).
#[expect(clippy::needless_pass_by_value, reason = "it is called with a toolbox made for it")]
pub fn main(tools: Toolbox) -> ExitCode {
    let (mut out, mut err) = (io::stdout().lock(), io::stderr().lock());
    let ended = run(&tools, std::env::args_os(), &mut out);
    match ended {
        Ok(Ended::Well) => ExitCode::SUCCESS,
        Ok(Ended::Stale) => ExitCode::from(1),
        Err(Failed::Usage(error)) => error.exit(),
        Err(failed) => {
            // There is nobody left to tell when the error stream is closed.
            let _ = writeln!(err, "error: {failed}");
            ExitCode::from(2)
        }
    }
}

/// Print the schemas and the manifest of these tools, or check the copies kept in files.
#[derive(Parser)]
#[command(version = None, arg_required_else_help = true)]
struct Command {
    #[command(subcommand)]
    subject: Subject,
}

#[derive(Subcommand)]
enum Subject {
    /// What a model is told about the tools, as JSON.
    Schemas {
        /// openai, openai-responses, anthropic, anthropic-strict, gemini, gemini-openapi, mcp or
        /// bedrock.
        #[arg(long)]
        format: Dialect,
        /// Compare with this file and print nothing unless it is stale.
        #[arg(long, value_name = "FILE")]
        check: Option<PathBuf>,
    },
    /// What the tools need from the issuer: services, scopes, TTLs and uses.
    Manifest {
        /// The form of the manifest.
        #[arg(long, value_enum, default_value_t = ManifestFormat::Toml)]
        format: ManifestFormat,
        /// Compare with this file and print nothing unless it is stale.
        #[arg(long, value_name = "FILE")]
        check: Option<PathBuf>,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum ManifestFormat {
    Toml,
    Json,
}

#[derive(Debug, PartialEq, Eq)]
enum Ended {
    Well,
    Stale,
}

#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error(transparent)]
    Usage(#[from] clap::Error),
    #[error(transparent)]
    Schemas(#[from] DialectError),
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    #[error("the tools cannot be written as JSON")]
    Json(#[from] serde_json::Error),
    #[error("{} cannot be read: {cause}", path.display())]
    Unread { path: PathBuf, cause: io::Error },
    #[error("the result cannot be printed: {0}")]
    Unprinted(#[from] io::Error),
}

fn run(
    tools: &Toolbox,
    arguments: impl IntoIterator<Item = OsString>,
    out: &mut impl Write,
) -> Result<Ended, Failed> {
    let Command { subject } = Command::try_parse_from(arguments)?;
    let (text, check) = match subject {
        Subject::Schemas { format, check } => (schemas(tools, format)?, check),
        Subject::Manifest { format, check } => (manifest(tools, format)?, check),
    };
    if let Some(path) = check {
        return compare(&path, &text, out);
    }
    out.write_all(text.as_bytes())?;
    Ok(Ended::Well)
}

fn schemas(tools: &Toolbox, dialect: Dialect) -> Result<String, Failed> {
    Ok(serde_json::to_string_pretty(&tools.schemas(dialect)?)? + "\n")
}

fn manifest(tools: &Toolbox, format: ManifestFormat) -> Result<String, Failed> {
    let manifest = tools.manifest()?;
    Ok(match format {
        ManifestFormat::Toml => manifest.to_toml(),
        ManifestFormat::Json => serde_json::to_string_pretty(&manifest)? + "\n",
    })
}

/// Prints a diff when the file's text is another. Line ends do not count, as some checkouts
/// rewrite them.
fn compare(path: &Path, text: &str, out: &mut impl Write) -> Result<Ended, Failed> {
    let unread = |cause| Failed::Unread { path: path.to_owned(), cause };
    let kept = std::fs::read_to_string(path).map_err(unread)?.replace("\r\n", "\n");
    if kept == text {
        return Ok(Ended::Well);
    }
    let name = path.display().to_string();
    let diff = TextDiff::from_lines(kept.as_str(), text);
    write!(out, "{}", diff.unified_diff().header(&name, "written from the code"))?;
    writeln!(out, "{name} is stale; run the same command without --check and keep what it prints")?;
    Ok(Ended::Stale)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::argument_error::ArgumentError;
    use crate::arguments::Arguments;
    use crate::tool::{CredentialSpec, Invocation, Tool, ToolDefinition};

    struct Probe(&'static str);

    impl Tool for Probe {
        fn definition(&self) -> ToolDefinition {
            let mut definition = ToolDefinition::new("probe", "A probe.");
            definition.credentials = vec![CredentialSpec {
                parameter: "stripe",
                service: "stripe",
                scope: self.0,
                ttl: Duration::from_mins(5),
                uses: 1,
            }];
            definition
        }

        fn prepare(&self, arguments: Arguments) -> Result<Invocation, ArgumentError> {
            arguments.finish()?;
            Ok(Invocation::new(async |_| Ok(serde_json::Value::Null)))
        }
    }

    fn ran(scope: &'static str, line: &str) -> (Result<Ended, Failed>, String) {
        let (tools, mut out) = (Toolbox::new().with(Probe(scope)), Vec::new());
        let ended = run(&tools, line.split(' ').map(OsString::from), &mut out);
        (ended, String::from_utf8(out).unwrap())
    }

    #[test]
    fn every_format_of_schemas_is_printed_as_json() {
        for dialect in Dialect::ALL {
            let (ended, out) = ran("read:a", &format!("tools schemas --format {dialect}"));
            assert_eq!(ended.unwrap(), Ended::Well);
            assert!(serde_json::from_str::<Vec<serde_json::Value>>(&out).unwrap().len() == 1);
            assert!(!out.contains("read:a"));
        }
    }

    #[test]
    fn the_manifest_is_printed_as_toml_or_json() {
        let (_, toml) = ran("read:a", "tools manifest");
        assert!(toml.contains("scope = \"read:a\""), "{toml}");
        let (_, json) = ran("read:a", "tools manifest --format json");
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&json).unwrap()["needs"][0]["uses"],
            1
        );
    }

    #[test]
    fn a_file_is_stale_once_the_code_says_otherwise() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agent.toml");
        let (_, text) = ran("read:a", "tools manifest");
        std::fs::write(&path, text.replace('\n', "\r\n")).unwrap();
        let check = format!("tools manifest --check {}", path.display());
        let (same, silence) = ran("read:a", &check);
        assert_eq!((same.unwrap(), silence.as_str()), (Ended::Well, ""));
        let (other, diff) = ran("write:a", &check);
        assert_eq!(other.unwrap(), Ended::Stale);
        assert!(diff.contains("-scope = \"read:a\"\n+scope = \"write:a\"\n"), "{diff}");
        assert!(diff.ends_with("keep what it prints\n"), "{diff}");
    }

    #[test]
    fn what_cannot_be_compared_is_no_stale_file() {
        let (ended, _) = ran("read:a", "tools manifest --check /nowhere/agent.toml");
        assert!(ended.unwrap_err().to_string().starts_with("/nowhere/agent.toml cannot be read"));
        assert!(matches!(ran("read:a", "tools schemas --format x").0, Err(Failed::Usage(_))));
    }
}
