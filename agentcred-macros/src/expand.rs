//! The expansion of a tool that obeys the rules. Nothing here can fail.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::{ReturnType, Type};

use crate::catalogue::Catalogue;
use crate::credential::Credential;
use crate::func::Func;
use crate::mistakes::Mistakes;
use crate::param::{Mark, Param};
use crate::recover;
use crate::tool::{self, Shell, Tool};

/// `#[credentialed_tool(attribute)] item`.
pub(crate) fn attribute(attribute: TokenStream, item: &TokenStream) -> TokenStream {
    let keyword = Func::item_keyword(item);
    match syn::parse2::<Func>(item.clone()) {
        Ok(func) => match tool::check(attribute, func) {
            Ok(tool) => tool.into_token_stream(),
            Err(broken) => broken.into_token_stream(),
        },
        Err(error) => {
            let mut mistakes = Mistakes::default();
            match keyword {
                Some(keyword) if keyword != "fn" => mistakes.add(
                    &keyword,
                    format!("`#[credentialed_tool]` goes on a function, not on `{keyword}`"),
                ),
                _ => mistakes.add_error(error),
            }
            recover::untouched(item, &mistakes)
        }
    }
}

impl ToTokens for Tool {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let here = Span::mixed_site();
        let Self { shell, params, .. } = self;
        let Shell { ident, krate, .. } = shell;
        let attrs = shell.shared_attrs();
        let constants = constants(params);
        let checks = checks(params);
        let tool_check = check_tool(shell);
        let definition = self.definition();
        let prepare = self.prepare();
        let catalogue = Catalogue::dependency();
        tokens.extend(quote_spanned! {here=>
            #shell

            #(#attrs)*
            #[allow(deprecated, non_upper_case_globals)]
            const _: () = {
                use #krate::__private as __agentcred;

                #catalogue
                #constants
                #checks
                #tool_check
                #definition

                #[automatically_derived]
                impl __agentcred::Tool for #ident {
                    fn definition(&self) -> __agentcred::ToolDefinition {
                        ::core::clone::Clone::clone(&*__DEFINITION)
                    }

                    #prepare
                }
            };
        });
    }
}

impl ToTokens for Shell {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let Self { func, ident, docs, .. } = self;
        let attrs = self.shared_attrs();
        let vis = &func.vis;
        let deprecated = func.attrs.iter().filter(|attr| attr.path().is_ident("deprecated"));
        // A tool owns its arguments and can fail, whether its body makes use of that or not.
        let shape = quote!(#[allow(clippy::needless_pass_by_value, clippy::unnecessary_wraps)]);
        let shape = func.sig.asyncness.is_none().then_some(shape);
        tokens.extend(quote_spanned! {Span::mixed_site()=>
            #shape
            #func

            #(#attrs)*
            #(#docs)*
            #(#deprecated)*
            #[derive(::core::clone::Clone, ::core::marker::Copy, ::core::fmt::Debug)]
            #vis struct #ident;
        });
    }
}

impl Shell {
    /// What decides about the function also decides about what stands beside it.
    pub(crate) fn shared_attrs(&self) -> impl Iterator<Item = &syn::Attribute> {
        self.func.attrs.iter().filter(|attr| attr.path().is_ident("cfg"))
    }

    /// The function's return type.
    pub(crate) fn output(&self) -> Option<&Type> {
        match &self.func.sig.output {
            ReturnType::Type(_, ty) => Some(ty),
            ReturnType::Default => None,
        }
    }
}

