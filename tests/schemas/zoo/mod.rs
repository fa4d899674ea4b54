//! Tools of every shape that a tool can have, each with a credential that no export may name.

mod collections;
mod enums;
mod options;
mod provoking;
mod recursion;
mod scalars;
mod structs;
mod wide;

use agentcred::{Dialect, DialectError, Tool, Toolbox};
use serde_json::Value;

/// What no export may contain. Every tool of the zoo carries these, and nothing else in it does.
pub(crate) const CANARIES: [&str; 5] =
    ["canary-service", "canary:scope", "canarynonce", "canary words", "421"];

/// Every tool, in one toolbox.
pub(crate) fn toolbox() -> Toolbox {
    CAGES.iter().fold(Toolbox::new(), |toolbox, cage| (cage.fill)(toolbox))
}

/// Every tool, one by one.
pub(crate) fn tools() -> Vec<Box<dyn Tool>> {
    CAGES.iter().flat_map(|cage| (cage.exhibits)()).map(|exhibit| exhibit.tool).collect()
}

/// Every tool in every dialect, each exported alone, so that one that does not fit hides no other.
pub(crate) fn exports() -> impl Iterator<Item = (Dialect, String, Result<Value, DialectError>)> {
    Dialect::ALL.into_iter().flat_map(|dialect| {
        CAGES.iter().flat_map(|cage| (cage.exhibits)()).map(move |Exhibit { tool, alone }| {
            let export = alone.schemas(dialect).map(|mut exports| exports.remove(0));
            (dialect, tool.definition().name, export)
        })
    })
}

const CAGES: [Cage; 8] = [
    collections::CAGE,
    enums::CAGE,
    options::CAGE,
    provoking::CAGE,
    recursion::CAGE,
    scalars::CAGE,
    structs::CAGE,
    wide::CAGE,
];

/// The tools of one file: all into one toolbox, or each with a toolbox of its own.
struct Cage {
    fill: fn(Toolbox) -> Toolbox,
    exhibits: fn() -> Vec<Exhibit>,
}

/// A tool, and a toolbox with nothing else in it.
struct Exhibit {
    tool: Box<dyn Tool>,
    alone: Toolbox,
}

macro_rules! cage {
    ($($tool:expr),* $(,)?) => {
        pub(super) const CAGE: super::Cage = super::Cage {
            fill: |toolbox| toolbox$(.with($tool))*,
            exhibits: || {
                vec![$(super::Exhibit { tool: Box::new($tool), alone: agentcred::toolbox![$tool] }),*]
            },
        };
    };
}
use cage;
