//! The grammar of the attributes: keys with values, in any order, each at most once.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use syn::ext::IdentExt as _;
use syn::parse::discouraged::Speculative as _;
use syn::parse::{ParseStream, Parser as _};
use syn::{Expr, ExprLit, Lit, LitInt, LitStr, Path, Token};

use crate::mistakes::Mistakes;
use crate::words;

/// The entries of one attribute. Each question takes its entry out; what is left at the end is
/// unknown.
pub(crate) struct Args {
    attribute: &'static str,
    entries: Vec<Entry>,
    asked: Vec<&'static str>,
    /// Keys that must be there and are not, with an example of a value.
    missing: Vec<(&'static str, &'static str)>,
    /// Whether there is an entry that could not be read. It may be the missing one.
    has_unread: bool,
}

/// `key` or `key = value`.
struct Entry {
    key: Ident,
    value: Option<Expr>,
}

impl Args {
    /// Reads what stands between the parentheses of an attribute. An entry that cannot be read is
    /// a mistake, and the next one is read all the same.
    pub(crate) fn parse(
        attribute: &'static str,
        tokens: TokenStream,
        mistakes: &mut Mistakes,
    ) -> Self {
        let mut has_unread = false;
        let entries = |input: ParseStream<'_>| {
            let mut entries = Vec::new();
            while !input.is_empty() {
                let ahead = input.fork();
                match entry(attribute, &ahead) {
                    Ok(entry) => {
                        input.advance_to(&ahead);
                        entries.push(entry);
                    }
                    Err(error) => {
                        has_unread = true;
                        mistakes.add_error(error);
                        while !input.is_empty() && !input.peek(Token![,]) {
                            input.parse::<TokenTree>()?;
                        }
                    }
                }
                if !input.is_empty() {
                    input.parse::<Token![,]>()?;
                }
            }
            Ok(entries)
        };
        let entries = entries.parse2(tokens).unwrap_or_default();
        Self { attribute, entries, asked: Vec::new(), missing: Vec::new(), has_unread }
    }

    /// Whether the key is there.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.entries.iter().any(|entry| entry.key == key)
    }

    /// `key = "text"`.
    pub(crate) fn text(
        &mut self,
        key: &'static str,
        example: &str,
        mistakes: &mut Mistakes,
    ) -> Option<LitStr> {
        let Entry { key: at, value } = self.take(key, mistakes)?;
        match value.map(ungrouped) {
            Some(Expr::Lit(ExprLit { lit: Lit::Str(text), .. })) => return Some(text),
            Some(other) => mistakes
                .add(other, format!("`{key}` is a string literal, as `{key} = \"{example}\"`")),
            None => mistakes.add(at, format!("`{key}` needs a value, as `{key} = \"{example}\"`")),
        }
        None
    }

    /// `key = "text"`, which must be there.
    pub(crate) fn required(
        &mut self,
        key: &'static str,
        example: &'static str,
        mistakes: &mut Mistakes,
    ) -> Option<LitStr> {
        if !self.has(key) {
            self.missing.push((key, example));
        }
        self.text(key, example, mistakes)
    }

    /// `key = "text that says something"`.
    pub(crate) fn prose(
        &mut self,
        key: &'static str,
        example: &str,
        mistakes: &mut Mistakes,
    ) -> Option<String> {
        let text = self.text(key, example, mistakes)?;
        mistakes.or_note(&text, words::prose(key, &text.value()))
    }

    /// `key = 1`.
    pub(crate) fn number(&mut self, key: &'static str, mistakes: &mut Mistakes) -> Option<LitInt> {
        let Entry { key: at, value } = self.take(key, mistakes)?;
        match value.map(ungrouped) {
            Some(Expr::Lit(ExprLit { lit: Lit::Int(number), .. }))
                if number.suffix().is_empty() =>
            {
                return Some(number);
            }
            Some(other) => {
                mistakes.add(other, format!("`{key}` is a whole number, as `{key} = 3`"));
            }
            None => mistakes.add(at, format!("`{key}` needs a value, as `{key} = 3`")),
        }
        None
    }

    /// `key`, `key = true` or `key = false`.
    pub(crate) fn flag(
        &mut self,
        key: &'static str,
        mistakes: &mut Mistakes,
    ) -> Option<(Ident, bool)> {
        let Entry { key: at, value } = self.take(key, mistakes)?;
        match value.map(ungrouped) {
            None => Some((at, true)),
            Some(Expr::Lit(ExprLit { lit: Lit::Bool(flag), .. })) => Some((at, flag.value)),
            Some(other) => {
                mistakes.add(other, format!("`{key}` is a flag; write `{key}` or `{key} = false`"));
                None
            }
        }
    }

    /// `key = some::path`.
    pub(crate) fn path(
        &mut self,
        key: &'static str,
        example: &str,
        mistakes: &mut Mistakes,
    ) -> Option<Path> {
        let Entry { key: at, value } = self.take(key, mistakes)?;
        match value.map(ungrouped) {
            Some(Expr::Path(path)) if path.qself.is_none() => return Some(path.path),
            Some(Expr::Lit(ExprLit { lit: Lit::Str(text), .. })) => {
                mistakes.add(
                    text,
                    format!("`{key}` is written without quotes, as `{key} = {example}`"),
                );
            }
            Some(other) => {
                mistakes.add(other, format!("`{key}` is a path, as `{key} = {example}`"));
            }
            None => mistakes.add(at, format!("`{key}` needs a value, as `{key} = {example}`")),
        }
        None
    }

    /// `key = any expression`.
    pub(crate) fn expression(
        &mut self,
        key: &'static str,
        mistakes: &mut Mistakes,
    ) -> Option<Expr> {
        let Entry { key: at, value } = self.take(key, mistakes)?;
        if value.is_none() {
            mistakes.add(at, format!("`{key}` needs a value, as `{key} = 10`"));
        }
        value
    }

    /// Ends the questions: every entry that is left is a mistake, and every required one that was
    /// not there, which is reported at `at`.
    pub(crate) fn finish(mut self, at: Span, mistakes: &mut Mistakes) {
        let attribute = self.attribute;
        for Entry { key, .. } in self.entries {
            let word = key.unraw().to_string();
            let near = words::nearest(&word, &self.asked);
            let message = match near {
                Some(near) => format!("`{attribute}` has no key `{word}`; did you mean `{near}`?"),
                None => {
                    format!(
                        "`{attribute}` has no key `{word}`; it has `{}`",
                        self.asked.join("`, `")
                    )
                }
            };
            mistakes.add(&key, message);
            // Written wrong is not missing.
            self.missing.retain(|(missing, _)| Some(*missing) != near);
        }
        if !self.missing.is_empty() && !self.has_unread {
            let missing =
                self.missing.iter().map(|(key, example)| format!("`{key} = \"{example}\"`"));
            let missing = missing.collect::<Vec<_>>().join(", ");
            mistakes.add_at(at, format!("the credential is incomplete; add {missing}"));
        }
    }

    fn take(&mut self, key: &'static str, mistakes: &mut Mistakes) -> Option<Entry> {
        self.asked.push(key);
        let (mut found, others) = std::mem::take(&mut self.entries)
            .into_iter()
            .partition::<Vec<_>, _>(|entry| entry.key == key);
        self.entries = others;
        for again in found.drain(1.min(found.len())..) {
            mistakes.add(again.key, format!("`{key}` stands twice; keep one"));
        }
        found.pop()
    }
}

