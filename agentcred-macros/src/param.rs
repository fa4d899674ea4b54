//! The rules for one parameter.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::ext::IdentExt as _;
use syn::{Attribute, Expr, Meta, Pat, Type};

use crate::args::Args;
use crate::credential::Credential;
use crate::doc;
use crate::func::RawParam;
use crate::mistakes::Mistakes;
use crate::words;

/// A parameter that obeys every rule which can be checked on tokens.
pub(crate) struct Param {
    pub(crate) ident: Ident,
    pub(crate) ty: Type,
    pub(crate) cfgs: Vec<Attribute>,
    /// Its name for the model, if it is an argument.
    pub(crate) name: String,
    /// A string expression.
    pub(crate) description: Option<TokenStream>,
    pub(crate) mark: Mark,
}

/// The attribute on a parameter.
pub(crate) enum Mark {
    Bare,
    Tool { default: Option<Box<Expr>> },
    Args,
    Credential(Credential),
}

impl Param {
    pub(crate) fn check(raw: &RawParam, mistakes: &mut Mistakes) -> Option<Self> {
        let before = mistakes.len();
        let ident = param_ident(raw, mistakes);
        param_type(raw, ident, mistakes);
        let (mark, rename, description) = Mark::check(raw, mistakes);
        let ident = ident?.clone();
        let name = match rename {
            Some(rename) => rename,
            None => ident.unraw().to_string(),
        };
        if !matches!(mark, Some(Mark::Credential(_) | Mark::Args)) {
            mistakes.or_note(&ident, words::argument_name(&name));
        }
        let param = Self {
            ident,
            ty: raw.ty.clone(),
            cfgs: raw.cfgs.clone(),
            name,
            description: description.or_else(|| doc::text(&raw.docs)),
            mark: mark?,
        };
        (mistakes.len() == before).then_some(param)
    }

    /// The credential of its own that it asks for.
    pub(crate) fn credential(&self) -> Option<&Credential> {
        match &self.mark {
            Mark::Credential(credential) => Some(credential),
            _ => None,
        }
    }
}

impl Mark {
    /// The mark, the new name and the description that it says.
    fn check(
        raw: &RawParam,
        mistakes: &mut Mistakes,
    ) -> (Option<Self>, Option<String>, Option<TokenStream>) {
        let mut marks = raw.marks.iter();
        let Some(attr) = marks.next() else { return (Some(Self::Bare), None, None) };
        for again in marks {
            mistakes.add(again, "one attribute is enough for a parameter; write all keys into one");
        }
        let is_tool = attr.path().is_ident("tool");
        let Meta::List(list) = &attr.meta else {
            let example = if is_tool {
                "tool(default = 10)"
            } else {
                "credential(service = \"..\", scope = \"..\", ttl = \"..\")"
            };
            mistakes.add(attr, format!("the keys stand in parentheses, as `#[{example}]`"));
            return (None, None, None);
        };
        let tokens = list.tokens.clone();
        if is_tool {
            Self::check_tool(tokens, mistakes)
        } else {
            (Self::check_credential(attr, tokens, mistakes), None, None)
        }
    }

    fn check_tool(
        tokens: TokenStream,
        mistakes: &mut Mistakes,
    ) -> (Option<Self>, Option<String>, Option<TokenStream>) {
        let mut args = Args::parse("tool", tokens, mistakes);
        let rename = args.text("rename", "e-mail", mistakes);
        let default = args.expression("default", mistakes);
        let description = args.prose("description", "How many to return at most", mistakes);
        let all = args.flag("args", mistakes);
        args.finish(Span::call_site(), mistakes);
        if let Some((at, true)) = &all
            && (rename.is_some() || default.is_some() || description.is_some())
        {
            mistakes.add(at, "`args` stands alone; names, defaults and descriptions belong on the fields of the struct");
        }
        let rename =
            rename.and_then(|text| mistakes.or_note(&text, words::argument_name(&text.value())));
        let mark = match all {
            Some((_, true)) => Self::Args,
            _ => Self::Tool { default: default.map(Box::new) },
        };
        (Some(mark), rename, description.map(|text| text.to_token_stream()))
    }

