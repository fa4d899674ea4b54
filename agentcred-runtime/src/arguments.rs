//! The arguments that a model sent, checked and taken out one by one.

use std::fmt;

use serde::de::value::Error as SilentError;
use serde::de::{DeserializeOwned, Deserializer, Error as _, MapAccess, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::{Map, Value};

use crate::conform;
use crate::tool::ToolDefinition;

/// The arguments of one call, as the model sent them.
///
/// Whoever takes them names each argument once and then calls [`finish`](Arguments::finish), so
/// that an argument that nobody asked for is refused and never ignored.
///
/// ```
/// use agentcred_runtime::Arguments;
/// use serde_json::json;
///
/// let mut arguments = Arguments::new(json!({"limit": 3, "agent_id": "other"}))?;
/// assert_eq!(arguments.take::<u32>("limit")?, 3);
/// assert!(arguments.finish().is_err());
/// # Ok::<(), agentcred_runtime::ArgumentError>(())
/// ```
pub struct Arguments {
    values: Map<String, Value>,
    taken: Vec<String>,
}

impl Arguments {
    /// Arguments from JSON: an object, or null for none.
    ///
    /// # Errors
    /// When it is any other JSON.
    pub fn new(value: Value) -> Result<Self, ArgumentError> {
        let values = match value {
            Value::Object(values) => values,
            Value::Null => Map::new(),
            _ => return Err(ArgumentError::new("", ArgumentErrorKind::NotAnObject)),
        };
        Ok(Self { values, taken: Vec::new() })
    }

    /// Arguments from the text of a model's answer. Empty text stands for none.
    ///
    /// # Errors
    /// When it is no JSON object, or when an argument stands in it twice: which of the two counts
    /// would depend on who reads it.
    pub fn from_json(text: &str) -> Result<Self, ArgumentError> {
        if text.trim().is_empty() {
            return Self::new(Value::Null);
        }
        let twice = serde_json::from_str::<NoDuplicates>(text).is_err_and(|error| error.is_data());
        match serde_json::from_str(text) {
            Ok(_) if twice => Err(ArgumentError::new("", ArgumentErrorKind::Duplicate)),
            Ok(value) => Self::new(value),
            Err(_) => Err(ArgumentError::new("", ArgumentErrorKind::NotJson)),
        }
    }

    /// Checks them against the schema that the model was shown, nested fields included.
    ///
    /// # Errors
    /// The first argument or field that is unknown, missing or of the wrong type.
    pub fn conform_to(self, definition: &ToolDefinition) -> Result<Self, ArgumentError> {
        let schema = &definition.input_schema;
        let mut value = Value::Object(self.values);
        conform::normalize(schema, &mut value, schema);
        conform::check(schema, &value, schema, "")?;
        Self::new(value)
    }

    /// Takes an argument. One that is absent is an error unless its type can be absent, as an
    /// `Option` can.
    ///
    /// # Errors
    /// When it is missing, or when its type refuses the value.
    pub fn take<T: DeserializeOwned>(&mut self, name: &str) -> Result<T, ArgumentError> {
        match self.remove(name) {
            Some(value) => T::deserialize(value)
                .map_err(|_| ArgumentError::new(name, ArgumentErrorKind::Refused)),
            None => T::deserialize(Absent)
                .map_err(|_| ArgumentError::new(name, ArgumentErrorKind::Missing)),
        }
    }

    /// Takes an argument that may be left out. Null counts as left out.
    ///
    /// # Errors
    /// When its type refuses the value.
    pub fn take_present<T: DeserializeOwned>(
        &mut self,
        name: &str,
    ) -> Result<Option<T>, ArgumentError> {
        match self.values.get(name) {
            None | Some(Value::Null) => {
                self.remove(name);
                Ok(None)
            }
            Some(_) => self.take(name).map(Some),
        }
    }

    /// Takes everything that is left as the fields of one struct.
    ///
    /// # Errors
    /// When the struct refuses it.
    pub fn take_all<T: DeserializeOwned>(&mut self) -> Result<T, ArgumentError> {
        let values = std::mem::take(&mut self.values);
        T::deserialize(Value::Object(values))
            .map_err(|_| ArgumentError::new("", ArgumentErrorKind::Refused))
    }

    /// Ends the taking.
    ///
    /// # Errors
    /// When an argument is left that nobody took.
    pub fn finish(self) -> Result<(), ArgumentError> {
        if self.values.is_empty() {
            return Ok(());
        }
        Err(ArgumentError::new("", ArgumentErrorKind::Unknown { expected: self.taken }))
    }

    fn remove(&mut self, name: &str) -> Option<Value> {
        self.taken.push(name.to_owned());
        self.values.shift_remove(name)
    }
}

// Values and keys are the model's, or of whoever speaks through it, and stay out of logs.
impl fmt::Debug for Arguments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Arguments").field("count", &self.values.len()).finish_non_exhaustive()
    }
}

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

/// Whether a type can be had from no argument at all, as serde's derive decides it for a field:
/// an `Option` can, through aliases too.
pub(crate) fn accepts_absence<T: DeserializeOwned>() -> bool {
    T::deserialize(Absent).is_ok()
}

/// Deserialises nothing.
struct Absent;

impl<'de> Deserializer<'de> for Absent {
    type Error = SilentError;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, SilentError> {
        Err(SilentError::custom("absent"))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, SilentError> {
        visitor.visit_none()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

/// Reads any JSON and refuses an object in which a key stands twice.
struct NoDuplicates;

impl<'de> serde::Deserialize<'de> for NoDuplicates {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for NoDuplicates {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self, A::Error> {
        let mut keys = std::collections::HashSet::new();
        while let Some((key, Self)) = map.next_entry::<String, Self>()? {
            if !keys.insert(key) {
                return Err(A::Error::custom("twice"));
            }
        }
        Ok(self)
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut items: A) -> Result<Self, A::Error> {
        while items.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }
}
