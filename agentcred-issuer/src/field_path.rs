//! Field paths: how a policy names what stands inside a body, as `card.number` or `items[].price`.

use std::collections::BTreeMap;

/// Where a field stands: names with dots between them, and `[]` behind the name of a list for
/// each of its items. There is no other spelling, whatever the body is written in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FieldPath(Vec<Step>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Field(String),
    Each,
}

/// What is said of the fields of a body, in the form that the body has itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Shape<L> {
    /// A field that was named.
    Leaf(L),
    /// An object of these fields.
    Object(BTreeMap<String, Shape<L>>),
    /// A list of which each item is this.
    List(Box<Shape<L>>),
}

/// A path names a field that another one names already, or takes it for something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Clash;

impl FieldPath {
    /// Reads a path.
    pub(crate) fn read(text: &str) -> Result<Self, &'static str> {
        let mut steps = Vec::new();
        // The whole body may be a list.
        let (text, is_list) = match text.strip_prefix("[].") {
            Some(rest) => (rest, true),
            None => (text, false),
        };
        steps.extend(is_list.then_some(Step::Each));
        for part in text.split('.') {
            let (name, is_list) =
                part.strip_suffix("[]").map_or((part, false), |name| (name, true));
            if !is_name(name) {
                return Err("must be a name of 1 to 128 printable characters without spaces, or \
                            names with dots between them and [] behind that of a list, as \
                            card.number or items[].price");
            }
            steps.push(Step::Field(name.to_owned()));
            steps.extend(is_list.then_some(Step::Each));
        }
        if steps.len() > DEEPEST {
            return Err("must not go deeper than 16 steps");
        }
        Ok(Self(steps))
    }
}

impl<L> Shape<L> {
    /// An object of which nothing is said yet.
    pub(crate) const fn empty() -> Self {
        Self::Object(BTreeMap::new())
    }

    /// Says something of one more field of an object.
    pub(crate) fn insert(self, path: &FieldPath, leaf: L) -> Result<Self, Clash> {
        Self::with(Some(self), path, leaf)
    }

    /// Says something of one more field, or of the first.
    pub(crate) fn with(before: Option<Self>, path: &FieldPath, leaf: L) -> Result<Self, Clash> {
        Self::put(before, &path.0, leaf)
    }

    fn put(here: Option<Self>, steps: &[Step], leaf: L) -> Result<Self, Clash> {
        match (steps, here) {
            ([], None) => Ok(Self::Leaf(leaf)),
            ([Step::Field(name), rest @ ..], here) => {
                let mut fields = match here {
                    None => BTreeMap::new(),
                    Some(Self::Object(fields)) => fields,
                    Some(_) => return Err(Clash),
                };
                let field = Self::put(fields.remove(name), rest, leaf)?;
                fields.insert(name.clone(), field);
                Ok(Self::Object(fields))
            }
            ([Step::Each, rest @ ..], None) => {
                Ok(Self::List(Box::new(Self::put(None, rest, leaf)?)))
            }
            ([Step::Each, rest @ ..], Some(Self::List(each))) => {
                Ok(Self::List(Box::new(Self::put(Some(*each), rest, leaf)?)))
            }
            _ => Err(Clash),
        }
    }
}

fn is_name(name: &str) -> bool {
    (1..=128).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'[' | b']'))
}

const DEEPEST: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(paths: &[&str]) -> Result<Shape<()>, Clash> {
        paths.iter().try_fold(Shape::empty(), |shape, path| {
            shape.insert(&FieldPath::read(path).unwrap(), ())
        })
    }

    #[test]
    fn paths_become_the_shape_that_they_describe() {
        let Shape::Object(fields) = shape(&["card.number", "card.name", "items[].price"]).unwrap()
        else {
            panic!("not an object");
        };
        let Shape::Object(card) = &fields["card"] else { panic!("not an object") };
        assert_eq!(card.keys().collect::<Vec<_>>(), ["name", "number"]);
        assert!(
            matches!(&fields["items"], Shape::List(each) if matches!(**each, Shape::Object(_)))
        );
    }

    #[test]
    fn one_field_is_one_thing() {
        for paths in [
            ["card", "card"],
            ["card", "card.number"],
            ["card.number", "card"],
            ["items[]", "items"],
            ["items[]", "items[].price"],
            ["items[].price", "items.price"],
            ["[].price", "price"],
        ] {
            assert_eq!(shape(&paths), Err(Clash), "{paths:?}");
        }
    }

    #[test]
    fn other_spellings_are_no_paths() {
        for text in
            ["", ".", "a.", ".a", "a..b", "a b", "[]", "a[][]", "a[0]", "a[b]", "a[]b", "\u{e9}"]
        {
            assert!(FieldPath::read(text).is_err(), "{text}");
        }
        assert!(FieldPath::read(&"a.".repeat(16)).is_err());
    }
}
