//! The function's grammar: attributes, signature, parameters; the body stays tokens.

use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::parse::{Parse, ParseStream};
use syn::{Attribute, FnArg, Pat, Signature, Type, Visibility};

/// A function as its author wrote it, except that the attributes which are ours are off its
/// parameters and stand in [`Func::params`].
pub(crate) struct Func {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    pub(crate) sig: Signature,
    pub(crate) params: Vec<RawParam>,
    /// Not parsed, so that an editor can work in a body that is being typed.
    body: TokenStream,
}

/// A parameter with what stood on it.
pub(crate) struct RawParam {
    pub(crate) pat: Pat,
    pub(crate) ty: Type,
    /// `#[cfg]`, which decides whether the parameter is there.
    pub(crate) cfgs: Vec<Attribute>,
    pub(crate) docs: Vec<Attribute>,
    /// `#[tool]` and `#[credential]`.
    pub(crate) marks: Vec<Attribute>,
}

impl Parse for Func {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let attrs = input.call(Attribute::parse_outer)?;
        let vis = input.parse()?;
        let mut sig = input.parse::<Signature>()?;
        let params = sig.inputs.iter_mut().filter_map(RawParam::taken_from).collect();
        Ok(Self { attrs, vis, sig, params, body: input.parse()? })
    }
}

impl Func {
    /// What stands in place of a function, when the attribute is on something else.
    pub(crate) fn item_keyword(item: &TokenStream) -> Option<Ident> {
        const ITEMS: [&str; 11] = [
            "fn", "struct", "enum", "union", "trait", "impl", "mod", "const", "static", "type",
            "use",
        ];
        let words = item.clone().into_iter().filter_map(|token| match token {
            TokenTree::Ident(word) => Some(word),
            _ => None,
        });
        let mut items = words.filter(|word| ITEMS.iter().any(|item| word == item)).peekable();
        let first = items.next()?;
        // `const fn`
        if first == "const" && items.peek().is_some_and(|second| second == "fn") {
            items.next()
        } else {
            Some(first)
        }
    }

    /// Whether there is a body; a trait's method may have none.
    pub(crate) fn has_body(&self) -> bool {
        matches!(self.body.clone().into_iter().next(), Some(TokenTree::Group(_)))
    }
}

impl ToTokens for Func {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let Self { attrs, vis, sig, body, .. } = self;
        tokens.extend(quote!(#(#attrs)* #vis #sig #body));
    }
}

impl RawParam {
    fn taken_from(input: &mut FnArg) -> Option<Self> {
        let FnArg::Typed(typed) = input else { return None };
        let (ours, theirs) =
            std::mem::take(&mut typed.attrs).into_iter().partition::<Vec<_>, _>(|attr| {
                ["doc", "tool", "credential"].iter().any(|name| attr.path().is_ident(name))
            });
        let (docs, marks) = ours.into_iter().partition(|attr| attr.path().is_ident("doc"));
        let cfgs = theirs.iter().filter(|attr| attr.path().is_ident("cfg")).cloned().collect();
        typed.attrs = theirs;
        Some(Self { pat: (*typed.pat).clone(), ty: (*typed.ty).clone(), cfgs, docs, marks })
    }
}
