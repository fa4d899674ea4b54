//! Where a value departs from its canonical schema: the field, and what was expected there.
//!
//! serde says no without saying where, or says where by repeating what it was sent. This says
//! where in words of the schema only, so that nothing the model wrote comes back to it. It reads
//! what canonical schemas contain; `pattern` and `format` are left to the type.

use std::cell::Cell;

use serde_json::{Map, Value};

use crate::argument_error::{ArgumentError, ArgumentErrorKind};
use crate::constraint::{allows, has_type, whole};
use crate::expectation::{either, expected};

/// Checks a value, after writing it in the one way that types read: without the nulls that stand
/// for "left out", which some dialects make a model send, and with `5` for the `5.0` of a client
/// that keeps all numbers as doubles.
///
/// # Errors
/// The first departure from the schema.
pub(crate) fn conform(schema: &Value, value: &mut Value) -> Result<(), ArgumentError> {
    let walk = Walk { root: schema, steps: Cell::new(1_000 + 64 * size(value)) };
    walk.normalize(schema, value);
    walk.check(schema, value, "")
}

/// A walk along a value and its schema.
struct Walk<'a> {
    root: &'a Value,
    /// How many more values may be compared. A recursive union whose branches look alike could
    /// otherwise take as many as two to the depth of the value, and the value is the model's.
    steps: Cell<usize>,
}

impl Walk<'_> {
    fn normalize(&self, schema: &Value, value: &mut Value) {
        if !self.step() {
            return;
        }
        let schema = self.resolve(schema);
        match value {
            Value::Object(fields) => self.normalize_fields(schema, fields),
            Value::Array(items) => self.normalize_items(schema, items),
            Value::Number(number) if schema.get("type").is_some_and(|name| name == "integer") => {
                if let Some(integer) = whole(number) {
                    *number = integer.into();
                }
            }
            _ => {}
        }
        for branch in ["anyOf", "oneOf", "allOf"].iter().flat_map(|key| branches(schema, key)) {
            let branch = self.resolve(branch);
            if is_meant(branch, value) {
                let mut normal = value.clone();
                self.normalize(branch, &mut normal);
                if self.check(branch, &normal, "").is_ok() {
                    *value = normal;
                    return;
                }
            }
        }
    }

    fn normalize_fields(&self, schema: &Value, fields: &mut Map<String, Value>) {
        let properties = schema.get("properties").and_then(Value::as_object);
        let further = schema.get("additionalProperties").filter(|further| further.is_object());
        fields.retain(|name, field| {
            let Some(property) = properties.and_then(|all| all.get(name)) else { return true };
            !field.is_null() || is_required(schema, name) || self.check(property, field, "").is_ok()
        });
        for (name, field) in fields {
            if let Some(each) = properties.and_then(|all| all.get(name)).or(further) {
                self.normalize(each, field);
            }
        }
    }

    fn normalize_items(&self, schema: &Value, items: &mut [Value]) {
        let first = schema.get("prefixItems").and_then(Value::as_array);
        for (index, item) in items.iter_mut().enumerate() {
            let own = first.and_then(|first| first.get(index));
            if let Some(each) = own.or_else(|| schema.get("items")) {
                self.normalize(each, item);
            }
        }
    }

    /// Compares a value with its schema. `path` names the value, and is empty at the root.
    fn check(&self, schema: &Value, value: &Value, path: &str) -> Result<(), ArgumentError> {
        if !self.step() {
            return Err(ArgumentError::new("", ArgumentErrorKind::TooComplex));
        }
        let schema = self.resolve(schema);
        if !allows(schema, value) {
            return Err(mistyped(path, expected(schema)));
        }
        for all in branches(schema, "allOf") {
            self.check(all, value, path)?;
        }
        for key in ["anyOf", "oneOf"] {
            self.check_union(schema, key, value, path)?;
        }
        match value {
            Value::Object(fields) => self.check_fields(schema, fields, path),
            Value::Array(items) => self.check_items(schema, items, path),
            _ => Ok(()),
        }
    }

    fn check_union(
        &self,
        schema: &Value,
        key: &str,
        value: &Value,
        path: &str,
    ) -> Result<(), ArgumentError> {
        let all = branches(schema, key).map(|branch| self.resolve(branch)).collect::<Vec<_>>();
        if all.is_empty() {
            return Ok(());
        }
        let mut meant = all.clone();
        meant.retain(|branch| is_meant(branch, value));
        if meant.is_empty() {
            return Err(not_meant(&all, value, path));
        }
        let mut refusals = Vec::new();
        for branch in meant {
            match self.check(branch, value, path) {
                Ok(()) => return Ok(()),
                Err(refusal) => refusals.push(refusal),
            }
        }
        // The branches that got furthest into the value are the ones that were meant.
        let furthest = refusals.iter().map(|refusal| refusal.path().len()).max().unwrap_or(0);
        refusals.retain(|refusal| refusal.path().len() == furthest);
        let wanted = refusals.iter().map(|refusal| match refusal.kind() {
            ArgumentErrorKind::Mistyped { expected } => Some(expected.clone()),
            _ => None,
        });
        Err(match (wanted.collect::<Option<Vec<_>>>(), refusals.into_iter().next()) {
            (Some(wanted), Some(refusal)) => mistyped(refusal.path(), either(wanted.into_iter())),
            (None, Some(refusal)) if furthest > path.len() => refusal,
            _ => mistyped(path, expected(schema)),
        })
    }

    fn check_fields(
        &self,
        schema: &Value,
        fields: &Map<String, Value>,
        path: &str,
    ) -> Result<(), ArgumentError> {
        let none = Map::new();
        let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&none);
        let further = schema.get("additionalProperties");
        if further == Some(&Value::Bool(false))
            && fields.keys().any(|name| !properties.contains_key(name))
        {
            let expected = properties.keys().cloned().collect();
            return Err(ArgumentError::new(path, ArgumentErrorKind::Unknown { expected }));
        }
        let required = schema.get("required").and_then(Value::as_array).into_iter().flatten();
        for name in required.filter_map(Value::as_str) {
            if !fields.contains_key(name) {
                return Err(ArgumentError::new(&field(path, name), ArgumentErrorKind::Missing));
            }
        }
        for (name, value) in fields {
            match (properties.get(name), further) {
                (Some(property), _) => self.check(property, value, &field(path, name))?,
                // The key is the model's own and so is not repeated.
                (None, Some(further)) => self.check(further, value, &field(path, "*"))?,
                (None, None) => {}
            }
        }
        Ok(())
    }

    fn check_items(
        &self,
        schema: &Value,
        items: &[Value],
        path: &str,
    ) -> Result<(), ArgumentError> {
        let first = schema.get("prefixItems").and_then(Value::as_array);
        let first = first.map_or(&[][..], Vec::as_slice);
        for (index, item) in items.iter().enumerate() {
            if let Some(schema) = first.get(index).or_else(|| schema.get("items")) {
                self.check(schema, item, &format!("{path}[{index}]"))?;
            }
        }
        Ok(())
    }

    /// Follows references. A circle of nothing but references says nothing and so accepts
    /// everything.
    fn resolve<'s>(&'s self, mut schema: &'s Value) -> &'s Value {
        for _ in 0..64 {
            let Some(reference) = schema.get("$ref").and_then(Value::as_str) else { return schema };
            let target = reference.strip_prefix('#').and_then(|path| self.root.pointer(path));
            schema = target.unwrap_or(&Value::Null);
        }
        &Value::Null
    }

    fn step(&self) -> bool {
        let steps = self.steps.get();
        self.steps.set(steps.saturating_sub(1));
        steps > 0
    }
}

