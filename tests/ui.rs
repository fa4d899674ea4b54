//! What must not compile, and what the author is told: one file per rule, its text beside it.
//!
//! To accept new texts after reading them: `TRYBUILD=overwrite cargo test --test ui`.

#[test]
fn each_mistake_has_one_message_at_its_place() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
