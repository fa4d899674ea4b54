//! The command line.

use clap::Parser;
use clap::builder::NonEmptyStringValueParser;
use url::Url;

/// An agent that answers questions about a Stripe account, with a nonce for every tool call.
///
/// Without an API key it plans offline: no language model, but real tools, real nonces and a
/// real broker in front of a bundled stand-in for Stripe. Exits with 0 when the question was
/// answered (that a customer does not exist is an answer), with 1 when the job failed and with 2
/// when the command line cannot be read.
#[derive(Debug, Parser)]
#[command(name = "billing_agent", after_help = ENVIRONMENT)]
pub(crate) struct Cli {
    /// What to ask.
    #[arg(
        default_value = "How much does ada@example.com owe, and on which invoices?",
        value_parser = NonEmptyStringValueParser::new()
    )]
    pub(crate) question: String,

    /// Print one JSON object instead of the conversation.
    #[arg(long)]
    pub(crate) json: bool,

    /// Plan offline even when an API key is set.
    #[arg(long)]
    pub(crate) offline: bool,

    /// The API to use instead of the bundled stand-in, as `https://api.stripe.com`. Its key is
    /// read from where `issuer.toml` says, the variable `STRIPE_API_KEY`.
    #[arg(long, value_name = "URL")]
    pub(crate) upstream: Option<Url>,
}

const ENVIRONMENT: &str = "\
Environment:
  OPENAI_API_KEY, OPENAI_BASE_URL    ask a model with OpenAI's chat API; a local server needs only
                                     the URL. OPENAI_MODEL names the model
  ANTHROPIC_API_KEY                  ask a model of Anthropic. ANTHROPIC_MODEL names the model
  AGENTCRED_ISSUER                   use this issuer instead of one inside the example, with the
                                     agent's key in AGENTCRED_AGENT_KEY_FILE
  NO_COLOR                           no colours, as when the output is not a terminal
  RUST_LOG                           what to log to standard error, as info or agentcred=debug";

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_question_is_optional_but_never_empty() {
        let cli = Cli::parse_from(["billing_agent"]);
        assert!(cli.question.contains("ada@example.com"));
        assert!(Cli::try_parse_from(["billing_agent", ""]).is_err());
        assert!(Cli::try_parse_from(["billing_agent", "one", "two"]).is_err());
        assert!(Cli::try_parse_from(["billing_agent", "--upstream", "stripe"]).is_err());
    }
}
