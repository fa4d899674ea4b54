//! All rules: an attribute and a function go in, a tool or every mistake comes out.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::ext::IdentExt as _;
use syn::{Attribute, Expr, FnArg, Meta, Pat, ReturnType, Safety, Type};

use crate::args::Args;
use crate::doc;
use crate::func::{Func, RawParam};
use crate::mistakes::Mistakes;
use crate::words;

/// A function that obeys every rule which can be checked on tokens. The rules that depend on
/// types are left to constants in the expansion.
pub(crate) struct Tool {
    pub(crate) shell: Shell,
    pub(crate) name: String,
    pub(crate) title: Option<String>,
    /// A string expression.
    pub(crate) description: TokenStream,
    pub(crate) hints: Vec<(&'static str, bool)>,
    pub(crate) credential: Credential,
    /// In seconds.
    pub(crate) timeout: u64,
    pub(crate) params: Vec<Param>,
}

/// What of a tool exists even when it has mistakes, so that nothing else in the program breaks.
pub(crate) struct Shell {
    pub(crate) func: Func,
    /// The unit struct beside the function.
    pub(crate) ident: Ident,
    /// The struct's docs.
    pub(crate) docs: Vec<TokenStream>,
    /// The path of `agentcred`.
    pub(crate) krate: TokenStream,
}

/// A tool with mistakes.
pub(crate) struct Broken {
    pub(crate) shell: Shell,
    pub(crate) mistakes: Mistakes,
    /// The parameters without a mistake: the rules about types hold for them all the same.
    pub(crate) params: Vec<Param>,
    /// Whether these are all parameters.
    pub(crate) has_all_params: bool,
}

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

pub(crate) struct Credential {
    pub(crate) service: String,
    pub(crate) scope: String,
    /// In seconds.
    pub(crate) ttl: u64,
    pub(crate) uses: u32,
}

/// Checks everything and stops nowhere, so that every mistake is reported at once.
pub(crate) fn check(attribute: TokenStream, func: Func) -> Result<Tool, Box<Broken>> {
    let mut mistakes = Mistakes::default();
    let mut args = Args::parse("credentialed_tool", attribute, &mut mistakes);

    let credential = Credential::check(&mut args, func.sig.ident.span(), &mut mistakes);
    let name = name(&mut args, &func.sig.ident, &mut mistakes);
    let title = prose(&mut args, "title", "Find customers", &mut mistakes);
    let description = description(&mut args, &func, &mut mistakes);
    let timeout = args.text("timeout", "30s", &mut mistakes);
    let timeout = timeout.and_then(|text| mistakes.or_note(&text, words::seconds("timeout", &text.value())));
    let hints = hints(&mut args, &mut mistakes);
    let krate = args.path("crate", "agentcred", &mut mistakes);
    let ident = struct_ident(&mut args, &func.sig.ident, &mut mistakes);
    args.finish(&mut mistakes);

    signature(&func, &mut mistakes);
    let before = mistakes.len();
    let params = func.params.iter().filter_map(|param| Param::check(param, &mut mistakes)).collect::<Vec<_>>();
    distinct_names(&params, &mut mistakes);
    let has_all_params = mistakes.len() == before && params.len() == func.sig.inputs.len();

    let krate = krate.map_or_else(|| quote!(::agentcred), |path| path.into_token_stream());
    let docs = struct_docs(&func, description.as_ref());
    let shell = Shell { func, ident, docs, krate };
    match (credential, name, description) {
        (Some(credential), Some(name), Some(description)) if mistakes.len() == 0 => {
            let lives = params.iter().filter_map(Param::credential).chain([&credential]).map(|one| one.ttl);
            let timeout = timeout.unwrap_or_else(|| lives.fold(30, u64::min));
            Ok(Tool { shell, name, title, description, hints, credential, timeout, params })
        }
        _ => Err(Box::new(Broken { shell, mistakes, params, has_all_params })),
    }
}

impl Credential {
    fn check(args: &mut Args, at: Span, mistakes: &mut Mistakes) -> Option<Self> {
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
        let service = service.and_then(|text| mistakes.or_note(&text, words::service(&text.value())));
        let scope = scope.and_then(|text| mistakes.or_note(&text, words::scope(&text.value())));
        let ttl = ttl.and_then(|text| mistakes.or_note(&text, words::seconds("ttl", &text.value())));
        let is_said = args.has("uses");
        let uses = args.number("uses", mistakes);
        let uses = uses.and_then(|number| mistakes.or_note(&number, words::uses(number.base10_digits())));
        let uses = if is_said { uses } else { Some(1) };
        for key in missing {
            mistakes.add(Ident::new("_at", at), format!("the credential is incomplete; add {key}"));
        }
        Some(Self { service: service?, scope: scope?, ttl: ttl?, uses: uses? })
    }
}

impl Param {
    fn check(raw: &RawParam, mistakes: &mut Mistakes) -> Option<Self> {
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

    fn credential(&self) -> Option<&Credential> {
        match &self.mark {
            Mark::Credential(credential) => Some(credential),
            _ => None,
        }
    }
}

impl Mark {
    /// The mark, the new name and the description that it says.
    fn check(raw: &RawParam, mistakes: &mut Mistakes) -> (Option<Self>, Option<String>, Option<TokenStream>) {
        let mut marks = raw.marks.iter();
        let Some(attr) = marks.next() else { return (Some(Self::Bare), None, None) };
        for again in marks {
            mistakes.add(again, "one attribute is enough for a parameter; write all keys into one");
        }
        let is_tool = attr.path().is_ident("tool");
        let tokens = match &attr.meta {
            Meta::List(list) => list.tokens.clone(),
            _ => {
                let example = if is_tool { "#[tool(default = 10)]" } else { "#[credential(service = \"..\", scope = \"..\", ttl = \"..\")]" };
                mistakes.add(attr, format!("the attribute needs its keys in parentheses, as `{example}`"));
                return (None, None, None);
            }
        };
        if is_tool { Self::check_tool(tokens, mistakes) } else { (Self::check_credential(attr, tokens, mistakes), None, None) }
    }

