//! Every agent, task, user, service and scope against each other: what is granted passes, and
//! nothing else does.

use std::fmt::Write as _;
use std::sync::Arc;

use agentcred_protocol::clock::Clock as _;
use agentcred_protocol::key::SigningKey;
use agentcred_protocol::token::GrantToken;
use serde_json::json;

use crate::agent::{Agent, Wish};
use crate::foreign::Signer;
use crate::stage::{Stage, new_key};
use crate::upstream::{Upstream, json};
use crate::users;

/// How many there are of each. A scope of one service is asked for at every other one too.
#[derive(Clone, Copy)]
struct Size {
    agents: usize,
    services: usize,
    scopes: usize,
}

const WHOLE: Size = Size { agents: 6, services: 6, scopes: 24 };
const TASKS: [&str; 2] = ["task-1", "task-2"];
const USERS: [Option<&str>; 3] = [None, Some("ada"), Some("bob")];

/// For whom something is granted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rule {
    Nobody,
    Anybody,
    Only(&'static str),
}

/// What the policy is to say. The test asks it for what it expects, and writes the policy by it;
/// nothing of the issuer's own is in between.
struct Table {
    size: Size,
    /// The one rule that is turned into another.
    flipped: Option<(usize, usize, usize)>,
}

impl Table {
    fn rule(&self, agent: usize, service: usize, scope: usize) -> Rule {
        // A scope belongs to one service. About half of what could be granted is.
        let rule = if scope % self.size.services == service {
            match (agent * 31 + scope * 17 + agent * scope) % 5 {
                0 => Rule::Anybody,
                1 => Rule::Only("corp:ada"),
                2 => Rule::Only("corp:bob"),
                _ => Rule::Nobody,
            }
        } else {
            Rule::Nobody
        };
        match (self.flipped == Some((agent, service, scope)), rule) {
            (false, rule) => rule,
            (true, Rule::Nobody) => Rule::Anybody,
            (true, _) => Rule::Nobody,
        }
    }

    fn policy(&self, upstream: &Upstream) -> String {
        let Size { agents, services, scopes } = self.size;
        let mut text = "[server]\nlisten = \"127.0.0.1:0\"\n[audit]\nfile = \"audit.jsonl\"\n\
             [proofs]\nserver_nonce = \"off\"\n\
             [tasks]\nmax_outstanding = 100000\n[user_issuers.corp]\nissuer = \"https://corp\"\n\
             audience = \"agentcred\"\njwks_file = \"corp.jwks\"\n"
            .to_owned();
        for agent in 0..agents {
            write!(text, "[agents.agent-{agent}]\nkeys = [\"agent-{agent}.jwk\"]\nallow = [\n")
                .unwrap();
            for (service, scope) in pairs(services, scopes) {
                let users = match self.rule(agent, service, scope) {
                    Rule::Nobody => continue,
                    Rule::Anybody => String::new(),
                    Rule::Only(user) => format!(", users = [\"{user}\"]"),
                };
                writeln!(
                    text,
                    "{{ service = \"service-{service}\", scopes = [\"read:{scope}\"]{users} }},"
                )
                .unwrap();
            }
            text += "]\n";
        }
        for service in 0..services {
            write!(text, "[services.service-{service}]\norigin = \"http://{}\"\nsecret = \"file:stripe.key\"\n\
                 inject = {{ header = \"authorization\", format = \"Bearer {{secret}}\" }}\n\
                 allow_networks = [\"127.0.0.0/8\"]\n",
                upstream.address).unwrap();
            // A flipped rule may need a scope at a service that has it not otherwise.
            for scope in (0..scopes).filter(|scope| {
                scope % services == service
                    || self.flipped.is_some_and(|(_, s, c)| (s, c) == (service, *scope))
            }) {
                write!(
                    text,
                    "[[services.service-{service}.scopes.\"read:{scope}\"]]\nmethod = \"GET\"\n\
                     path = \"/of/{scope}\"\n"
                )
                .unwrap();
            }
        }
        text
    }
}

fn pairs(services: usize, scopes: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..services).flat_map(move |service| (0..scopes).map(move |scope| (service, scope)))
}

/// The stage of a table, and its agents.
async fn set(table: &Table) -> (Stage, Vec<Agent>, Signer) {
    let login = Signer::named("2026");
    let mut keys: Vec<SigningKey> = Vec::new();
    let upstream = Upstream::answering(json("{}")).await;
    let policy = table.policy(&upstream);
    let stage = Stage::with_policy(upstream, |_, folder| {
        std::fs::write(folder.join("corp.jwks"), json!({ "keys": [login.public()] }).to_string())
            .unwrap();
        keys.extend((0..table.size.agents).map(|it| new_key(folder, &format!("agent-{it}"))));
        policy
    })
    .await;
    let agents = keys.into_iter().enumerate().map(|(it, key)| {
        let issuer = stage.server.url().clone();
        Agent::new(&format!("agent-{it}"), key, issuer, Arc::clone(&stage.clock))
    });
    let agents = agents.collect();
    (stage, agents, login)
}