impl Tool {
    fn definition(&self) -> TokenStream {
        let here = Span::mixed_site();
        let Self { shell, name, title, description, hints, credential, timeout, params } = self;
        let credential = credential_tokens(credential);
        let title = title.iter();
        let (hints, flags): (Vec<_>, Vec<_>) =
            hints.iter().map(|(hint, flag)| (Ident::new(hint, here), *flag)).unzip();
        let declare = params.iter().map(|param| {
            let Param { cfgs, ty, .. } = param;
            let constant = constant_ident(param);
            quote_spanned!(here=> #(#cfgs)* <#ty as __agentcred::Param<_>>::declare(&#constant, &mut __draft);)
        });
        let output = shell.output();
        quote_spanned! {here=>
            static __DEFINITION: ::std::sync::LazyLock<__agentcred::ToolDefinition> = ::std::sync::LazyLock::new(|| {
                let mut __draft = __agentcred::Draft::new(#name, #description, #credential);
                #(__draft.definition.title = ::core::option::Option::Some(::std::string::String::from(#title));)*
                #(__draft.definition.hints.#hints = ::core::option::Option::Some(#flags);)*
                __draft.definition.timeout = ::core::time::Duration::from_secs(#timeout);
                #(#declare)*
                <#output as __agentcred::Output>::declare(&mut __draft);
                __draft.finish()
            });
        }
    }

    fn prepare(&self) -> TokenStream {
        let here = Span::mixed_site();
        let Self { shell, params, .. } = self;
        let output = shell.output();
        let sig = &shell.func.sig;
        let func = &sig.ident;
        let (mut prepare, mut fill, mut pass) = (Vec::new(), Vec::new(), Vec::new());
        for param in params {
            let Param { cfgs, ty, .. } = param;
            let constant = constant_ident(param);
            // Hygienic, so that no name of the author's can mean something else here.
            let mut value = param.ident.clone();
            value.set_span(here);
            prepare.push(quote_spanned! {here=>
                #(#cfgs)* let #value = <#ty as __agentcred::Param<_>>::prepare(&#constant, &mut __arguments)?;
            });
            fill.push(quote_spanned! {here=>
                #(#cfgs)* let #value = <#ty as __agentcred::Param<_>>::fill(#value, &mut __injection)?;
            });
            pass.push(quote_spanned!(here=> #(#cfgs)* #value));
        }
        let is_async = sig.asyncness.is_some();
        let wait = is_async.then(|| quote_spanned!(here=> .await));
        let body = quote_spanned! {here=>
            #(#fill)*
            <#output as __agentcred::Output>::into_json(#func(#(#pass),*) #wait)
        };
        let invocation = if is_async {
            // A future that is not `Send` is the function's fault, so the error points there.
            let at = here.located_at(func.span());
            quote_spanned!(at=> __agentcred::Invocation::new(move |mut __injection| async move { #body }))
        } else {
            quote_spanned!(here=> __agentcred::Invocation::blocking(move |mut __injection| { #body }))
        };
        quote_spanned! {here=>
            fn prepare(
                &self,
                __arguments: __agentcred::Arguments,
            ) -> ::core::result::Result<__agentcred::Invocation, __agentcred::ArgumentError> {
                let mut __arguments = __arguments.conform_to(&__DEFINITION)?;
                #(#prepare)*
                __arguments.finish()?;
                ::core::result::Result::Ok(#invocation)
            }
        }
    }
}

/// The rules that depend on types, one constant for each parameter.
pub(crate) fn checks(params: &[Param]) -> TokenStream {
    let here = Span::mixed_site();
    let seats = params.iter().map(|param| {
        let Param { ident, cfgs, ty, mark, .. } = param;
        let (name, mark) = (ident.to_string(), mark_ident(mark));
        quote_spanned! {here=>
            #(#cfgs)*
            __agentcred::Seat {
                name: #name,
                mark: __agentcred::Mark::#mark,
                rule: <#ty as __agentcred::Param<_>>::RULE,
            }
        }
    });
    let each = params.iter().map(|param| {
        let Param { ident, cfgs, .. } = param;
        let name = ident.to_string();
        let check = quote_spanned!(ident.span()=> __agentcred::check_parameter(__SEATS, #name));
        quote_spanned!(here=> #(#cfgs)* const _: () = #check;)
    });
    quote_spanned! {here=>
        const __SEATS: &[__agentcred::Seat] = &[#(#seats),*];
        #(#each)*
    }
}

/// The rule about the parameters as a whole.
pub(crate) fn check_tool(shell: &Shell) -> TokenStream {
    let at = shell.func.sig.ident.span();
    let check = quote_spanned!(at=> __agentcred::check_tool(__SEATS));
    quote_spanned!(Span::mixed_site()=> const _: () = #check;)
}

/// What is known of each parameter, as the attribute on it says.
pub(crate) fn constants(params: &[Param]) -> TokenStream {
    params.iter().map(constant).collect()
}

fn constant(param: &Param) -> TokenStream {
    let here = Span::mixed_site();
    let Param { cfgs, ty, name, description, mark, .. } = param;
    let ident = constant_ident(param);
    let description = description.iter();
    let source = match mark {
        Mark::Tool { default: Some(default) } => {
            // A type whose default cannot be shown is named where it stands.
            let method = Ident::new("default", here.located_at(ty.span()));
            quote_spanned!(here=> .#method(|| #default))
        }
        Mark::Bare | Mark::Tool { default: None } => TokenStream::new(),
        Mark::Args => quote_spanned!(here=> .all_arguments()),
        Mark::Credential(credential) => {
            let credential = credential_tokens(credential);
            quote_spanned!(here=> .credential(#credential))
        }
    };
    quote_spanned! {here=>
        #(#cfgs)*
        const #ident: __agentcred::Parameter<#ty> =
            __agentcred::Parameter::new(#name) #(.describe(#description))* #source;
    }
}

fn constant_ident(param: &Param) -> Ident {
    format_ident!("__param_{}", param.ident, span = Span::mixed_site())
}

fn credential_tokens(credential: &Credential) -> TokenStream {
    let Credential { service, scope, ttl, uses } = credential;
    quote_spanned! {Span::mixed_site()=>
        __agentcred::Credential {
            service: #service,
            scope: #scope,
            ttl: ::core::time::Duration::from_secs(#ttl),
            uses: #uses,
        }
    }
}

fn mark_ident(mark: &Mark) -> Ident {
    let name = match mark {
        Mark::Bare => "Bare",
        Mark::Tool { .. } => "Tool",
        Mark::Args => "Args",
        Mark::Credential(_) => "Credential",
    };
    Ident::new(name, Span::mixed_site())
}
