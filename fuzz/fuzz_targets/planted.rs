//! The control: a prefix check, as it is often written, instead of ours. The fuzzer must break it.
#![no_main]

use agentcred_fuzz::stays_with_customers;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|path: &str| {
    if path.starts_with("/v1/customers") {
        stays_with_customers(path, path);
    }
});
