//! What a model is told about the billing agent's tools, in the dialect of its provider.
//!
//!     cargo run --example tool_schemas -- --format anthropic

#[path = "billing_agent/stripe.rs"]
mod stripe;
#[path = "billing_agent/tools.rs"]
mod tools;

use std::io::Write as _;

use agentcred::Dialect;
use clap::Parser;
use clap::builder::{PossibleValuesParser, TypedValueParser as _};

/// Print the billing agent's tools as JSON, as a model's provider takes them.
#[derive(Parser)]
struct Cli {
    /// The provider's dialect.
    #[arg(long, value_parser = dialects(), default_value = "openai")]
    format: Dialect,
}

fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    let schemas = tools::billing_tools().schemas(cli.format)?;
    writeln!(std::io::stdout(), "{}", serde_json::to_string_pretty(&schemas)?)?;
    Ok(())
}

fn dialects() -> impl clap::builder::TypedValueParser<Value = Dialect> {
    PossibleValuesParser::new(Dialect::ALL.map(Dialect::name))
        .try_map(|name| name.parse::<Dialect>())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The parameter that is injected, the service, every scope, and what a TTL is called.
    const HIDDEN: [&str; 8] =
        ["\"stripe\"", "Nonce", "nonce", "read:", "write:", "ttl", "scope", "credential"];

    #[test]
    fn no_dialect_says_anything_about_credentials() {
        for dialect in Dialect::ALL {
            let schemas = tools::billing_tools().schemas(dialect).unwrap();
            assert_eq!(schemas.len(), 6, "{dialect}");
            let text = serde_json::to_string(&schemas).unwrap();
            assert!(text.contains("find_customers") && text.contains("status"), "{dialect}");
            for word in HIDDEN {
                assert!(!text.contains(word), "{dialect} contains {word}");
            }
        }
    }

    #[test]
    fn every_dialect_is_a_format() {
        for dialect in Dialect::ALL {
            let cli = Cli::parse_from(["tool_schemas", "--format", dialect.name()]);
            assert_eq!(cli.format, dialect);
        }
        assert!(Cli::try_parse_from(["tool_schemas", "--format", "xml"]).is_err());
    }
}
