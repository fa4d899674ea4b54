//! The `#[credentialed_tool]` attribute of agentcred, documented where it is re-exported: there.

use proc_macro::TokenStream;

// From the tokens to a checked tool.
mod args;
mod catalogue;
mod credential;
mod doc;
mod func;
mod mistakes;
mod param;
mod tool;
mod words;

// From the checked tool to tokens.
mod expand;
mod recover;

#[allow(missing_docs, reason = "documented on the front door, so that the examples run")]
#[proc_macro_attribute]
pub fn credentialed_tool(args: TokenStream, item: TokenStream) -> TokenStream {
    expand::attribute(args.into(), &item.into()).into()
}

#[cfg(test)]
mod goldens;
