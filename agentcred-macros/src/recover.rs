//! What is emitted beside the errors, so that nothing else in the program breaks.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::FnArg;

use crate::expand::{check_tool, checks};
use crate::mistakes::Mistakes;
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
        let checks = checks(params, shell);
        let tool_check = has_all_params.then(|| check_tool(shell));
        tokens.extend(quote_spanned! {Span::mixed_site()=>
            #mistakes
            #shell

            #(#attrs)*
            #[allow(deprecated, unused)]
            const _: () = {
                #checks
                #tool_check

                #[automatically_derived]
                impl #krate::__private::Tool for #ident {
                    fn definition(&self) -> #krate::__private::ToolDefinition {
                        ::core::unimplemented!()
                    }

                    fn prepare(
                        &self,
                        _: #krate::__private::Arguments,
                    ) -> ::core::result::Result<#krate::__private::Invocation, #krate::__private::ArgumentError> {
                        ::core::unimplemented!()
                    }
                }
            };
        });
    }
}
