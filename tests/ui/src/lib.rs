//! What must not compile, and what its author is told: one file per rule, its text beside it.
//!
//! To accept new texts after reading them: `TRYBUILD=overwrite cargo test -p ui`.

#[cfg(test)]
mod tests {
    #[test]
    fn each_mistake_has_one_message_at_its_place() {
        trybuild::TestCases::new().compile_fail("*.rs");
    }

    #[test]
    fn the_documentation_shows_every_key() {
        // The message for an unknown key lists those that there are.
        let message = include_str!("../unknown_key_far_from_all.stderr").lines().next();
        let (_, keys) = message.and_then(|line| line.split_once("it has ")).unwrap_or_default();
        let keys = keys.split(", ").collect::<Vec<_>>();
        assert!(keys.len() >= 14, "{keys:?}");
        let documentation = include_str!("../../../src/credentialed_tool.md");
        let headings = documentation.lines().filter(|line| line.starts_with("## "));
        let headings = headings.collect::<String>();
        for key in keys {
            assert!(headings.contains(key), "{key} has no heading");
        }
    }
}