fn entry(attribute: &str, input: ParseStream<'_>) -> syn::Result<Entry> {
    if input.peek(Lit) {
        let lone = input.parse::<Lit>()?;
        let example = if attribute == "tool" { "rename = \"..\"" } else { "service = \"..\"" };
        return Err(syn::Error::new_spanned(
            lone,
            format!("every value has a key, as `{example}`"),
        ));
    }
    if !input.peek(Ident::peek_any) {
        return Err(input.error("expected a key, as `ttl = \"5m\"`"));
    }
    let key = input.call(Ident::parse_any)?;
    let value = if input.peek(Token![=]) {
        input.parse::<Token![=]>()?;
        if input.is_empty() || input.peek(Token![,]) {
            return Err(syn::Error::new_spanned(
                &key,
                format!("`{key} =` has no value; write it or remove the key"),
            ));
        }
        Some(input.parse::<Expr>()?)
    } else {
        None
    };
    if !input.is_empty() && !input.peek(Token![,]) {
        return Err(input.error(format!("expected `=` or `,` after `{key}`")));
    }
    Ok(Entry { key, value })
}

/// A literal that came through a `macro_rules!` macro stands in an invisible group.
fn ungrouped(mut value: Expr) -> Expr {
    while let Expr::Group(group) = value {
        value = *group.expr;
    }
    value
}
