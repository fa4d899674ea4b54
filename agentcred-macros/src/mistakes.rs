//! Mistakes: all of them are collected before any is reported.

use proc_macro2::{Span, TokenStream};
use quote::ToTokens;

/// What is wrong so far.
#[derive(Default)]
pub(crate) struct Mistakes(Vec<syn::Error>);

impl Mistakes {
    /// Notes a mistake at these tokens. The message says what to write instead.
    pub(crate) fn add(&mut self, at: impl ToTokens, message: impl std::fmt::Display) {
        self.0.push(syn::Error::new_spanned(at, message));
    }

    /// Notes a mistake at a place where there is no token.
    pub(crate) fn add_at(&mut self, at: Span, message: impl std::fmt::Display) {
        self.0.push(syn::Error::new(at, message));
    }

    /// Notes a mistake that syn found.
    pub(crate) fn add_error(&mut self, error: syn::Error) {
        self.0.push(error);
    }

    /// The value, or `None` and the mistake noted.
    pub(crate) fn or_note<T>(&mut self, at: impl ToTokens, result: Result<T, String>) -> Option<T> {
        result.map_err(|message| self.add(at, message)).ok()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

impl ToTokens for Mistakes {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        tokens.extend(self.0.iter().map(syn::Error::to_compile_error));
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use proc_macro2::{TokenStream, TokenTree};

    /// The texts in a file that somebody reads, each by its longest part without a placeholder.
    fn messages(tokens: TokenStream, found: &mut Vec<String>) {
        let mut tokens = tokens.into_iter().peekable();
        while let Some(token) = tokens.next() {
            match token {
                // Attributes, doc comments among them.
                TokenTree::Punct(punct) if punct.as_char() == '#' => {
                    tokens.next_if(|next| matches!(next, TokenTree::Punct(_)));
                    tokens.next_if(|next| matches!(next, TokenTree::Group(_)));
                }
                TokenTree::Group(group) => messages(group.stream(), found),
                TokenTree::Literal(literal) => {
                    let Ok(text) = syn::parse_str::<syn::LitStr>(&literal.to_string()) else {
                        continue;
                    };
                    let text = text.value();
                    let fixed = text.split(['{', '}']).max_by_key(|part| part.len()).unwrap();
                    if fixed.len() > 16 && fixed.contains(' ') {
                        found.push(fixed.to_owned());
                    }
                }
                _ => {}
            }
        }
    }

    #[test]
    fn every_message_stands_in_a_ui_test() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut said = Vec::new();
        for source in fs::read_dir(root.join("src")).unwrap() {
            let source = source.unwrap();
            // What the catalogue says is tested with it: a case of tests/ui has no file beside it.
            if ["goldens.rs", "catalogue.rs"].iter().any(|name| source.file_name() == *name) {
                continue;
            }
            let source = fs::read_to_string(source.path()).unwrap();
            let code = source.split("#[cfg(test)]").next().unwrap();
            messages(code.parse().unwrap(), &mut said);
        }
        assert!(said.len() > 40, "only {} messages were found", said.len());
        let shown = fs::read_dir(root.join("../tests/ui")).unwrap();
        let shown = shown.map(|file| file.unwrap().path());
        let shown = shown.filter(|path| path.extension().is_some_and(|kind| kind == "stderr"));
        let shown = shown.map(|path| fs::read_to_string(path).unwrap()).collect::<String>();
        let unseen = said.iter().filter(|text| !shown.contains(*text)).collect::<Vec<_>>();
        assert!(unseen.is_empty(), "no file in tests/ui shows {unseen:#?}");
    }
}
