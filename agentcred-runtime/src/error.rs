//! Why a tool failed: what the model may read, and what only the log sees.

use std::error::Error as StdError;
use std::fmt;

/// Why a tool failed.
///
/// Works like `anyhow::Error`: `?` takes any error into it. Unlike there, nothing of that error
/// reaches the model, which is told `tool_failed` and the id of the call; the log has the rest.
/// What the model shall read is said in so many words, with [`ToolError::visible`]:
///
/// ```
/// use agentcred_runtime::ToolError;
///
/// fn parse(id: &str) -> Result<u64, ToolError> {
///     if id.is_empty() {
///         return Err(ToolError::visible("a customer id is needed"));
///     }
///     Ok(id.parse()?) // the model learns that the tool failed, not why
/// }
///
/// assert_eq!(parse("").unwrap_err().visible_text(), Some("a customer id is needed"));
/// assert_eq!(parse("x").unwrap_err().visible_text(), None);
/// ```
///
/// It does not implement [`std::error::Error`]: only so can `?` convert every error into it.
///
/// # Security
/// `Debug` prints the whole chain of causes and belongs into the log, never into an answer.
pub struct ToolError {
    visible: Option<String>,
    cause: Option<Box<dyn StdError + Send + Sync>>,
}

impl ToolError {
    /// A failure that the model may read about, such as "no such customer".
    #[must_use]
    pub fn visible(text: impl Into<String>) -> Self {
        Self { visible: Some(text.into()), cause: None }
    }

    /// Adds what the log shall know and the model not.
    ///
    /// ```
    /// use agentcred_runtime::ToolError;
    /// let error = "x".parse::<u8>().map_err(|cause| ToolError::visible("not a number").because(cause));
    /// assert_eq!(error.unwrap_err().visible_text(), Some("not a number"));
    /// ```
    #[must_use]
    pub fn because(mut self, cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// The only text of this error that may reach the model.
    pub fn visible_text(&self) -> Option<&str> {
        self.visible.as_deref()
    }

    /// The cause, for the log.
    pub fn cause(&self) -> Option<&(dyn StdError + Send + Sync + 'static)> {
        self.cause.as_deref()
    }
}

/// Every `std::error::Error + Send + Sync`, and what else converts into a boxed one: text,
/// `anyhow::Error`, `Box<dyn Error>`. All of them stay invisible to the model.
impl<E> From<E> for ToolError
where
    E: Into<Box<dyn StdError + Send + Sync>>,
{
    fn from(cause: E) -> Self {
        Self { visible: None, cause: Some(cause.into()) }
    }
}

impl fmt::Debug for ToolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.visible.as_deref().unwrap_or("tool failed"))?;
        let mut next: Option<&(dyn StdError + 'static)> = match &self.cause {
            Some(cause) => Some(cause.as_ref()),
            None => None,
        };
        while let Some(cause) = next {
            write!(f, ": {cause}")?;
            next = cause.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Leak channel 16.
    #[test]
    fn the_model_reads_only_what_the_author_made_visible() {
        let hidden = ToolError::from(std::io::Error::other("secret detail"));
        assert_eq!(hidden.visible_text(), None);
        let shown = ToolError::visible("no such customer").because("row 7");
        assert_eq!(shown.visible_text(), Some("no such customer"));
    }

    #[test]
    fn the_log_sees_the_whole_chain() {
        #[derive(Debug, thiserror::Error)]
        #[error("outer")]
        struct Outer(#[source] std::io::Error);
        let error = ToolError::visible("sorry").because(Outer(std::io::Error::other("inner")));
        assert_eq!(format!("{error:?}"), "sorry: outer: inner");
    }

    #[test]
    fn text_and_boxed_errors_convert_with_a_question_mark() {
        fn text() -> Result<(), ToolError> {
            Err("plain text")?
        }
        fn boxed() -> Result<(), ToolError> {
            Err(Box::<dyn StdError + Send + Sync>::from("boxed"))?
        }
        assert_eq!(text().unwrap_err().visible_text(), None);
        assert_eq!(format!("{:?}", boxed().unwrap_err()), "tool failed: boxed");
    }
}
