//! All rules: an attribute and a function go in, a tool or every mistake comes out.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote};
use syn::ext::IdentExt as _;
use syn::{FnArg, ReturnType, Safety};

use crate::args::Args;
use crate::credential::Credential;
use crate::doc;
use crate::func::Func;
use crate::mistakes::Mistakes;
use crate::param::{self, Param};
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

/// Checks everything and stops nowhere, so that every mistake is reported at once.
pub(crate) fn check(attribute: TokenStream, func: Func) -> Result<Tool, Box<Broken>> {
    let mut mistakes = Mistakes::default();
    let mut args = Args::parse("credentialed_tool", attribute, &mut mistakes);

    let credential = Credential::check(&mut args, &mut mistakes);
    let name = name(&mut args, &func.sig.ident, &mut mistakes);
    let title = args.prose("title", "Find customers", &mut mistakes);
    let description = description(&mut args, &func, &mut mistakes);
    let timeout = args.text("timeout", "30s", &mut mistakes);
    let timeout =
        timeout.and_then(|text| mistakes.or_note(&text, words::seconds("timeout", &text.value())));
    let hints = hints(&mut args, &mut mistakes);
    let krate = args.path("crate", "agentcred", &mut mistakes);
    let ident = struct_ident(&mut args, &func.sig.ident, &mut mistakes);
    args.finish(Span::call_site(), &mut mistakes);

    signature(&func, &mut mistakes);
    let before = mistakes.len();
    let params = func
        .params
        .iter()
        .filter_map(|param| Param::check(param, &mut mistakes))
        .collect::<Vec<_>>();
    param::distinct_names(&params, &mut mistakes);
    let has_all_params = mistakes.len() == before && params.len() == func.sig.inputs.len();

    let krate = krate.map_or_else(|| quote!(::agentcred), ToTokens::into_token_stream);
    let docs = struct_docs(&func, description.as_ref());
    let shell = Shell { func, ident, docs, krate };
    match (credential, name, description) {
        (Some(credential), Some(name), Some(description)) if mistakes.len() == 0 => {
            let lives =
                params.iter().filter_map(Param::credential).chain([&credential]).map(|one| one.ttl);
            let timeout = timeout.unwrap_or_else(|| lives.fold(30, u64::min));
            Ok(Tool { shell, name, title, description, hints, credential, timeout, params })
        }
        _ => Err(Box::new(Broken { shell, mistakes, params, has_all_params })),
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

fn description(args: &mut Args, func: &Func, mistakes: &mut Mistakes) -> Option<TokenStream> {
    let is_said = args.has("description");
    let text = args.prose("description", "Find customers by e-mail address.", mistakes);
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
                mistakes.add(
                    path,
                    "`struct` is the name of a new struct and no path, as `struct = FindCustomers`",
                );
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
    // `_1` and `self_` are names; `1` and `Self` are not.
    if pascal.starts_with(|first: char| first.is_ascii_digit())
        || pascal.is_empty()
        || pascal == "Self"
    {
        return format!("Tool{pascal}");
    }
    pascal
}

fn struct_docs(func: &Func, description: Option<&TokenStream>) -> Vec<TokenStream> {
    let docs =
        func.attrs.iter().filter(|attr| attr.path().is_ident("doc")).map(ToTokens::to_token_stream);
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
        mistakes
            .add(&sig.ident, "a tool is a function with a body; a trait's method cannot be one");
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
    match &sig.output {
        ReturnType::Default => {
            mistakes.add(&sig.ident, "a tool returns a `Result`; write `-> Result<T, ToolError>`");
        }
        ReturnType::Type(_, ty) => {
            if let Some(word) = param::find_impl(ty.to_token_stream()) {
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
