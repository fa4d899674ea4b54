//! What is built holds no key: the binaries, searched for everything that has the shape of one.

use agentcred::protocol::token::{GrantToken, NonceToken};

use crate::agent::built;
use crate::shapes::Shapes;
use crate::tap::tokens;

/// What keys begin with, to look closer only there: a binary is large.
const BEGINNINGS: [&str; 5] = ["eyJ", "-----BEGIN", "sk_", "rk_", "\"d\""];

/// How far a shape reaches.
const REACH: usize = 256;

fn keys_in(binary: &[u8]) -> Vec<&'static str> {
    let shapes = Shapes::new();
    let starts =
        BEGINNINGS.iter().flat_map(|beginning| memchr::memmem::find_iter(binary, beginning));
    let mut seen: Vec<_> = starts
        .flat_map(|start| shapes.seen_in(&binary[start..binary.len().min(start + REACH)]))
        .collect();
    // The name of a symbol can look like a token, but its checksum is wrong.
    let is_token =
        |text: String| NonceToken::parse(text.clone()).is_ok() || GrantToken::parse(text).is_ok();
    seen.extend(tokens(binary).into_iter().any(is_token).then_some("a token"));
    seen.dedup();
    seen
}

// Leak channel 42, control within.
#[test]
fn no_key_is_built_into_a_binary() {
    for name in ["agentcred-issuer", "examples/billing_agent", "examples/tool_schemas"] {
        let mut binary = std::fs::read(built(name)).unwrap();
        assert!(binary.len() > 1_000_000, "{name} was built");
        assert_eq!(keys_in(&binary), Vec::<&str>::new(), "{name}");

        // The control: the same binary with a key in it.
        let middle = binary.len() / 2;
        let key = b"sk_live_9fQ2xVb7LmT4wRk8ZsYc3HdE";
        binary[middle..middle + key.len()].copy_from_slice(key);
        assert_eq!(keys_in(&binary), ["the upstream's key"], "{name}");
    }
}
