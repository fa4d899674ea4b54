//! What a nonce is for: the keys that `#[credentialed_tool]` and `#[credential]` share.

use proc_macro2::{Ident, Span};

use crate::args::Args;
use crate::mistakes::Mistakes;
use crate::words;

pub(crate) struct Credential {
    pub(crate) service: String,
    pub(crate) scope: String,
    /// In seconds.
    pub(crate) ttl: u64,
    pub(crate) uses: u32,
}

impl Credential {
    /// `at` is where a missing key is reported.
    pub(crate) fn check(args: &mut Args, at: Span, mistakes: &mut Mistakes) -> Option<Self> {
        let mut missing = Vec::new();
        let mut required = |args: &mut Args, key, example, mistakes: &mut Mistakes| {
            if !args.has(key) {
                missing.push(format!("`{key} = \"{example}\"`"));
            }
            args.text(key, example, mistakes)
        };
        let service = required(args, "service", "stripe", mistakes);
        let scope = required(args, "scope", "read:customers", mistakes);
        let ttl = required(args, "ttl", "5m", mistakes);
        let service =
            service.and_then(|text| mistakes.or_note(&text, words::service(&text.value())));
        let scope = scope.and_then(|text| mistakes.or_note(&text, words::scope(&text.value())));
        let ttl =
            ttl.and_then(|text| mistakes.or_note(&text, words::seconds("ttl", &text.value())));
        let is_said = args.has("uses");
        let uses = args.number("uses", mistakes);
        let uses =
            uses.and_then(|number| mistakes.or_note(&number, words::uses(number.base10_digits())));
        let uses = if is_said { uses } else { Some(1) };
        for key in missing {
            mistakes.add(Ident::new("_at", at), format!("the credential is incomplete; add {key}"));
        }
        Some(Self { service: service?, scope: scope?, ttl: ttl?, uses: uses? })
    }
}
