//! The part of Stripe's search language that finds customers: `name~"pine" AND email:"a@b"`.

use super::account::Customer;
use super::refusal::Refusal;

/// A parsed query: every clause must hold.
#[derive(Debug)]
pub(super) struct Search(Vec<Clause>);

#[derive(Debug)]
struct Clause {
    field: Field,
    operator: Operator,
    /// In lower case: Stripe compares without regard to case.
    value: String,
}

#[derive(Debug)]
enum Field {
    Email,
    Name,
}

#[derive(Debug)]
enum Operator {
    Equals,
    Contains,
}

impl Search {
    pub(super) fn parse(query: &str) -> Result<Self, Refusal> {
        let mut clauses = Vec::new();
        let mut rest = query.trim();
        loop {
            let (clause, after) = Clause::parse(rest)?;
            clauses.push(clause);
            match after.trim_start() {
                "" => return Ok(Self(clauses)),
                more => rest = strip_and(more).ok_or_else(unreadable)?.trim_start(),
            }
        }
    }

    pub(super) fn matches(&self, customer: &Customer) -> bool {
        self.0.iter().all(|clause| clause.matches(customer))
    }
}

impl Clause {
    /// One clause from the start of `text`, and what follows it.
    fn parse(text: &str) -> Result<(Self, &str), Refusal> {
        let at = text.find([':', '~']).ok_or_else(unreadable)?;
        let field = match text[..at].trim() {
            "email" => Field::Email,
            "name" => Field::Name,
            other => {
                let message = format!("Field `{other}` is not searchable here.");
                return Err(Refusal::bad_value("query", message));
            }
        };
        let operator = match text.as_bytes().get(at) {
            Some(b'~') => Operator::Contains,
            _ => Operator::Equals,
        };
        let (value, rest) = quoted(&text[at + 1..]).ok_or_else(unreadable)?;
        if matches!(operator, Operator::Contains) && value.chars().count() < 3 {
            let message = "A value compared with `~` needs at least 3 characters.";
            return Err(Refusal::bad_value("query", message));
        }
        let value = value.to_lowercase();
        Ok((Self { field, operator, value }, rest))
    }

    fn matches(&self, customer: &Customer) -> bool {
        let field = match self.field {
            Field::Email => customer.email.to_lowercase(),
            Field::Name => customer.name.to_lowercase(),
        };
        match self.operator {
            Operator::Equals => field == self.value,
            Operator::Contains => field.contains(&self.value),
        }
    }
}

/// The text between two like quotes, where `\` lets the next character through as it is.
fn quoted(text: &str) -> Option<(String, &str)> {
    let quote = text.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let mut value = String::new();
    let mut characters = text.char_indices().skip(1);
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => value.push(characters.next()?.1),
            c if c == quote => return Some((value, &text[at + 1..])),
            c => value.push(c),
        }
    }
    None
}

fn strip_and(text: &str) -> Option<&str> {
    let (head, rest) = text.split_at_checked(4)?;
    head.eq_ignore_ascii_case("and ").then_some(rest)
}

fn unreadable() -> Refusal {
    let message = "The query cannot be read; write it as field:\"value\", joined by AND.";
    Refusal::bad_value("query", message)
}
