//! Configurations: a refused one says what and where, and an accepted one keeps the gate closed.
#![no_main]

use std::path::Path;

use agentcred_issuer::Config;
use agentcred_issuer::fuzzing::Gate;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    // Parsing reads the files that it names: none of those that never end.
    if text.contains("/dev") || text.contains("/proc") || text.contains("/sys") {
        return;
    }
    let parse = |text: &str| Config::parse(text, Path::new("/nowhere"));
    match parse(text) {
        Err(refused) => {
            let shown = refused.to_string();
            assert!(!refused.findings().is_empty() && !shown.is_empty(), "no reason is given");
            assert!(refused.findings().iter().any(|finding| !finding.is_warning()));
            assert_eq!(shown, parse(text).expect_err("refused before").to_string());
        }
        Ok(config) => {
            assert!(config.warnings().iter().all(|finding| finding.is_warning()));
            for (service, scope) in [("stripe", "read"), ("stripe", "write"), ("a", "b")] {
                let Some(gate) = Gate::of(&config, service, scope) else { continue };
                for path in ["/v1/../x", "/v1/%2e%2e/x", "//x", "/v1/", "/v1/x;y", "/v1/x?y", "*"] {
                    assert_eq!(gate.line("GET", path, None), None, "{path} passes");
                }
                assert_eq!(gate.line("get", "/v1/customers", None), None);
                for query in ["_method=DELETE", "_METHOD=DELETE", "%5fmethod=x", "a&b", ""] {
                    assert_eq!(gate.line("GET", "/v1/customers", Some(query)), None, "{query}");
                    assert_eq!(gate.line("POST", "/v1/refunds", Some(query)), None, "{query}");
                }
            }
        }
    }
});
