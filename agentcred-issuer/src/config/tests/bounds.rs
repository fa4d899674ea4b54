//! Tests of what a configuration must not say of how much, how often and when.

use super::{Change, all_are_refused};

const AUDIT: &str = "file = \"audit.jsonl\"";

const AGENTS: &str = "[agents.billing]";
const USES: &str = "max_uses = 10";
const DAYS: &str = "agents.billing.allow[0].hours.days";
const FROM: &str = "agents.billing.allow[0].hours.from";
const TO: &str = "agents.billing.allow[0].hours.to";
const ZONE: &str = "agents.billing.allow[0].hours.zone";

/// As in the list of what is refused.
const REFUSED: &[Change] = &[
    (AGENTS, "[tasks]\nmax_outstanding = 0\n[agents.billing]", "tasks.max_outstanding", "1 to"),
    (AUDIT, "file = \"a\"\nmax_size = \"64\"", "audit.max_size", "64KiB to 1TiB"),
    (AUDIT, "file = \"a\"\nmax_size = \"63KiB\"", "audit.max_size", "64KiB to 1TiB"),
    (AUDIT, "file = \"a\"\nmax_size = \"2TiB\"", "audit.max_size", "64KiB to 1TiB"),
    (AGENTS, "[tasks]\nrate = \"60\"\n[agents.billing]", "tasks.rate", "a number from 1"),
    (AGENTS, "[tasks]\nburst = 5\n[agents.billing]", "tasks.burst", "needs a rate"),
    (AGENTS, "[tasks]\nrate = \"5/s\"\nburst = 0\n[agents.billing]", "tasks.burst", "1 or more"),
    (USES, "hours = { days = \"weekdays\", from = \"08:00\", to = \"18:00\" }", DAYS, "mon-fri"),
    (USES, "hours = { from = \"8:00\", to = \"18:00\" }", FROM, "as 08:00"),
    (USES, "hours = { from = \"08:00\", to = \"25:00\" }", TO, "as 08:00"),
    (USES, "hours = { from = \"08:00\", to = \"08:00\" }", TO, "for whole days"),
    (USES, "hours = { from = \"08:00\", to = \"18:00\", zone = \"Berlin\" }", ZONE, "time zone"),
];

#[test]
fn each_wrong_bound_is_refused_by_its_key_and_line() {
    all_are_refused(REFUSED);
}
