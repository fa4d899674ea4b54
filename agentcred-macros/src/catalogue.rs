//! The catalogue: the services and scopes that a crate may name, when it says so in a file.
//!
//! It is opt-in: without an `agentcred.toml` beside the crate's Cargo.toml nothing changes.
//!
//! ```toml
//! [services]
//! stripe = ["read:customers", "read:invoices"]
//! ```

use std::collections::BTreeMap;
use std::path::PathBuf;

use proc_macro2::TokenStream;
use quote::quote;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::words::nearest;

/// The file's name.
const FILE: &str = "agentcred.toml";

/// What a crate's file lists.
#[derive(Debug, PartialEq)]
pub(crate) struct Catalogue(BTreeMap<String, Vec<String>>);

impl Catalogue {
    /// The catalogue of the crate that is compiled, when it has one.
    pub(crate) fn of_this_crate() -> Result<Option<Self>, String> {
        let Some(file) = file().filter(|file| file.exists()) else { return Ok(None) };
        let text = std::fs::read_to_string(file)
            .map_err(|error| format!("`{FILE}` cannot be read: {error}"))?;
        Self::read(&text).map(Some)
    }

    /// Tokens that make cargo build the crate anew when its file changes.
    pub(crate) fn dependency() -> Option<TokenStream> {
        file().filter(|file| file.exists())?;
        Some(quote! {
            const _: &[u8] = ::core::include_bytes!(
                ::core::concat!(::core::env!("CARGO_MANIFEST_DIR"), "/", #FILE)
            );
        })
    }

    /// Whether a service and the tokens of a scope are listed; if not, what to write instead.
    /// The first text is about the service, the second about the scope.
    pub(crate) fn check(
        &self,
        service: &str,
        scope: &str,
    ) -> (Result<(), String>, Result<(), String>) {
        let Some(scopes) = self.0.get(service) else {
            return (Err(unknown("service", service, self.0.keys())), Ok(()));
        };
        let stranger = scope.split(' ').find(|token| !scopes.iter().any(|known| known == token));
        let of_service = format!("`{service}` has no scope");
        (Ok(()), stranger.map_or(Ok(()), |token| Err(unlisted(&of_service, token, scopes.iter()))))
    }

    fn read(text: &str) -> Result<Self, String> {
        let table = DeTable::parse(text)
            .map_err(|error| format!("`{FILE}` is not TOML: {}", error.message()))?;
        let table = table.into_inner();
        let listed = table.get("services").map(Spanned::get_ref);
        let (Some(DeValue::Table(services)), 1) = (listed, table.len()) else {
            return Err(format!(
                "`{FILE}` has one table, `[services]`, with a list of scopes for each service"
            ));
        };
        let mut catalogue = BTreeMap::new();
        for (service, scopes) in services {
            let service = service.get_ref().as_ref();
            let scopes = scopes.get_ref().as_array().and_then(|scopes| {
                scopes.iter().map(|scope| scope.get_ref().as_str().map(str::to_owned)).collect()
            });
            let scopes = scopes.ok_or_else(|| {
                format!("`{FILE}` lists scopes as texts: `{service} = [\"read:customers\"]`")
            })?;
            catalogue.insert(service.to_owned(), scopes);
        }
        Ok(Self(catalogue))
    }
}

fn file() -> Option<PathBuf> {
    Some(PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR")?).join(FILE))
}

fn unknown<'a>(kind: &str, word: &str, known: impl Iterator<Item = &'a String>) -> String {
    unlisted(&format!("there is no {kind}"), word, known)
}

fn unlisted<'a>(what: &str, word: &str, known: impl Iterator<Item = &'a String>) -> String {
    let known = known.map(String::as_str).collect::<Vec<_>>();
    let way_out = match nearest(word, &known) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => "it lists none".to_owned(),
        None => format!("it lists `{}`", known.join("`, `")),
    };
    format!("{what} `{word}` in `{FILE}`; {way_out}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalogue() -> Catalogue {
        let text = "[services]\nstripe = [\"read:customers\", \"read:invoices\"]\nmail = []\n";
        Catalogue::read(text).unwrap()
    }

    #[test]
    fn what_is_listed_passes() {
        assert_eq!(catalogue().check("stripe", "read:invoices read:customers"), (Ok(()), Ok(())));
    }

    #[test]
    fn what_is_not_listed_is_told_what_was_meant() {
        let (service, _) = catalogue().check("strpe", "read:customers");
        assert_eq!(
            service.unwrap_err(),
            "there is no service `strpe` in `agentcred.toml`; did you mean `stripe`?"
        );
        let (service, _) = catalogue().check("github", "read:repos");
        assert!(service.unwrap_err().ends_with("it lists `mail`, `stripe`"));
        let (_, scope) = catalogue().check("stripe", "read:customers read:invoice");
        assert_eq!(
            scope.unwrap_err(),
            "`stripe` has no scope `read:invoice` in `agentcred.toml`; did you mean `read:invoices`?"
        );
        let (_, scope) = catalogue().check("mail", "send");
        assert!(scope.unwrap_err().ends_with("it lists none"));
    }

    #[test]
    fn a_file_of_another_form_is_refused_with_the_form() {
        for (text, way_out) in [
            ("[services", "is not TOML"),
            ("", "has one table"),
            ("[service]\nstripe = []", "has one table"),
            ("[services]\n[more]", "has one table"),
            ("[services]\nstripe = \"read:customers\"", "lists scopes as texts"),
            ("[services]\nstripe = [1]", "lists scopes as texts"),
        ] {
            let refusal = Catalogue::read(text).unwrap_err();
            assert!(refusal.contains(way_out), "{text}: {refusal}");
        }
    }
}
