//! Why a tool has no form in a dialect: the tool, the argument, the rule.

use std::fmt;

use super::Dialect;
use super::place::Place;

/// A tool that a provider cannot take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DialectError {
    dialect: Dialect,
    tool: String,
    obstacle: Obstacle,
}

impl DialectError {
    pub(super) fn new(dialect: Dialect, tool: &str, obstacle: Obstacle) -> Self {
        Self { dialect, tool: tool.to_owned(), obstacle }
    }

    /// The dialect that has no form for it.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// The tool.
    pub fn tool(&self) -> &str {
        &self.tool
    }

    /// The argument, as `filter.lines[].price`; empty when it is about the tool as a whole.
    pub fn parameter(&self) -> &str {
        &self.obstacle.place
    }

    /// What stands in the way, and what to do about it.
    pub fn rule(&self) -> &str {
        self.obstacle.rule
    }
}

impl fmt::Display for DialectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { dialect, tool, obstacle: Obstacle { place, rule } } = self;
        write!(f, "`{tool}` cannot be written for {dialect}: ")?;
        if place.is_empty() { f.write_str(rule) } else { write!(f, "`{place}` {rule}") }
    }
}

impl std::error::Error for DialectError {}

/// Where a schema breaks a rule, and which.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Obstacle {
    place: String,
    rule: &'static str,
}

impl Obstacle {
    pub(super) fn new(place: &Place<'_>, rule: &'static str) -> Self {
        Self { place: place.to_string(), rule }
    }
}
