//! Paths: one that passes is a customer's for every parser, and is sent as it was checked.
#![no_main]

use agentcred_fuzz::{GATE, stays_with_customers};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|path: &str| {
    if let Some(sent) = GATE.line("GET", path, None) {
        stays_with_customers(path, &sent);
    }
    // The same path never passes for a method that no rule names.
    for method in ["get", "HEAD", "DELETE", "TRACE", "CONNECT"] {
        assert_eq!(GATE.line(method, path, None), None, "{method}");
    }
});
