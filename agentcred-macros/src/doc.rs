//! Doc comments: text for the model as well as for people.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens as _, quote, quote_spanned};
use syn::{Attribute, Expr, ExprLit, Lit, LitStr, Meta};

/// The text of all doc comments among these attributes as a string expression, if there is any.
///
/// Literals are joined here; `#[doc = include_str!("..")]` is left to the compiler.
pub(crate) fn text(attrs: &[Attribute]) -> Option<TokenStream> {
    let pieces = attrs.iter().filter_map(piece).map(cleaned).collect::<Vec<_>>();
    let literal = |piece: &Piece| match piece {
        Piece::Literal(text) => Some(text.clone()),
        Piece::Macro(_) => None,
    };
    if let Some(lines) = pieces.iter().map(literal).collect::<Option<Vec<_>>>() {
        let text = without_margin(&lines.join("\n"));
        return (!text.is_empty())
            .then(|| LitStr::new(&text, Span::call_site()).into_token_stream());
    }
    let pieces = pieces.iter().map(|piece| match piece {
        Piece::Literal(text) => quote!(#text, "\n"),
        Piece::Macro(expr) => quote!(#expr, "\n"),
    });
    Some(quote_spanned!(Span::mixed_site()=> ::core::concat!(#(#pieces),*)))
}

/// One doc attribute.
enum Piece {
    Literal(String),
    Macro(Expr),
}

fn cleaned(piece: &Expr) -> Piece {
    match piece {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => {
            let text = without_stars(&text.value());
            // `///` leaves a space, `#[doc = ".."]` does not.
            let text = match text.strip_prefix(' ') {
                Some(line) if !line.contains('\n') => line.to_owned(),
                _ => text,
            };
            Piece::Literal(text)
        }
        other => Piece::Macro(other.clone()),
    }
}

fn piece(attr: &Attribute) -> Option<&Expr> {
    match &attr.meta {
        Meta::NameValue(meta) if meta.path.is_ident("doc") => Some(&meta.value),
        _ => None,
    }
}

/// A block comment without the star that each of its lines begins with. Line comments come one
/// by one, so a list in them keeps its bullets.
fn without_stars(doc: &str) -> String {
    let mut lines = doc.lines().collect::<Vec<_>>();
    let further = || doc.lines().skip(1).map(str::trim).filter(|line| !line.is_empty());
    if further().next().is_some() && further().all(|line| line.starts_with('*')) {
        for line in lines.iter_mut().skip(1) {
            *line = line.trim_start().trim_start_matches('*');
        }
    }
    lines.join("\n")
}

/// Without the margin that all lines share, with its paragraphs.
fn without_margin(doc: &str) -> String {
    let lines = doc.lines().map(str::trim_end).collect::<Vec<_>>();
    let indent = |line: &&str| line.len() - line.trim_start_matches(' ').len();
    let margin = lines.iter().filter(|line| !line.is_empty()).map(indent).min().unwrap_or(0);
    let lines = lines.iter().map(|line| line.get(margin..).unwrap_or_default());
    lines.collect::<Vec<_>>().join("\n").trim_matches('\n').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paragraphs_and_indented_lines_are_kept() {
        let doc = " Finds customers.\n\n By e-mail:\n     ada@example.com";
        assert_eq!(without_margin(doc), "Finds customers.\n\nBy e-mail:\n    ada@example.com");
    }

    #[test]
    fn a_block_comment_loses_its_stars() {
        assert_eq!(
            without_margin(&without_stars("\n * Finds.\n *\n * More.\n ")),
            "Finds.\n\nMore."
        );
    }

    #[test]
    fn blank_docs_are_no_docs() {
        let func: syn::ItemFn = syn::parse_quote! {
            ///
            #[doc = "  "]
            fn f() {}
        };
        assert!(text(&func.attrs).is_none());
    }
}
