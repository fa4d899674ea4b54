//! Where a description comes from.

use agentcred::{Nonce, Tool, ToolError, credentialed_tool};

#[doc = include_str!("../../LICENSE-MIT")]
#[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "5m")]
async fn from_a_file(
    #[doc = concat!("Which", " customer.")] id: u8,
    stripe: Nonce,
) -> Result<u8, ToolError> {
    drop(stripe);
    Ok(id)
}

/// Finds customers.
///
/// By:
/// * e-mail
/// * name
///
///     indented
#[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "5m")]
async fn with_paragraphs(stripe: Nonce) -> Result<u8, ToolError> {
    drop(stripe);
    Ok(1)
}

/**
 * Finds customers.
 *
 * By e-mail.
 */
#[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "5m")]
async fn with_a_block(stripe: Nonce) -> Result<u8, ToolError> {
    drop(stripe);
    Ok(1)
}

/// For readers of the code.
#[credentialed_tool(
    service = "stripe",
    scope = "read:customers",
    ttl = "5m",
    description = "For the model."
)]
async fn with_two_readers(stripe: Nonce) -> Result<u8, ToolError> {
    drop(stripe);
    Ok(1)
}

#[test]
fn a_file_can_be_the_description() {
    let definition = FromAFile.definition();
    let file = include_str!("../../LICENSE-MIT");
    assert_eq!(definition.description, file.trim());
    assert_eq!(definition.input_schema["properties"]["id"]["description"], "Which customer.");
}

#[test]
fn paragraphs_lists_and_indents_are_kept() {
    let description = "Finds customers.\n\nBy:\n* e-mail\n* name\n\n    indented";
    assert_eq!(WithParagraphs.definition().description, description);
    assert_eq!(WithABlock.definition().description, "Finds customers.\n\nBy e-mail.");
}

#[test]
fn the_model_can_be_told_something_else_than_the_reader() {
    assert_eq!(WithTwoReaders.definition().description, "For the model.");
}
