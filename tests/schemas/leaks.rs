//! No export says anything about a credential or another injected parameter.

use crate::zoo;

/// The canaries that an export contains, whatever their case.
fn leaked(export: &str) -> Vec<&'static str> {
    let export = export.to_lowercase();
    zoo::CANARIES.into_iter().filter(|canary| export.contains(canary)).collect()
}

// Leak channels 1, 2.
#[test]
fn no_export_contains_an_injected_name_a_service_a_scope_or_a_ttl() {
    for (dialect, tool, export) in zoo::exports() {
        if let Ok(export) = export {
            assert!(leaked(&export.to_string()).is_empty(), "{dialect}, {tool}: {export}");
        }
    }
}

#[test]
fn an_error_about_a_tool_says_nothing_of_them_either() {
    for (_, _, export) in zoo::exports() {
        if let Err(error) = export {
            assert!(leaked(&error.to_string()).is_empty(), "{error}");
        }
    }
}

#[test]
fn every_tool_has_all_the_canaries_that_could_leak() {
    let definitions = zoo::toolbox();
    for definition in definitions.definitions() {
        let [credential, ..] = definition.credentials.as_slice() else {
            panic!("{} has no credential", definition.name)
        };
        let hidden = format!("{credential:?}");
        let found = leaked(&hidden);
        for canary in ["canary-service", "canary:scope", "canarynonce", "421"] {
            assert!(found.contains(&canary), "{canary}: {hidden}");
        }
    }
}

// Leak channels 1, 2: control.
#[test]
fn a_leak_would_be_noticed() {
    let export = serde_json::json!({"properties": {"CanaryNonce": {"description": "for 421 s"}}});
    assert_eq!(leaked(&export.to_string()), ["canarynonce", "421"]);
}
