//! The offline planner: a rig model that reads a question about billing, picks the tools
//! that answer it, and words the answer from what they returned. No language model is in it.

mod answer;
mod model;
mod plan;
mod question;
#[cfg(test)]
mod tests;
mod transcript;
mod vocabulary;
#[cfg(test)]
mod wordings;
mod words;

pub(crate) use self::model::offline_model;