    fn check_tool(tokens: TokenStream, mistakes: &mut Mistakes) -> (Option<Self>, Option<String>, Option<TokenStream>) {
        let mut args = Args::parse("tool", tokens, mistakes);
        let rename = args.text("rename", "e-mail", mistakes);
        let default = args.expression("default", mistakes);
        let description = prose(&mut args, "description", "How many to return at most", mistakes);
        let all = args.flag("args", mistakes);
        args.finish(mistakes);
        if let Some((at, true)) = &all
            && (rename.is_some() || default.is_some() || description.is_some())
        {
            mistakes.add(at, "`args` stands alone; names, defaults and descriptions belong on the fields of the struct");
        }
        let rename = rename.and_then(|text| mistakes.or_note(&text, words::argument_name(&text.value())));
        let mark = match all {
            Some((_, true)) => Self::Args,
            _ => Self::Tool { default: default.map(Box::new) },
        };
        (Some(mark), rename, description.map(|text| text.to_token_stream()))
    }

    fn check_credential(attr: &Attribute, tokens: TokenStream, mistakes: &mut Mistakes) -> Option<Self> {
        let at = attr.path().get_ident().map_or_else(Span::call_site, Ident::span);
        let mut args = Args::parse("credential", tokens, mistakes);
        let credential = Credential::check(&mut args, at, mistakes);
        args.finish(mistakes);
        credential.map(Self::Credential)
    }
}

fn name(args: &mut Args, func: &Ident, mistakes: &mut Mistakes) -> Option<String> {
    let is_said = args.has("name");
    let text = args.text("name", "find_customers", mistakes);
    if is_said {
        return text.and_then(|text| mistakes.or_note(&text, words::tool_name(&text.value())));
    }
    mistakes.or_note(func, words::tool_name(&func.unraw().to_string()))
}

fn prose(args: &mut Args, key: &'static str, example: &str, mistakes: &mut Mistakes) -> Option<String> {
    let text = args.text(key, example, mistakes)?;
    mistakes.or_note(&text, words::prose(key, &text.value()))
}

fn description(args: &mut Args, func: &Func, mistakes: &mut Mistakes) -> Option<TokenStream> {
    let is_said = args.has("description");
    let text = prose(args, "description", "Find customers by e-mail address.", mistakes);
    if is_said {
        return text.map(ToTokens::into_token_stream);
    }
    let text = doc::text(&func.attrs);
    if text.is_none() {
        mistakes.add(
            &func.sig.ident,
            "the model needs to know what this tool does; write a `///` comment or `description = \"..\"`",
        );
    }
    text
}

fn hints(args: &mut Args, mistakes: &mut Mistakes) -> Vec<(&'static str, bool)> {
    let mut hints = Vec::new();
    let mut at = None;
    for key in ["read_only", "destructive", "idempotent", "open_world"] {
        if let Some((ident, flag)) = args.flag(key, mistakes) {
            if key == "destructive" {
                at = Some(ident);
            }
            hints.push((key, flag));
        }
    }
    if let Some(at) = at
        && hints.contains(&("read_only", true))
        && hints.contains(&("destructive", true))
    {
        mistakes.add(at, "a tool that is `read_only` destroys nothing; remove one of the two");
    }
    hints
}

fn struct_ident(args: &mut Args, func: &Ident, mistakes: &mut Mistakes) -> Ident {
    let derived = Ident::new(&pascal_case(&func.unraw().to_string()), func.span());
    let is_said = args.has("struct");
    let path = args.path("struct", "FindCustomers", mistakes);
    if is_said {
        return match path.as_ref().map(|path| path.get_ident().cloned().ok_or(path)) {
            Some(Ok(ident)) => ident,
            Some(Err(path)) => {
                mistakes.add(path, "`struct` is the name of a new struct and no path, as `struct = FindCustomers`");
                derived
            }
            None => derived,
        };
    }
    if derived == *func {
        mistakes.add(func, "the tool's struct would have the function's own name; give it one with `struct = Name`");
        return Ident::new(&format!("{derived}Tool"), func.span());
    }
    derived
}

fn pascal_case(snake: &str) -> String {
    let mut pascal = String::new();
    for word in snake.split('_') {
        let mut letters = word.chars();
        pascal.extend(letters.next().into_iter().flat_map(char::to_uppercase));
        pascal.push_str(letters.as_str());
    }
    // `_1` is a name and `1` is not.
    if pascal.starts_with(|first: char| first.is_ascii_digit()) || pascal.is_empty() { format!("Tool{pascal}") } else { pascal }
}

fn struct_docs(func: &Func, description: Option<&TokenStream>) -> Vec<TokenStream> {
    let docs = func.attrs.iter().filter(|attr| attr.path().is_ident("doc")).map(|attr| attr.to_token_stream());
    let docs = docs.collect::<Vec<_>>();
    match description {
        Some(description) if docs.is_empty() => vec![quote!(#[doc = #description])],
        _ => docs,
    }
}

/// What a signature must not have, each with what to write instead.
fn signature(func: &Func, mistakes: &mut Mistakes) {
    let sig = &func.sig;
    if !func.has_body() {
        mistakes.add(&sig.ident, "a tool is a function with a body; a trait's method cannot be one");
    }
    if let Safety::Unsafe(token) = &sig.safety {
        mistakes.add(token, "a tool cannot be `unsafe`, as the model decides when it runs; wrap the unsafe code in a safe function");
    }
    if let Some(abi) = &sig.abi {
        mistakes.add(abi, "a tool is a Rust function; remove the `extern`");
    }
    if !sig.generics.params.is_empty() {
        mistakes.add(&sig.generics, "a tool has no generics, as a schema cannot describe them; name the types and lifetimes");
    }
    if let Some(clause) = &sig.generics.where_clause {
        mistakes.add(clause, "a tool has no generics and so no `where`; remove it");
    }
    if let Some(variadic) = &sig.variadic {
        mistakes.add(variadic, "a tool takes a fixed list of arguments; take a `Vec` instead");
    }
    match &sig.output {
        ReturnType::Default => {
            mistakes.add(&sig.ident, "a tool returns a `Result`; write `-> Result<T, ToolError>`");
        }
        ReturnType::Type(_, ty) => {
            if let Some(word) = find_impl(ty.to_token_stream()) {
                mistakes.add(word, "the output's schema is made from its type; name the type instead of `impl Trait`");
            }
        }
    }
    for input in &sig.inputs {
        if let FnArg::Receiver(receiver) = input {
            mistakes.add(receiver, "a tool is a free function; move it out of the `impl` and take what `self` holds as `State<T>`");
        }
    }
}

fn param_ident<'a>(raw: &'a RawParam, mistakes: &mut Mistakes) -> Option<&'a Ident> {
    match &raw.pat {
        Pat::Ident(pat) if pat.by_ref.is_none() && pat.subpat.is_none() => {
            if let Some(token) = &pat.mutability {
                let name = &pat.ident;
                mistakes.add(token, format!("a parameter is not `mut`; write `let mut {name} = {name};` in the body"));
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
        mistakes.add(word, "an argument's schema is made from its type; name the type instead of `impl Trait`");
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
    mistakes.add(&raw.ty, format!("a parameter owns its value, as nobody is there to lend it; write `{name}: {owned}`"));
}

fn find_impl(tokens: TokenStream) -> Option<Ident> {
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
                let tick = tokens.next_if(|next| matches!(next, TokenTree::Punct(tick) if tick.as_char() == '\''));
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

fn distinct_names(params: &[Param], mistakes: &mut Mistakes) {
    for (index, param) in params.iter().enumerate() {
        let twice = |other: &Param| other.name == param.name && other.cfgs.is_empty() && param.cfgs.is_empty();
        if params.iter().take(index).any(twice) {
            mistakes.add(&param.ident, format!("two parameters are called `{}`; rename one with `#[tool(rename = \"..\")]`", param.name));
        }
    }
}
