//! Reads a form as the object that it stands for, guided by the fields that it may have.
//!
//! Nested fields are written with brackets, as Stripe and many others read them:
//! `card[number]=1`, `items[0][price]=2`, `tags[]=a`. Servers disagree about all else, such as
//! numbers out of order or `items[][price]`, so all else is refused.

use url::form_urlencoded;

use super::value::Value;
use super::{BodyRefused, Field, as_form, plain_number};
use crate::field_path::Shape;
use crate::target::is_query_value;

pub(super) fn read(shape: &Shape<Field>, body: &[u8]) -> Result<Value, BodyRefused> {
    let text = std::str::from_utf8(body).map_err(|_| BodyRefused::Malformed)?;
    let mut found = Some(Value::Object(Vec::new()));
    for pair in text.split('&').filter(|_| !text.is_empty()) {
        let (key, value) = pair.split_once('=').ok_or(BodyRefused::Malformed)?;
        if !is_query_value(value) {
            return Err(BodyRefused::Malformed);
        }
        let steps = read_key(key).ok_or(BodyRefused::Unknown)?;
        place(shape, &mut found, &steps, value)?;
    }
    found.ok_or(BodyRefused::Malformed)
}

/// `card%5Bnumber%5D` as `card` and `number`. None when the key is not in the one form that form
/// encoding gives it: another could slip past the names.
fn read_key(key: &str) -> Option<Vec<String>> {
    let (plain, _) = form_urlencoded::parse(key.as_bytes()).next()?;
    if as_form(&plain) != key {
        return None;
    }
    let Some((name, brackets)) = plain.split_once('[') else { return Some(vec![plain.into()]) };
    let inner = brackets.strip_suffix(']')?.split("][");
    let steps: Vec<_> = [name].into_iter().chain(inner).map(str::to_owned).collect();
    steps.iter().all(|step| !step.contains(['[', ']'])).then_some(steps)
}

/// Puts a value where its key says, below what is there already.
fn place(
    shape: &Shape<Field>,
    here: &mut Option<Value>,
    steps: &[String],
    text: &str,
) -> Result<(), BodyRefused> {
    match (shape, steps) {
        (Shape::Leaf(_), []) => match here.replace(Value::Form(text.to_owned())) {
            None => Ok(()),
            Some(_) => Err(BodyRefused::Repeated),
        },
        (Shape::Object(fields), [name, rest @ ..]) => {
            let shape = fields.get(name).ok_or(BodyRefused::Unknown)?;
            let Value::Object(found) = here.get_or_insert_with(|| Value::Object(Vec::new())) else {
                return Err(BodyRefused::Malformed);
            };
            let before = found.iter().position(|(it, _)| it == name);
            let mut field = before.map(|position| found.swap_remove(position).1);
            place(shape, &mut field, rest, text)?;
            found.extend(field.map(|field| (name.clone(), field)));
            Ok(())
        }
        (Shape::List(each), [number, rest @ ..]) => {
            let wanted = !number.is_empty();
            let nothing = || Value::List { items: Vec::new(), is_numbered: wanted };
            let Value::List { items, is_numbered } = here.get_or_insert_with(nothing) else {
                return Err(BodyRefused::Malformed);
            };
            let position = if wanted { plain_number(number) } else { Some(items.len() as u64) };
            let position = position.filter(|_| *is_numbered == wanted);
            let position = position.ok_or(BodyRefused::Malformed)?;
            let mut item = match items.len() as u64 {
                next if next == position => None,
                next if next == position + 1 => items.pop(),
                _ => return Err(BodyRefused::Malformed),
            };
            // Which item a further field of `items[]` belongs to is anybody's guess.
            if !wanted && !rest.is_empty() {
                return Err(BodyRefused::Malformed);
            }
            place(each, &mut item, rest, text)?;
            items.extend(item);
            Ok(())
        }
        _ => Err(BodyRefused::Unknown),
    }
}
