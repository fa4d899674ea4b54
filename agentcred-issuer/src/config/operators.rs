//! Checks `[operators]`: where they connect, and who they are.

use std::collections::{BTreeMap, HashSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use agentcred_protocol::names::OperatorName;
use agentcred_protocol::operator::OperatorHash;
use agentcred_protocol::ttl::Ttl;

use super::finding::{Findings, Key};
use super::raw::{RawApprovals, RawOperators};
use crate::approvals::ApprovalBounds;
use crate::operate::{Operators, OperatorsAt, OperatorsConfig};

pub(super) fn check(
    raw: RawOperators,
    folder: &Path,
    findings: &mut Findings<'_>,
) -> Option<OperatorsConfig> {
    let known = check_tokens(raw.tokens, findings);
    let at = check_place(raw.listen.as_deref(), raw.socket, folder, findings);
    Some(OperatorsConfig { at: at?, known: Operators::new(known) })
}

pub(super) fn check_approvals(
    raw: &RawApprovals,
    findings: &mut Findings<'_>,
) -> Option<ApprovalBounds> {
    let at = Key::root("approvals");
    let ttl = raw.ttl.parse::<Ttl>();
    if let Err(error) = &ttl {
        findings.error(&at.field("ttl"), error.to_string());
    }
    let (most, most_per_task) = (raw.max_pending, raw.max_pending_per_task);
    for (key, value) in [("max_pending", most), ("max_pending_per_task", most_per_task)] {
        if !(1..=MOST_PENDING).contains(&value) {
            findings.error(&at.field(key), format!("must be 1 to {MOST_PENDING}"));
        }
    }
    Some(ApprovalBounds { life: ttl.ok()?.duration(), most, most_per_task })
}

fn check_place(
    listen: Option<&str>,
    socket: Option<PathBuf>,
    folder: &Path,
    findings: &mut Findings<'_>,
) -> Option<OperatorsAt> {
    let at = Key::root("operators");
    match (listen, socket) {
        (Some(listen), None) => {
            let address = listen.parse::<SocketAddr>().ok().filter(|it| it.ip().is_loopback());
            if address.is_none() {
                findings.error(
                    &at.field("listen"),
                    "must be a loopback address and a port, as 127.0.0.1:8421: tokens pass there \
                     without TLS; from elsewhere, come through ssh",
                );
            }
            address.map(OperatorsAt::Address)
        }
        (None, Some(socket)) if cfg!(unix) && !socket.as_os_str().is_empty() => {
            Some(OperatorsAt::Socket(folder.join(socket)))
        }
        (None, Some(_)) => {
            findings.error(&at.field("socket"), "must name a socket, on a system that has them");
            None
        }
        _ => {
            let message = "must say one of listen = \"127.0.0.1:8421\" and socket = \"PATH\"";
            findings.error(&at, message);
            None
        }
    }
}

fn check_tokens(
    tokens: BTreeMap<String, String>,
    findings: &mut Findings<'_>,
) -> BTreeMap<OperatorName, OperatorHash> {
    let at = Key::root("operators").field("tokens");
    let (mut known, mut seen) = (BTreeMap::new(), HashSet::new());
    if tokens.is_empty() {
        let message = "is empty, so that nobody could sign in; add one made by \
                       `agentcred-issuer keygen --operator`";
        findings.error(&at, message);
    }
    for (name, text) in tokens {
        let at = at.field(&name);
        match (OperatorName::new(name), text.parse::<OperatorHash>()) {
            (Err(error), _) => findings.error(&at, format!("is no operator: {error}")),
            (_, Err(error)) => findings.error(&at, error.to_string()),
            (Ok(_), Ok(hash)) if !seen.insert(hash.to_string()) => {
                findings
                    .error(&at, "is the token of another operator too; give each one of his own");
            }
            (Ok(name), Ok(hash)) => drop(known.insert(name, hash)),
        }
    }
    known
}

/// What a list can show.
const MOST_PENDING: usize = 1000;

#[cfg(test)]
mod tests {
    use crate::config::Config;

    const HASH: &str = "sha-256:RBNvo1WzZ4oRRq0W9-hknpT7T8If536DEMBg9hyq_4o";

    fn check(section: &str) -> Result<Config, String> {
        let text = format!("audit.file = \"a\"\n[operators]\n{section}");
        Config::parse(&text, "".as_ref()).map_err(|refused| refused.to_string())
    }

    #[test]
    fn an_address_on_loopback_or_a_socket_is_taken() {
        let tokens = format!("tokens = {{ ada = \"{HASH}\" }}");
        assert!(check(&format!("listen = \"127.0.0.1:0\"\n{tokens}")).is_ok());
        assert!(check(&format!("listen = \"[::1]:0\"\n{tokens}")).is_ok());
        assert_eq!(check(&format!("socket = \"s\"\n{tokens}")).is_ok(), cfg!(unix));
    }

    #[test]
    fn what_is_weak_or_ambiguous_is_refused_and_not_repeated() {
        let (_, token) = agentcred_protocol::token::OperatorToken::generate(
            &aws_lc_rs::rand::SystemRandom::new(),
        )
        .unwrap();
        let twice =
            format!("listen = \"127.0.0.1:0\"\ntokens = {{ ada = \"{HASH}\", bob = \"{HASH}\" }}");
        let itself = format!("listen = \"127.0.0.1:0\"\ntokens = {{ ada = \"{}\" }}", *token);
        let refused = [
            ("", "operators must say one of"),
            ("listen = \"127.0.0.1:0\"\nsocket = \"s\"", "operators must say one of"),
            ("listen = \"127.0.0.1:0\"", "operators.tokens is empty"),
            ("listen = \"0.0.0.0:8421\"", "operators.listen must be a loopback address"),
            ("listen = \"192.168.1.4:8421\"", "operators.listen must be a loopback address"),
            ("listen = \"localhost\"", "operators.listen must be a loopback address"),
            ("socket = \"\"", "operators.socket must name"),
            ("tokens = { ada = \"canary\" }", "operators.tokens.ada must be sha-256:"),
            ("tokens = { \"a:b\" = \"\" }", "operators.tokens.\"a:b\" is no operator"),
            (&twice, "operators.tokens.bob is the token of another operator"),
            (&itself, "operators.tokens.ada holds a token and not its hash"),
        ];
        for (section, says) in refused {
            let refused = check(section).map(|_| ()).unwrap_err();
            assert!(refused.contains(says), "{section}: {refused}");
            assert!(!refused.contains("canary") && !refused.contains(&token[8..20]), "{refused}");
        }
    }
}
