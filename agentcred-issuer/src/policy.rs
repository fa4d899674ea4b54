//! The policy: which agent may have which nonce, for how long. Denied by default.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use agentcred_protocol::clock::UnixTime;
use agentcred_protocol::key::VerifyingKey;
use agentcred_protocol::names::{AgentId, ServiceName};
use agentcred_protocol::refusal::RefusalCode;
use agentcred_protocol::scope::{Scope, ScopeToken};
use agentcred_protocol::ttl::{Ttl, Uses};

use crate::call::{Call, Task};
use crate::hours::Hours;
use crate::rates::Rate;
use crate::refused::Refused;
use crate::resource_server::{ResourceServer, ResourceServers};
use crate::secrets::SecretRef;
use crate::service::Service;
use crate::users::{ForUsers, TrustedIssuers};
use crate::workloads::{Subject, TrustedPlatforms};

/// All agents and services, checked against each other.
#[derive(Debug, Default)]
pub(crate) struct Policy {
    agents: BTreeMap<AgentId, Agent>,
    services: BTreeMap<ServiceName, Arc<Service>>,
    resource_servers: ResourceServers,
    user_issuers: TrustedIssuers,
    platforms: TrustedPlatforms,
    /// Which agent a workload is.
    subjects: HashMap<Subject, AgentId>,
    /// How many live nonces a task may have.
    max_outstanding: usize,
    /// How often a task may ask for grants and nonces; none for as often as it likes.
    task_rate: Option<Rate>,
}

/// One agent: what proves it and what it is granted.
#[derive(Debug)]
pub(crate) struct Agent {
    pub(crate) keys: Vec<VerifyingKey>,
    /// The workloads that it runs as, of which somebody else says who they are.
    pub(crate) subjects: Vec<Subject>,
    /// What it shares with the issuer, in development.
    pub(crate) secret: Option<SecretRef>,
    /// How often it may ask for grants and nonces; none for as often as it likes.
    pub(crate) rate: Option<Rate>,
    pub(crate) grants: HashMap<(ServiceName, ScopeToken), Bounds>,
}

/// How far a grant goes.
#[derive(Clone, Debug)]
pub(crate) struct Bounds {
    pub(crate) max_ttl: Ttl,
    pub(crate) max_uses: Uses,
    pub(crate) needs_approval: bool,
    pub(crate) users: ForUsers,
    /// When it holds; none for always.
    pub(crate) hours: Option<Hours>,
}

impl Bounds {
    fn hold_at(&self, now: UnixTime) -> bool {
        self.hours.as_ref().is_none_or(|hours| hours.admit(now))
    }
}

/// What the policy grants to a request for a nonce: exactly what was asked for, but for a TTL
/// that may be shorter.
#[derive(Debug)]
#[must_use = "a permit is what a nonce is minted with"]
pub(crate) struct Permit {
    ttl: Ttl,
    uses: Uses,
    needs_approval: bool,
}

impl Permit {
    pub(crate) fn ttl(&self) -> Ttl {
        self.ttl
    }

    pub(crate) fn uses(&self) -> Uses {
        self.uses
    }

    /// Whether a human must approve the call, as it does for one token of its scope at least.
    pub(crate) fn needs_approval(&self) -> bool {
        self.needs_approval
    }
}

impl Policy {
    /// Joins agents and services. That they fit each other is for the configuration to check;
    /// what does not fit is granted to nobody.
    pub(crate) fn new(
        agents: BTreeMap<AgentId, Agent>,
        services: BTreeMap<ServiceName, Arc<Service>>,
        max_outstanding: usize,
    ) -> Self {
        let mut subjects = HashMap::new();
        for (id, agent) in &agents {
            subjects.extend(agent.subjects.iter().map(|it| (it.clone(), id.clone())));
        }
        Self { agents, services, subjects, max_outstanding, ..Self::default() }
    }

    pub(crate) fn with_task_rate(self, task_rate: Option<Rate>) -> Self {
        Self { task_rate, ..self }
    }

