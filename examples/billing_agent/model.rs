//! Which model answers: one behind an API when there is a key for it, else the offline planner.

use anyhow::Context as _;
use rig_core::driver::DynModel;
use rig_core::operation::Completion;
use rig_core::providers::anthropic::wire::AnthropicConfig;
use rig_core::providers::anthropic::{self};
use rig_core::providers::openai::{self, OpenAIConfig};

use super::config::{Environment, OpenAi};
use super::planner::offline_model;
use super::stripe::Day;

/// The model for rig's agent loop, and what to call it.
pub(crate) struct Chosen {
    pub(crate) model: DynModel<Completion>,
    pub(crate) name: String,
    pub(crate) offline: bool,
}

/// The model that the environment has a key for; the planner when `offline` or without a key.
pub(crate) fn choose(
    environment: &Environment,
    offline: bool,
    today: Day,
) -> anyhow::Result<Chosen> {
    if offline {
        return Ok(planner(today, "as asked"));
    }
    if let Some(openai) = &environment.openai {
        return openai_chat(openai);
    }
    if environment.has_anthropic_key {
        return anthropic_messages(environment);
    }
    Ok(planner(today, "no OPENAI_API_KEY or ANTHROPIC_API_KEY is set"))
}

fn planner(today: Day, why: &str) -> Chosen {
    let name = format!("offline planner, no language model ({why})");
    Chosen { model: offline_model(today), name, offline: true }
}

/// Chat completions rather than responses: that is what local servers speak.
fn openai_chat(settings: &OpenAi) -> anyhow::Result<Chosen> {
    let config = match &settings.base_url {
        Some(url) if !settings.has_key => OpenAIConfig::new(NO_KEY).with_base_url(url),
        _ => OpenAIConfig::from_env().context("the settings for OpenAI cannot be used")?,
    };
    let id = settings.model.as_deref().unwrap_or(openai::GPT_5_2);
    let model = config.client().chat(id).erase();
    Ok(Chosen { model, name: id.to_owned(), offline: false })
}

fn anthropic_messages(environment: &Environment) -> anyhow::Result<Chosen> {
    let config =
        AnthropicConfig::from_env().context("the settings for Anthropic cannot be used")?;
    let default = anthropic::completion::CLAUDE_SONNET_5_5;
    let id = environment.anthropic_model.as_deref().unwrap_or(default);
    let model = config.client().completion(id).erase();
    Ok(Chosen { model, name: id.to_owned(), offline: false })
}

/// What a server that wants no key is told.
const NO_KEY: &str = "none";