/// Of how many values a value consists.
fn size(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(size).sum::<usize>(),
        Value::Object(fields) => 1 + fields.values().map(size).sum::<usize>(),
        _ => 1,
    }
}

fn mistyped(path: &str, expected: String) -> ArgumentError {
    ArgumentError::new(path, ArgumentErrorKind::Mistyped { expected })
}

fn branches<'s>(schema: &'s Value, key: &str) -> impl Iterator<Item = &'s Value> {
    schema.get(key).and_then(Value::as_array).into_iter().flatten()
}

/// Whether a branch of a union can be meant by a value.
fn is_meant(branch: &Value, value: &Value) -> bool {
    has_type(branch, value) && other_tag(branch, value).is_none()
}

/// The tag that a branch has, as the variants of a tagged enum have one, where the value has
/// another.
fn other_tag<'s>(branch: &'s Value, value: &Value) -> Option<(&'s str, &'s Value)> {
    let properties = branch.get("properties").and_then(Value::as_object)?;
    properties.iter().find_map(|(name, property)| {
        let tag = property.get("const")?;
        (value.get(name)? != tag).then_some((name.as_str(), property))
    })
}

fn not_meant(branches: &[&Value], value: &Value, path: &str) -> ArgumentError {
    let tags = branches.iter().filter_map(|branch| other_tag(branch, value)).collect::<Vec<_>>();
    match tags.first() {
        Some((name, _)) => {
            let wanted = tags.iter().filter(|(other, _)| other == name);
            mistyped(&field(path, name), either(wanted.map(|(_, tag)| expected(tag))))
        }
        None => mistyped(path, either(branches.iter().map(|branch| expected(branch)))),
    }
}

