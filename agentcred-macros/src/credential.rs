//! What a nonce is for: the keys that `#[credentialed_tool]` and `#[credential]` share.

use syn::LitStr;

use crate::args::Args;
use crate::catalogue::Catalogue;
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
    pub(crate) fn check(args: &mut Args, mistakes: &mut Mistakes) -> Option<Self> {
        let service = args.required("service", "stripe", mistakes);
        let scope = args.required("scope", "read:customers", mistakes);
        let ttl = args.required("ttl", "5m", mistakes);
        let place = (service.clone(), scope.clone());
        let service =
            service.and_then(|text| mistakes.or_note(&text, words::service(&text.value())));
        let scope = scope.and_then(|text| mistakes.or_note(&text, words::scope(&text.value())));
        if let (Some(service), Some(scope)) = (&service, &scope) {
            listed(place, service, scope, mistakes);
        }
        let ttl =
            ttl.and_then(|text| mistakes.or_note(&text, words::seconds("ttl", &text.value())));
        let is_said = args.has("uses");
        let uses = args.number("uses", mistakes);
        let uses =
            uses.and_then(|number| mistakes.or_note(&number, words::uses(number.base10_digits())));
        let uses = if is_said { uses } else { Some(1) };
        Some(Self { service: service?, scope: scope?, ttl: ttl?, uses: uses? })
    }
}

/// Holds the names against the crate's catalogue, when there is one.
fn listed(
    (at_service, at_scope): (Option<LitStr>, Option<LitStr>),
    service: &str,
    scope: &str,
    mistakes: &mut Mistakes,
) {
    match Catalogue::of_this_crate() {
        Ok(None) => {}
        Ok(Some(catalogue)) => {
            let (known_service, known_scope) = catalogue.check(service, scope);
            mistakes.or_note(&at_service, known_service);
            mistakes.or_note(&at_scope, known_scope);
        }
        Err(message) => mistakes.add(&at_service, message),
    }
}
