//! Compares what an agent is granted with what its tools need.

use agentcred_protocol::manifest::Manifest;
use agentcred_protocol::names::{AgentId, ServiceName, ToolName};
use agentcred_protocol::scope::ScopeToken;

use super::Config;
use super::finding::{Finding, Findings, Key};
use crate::least::{Need, needs};
use crate::policy::{Agent, Bounds};

impl Config {
    /// The agents of the policy.
    pub fn agents(&self) -> impl Iterator<Item = &AgentId> {
        self.policy.agents()
    }

    /// Says where an agent's policy and the needs of its tools differ.
    ///
    /// What is not granted, what is granted and no tool needs, and what is needed and has no
    /// rules are errors; bounds wider than any tool needs, and a TTL that will be shortened, are
    /// warnings.
    pub fn check_manifest(&self, agent: &AgentId, manifest: &Manifest) -> Vec<Finding> {
        let mut findings = Findings::in_text(&self.text);
        let at = Key::root("agents").field(agent.as_str());
        let Some((_, granted)) = self.policy.agent(agent.as_str()) else {
            findings.error(&Key::root("agents"), format!("has no agent {agent}"));
            return findings.into_inner();
        };
        let needs = needs(manifest);
        for ((service, token), need) in &needs {
            self.check_need(service, token, need, granted, &at, &mut findings);
        }
        let mut surplus =
            granted.grants.keys().filter(|grant| !needs.contains_key(grant)).collect::<Vec<_>>();
        surplus.sort();
        for (service, token) in surplus {
            let message =
                format!("grants `{token}` on `{service}`, which no tool needs; take it out");
            findings.error(&at.field("allow"), message);
        }
        findings.into_inner()
    }

    fn check_need(
        &self,
        service: &ServiceName,
        token: &ScopeToken,
        need: &Need,
        agent: &Agent,
        at: &Key,
        findings: &mut Findings<'_>,
    ) {
        let tools = list(need);
        let Some(known) = self.policy.service(service.as_str()) else {
            let message = format!("has no `{service}`, which is needed by {tools}");
            return findings.error(&Key::root("services"), message);
        };
        let scopes = Key::root("services").field(service.as_str()).field("scopes");
        match known.scopes.get(token) {
            None => {
                let message = format!("has no `{token}`, which is needed by {tools}");
                return findings.error(&scopes, message);
            }
            Some(rules) if rules.is_empty() => {
                let message = format!("has no rules, and without one {tools} can send nothing");
                findings.error(&scopes.field(token.as_str()), message);
            }
            Some(_) => {}
        }
        let allow = at.field("allow");
        match agent.grants.get(&(service.clone(), token.clone())) {
            None => {
                let message = format!("lacks `{token}` on `{service}`, which is needed by {tools}");
                findings.error(&allow, message);
            }
            Some(bounds) => check_bounds(token, need, bounds, &allow, findings),
        }
    }
}

fn check_bounds(
    token: &ScopeToken,
    need: &Need,
    granted: &Bounds,
    allow: &Key,
    findings: &mut Findings<'_>,
) {
    let tools = list(need);
    let Bounds { max_ttl, max_uses, .. } = *granted;
    let (uses, most) = (need.uses.count(), max_uses.count());
    if uses > most {
        let message = format!("grants `{token}` {most} uses, and {uses} are needed by {tools}");
        findings.error(allow, message);
    }
    if uses < most {
        let message = format!("grants `{token}` {most} uses, and {uses} would do for {tools}");
        findings.warning(allow, message);
    }
    let ttl = need.ttl;
    if ttl > max_ttl {
        let message = format!("shortens `{token}` to {max_ttl}, and {ttl} is asked for by {tools}");
        findings.warning(allow, message);
    }
    if ttl < max_ttl {
        let message = format!("grants `{token}` for {max_ttl}, and {ttl} would do for {tools}");
        findings.warning(allow, message);
    }
}

