//! Tools with many arguments, odd names, long texts.

#![expect(
    dead_code,
    unused_variables,
    clippy::too_many_arguments,
    clippy::unused_async,
    reason = "only what the tools declare counts"
)]

use agentcred::{Nonce, ToolError, credentialed_tool};
use schemars::JsonSchema;
use serde::Deserialize;

use super::cage;

cage![Sixty, Raw, Unicode, LongWords,];

/// Takes sixty arguments.
#[credentialed_tool(service = "canary-service", scope = "canary:scope", ttl = "421s")]
async fn sixty(
    p01: String,
    p02: Option<u16>,
    p03: String,
    p04: Option<u16>,
    p05: String,
    p06: Option<u16>,
    p07: String,
    p08: Option<u16>,
    p09: String,
    p10: Option<u16>,
    p11: String,
    p12: Option<u16>,
    p13: String,
    p14: Option<u16>,
    p15: String,
    p16: Option<u16>,
    p17: String,
    p18: Option<u16>,
    p19: String,
    p20: Option<u16>,
    p21: String,
    p22: Option<u16>,
    p23: String,
    p24: Option<u16>,
    p25: String,
    p26: Option<u16>,
    p27: String,
    p28: Option<u16>,
    p29: String,
    p30: Option<u16>,
    p31: String,
    p32: Option<u16>,
    p33: String,
    p34: Option<u16>,
    p35: String,
    p36: Option<u16>,
    p37: String,
    p38: Option<u16>,
    p39: String,
    p40: Option<u16>,
    p41: String,
    p42: Option<u16>,
    p43: String,
    p44: Option<u16>,
    p45: String,
    p46: Option<u16>,
    p47: String,
    p48: Option<u16>,
    p49: String,
    p50: Option<u16>,
    p51: String,
    p52: Option<u16>,
    p53: String,
    p54: Option<u16>,
    p55: String,
    p56: Option<u16>,
    p57: String,
    p58: Option<u16>,
    p59: String,
    p60: Option<u16>,
    canarynonce: Nonce,
) -> Result<(), ToolError> {
    Ok(())
}

/// Takes arguments named by keywords.
#[credentialed_tool(service = "canary-service", scope = "canary:scope", ttl = "421s")]
async fn raw(r#type: String, r#match: Option<bool>, canarynonce: Nonce) -> Result<(), ToolError> {
    Ok(())
}

/// Prüft Wörter in vielen Schriften: 漢字, עברית, 🦀.
#[credentialed_tool(service = "canary-service", scope = "canary:scope", ttl = "421s")]
async fn unicode(
    /// Prüft: "Größe" \ ✓, 名前 und 🦀.
    value: Größe,
    canarynonce: Nonce,
) -> Result<(), ToolError> {
    Ok(())
}

/// Explains itself at length.
///
/// A second paragraph, which the model reads as well.
#[credentialed_tool(service = "canary-service", scope = "canary:scope", ttl = "421s")]
async fn long_words(
    /// The first line of the description.
    ///
    /// - a list
    /// - with `code` and "quotes"
    value: String,
    canarynonce: Nonce,
) -> Result<(), ToolError> {
    Ok(())
}

#[derive(Deserialize, JsonSchema)]
struct Größe {
    höhe: f64,
    #[serde(rename = "名前 🦀")]
    name: Option<String>,
    #[serde(rename = "a/b~c.d \"e\"")]
    odd: bool,
}
