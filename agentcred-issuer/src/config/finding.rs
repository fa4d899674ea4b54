//! Findings: what is wrong with a configuration, where it stands, and the way out.

use std::fmt;

use toml::de::{DeTable, DeValue};

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Nothing starts with it.
    Error,
    /// Allowed, but likely not meant.
    Warning,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
        })
    }
}

/// One thing that was found in a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// The key, as `services.stripe.origin`; empty when it is about the whole file.
    pub key: String,
    /// The line that the key stands in, from 1, where it is known.
    pub line: Option<usize>,
    /// What is wrong and the way out. Values that may be secret are not repeated.
    pub message: String,
}

impl Finding {
    /// Whether it keeps nothing from starting.
    pub fn is_warning(&self) -> bool {
        self.severity == Severity::Warning
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.severity)?;
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        if !self.key.is_empty() {
            write!(f, "{} ", self.key)?;
        }
        f.write_str(&self.message)
    }
}

/// A configuration that does not start, with everything that was found in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the configuration is refused:\n  {}", list(findings))]
pub struct InvalidConfig {
    findings: Vec<Finding>,
}

impl InvalidConfig {
    /// What was found, errors and warnings.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    pub(crate) fn new(findings: Vec<Finding>) -> Self {
        Self { findings }
    }

    pub(super) fn one(message: String) -> Self {
        let severity = Severity::Error;
        Self::new(vec![Finding { severity, key: String::new(), line: None, message }])
    }

    pub(super) fn syntax(error: &toml::de::Error, text: &str) -> Self {
        Self::new(vec![Finding {
            severity: Severity::Error,
            key: String::new(),
            line: error.span().map(|span| line_of(text, span.start)),
            message: error.message().lines().collect::<Vec<_>>().join("; "),
        }])
    }
}

fn list(findings: &[Finding]) -> String {
    findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n  ")
}

/// A place in a configuration: the keys and positions that lead to it.
#[derive(Clone, Debug)]
pub(crate) struct Key(Vec<Step>);

#[derive(Clone, Debug)]
enum Step {
    Field(String),
    Item(usize),
}

impl Key {
    pub(crate) fn root(name: &str) -> Self {
        Self(vec![Step::Field(name.to_owned())])
    }

    pub(crate) fn field(&self, name: &str) -> Self {
        self.with(Step::Field(name.to_owned()))
    }

    pub(crate) fn item(&self, position: usize) -> Self {
        self.with(Step::Item(position))
    }

    fn with(&self, step: Step) -> Self {
        let mut steps = self.0.clone();
        steps.push(step);
        Self(steps)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, step) in self.0.iter().enumerate() {
            match step {
                Step::Field(name) => {
                    if position > 0 {
                        f.write_str(".")?;
                    }
                    let is_bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
                    if !name.is_empty() && name.chars().all(is_bare) {
                        f.write_str(name)?;
                    } else {
                        write!(f, "{name:?}")?;
                    }
                }
                Step::Item(item) => write!(f, "[{item}]")?,
            }
        }
        Ok(())
    }
}

/// Collects findings and looks up the line that each is about.
pub(crate) struct Findings<'t> {
    text: &'t str,
    found: Vec<Finding>,
}

impl<'t> Findings<'t> {
    pub(crate) fn in_text(text: &'t str) -> Self {
        Self { text, found: Vec::new() }
    }

    pub(crate) fn error(&mut self, key: &Key, message: impl Into<String>) {
        self.add(Severity::Error, key, message.into());
    }

    pub(crate) fn warning(&mut self, key: &Key, message: impl Into<String>) {
        self.add(Severity::Warning, key, message.into());
    }

    pub(crate) fn into_inner(self) -> Vec<Finding> {
        self.found
    }

    fn add(&mut self, severity: Severity, key: &Key, message: String) {
        let line = locate(self.text, key);
        self.found.push(Finding { severity, key: key.to_string(), line, message });
    }
}

/// The line of a key, or of the nearest key above it that is written.
fn locate(text: &str, key: &Key) -> Option<usize> {
    let document = DeTable::parse(text).ok()?;
    let mut steps = key.0.iter();
    let Some(Step::Field(first)) = steps.next() else { return None };
    let (name, mut value) = field(document.get_ref(), first)?;
    let mut start = name;
    for step in steps {
        let (at, next) = match (step, value) {
            (Step::Field(name), DeValue::Table(table)) => match field(table, name) {
                Some(found) => found,
                None => break,
            },
            (Step::Item(position), DeValue::Array(array)) => match array.get(*position) {
                Some(item) => (item.span().start, item.get_ref()),
                None => break,
            },
            _ => break,
        };
        (start, value) = (at, next);
    }
    Some(line_of(text, start))
}

fn field<'a, 't>(table: &'a DeTable<'t>, name: &str) -> Option<(usize, &'a DeValue<'t>)> {
    let (key, value) = table.iter().find(|(key, _)| key.get_ref() == name)?;
    Some((key.span().start, value.get_ref()))
}

fn line_of(text: &str, offset: usize) -> usize {
    1 + text.as_bytes().iter().take(offset).filter(|byte| **byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_in_its_line() {
        let text = "[a]\nb = 1\n\n[[a.\"c:d\"]]\ne = 2\n[[a.\"c:d\"]]\nf = 3\n";
        let second = Key::root("a").field("c:d").item(1);
        assert_eq!(second.to_string(), "a.\"c:d\"[1]");
        assert_eq!(locate(text, &Key::root("a").field("b")), Some(2));
        assert_eq!(locate(text, &second.field("f")), Some(7));
        assert_eq!(locate(text, &second.field("missing")), Some(6));
        assert_eq!(locate(text, &Key::root("missing")), None);
    }
}