async fn open(
    stage: &Stage,
    agent: &Agent,
    login: &Signer,
    task: &str,
    user: Option<&str>,
) -> GrantToken {
    let Some(user) = user else { return agent.try_grant(task).await.unwrap() };
    let now = stage.clock.now().seconds();
    let claims =
        json!({ "iss": "https://corp", "aud": "agentcred", "sub": user, "exp": now + 600 });
    users::try_grant(agent, task, &login.sign(&claims)).await.unwrap()
}

/// The cells of a matrix, and those in which the issuer does not do what the table says.
#[derive(Debug, Default)]
struct Found {
    cells: usize,
    passed: usize,
    wrong: Vec<(usize, &'static str, Option<&'static str>, usize, usize)>,
}

/// Asks a stage that was set by one table what another one says.
async fn ask(set_by: &Table, expected: &Table) -> Found {
    let (stage, agents, login) = set(set_by).await;
    let Size { services, scopes, .. } = expected.size;
    let mut found = Found::default();
    for (agent_number, agent) in agents.iter().enumerate() {
        for (task, user) in TASKS.iter().flat_map(|task| USERS.map(|user| (*task, user))) {
            let grant = open(&stage, agent, &login, task, user).await;
            for (service, scope) in pairs(services, scopes) {
                let (service_name, scope_name) =
                    (format!("service-{service}"), format!("read:{scope}"));
                let wish = Wish { service: &service_name, scope: &scope_name, ttl: 60, uses: 1 };
                let passed = agent.try_mint(&grant, wish).await.is_ok();
                let should = match expected.rule(agent_number, service, scope) {
                    Rule::Nobody => false,
                    Rule::Anybody => true,
                    Rule::Only(only) => user.is_some_and(|user| only == format!("corp:{user}")),
                };
                found.cells += 1;
                found.passed += usize::from(passed);
                if passed != should {
                    found.wrong.push((agent_number, task, user, service, scope));
                }
            }
        }
    }
    found
}

#[tokio::test]
async fn of_all_cells_those_that_are_granted_pass_and_no_other() {
    let table = Table { size: WHOLE, flipped: None };
    let found = ask(&table, &table).await;
    assert!(found.cells >= 5_000 && found.passed > 100, "{found:?}");
    assert!(found.wrong.is_empty(), "{found:?}");
    println!("{} cells, {} granted and passed, no other did", found.cells, found.passed);
}

/// The control: one rule that is not what it should be is found, in all its cells and no other.
#[tokio::test]
async fn a_single_flipped_rule_is_found() {
    let size = Size { agents: 2, services: 2, scopes: 6 };
    let expected = Table { size, flipped: None };
    for (service, scope) in pairs(size.services, size.scopes) {
        let flipped = Table { size, flipped: Some((1, service, scope)) };
        let found = ask(&flipped, &expected).await;
        assert!(!found.wrong.is_empty(), "service {service}, scope {scope} flipped unnoticed");
        assert!(found.wrong.iter().all(|cell| (cell.0, cell.3, cell.4) == (1, service, scope)));
    }
}

/// The other half: what was granted for one place is good at no other.
#[tokio::test]
async fn a_nonce_is_good_for_its_own_service_scope_task_and_agent_alone() {
    let table = Table { size: Size { agents: 2, services: 3, scopes: 9 }, flipped: None };
    let (stage, agents, login) = set(&table).await;
    let (mut tried, mut passed) = (0, 0);
    for (agent_number, agent) in agents.iter().enumerate() {
        for (service, scope) in pairs(3, 9) {
            if table.rule(agent_number, service, scope) != Rule::Anybody {
                continue;
            }
            let (service_name, scope_name) =
                (format!("service-{service}"), format!("read:{scope}"));
            let wish = Wish { service: &service_name, scope: &scope_name, ttl: 60, uses: 1 };
            let grant = open(&stage, agent, &login, TASKS[0], None).await;
            for (caller_number, caller) in agents.iter().enumerate() {
                for (other_service, other_scope) in pairs(3, 9) {
                    let nonce = agent.try_mint(&grant, wish).await.unwrap().token;
                    let path = format!("/egress/service-{other_service}/of/{other_scope}");
                    let is_through = caller.get(&nonce, &path).await.status() == 200;
                    let own = (agent_number, service, scope);
                    assert_eq!(is_through, own == (caller_number, other_service, other_scope));
                    tried += 1;
                    passed += usize::from(is_through);
                }
            }
        }
    }
    assert!(passed > 0 && stage.upstream.arrived().len() == passed);
    println!("{tried} uses tried, {passed} at their own place and no other passed");
}