fn is_required(schema: &Value, name: &str) -> bool {
    let required = schema.get("required").and_then(Value::as_array);
    required.is_some_and(|names| names.iter().any(|key| key == name))
}

fn field(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use schemars::JsonSchema;
    use serde::Deserialize;
    use serde_json::json;

    use super::*;
    use crate::schema::{Contract, canonical, generator};

    fn schema_of<T: JsonSchema>() -> Value {
        let mut generator = generator(Contract::Input);
        let mut schema = generator.subschema_for::<T>().to_value();
        let shared = generator.take_definitions(true);
        schema.as_object_mut().unwrap().insert("$defs".to_owned(), shared.into());
        canonical(schema, Contract::Input)
    }

    fn refusal<T: JsonSchema>(mut value: Value) -> String {
        conform(&schema_of::<T>(), &mut value).unwrap_err().to_string()
    }

    #[derive(Deserialize, JsonSchema)]
    #[serde(tag = "op", rename_all = "lowercase")]
    #[expect(dead_code, reason = "only the schema is of interest")]
    enum Query {
        Is { text: String },
        Not { of: Box<Query> },
        Neither { of: Box<Query> },
        Both { left: Box<Query>, right: Box<Query> },
    }

    #[derive(Deserialize, JsonSchema)]
    #[serde(untagged)]
    #[expect(dead_code, reason = "only the schema is of interest")]
    enum Alike {
        Left { of: Option<Box<Alike>>, left: Option<u8> },
        Right { of: Option<Box<Alike>>, right: Option<u8> },
    }

    #[test]
    fn a_tagged_union_is_read_by_its_tag() {
        let query = json!({"op": "both", "left": {"op": "is", "text": "a"}, "right": {"op": "not", "of": {"op": "is"}}});
        assert_eq!(refusal::<Query>(query), "`right.of.text` is missing");
        assert_eq!(
            refusal::<Query>(json!({"op": "canary"})),
            "`op` must be `is` or `not` or `neither` or `both`"
        );
        assert_eq!(
            refusal::<Query>(json!("canary")),
            "the arguments must be an object with `op`, `text` or an object with `op`, `of` or an object with `op`, `left`, `right`"
        );
    }

    #[test]
    fn a_deep_value_of_a_recursive_union_takes_no_longer_than_its_size() {
        let mut query = json!({"op": "is", "text": 1});
        for _ in 0..100 {
            query = json!({"of": query, "op": "not"});
        }
        assert!(refusal::<Query>(query).ends_with("of.text` must be a string"));

        let mut alike = json!({"left": "canary"});
        for _ in 0..100 {
            alike = json!({"of": alike});
        }
        assert_eq!(refusal::<Alike>(alike), "the arguments are too complex to check");
    }

    #[test]
    fn nulls_inside_a_union_are_taken_out_too() {
        let mut value = json!([{"of": {"of": null, "right": 3}, "left": null}]);
        conform(&schema_of::<Vec<Alike>>(), &mut value).unwrap();
        assert_eq!(value, json!([{"of": {"right": 3}}]));
    }

    #[test]
    fn tuples_maps_and_lists_are_read_item_by_item() {
        assert_eq!(refusal::<(u8, String)>(json!([1, 2])), "`[1]` must be a string");
        assert_eq!(
            refusal::<(u8, String)>(json!([1])),
            "the arguments must be an array of 2 items"
        );
        assert_eq!(
            refusal::<Vec<Vec<u8>>>(json!([[1], [300]])),
            "`[1][0]` must be an integer from 0 to 255"
        );
        let map = json!({"canary": {"canary": "canary"}});
        assert_eq!(
            refusal::<BTreeMap<String, BTreeMap<String, u8>>>(map),
            "`*.*` must be an integer from 0 to 255"
        );
    }

    #[test]
    fn a_whole_double_is_an_integer_and_another_is_not() {
        let mut whole = json!(3.0);
        assert!(conform(&schema_of::<u32>(), &mut whole).is_ok());
        assert_eq!(whole.to_string(), "3");
        assert!(conform(&schema_of::<u32>(), &mut json!(3.5)).is_err());
        let mut inside = json!([3.0, null]);
        assert!(conform(&schema_of::<Vec<Option<u32>>>(), &mut inside).is_ok());
        assert_eq!(inside.to_string(), "[3,null]");
        assert!(conform(&schema_of::<f64>(), &mut json!(3)).is_ok());
        assert!(conform(&schema_of::<u32>(), &mut json!(4_294_967_296_u64)).is_err());
    }
}
