//! What every tool of the zoo looks like in every dialect, and what is said of those that cannot.
//!
//! `cargo insta review` shows what a change does to them; every line of such a diff is something
//! that a model will read.

use std::fmt::Write as _;

use agentcred::Dialect;
use serde_json::Value;

use crate::zoo;

/// One tool after the other, with what breaks off as one line of text.
fn page(entries: impl Iterator<Item = (String, Result<Value, String>)>) -> String {
    entries.fold(String::new(), |mut page, (tool, export)| {
        let text = export.map_or_else(
            |error| format!("error: {error}"),
            |export| serde_json::to_string_pretty(&export).unwrap(),
        );
        writeln!(page, "# {tool}\n{text}\n").unwrap();
        page
    })
}

// Leak channel 2.
#[test]
fn exports_are_what_was_reviewed() {
    for dialect in Dialect::ALL {
        let exports = zoo::exports().filter(|(of, _, _)| *of == dialect);
        let entries =
            exports.map(|(_, tool, export)| (tool, export.map_err(|error| error.to_string())));
        insta::assert_snapshot!(dialect.name(), page(entries));
    }
}

// Leak channel 2.
#[test]
fn canonical_schemas_are_what_was_reviewed() {
    let toolbox = zoo::toolbox();
    let entries = toolbox.definitions().map(|tool| {
        let mut schemas = serde_json::json!({"input": tool.input_schema});
        if let Some(output) = &tool.output_schema {
            schemas["output"] = output.clone();
        }
        (tool.name.clone(), Ok(schemas))
    });
    insta::assert_snapshot!("canonical", page(entries));
}

#[test]
fn the_zoo_has_its_forty_tools_and_nearly_all_fit_every_dialect() {
    let tools = zoo::tools().len();
    assert!(tools >= 40, "only {tools}");
    for dialect in Dialect::ALL {
        let fit = zoo::exports().filter(|(of, _, export)| *of == dialect && export.is_ok()).count();
        let least = if dialect == Dialect::GeminiOpenApi { tools * 2 / 3 } else { tools - 1 };
        assert!(fit >= least, "{dialect}: {fit} of {tools}");
    }
}
