//! The expansion of each feature, as checked in under `tests/goldens`.
//!
//! `feature.rs` is what an author writes and `feature.expanded.rs` what it becomes. When one
//! changes, the new text is left beside the old one as `feature.expanded.rs.new`, to be read and
//! moved over it.

use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens as _;

use crate::expand;

#[test]
fn each_feature_expands_as_checked_in() {
    let mut changed = Vec::new();
    let mut count = 0;
    for input in inputs() {
        let expanded = format(expand_all(fs::read_to_string(&input).unwrap().parse().unwrap()));
        let golden = input.with_extension("expanded.rs");
        if fs::read_to_string(&golden).unwrap_or_default() != expanded {
            fs::write(input.with_extension("expanded.rs.new"), expanded).unwrap();
            changed.push(golden);
        }
        count += 1;
    }
    assert!(count >= 10, "only {count} goldens were found");
    assert!(changed.is_empty(), "read the `.new` beside each and move it over: {changed:#?}");
}

#[test]
fn a_renamed_crate_is_named_nowhere_else() {
    let expanded = expand_all(
        r#"
        /// Find.
        #[credentialed_tool(service = "stripe", scope = "read", ttl = "5m", crate = renamed)]
        async fn find(#[tool(default = 1)] id: u8, stripe: Nonce) -> Result<u8, ToolError> { Ok(id) }
        "#
        .parse()
        .unwrap(),
    );
    let text = expanded.to_string().replace("__agentcred", "");
    assert!(text.contains("renamed :: __private"));
    assert!(!text.contains("agentcred"), "{text}");
}

#[test]
fn a_half_typed_body_expands_with_every_token_in_place() {
    // No body here is valid Rust, and `syn` would parse none of them.
    for body in ["stripe.", "let x = ;", "match stripe { Some(", "if limit > { ) ] fn struct"] {
        let Ok(body) = body.parse::<TokenStream>() else {
            // rustc balances brackets before any macro sees them.
            continue;
        };
        let item = quote::quote! {
            /// Find.
            async fn find(limit: u32, stripe: Nonce) -> Result<u8, ToolError> { #body }
        };
        let args = quote::quote!(service = "stripe", scope = "read", ttl = "5m");
        let expanded = expand::attribute(args, &item).to_string();
        assert!(expanded.contains(&body.to_string()), "{expanded}");
        assert!(expanded.contains("struct Find ;"), "{expanded}");
        assert!(!expanded.contains("compile_error"), "{expanded}");
    }
}

/// Pieces that authors write, and what is left of them after a slip.
const PIECES: [&str; 32] = [
    "service",
    "scope",
    "ttl",
    "uses",
    "name",
    "crate",
    "struct",
    "read_only",
    "=",
    ",",
    ",",
    "=",
    "\"stripe\"",
    "\"5m\"",
    "\"\"",
    "0",
    "-1",
    "1.5",
    "true",
    "a::b",
    "(x)",
    "[0]",
    "{}",
    "'a",
    "::",
    "#",
    "!",
    "r#type",
    "..",
    "b\"x\"",
    "99999999999999999999",
    "é",
];

proptest::proptest! {
    #[test]
    fn whatever_stands_in_the_attributes_is_answered(
        outer in proptest::collection::vec(proptest::sample::select(&PIECES[..]), 0..12),
        inner in proptest::collection::vec(proptest::sample::select(&PIECES[..]), 0..8),
        mark in proptest::sample::select(&["tool", "credential"][..]),
    ) {
        let (outer, inner) = (outer.join(" "), inner.join(" "));
        let item = format!("fn find(#[{mark}({inner})] id: u8, stripe: Nonce) -> Result<u8, E> {{}}");
        let expanded = expand::attribute(outer.parse().unwrap(), &item.parse().unwrap());
        // There are no docs, so there is always something to say.
        let expanded = expanded.to_string();
        proptest::prop_assert!(expanded.contains("compile_error"));
        proptest::prop_assert!(expanded.contains("struct Find ;") || outer.contains("struct"));
    }
}

fn inputs() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens");
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    // `feature.rs` has one dot, its expansion two.
    let input = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.matches('.').count() == 1
            && path.extension().is_some_and(|extension| extension == "rs")
    };
    files.filter(input).collect()
}

/// Expands the attribute wherever it stands, as rustc does.
fn expand_all(tokens: TokenStream) -> TokenStream {
    let file = syn::parse2::<syn::File>(tokens).unwrap();
    let mut expanded = TokenStream::new();
    for item in file.items {
        expanded.extend(match item {
            syn::Item::Fn(mut func) => {
                let args = take_attribute(&mut func.attrs).unwrap();
                expand::attribute(args, &func.into_token_stream())
            }
            syn::Item::Impl(mut block) => {
                for item in &mut block.items {
                    if let syn::ImplItem::Fn(func) = item {
                        let args = take_attribute(&mut func.attrs).unwrap();
                        let method = expand::attribute(args, &func.to_token_stream());
                        *item = syn::ImplItem::Verbatim(method);
                    }
                }
                block.into_token_stream()
            }
            other => other.into_token_stream(),
        });
    }
    expanded
}

fn take_attribute(attrs: &mut Vec<syn::Attribute>) -> Option<TokenStream> {
    let position = attrs.iter().position(|attr| attr.path().is_ident("credentialed_tool"))?;
    match attrs.remove(position).meta {
        syn::Meta::List(list) => Some(list.tokens),
        _ => None,
    }
}

fn format(tokens: TokenStream) -> String {
    // rustfmt's style says nothing about invisible groups, and none should be left.
    assert!(!tokens.clone().into_iter().any(|token| matches!(
        token,
        TokenTree::Group(group) if group.delimiter() == proc_macro2::Delimiter::None
    )));
    prettyplease::unparse(&syn::parse2(tokens).unwrap())
}
