//! The expansion of a tool that obeys the rules. Nothing here can fail.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::{ReturnType, Type};

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
        let constants = constants(params, shell);
        let checks = checks(params, shell);
        let tool_check = check_tool(shell);
        let definition = self.definition();
        let prepare = self.prepare();
        tokens.extend(quote_spanned! {here=>
            #shell

            #(#attrs)*
            #[allow(deprecated, non_upper_case_globals)]
            const _: () = {
                #constants
                #checks
                #tool_check
                #definition

                #[automatically_derived]
                impl #krate::__private::Tool for #ident {
                    fn definition(&self) -> #krate::__private::ToolDefinition {
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
        // Tools own their arguments, whether their body consumes them or not.
        let by_value =
            func.sig.asyncness.is_none().then(|| quote!(#[allow(clippy::needless_pass_by_value)]));
        tokens.extend(quote_spanned! {Span::mixed_site()=>
            #by_value
            #func

            #(#attrs)*
            #(#docs)*
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

    /// The path of `agentcred`, for an error that shall point elsewhere than to the attribute.
    fn krate_at(&self, at: Span) -> TokenStream {
        let moved = self.krate.clone().into_iter().map(|mut token| {
            token.set_span(token.span().located_at(at));
            token
        });
        moved.collect()
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
        let krate = &shell.krate;
        let credential = credential_tokens(credential, krate);
        let title = title.iter();
        let (hints, flags): (Vec<_>, Vec<_>) =
            hints.iter().map(|(hint, flag)| (Ident::new(hint, here), *flag)).unzip();
        let declare = params.iter().map(|param| {
            let Param { cfgs, ty, .. } = param;
            let constant = constant_ident(param);
            quote_spanned!(here=> #(#cfgs)* <#ty as #krate::__private::Param<_>>::declare(&#constant, &mut draft);)
        });
        let output = shell.output();
        quote_spanned! {here=>
            static __DEFINITION: ::std::sync::LazyLock<#krate::__private::ToolDefinition> = ::std::sync::LazyLock::new(|| {
                let mut draft = #krate::__private::Draft::new(#name, #description, #credential);
                #(draft.definition.title = ::core::option::Option::Some(::std::string::String::from(#title));)*
                #(draft.definition.hints.#hints = ::core::option::Option::Some(#flags);)*
                draft.definition.timeout = ::core::time::Duration::from_secs(#timeout);
                #(#declare)*
                <#output as #krate::__private::Output>::declare(&mut draft);
                draft.finish()
            });
        }
    }

    fn prepare(&self) -> TokenStream {
        let here = Span::mixed_site();
        let Self { shell, params, .. } = self;
        let krate = &shell.krate;
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
                #(#cfgs)* let #value = <#ty as #krate::__private::Param<_>>::prepare(&#constant, &mut __arguments)?;
            });
            fill.push(quote_spanned! {here=>
                #(#cfgs)* let #value = <#ty as #krate::__private::Param<_>>::fill(#value, &mut __injection)?;
            });
            pass.push(quote_spanned!(here=> #(#cfgs)* #value));
        }
        let is_async = sig.asyncness.is_some();
        let wait = is_async.then(|| quote_spanned!(here=> .await));
        let body = quote_spanned! {here=>
            #(#fill)*
            <#output as #krate::__private::Output>::into_json(#func(#(#pass),*) #wait)
        };
        let invocation = if is_async {
            // A future that is not `Send` is the function's fault, so the error points there.
            let krate = shell.krate_at(func.span());
            let new = quote_spanned!(func.span()=> #krate::__private::Invocation::new);
            quote_spanned!(here=> #new(move |mut __injection| async move { #body }))
        } else {
            quote_spanned!(here=> #krate::__private::Invocation::blocking(move |mut __injection| { #body }))
        };
        quote_spanned! {here=>
            fn prepare(
                &self,
                __arguments: #krate::__private::Arguments,
            ) -> ::core::result::Result<#krate::__private::Invocation, #krate::__private::ArgumentError> {
                let mut __arguments = __arguments.conform_to(&__DEFINITION)?;
                #(#prepare)*
                __arguments.finish()?;
                ::core::result::Result::Ok(#invocation)
            }
        }
    }
}

/// The rules that depend on types, one constant for each parameter.
pub(crate) fn checks(params: &[Param], shell: &Shell) -> TokenStream {
    let here = Span::mixed_site();
    let krate = &shell.krate;
    let seats = params.iter().map(|param| {
        let Param { ident, cfgs, ty, mark, .. } = param;
        let (name, mark) = (ident.to_string(), mark_ident(mark));
        quote_spanned! {here=>
            #(#cfgs)*
            #krate::__private::Seat {
                name: #name,
                mark: #krate::__private::Mark::#mark,
                rule: <#ty as #krate::__private::Param<_>>::RULE,
            }
        }
    });
    let each = params.iter().map(|param| {
        let Param { ident, cfgs, .. } = param;
        let krate = shell.krate_at(ident.span());
        let name = ident.to_string();
        let check =
            quote_spanned!(ident.span()=> #krate::__private::check_parameter(__SEATS, #name));
        quote_spanned!(here=> #(#cfgs)* const _: () = #check;)
    });
    quote_spanned! {here=>
        const __SEATS: &[#krate::__private::Seat] = &[#(#seats),*];
        #(#each)*
    }
}

/// The rule about the parameters as a whole.
pub(crate) fn check_tool(shell: &Shell) -> TokenStream {
    let at = shell.func.sig.ident.span();
    let krate = shell.krate_at(at);
    let check = quote_spanned!(at=> #krate::__private::check_tool(__SEATS));
    quote_spanned!(Span::mixed_site()=> const _: () = #check;)
}

/// What is known of each parameter, as the attribute on it says.
pub(crate) fn constants(params: &[Param], shell: &Shell) -> TokenStream {
    params.iter().map(|param| constant(param, &shell.krate)).collect()
}

fn constant(param: &Param, krate: &TokenStream) -> TokenStream {
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
            let credential = credential_tokens(credential, krate);
            quote_spanned!(here=> .credential(#credential))
        }
    };
    quote_spanned! {here=>
        #(#cfgs)*
        const #ident: #krate::__private::Parameter<#ty> =
            #krate::__private::Parameter::new(#name) #(.describe(#description))* #source;
    }
}

fn constant_ident(param: &Param) -> Ident {
    format_ident!("__{}", param.ident, span = Span::mixed_site())
}

fn credential_tokens(credential: &Credential, krate: &TokenStream) -> TokenStream {
    let Credential { service, scope, ttl, uses } = credential;
    quote_spanned! {Span::mixed_site()=>
        #krate::__private::Credential {
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