    pub(crate) fn with_resource_servers(self, resource_servers: ResourceServers) -> Self {
        Self { resource_servers, ..self }
    }

    pub(crate) fn with_user_issuers(self, user_issuers: TrustedIssuers) -> Self {
        Self { user_issuers, ..self }
    }

    pub(crate) fn with_platforms(self, platforms: TrustedPlatforms) -> Self {
        Self { platforms, ..self }
    }

    /// Who may ask about nonces, by its name.
    pub(crate) fn resource_server(&self, name: &str) -> Option<&Arc<ResourceServer>> {
        self.resource_servers.named(name)
    }

    /// A service, by its name in a URL or a nonce.
    pub(crate) fn service(&self, name: &str) -> Option<&Arc<Service>> {
        self.services.get(name)
    }

    /// All services.
    pub(crate) fn services(&self) -> impl Iterator<Item = &Service> {
        self.services.values().map(|service| &**service)
    }

    /// An agent, by its name.
    pub(crate) fn agent(&self, id: &str) -> Option<(&AgentId, &Agent)> {
        self.agents.get_key_value(id)
    }

    /// The agent that a workload is.
    pub(crate) fn agent_of(&self, subject: &Subject) -> Option<&AgentId> {
        self.subjects.get(subject)
    }

    /// Those whose tokens say who a workload is.
    pub(crate) fn platforms(&self) -> &TrustedPlatforms {
        &self.platforms
    }

    /// Where the secrets are that agents share with the issuer.
    pub(crate) fn agents_secrets(&self) -> impl Iterator<Item = (&AgentId, &SecretRef)> {
        self.agents.iter().filter_map(|(id, agent)| Some((id, agent.secret.as_ref()?)))
    }

    /// How often a task may ask for grants and nonces.
    pub(crate) fn task_rate(&self) -> Option<Rate> {
        self.task_rate
    }

    /// How many live nonces a task may have.
    pub(crate) fn max_outstanding(&self) -> usize {
        self.max_outstanding
    }

    /// Whether what a nonce was minted for is still granted: the policy may have been replaced
    /// since, and a grant may hold for some hours alone.
    pub(crate) fn still_grants(&self, call: &Call, now: UnixTime) -> bool {
        self.agents.get(&call.agent).is_some_and(|agent| {
            call.scope.tokens().all(|token| {
                let bounds = agent.grants.get(&(call.service.clone(), token.clone()));
                bounds.is_some_and(|bounds| {
                    bounds.users.admits(call.user.as_ref()) && bounds.hold_at(now)
                })
            })
        })
    }

    /// Those whose tokens say who a user is.
    pub(crate) fn user_issuers(&self) -> &TrustedIssuers {
        &self.user_issuers
    }

    /// The names of all agents.
    pub(crate) fn agents(&self) -> impl Iterator<Item = &AgentId> {
        self.agents.keys()
    }