    fn check_credential(
        attr: &Attribute,
        tokens: TokenStream,
        mistakes: &mut Mistakes,
    ) -> Option<Self> {
        let at = attr.path().get_ident().map_or_else(Span::call_site, Ident::span);
        let mut args = Args::parse("credential", tokens, mistakes);
        let credential = Credential::check(&mut args, mistakes);
        args.finish(at, mistakes);
        credential.map(Self::Credential)
    }
}

fn param_ident<'a>(raw: &'a RawParam, mistakes: &mut Mistakes) -> Option<&'a Ident> {
    match &raw.pat {
        Pat::Ident(pat) if pat.by_ref.is_none() && pat.subpat.is_none() => {
            if let Some(token) = &pat.mutability {
                let name = &pat.ident;
                mistakes.add(
                    token,
                    format!(
                        "a parameter is not `mut`; write `let mut {name} = {name};` in the body"
                    ),
                );
            }
            Some(&pat.ident)
        }
        pat => {
            mistakes.add(pat, "the model fills in parameters by name; give this one a name and take it apart in the body");
            None
        }
    }
}

/// What can be told from the tokens of a type. Nothing here decides what is injected.
fn param_type(raw: &RawParam, ident: Option<&Ident>, mistakes: &mut Mistakes) {
    let name = ident.map_or_else(|| "_".to_owned(), ToString::to_string);
    if let Some(word) = find_impl(raw.ty.to_token_stream()) {
        mistakes.add(
            word,
            "an argument's schema is made from its type; name the type instead of `impl Trait`",
        );
        return;
    }
    let Type::Reference(reference) = &raw.ty else {
        if has_short_borrow(raw.ty.to_token_stream()) {
            mistakes.add(&raw.ty, "an argument owns its parts, as nobody is there to lend them; write `String` for `&str`");
        }
        return;
    };
    let lent = &*reference.elem;
    let owned = match lent {
        Type::Path(path) if path.path.is_ident("str") => quote!(String),
        Type::Slice(slice) => {
            let each = &slice.elem;
            quote!(Vec<#each>)
        }
        other => other.to_token_stream(),
    };
    let owned = owned.to_string().replace(' ', "");
    mistakes.add(
        &raw.ty,
        format!(
            "a parameter owns its value, as nobody is there to lend it; write `{name}: {owned}`"
        ),
    );
}

/// The `impl` of an `impl Trait` somewhere in a type.
pub(crate) fn find_impl(tokens: TokenStream) -> Option<Ident> {
    tokens.into_iter().find_map(|token| match token {
        TokenTree::Ident(word) if word == "impl" => Some(word),
        TokenTree::Group(group) => find_impl(group.stream()),
        _ => None,
    })
}

/// Whether a reference that is not `'static` stands somewhere in a type.
fn has_short_borrow(tokens: TokenStream) -> bool {
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Group(group) if has_short_borrow(group.stream()) => return true,
            TokenTree::Punct(punct) if punct.as_char() == '&' => {
                let tick = tokens.next_if(
                    |next| matches!(next, TokenTree::Punct(tick) if tick.as_char() == '\''),
                );
                let lifetime = tick.and_then(|_| tokens.next());
                if !matches!(&lifetime, Some(TokenTree::Ident(word)) if word == "static") {
                    return true;
                }
            }
            _ => {}
        }
    }
    false
}

/// Whether all arguments have different names.
pub(crate) fn distinct_names(params: &[Param], mistakes: &mut Mistakes) {
    for (index, param) in params.iter().enumerate() {
        let twice = |other: &Param| {
            other.name == param.name && other.cfgs.is_empty() && param.cfgs.is_empty()
        };
        if params.iter().take(index).any(twice) {
            mistakes.add(
                &param.ident,
                format!(
                    "two parameters are called `{}`; rename one with `#[tool(rename = \"..\")]`",
                    param.name
                ),
            );
        }
    }
}
