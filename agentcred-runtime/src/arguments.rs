//! The arguments that a model sent, checked and taken out one by one.

use std::fmt;

use serde::de::value::Error as SilentError;
use serde::de::{DeserializeOwned, Deserializer, Error as _, MapAccess, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::{Map, Value};

use crate::argument_error::{ArgumentError, ArgumentErrorKind};
use crate::conform::conform;
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
        conform(schema, &mut value)?;
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn definition(schema: Value) -> ToolDefinition {
        let mut definition = ToolDefinition::new("find", "Find.");
        definition.input_schema = schema;
        definition
    }

    #[test]
    fn an_argument_that_nobody_takes_is_refused() {
        let mut arguments = Arguments::new(json!({"a": 1, "b": 2})).unwrap();
        assert_eq!(arguments.take::<u8>("a"), Ok(1));
        let refused = arguments.finish().unwrap_err();
        assert_eq!(
            refused.to_string(),
            "there is an argument that this tool does not take; it takes `a`"
        );
    }

    #[test]
    fn absent_is_missing_unless_the_type_is_optional() {
        let mut arguments = Arguments::new(Value::Null).unwrap();
        assert_eq!(arguments.take::<Option<u8>>("a"), Ok(None));
        assert_eq!(arguments.take_present::<u8>("b"), Ok(None));
        assert_eq!(arguments.take::<u8>("c").unwrap_err().to_string(), "`c` is missing");
        assert_eq!(arguments.take::<()>("d").unwrap_err().to_string(), "`d` is missing");
        assert_eq!(arguments.take::<Value>("e").unwrap_err().to_string(), "`e` is missing");
        assert!(arguments.finish().is_ok());
    }

    // Leak channel 4, control within.
    #[test]
    fn a_key_that_stands_twice_is_refused_at_any_depth() {
        for text in [r#"{"a":1,"a":2}"#, r#"{"a":[{"b":1,"b":1}]}"#, r#"{"a":1,"\u0061":2}"#] {
            let refused = Arguments::from_json(text).unwrap_err();
            assert_eq!(refused.kind(), &ArgumentErrorKind::Duplicate, "{text}");
        }
        assert!(Arguments::from_json(r#"{"a":{"b":1},"b":[true,null,-1,1.5,"x"]}"#).is_ok());
        assert!(Arguments::from_json("").unwrap().finish().is_ok());
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for (text, kind) in [
            ("[1]", ArgumentErrorKind::NotAnObject),
            ("\"canary\"", ArgumentErrorKind::NotAnObject),
            ("{\"a\":", ArgumentErrorKind::NotJson),
            ("{} {}", ArgumentErrorKind::NotJson),
        ] {
            assert_eq!(Arguments::from_json(text).unwrap_err().kind(), &kind, "{text}");
        }
        assert!(Arguments::from_json(&"[".repeat(100_000)).is_err());
    }

    // Leak channel 5.
    #[test]
    fn debug_shows_no_key_and_no_value() {
        let arguments = Arguments::new(json!({"canary": "canary"})).unwrap();
        assert_eq!(format!("{arguments:?}"), "Arguments { count: 1, .. }");
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            "canary.{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            let key =
                prop_oneof![Just("known".to_owned()), Just("list".to_owned()), "canary.{0,4}"];
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec((key, inner), 0..4)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        // Leak channel 5.
        #[test]
        fn no_refusal_repeats_what_was_sent(value in any_json()) {
            let definition = definition(json!({
                "type": "object",
                "properties": {
                    "known": {"anyOf": [{"type": "integer", "minimum": 3}, {"$ref": "#"}]},
                    "list": {"type": "array", "items": {"$ref": "#/properties/known"}, "maxItems": 3},
                },
                "required": ["known"],
                "additionalProperties": false,
            }));
            let arguments = Arguments::new(value);
            if let Err(refused) = arguments.and_then(|arguments| arguments.conform_to(&definition)) {
                let said = format!("{refused} {refused:?}");
                prop_assert!(!said.contains("canary"), "{said}");
            }
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,64}") {
            let _ = Arguments::from_json(&text);
        }
    }
}
