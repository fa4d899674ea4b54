//! A model's arguments: what conforms to the schema is what the tool's own types take.
#![no_main]

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;

use agentcred_runtime::__private::{Credential, Draft};
use agentcred_runtime::{Arguments, ToolDefinition};
use libfuzzer_sys::fuzz_target;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Wanted {
    email: String,
    limit: u32,
    tags: Vec<String>,
    note: Option<String>,
    filter: Filter,
    limits: BTreeMap<String, u8>,
}

#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(tag = "op", rename_all = "lowercase", deny_unknown_fields)]
enum Filter {
    Is { text: String },
    Not { of: Box<Filter> },
    Between { low: i8, high: i8 },
}

static DEFINITION: LazyLock<ToolDefinition> = LazyLock::new(|| {
    let ttl = Duration::from_mins(1);
    let credential = Credential { service: "stripe", scope: "read", ttl, uses: 1 };
    let mut draft = Draft::new("find", "Finds.", credential);
    draft.all_arguments::<Wanted>();
    draft.finish()
});

fuzz_target!(|text: &str| {
    let Ok(arguments) = Arguments::from_json(text) else { return };
    // Whatever was read is what another parser reads.
    if !text.trim().is_empty() {
        assert!(serde_json::from_str::<serde_json::Value>(text).is_ok());
    }
    match arguments.conform_to(&DEFINITION) {
        Err(refused) => assert!(!refused.to_string().is_empty()),
        Ok(mut arguments) => {
            let wanted: Wanted = arguments.take_all().expect("what conforms is taken");
            arguments.finish().expect("nothing is left");
            let again = serde_json::to_string(&wanted).expect("JSON");
            let again = Arguments::from_json(&again).expect("an object");
            assert!(again.conform_to(&DEFINITION).is_ok(), "what was taken does not conform");
        }
    }
});
