//! Why the arguments of a call are refused, in words for the model that sent them.

use std::fmt;

/// What is wrong with the arguments of a call, in words for the model that sent them.
///
/// # Security
/// It names fields of the tool's own schema and never repeats a key or a value that was sent:
/// whoever can write into the model's input could otherwise write into its next one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArgumentError {
    path: String,
    kind: ArgumentErrorKind,
}

/// The ways in which arguments are wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ArgumentErrorKind {
    /// The text is no JSON.
    NotJson,
    /// The JSON is no object.
    NotAnObject,
    /// An argument stands in the text twice.
    Duplicate,
    /// There is a field that the tool does not have.
    Unknown {
        /// The fields that it has.
        expected: Vec<String>,
    },
    /// A field that the tool needs is not there.
    Missing,
    /// A value is not what the schema says.
    Mistyped {
        /// What the schema says, in words.
        expected: String,
    },
    /// A value has the right JSON type, and the argument's Rust type refuses it.
    Refused,
    /// The arguments are nested in more ways than can be told apart.
    TooComplex,
}

impl ArgumentError {
    pub(crate) fn new(path: &str, kind: ArgumentErrorKind) -> Self {
        Self { path: path.to_owned(), kind }
    }

    /// The field, as `filter.lines[2].price`; empty when it is about the arguments as a whole.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What is wrong.
    pub fn kind(&self) -> &ArgumentErrorKind {
        &self.kind
    }
}

impl fmt::Display for ArgumentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.as_str();
        match &self.kind {
            ArgumentErrorKind::NotJson => f.write_str("the arguments are not valid JSON"),
            ArgumentErrorKind::TooComplex => f.write_str("the arguments are too complex to check"),
            ArgumentErrorKind::NotAnObject => f.write_str("the arguments must be a JSON object"),
            ArgumentErrorKind::Duplicate => f.write_str("an argument stands twice"),
            ArgumentErrorKind::Unknown { expected } => {
                match path {
                    "" => {
                        f.write_str(
                            "there is an argument that this tool does not take; it takes ",
                        )?;
                    }
                    path => write!(f, "`{path}` has a field that is not known; it takes ")?,
                }
                let expected = expected.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>();
                f.write_str(if expected.is_empty() { "none" } else { "" })?;
                f.write_str(&expected.join(", "))
            }
            ArgumentErrorKind::Missing => write!(f, "`{path}` is missing"),
            ArgumentErrorKind::Mistyped { expected } if path.is_empty() => {
                write!(f, "the arguments must be {expected}")
            }
            ArgumentErrorKind::Mistyped { expected } => write!(f, "`{path}` must be {expected}"),
            ArgumentErrorKind::Refused if path.is_empty() => {
                f.write_str("the arguments were refused")
            }
            ArgumentErrorKind::Refused => write!(f, "the value of `{path}` was refused"),
        }
    }
}

impl std::error::Error for ArgumentError {}
