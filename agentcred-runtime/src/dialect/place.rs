//! Where in a tool's arguments a schema stands, and which schemas stand inside it.

use std::fmt;

use serde_json::{Map, Value};

use super::error::Obstacle;

/// A place in a tool's arguments; it prints as `filter.lines[].price`, and as nothing at the top.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place<'a> {
    /// The arguments as a whole.
    Arguments,
    /// A field of an object.
    Field(&'a Place<'a>, &'a str),
    /// Each item of an array.
    Item(&'a Place<'a>),
    /// Each value of a map.
    Entry(&'a Place<'a>),
}

impl Place<'_> {
    /// How many objects and arrays it stands in.
    pub(super) fn depth(&self) -> usize {
        match self {
            Self::Arguments => 0,
            Self::Field(outside, _) | Self::Item(outside) | Self::Entry(outside) => {
                1 + outside.depth()
            }
        }
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Arguments => Ok(()),
            Self::Field(Self::Arguments, name) => f.write_str(name),
            Self::Field(object, name) => write!(f, "{object}.{name}"),
            Self::Item(array) => write!(f, "{array}[]"),
            Self::Entry(map) => write!(f, "{map}.*"),
        }
    }
}

/// Shows every schema directly inside this one, with its place.
///
/// # Errors
/// The first error of `visit`.
pub(super) fn visit_inside(
    schema: &mut Map<String, Value>,
    place: &Place<'_>,
    mut visit: impl FnMut(&mut Value, &Place<'_>) -> Result<(), Obstacle>,
) -> Result<(), Obstacle> {
    for (key, value) in schema {
        match (key.as_str(), value) {
            ("properties" | "$defs", Value::Object(schemas)) => {
                for (name, schema) in schemas {
                    visit(schema, &Place::Field(place, name))?;
                }
            }
            ("anyOf" | "oneOf" | "allOf", Value::Array(schemas)) => {
                for schema in schemas {
                    visit(schema, place)?;
                }
            }
            ("prefixItems", Value::Array(schemas)) => {
                for schema in schemas {
                    visit(schema, &Place::Item(place))?;
                }
            }
            ("items", schema @ Value::Object(_)) => visit(schema, &Place::Item(place))?,
            ("additionalProperties", schema @ Value::Object(_)) => {
                visit(schema, &Place::Entry(place))?;
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(schema: &mut Value, place: &Place<'_>, seen: &mut Vec<String>) {
        seen.push(place.to_string());
        let inside = |schema: &mut Value, place: &Place<'_>| {
            list(schema, place, seen);
            Ok(())
        };
        visit_inside(schema.as_object_mut().unwrap(), place, inside).unwrap();
    }

    #[test]
    fn a_place_prints_as_the_path_to_it() {
        let (top, mut seen) = (Place::Arguments, Vec::new());
        let mut schema = serde_json::json!({"properties": {"filter": {
            "properties": {"lines": {"items": {}}, "tags": {"additionalProperties": {}}},
        }}});
        list(&mut schema, &top, &mut seen);
        let expected =
            ["", "filter", "filter.lines", "filter.lines[]", "filter.tags", "filter.tags.*"];
        assert_eq!(seen, expected);
    }
}