fn list(need: &Need) -> String {
    need.tools.iter().map(ToolName::as_str).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use agentcred_protocol::key::SigningKey;

    use super::*;

    const POLICY: &str = r#"
audit.file = "audit.jsonl"
[agents.billing]
keys = ["a.jwk"]
allow = [
    { service = "stripe", scopes = ["read:customers", "read:nothing"], max_ttl = "2m", max_uses = 3 },
]
[services.stripe]
origin = "http://127.0.0.1:1"
secret = "env:KEY"
inject = { header = "authorization", format = "Bearer {secret}" }
allow_networks = ["127.0.0.0/8"]
scopes."read:customers" = [{ method = "GET", path = "/v1/customers" }]
scopes."read:invoices" = [{ method = "GET", path = "/v1/invoices" }]
scopes."read:nothing" = []
"#;

    /// What is said about tools that need these scopes, each for a TTL and a number of uses.
    fn found(agent: &str, needs: &[(&str, &str, &str, u32)]) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let jwk = serde_json::to_string(SigningKey::ephemeral().unwrap().public()).unwrap();
        std::fs::write(folder.path().join("a.jwk"), jwk).unwrap();
        let config = Config::parse(POLICY, folder.path()).unwrap();
        let needs =
            needs.iter().map(|(service, scope, ttl, uses)| agentcred_protocol::manifest::Need {
                tool: "probe".parse().unwrap(),
                service: service.parse().unwrap(),
                scope: scope.parse().unwrap(),
                ttl: ttl.parse().unwrap(),
                uses: (*uses).try_into().unwrap(),
            });
        let findings = config.check_manifest(&agent.parse().unwrap(), &Manifest::new(needs));
        findings.iter().map(ToString::to_string).collect()
    }

    const BOTH: [(&str, &str, &str, u32); 2] =
        [("stripe", "read:customers", "2m", 3), ("stripe", "read:nothing", "2m", 3)];

    #[test]
    fn a_policy_that_fits_gives_no_finding_but_the_scope_without_rules() {
        assert_eq!(
            found("billing", &BOTH),
            ["error: line 15: services.stripe.scopes.\"read:nothing\" has no rules, and without \
                 one probe can send nothing"]
        );
    }

    #[test]
    fn what_is_lacking_and_what_is_too_much_are_named_with_their_line() {
        let needs = [
            ("stripe", "read:customers", "2m", 3),
            ("stripe", "read:invoices", "1m", 1),
            ("stripe", "write:refunds", "1m", 1),
            ("github", "read:issues", "1m", 1),
        ];
        let expected = [
            "error: line 8: services has no `github`, which is needed by probe",
            "error: line 5: agents.billing.allow lacks `read:invoices` on `stripe`, which is needed by probe",
            "error: line 13: services.stripe.scopes has no `write:refunds`, which is needed by probe",
            "error: line 5: agents.billing.allow grants `read:nothing` on `stripe`, which no tool needs; take it out",
        ];
        assert_eq!(found("billing", &needs), expected);
    }

    #[test]
    fn bounds_that_are_too_narrow_or_too_wide_are_named() {
        let mut needs = BOTH;
        needs[0] = ("stripe", "read:customers", "5m", 4);
        let narrow = found("billing", &needs);
        assert!(narrow[0].contains("grants `read:customers` 3 uses, and 4 are needed by probe"));
        assert!(
            narrow[1].starts_with("warning: ")
                && narrow[1].contains("shortens `read:customers` to 2m")
        );
        needs[0] = ("stripe", "read:customers", "1m", 1);
        let wide = found("billing", &needs);
        assert!(wide[0].starts_with("warning: ") && wide[0].contains("3 uses, and 1 would do"));
        assert!(wide[1].contains("for 2m, and 1m would do for probe"));
    }

    #[test]
    fn an_agent_that_the_policy_does_not_know_is_an_error() {
        assert_eq!(found("other", &BOTH), ["error: line 3: agents has no agent other"]);
    }
}