    /// Decides whether an agent may have a nonce, on behalf of its task's user or on nobody's.
    ///
    /// # Errors
    /// When the service or any token of the scope is not granted, not for this user or not at this
    /// time, or more uses are asked for than granted. A scope is never narrowed.
    pub(crate) fn permit(
        &self,
        task: &Task,
        service: &ServiceName,
        scope: &Scope,
        ttl: Ttl,
        uses: Uses,
        now: UnixTime,
    ) -> Result<Permit, Refused> {
        let target = || Refused::new(RefusalCode::InvalidTarget, "service_not_granted");
        let agent = self.agents.get(&task.agent).ok_or_else(target)?;
        let knows_service = self.services.contains_key(service)
            && agent.grants.keys().any(|(granted, _)| granted == service);
        if !knows_service {
            return Err(target());
        }
        let mut permit = Permit { ttl, uses, needs_approval: false };
        for token in scope.tokens() {
            let bounds = agent
                .grants
                .get(&(service.clone(), token.clone()))
                .ok_or_else(|| Refused::new(RefusalCode::InvalidScope, "scope_not_granted"))?;
            if !bounds.users.admits(task.user.as_ref()) {
                return Err(Refused::new(RefusalCode::AccessDenied, "not_for_this_user"));
            }
            if !bounds.hold_at(now) {
                return Err(Refused::new(RefusalCode::AccessDenied, "outside_hours"));
            }
            if uses > bounds.max_uses {
                return Err(Refused::new(
                    RefusalCode::InvalidAuthorizationDetails,
                    "uses_over_max_uses",
                ));
            }
            permit.ttl = permit.ttl.min(bounds.max_ttl);
            permit.needs_approval |= bounds.needs_approval;
        }
        Ok(permit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use agentcred_protocol::key::SigningKey;

    fn policy() -> (tempfile::TempDir, Policy) {
        let folder = tempfile::tempdir().unwrap();
        let key = SigningKey::ephemeral().unwrap();
        let jwk = serde_json::to_string(key.public()).unwrap();
        std::fs::write(folder.path().join("a.jwk"), jwk).unwrap();
        let config = Config::parse(
            r#"
            audit.file = "audit.jsonl"
            [operators]
            listen = "127.0.0.1:0"
            tokens = { ada = "sha-256:RBNvo1WzZ4oRRq0W9-hknpT7T8If536DEMBg9hyq_4o" }
            [agents.billing]
            keys = ["a.jwk"]
            allow = [
                { service = "stripe", scopes = ["read:customers"], max_ttl = "2m", max_uses = 3 },
                { service = "stripe", scopes = ["write:refunds"], max_ttl = "1m", approval = "human" },
            ]
            [services.stripe]
            origin = "http://127.0.0.1:1"
            secret = "env:KEY"
            inject = { header = "authorization", format = "Bearer {secret}" }
            allow_networks = ["127.0.0.0/8"]
            scopes."read:customers" = [{ method = "GET", path = "/v1/customers" }]
            scopes."write:refunds" = [{ method = "POST", path = "/v1/refunds" }]
            scopes."write:payouts" = [{ method = "POST", path = "/v1/payouts" }]
            "#,
            folder.path(),
        );
        (folder, config.unwrap().policy)
    }

    fn ask(agent: &str, service: &str, scope: &str, uses: u32) -> Result<Permit, RefusalCode> {
        let task = Task {
            agent: agent.parse().unwrap(),
            task: "task-1".parse().unwrap(),
            user: None,
            key: SigningKey::ephemeral().unwrap().thumbprint().clone(),
        };
        policy()
            .1
            .permit(
                &task,
                &service.parse().unwrap(),
                &scope.parse().unwrap(),
                Ttl::MAX,
                uses.try_into().unwrap(),
                UnixTime::from_millis(0),
            )
            .map_err(|refused| refused.code)
    }

    #[test]
    fn what_is_granted_is_permitted_for_no_longer_than_granted() {
        assert_eq!(ask("billing", "stripe", "read:customers", 3).unwrap().ttl().seconds(), 120);
        let both = ask("billing", "stripe", "read:customers write:refunds", 1).unwrap();
        assert_eq!(both.ttl().seconds(), 60);
        // One token that needs an approval is enough.
        assert!(both.needs_approval());
        assert!(!ask("billing", "stripe", "read:customers", 3).unwrap().needs_approval());
    }

    #[test]
    fn what_is_not_granted_is_refused_by_its_code() {
        let code = |agent, service, scope, uses| ask(agent, service, scope, uses).unwrap_err();
        assert_eq!(code("other", "stripe", "read:customers", 1), RefusalCode::InvalidTarget);
        assert_eq!(code("billing", "github", "read:customers", 1), RefusalCode::InvalidTarget);
        assert_eq!(code("billing", "stripe", "write:payouts", 1), RefusalCode::InvalidScope);
        assert_eq!(code("billing", "stripe", "read:*", 1), RefusalCode::InvalidScope);
        assert_eq!(
            code("billing", "stripe", "read:customers write:payouts", 1),
            RefusalCode::InvalidScope
        );
        assert_eq!(
            code("billing", "stripe", "read:customers", 4),
            RefusalCode::InvalidAuthorizationDetails
        );
    }
}
