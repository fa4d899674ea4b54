//! What is emitted beside the errors, so that nothing else in the program breaks.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::FnArg;

use crate::expand::{check_tool, checks, constants};
use crate::mistakes::Mistakes;
use crate::param::find_impl;
use crate::tool::{Broken, Shell};

/// An item that is no function, as it was.
pub(crate) fn untouched(item: &TokenStream, mistakes: &Mistakes) -> TokenStream {
    quote!(#mistakes #item)
}

impl ToTokens for Broken {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let Self { shell, mistakes, params, has_all_params } = self;
        let Shell { func, ident, krate, .. } = shell;
        // Inside an `impl` or a trait no struct can stand.
        if func.sig.inputs.iter().any(|input| matches!(input, FnArg::Receiver(_)))
            || !func.has_body()
        {
            tokens.extend(untouched(&func.to_token_stream(), mistakes));
            return;
        }
        let attrs = shell.shared_attrs();
        let constants = constants(params);
        let checks = checks(params);
        let tool_check = has_all_params.then(|| check_tool(shell));
        let output = shell.output().filter(|ty| find_impl(ty.to_token_stream()).is_none()).map(|ty| {
            quote_spanned!(Span::mixed_site()=> const _: fn(&mut __agentcred::Draft) = <#ty as __agentcred::Output>::declare;)
        });
        tokens.extend(quote_spanned! {Span::mixed_site()=>
            #mistakes
            #shell

            #(#attrs)*
            #[allow(deprecated, unused)]
            const _: () = {
                use #krate::__private as __agentcred;

                #constants
                #checks
                #tool_check
                #output

                #[automatically_derived]
                impl __agentcred::Tool for #ident {
                    fn definition(&self) -> __agentcred::ToolDefinition {
                        ::core::unreachable!()
                    }

                    fn prepare(
                        &self,
                        _: __agentcred::Arguments,
                    ) -> ::core::result::Result<__agentcred::Invocation, __agentcred::ArgumentError> {
                        ::core::unreachable!()
                    }
                }
            };
        });
    }
}
