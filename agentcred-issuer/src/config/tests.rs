//! Tests of the configuration: one good file, and what becomes of it when one thing is wrong.
use super::*;
