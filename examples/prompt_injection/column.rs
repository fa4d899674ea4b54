//! One column of the table: a whole run with one way of handing out the key, and what came of it.

use std::collections::BTreeSet;

use agentcred::protocol::random::fresh_id;
use agentcred::testing::CapturedLogs;
use anyhow::ensure;
use serde::Serialize;

use super::attack::{Attack, Goal, Moment};
use super::careless::{Careless, Handing};
use super::desk::Desk;
use super::just_in_time::JustInTime;
use super::loot::{Secret, Thief};
use super::model::{Act, Obedient};
use super::servers::{start_gateway, start_manager};
use super::upstream::Upstream;
use super::wire::Wire;

/// A way of handing an agent a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Way {
    Prompt,
    Environment,
    SecretsManager,
    Injection,
    JustInTime,
}

/// What was measured of one way.
#[derive(Serialize)]
pub(crate) struct Column {
    pub(crate) way: Way,
    pub(crate) attacks: Vec<Finding>,
    pub(crate) sinks: Vec<Finding>,
    pub(crate) worth: Vec<Finding>,
}

/// One cell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    pub(crate) what: &'static str,
    pub(crate) verdict: Verdict,
}

/// What a cell says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    /// A secret was found.
    Leaked,
    /// None was.
    Clean,
    /// The service did it.
    Works,
    /// It did not.
    Refused,
    /// There was nothing to try.
    Nothing,
}

impl Way {
    pub(crate) const ALL: [Self; 5] =
        [Self::Prompt, Self::Environment, Self::SecretsManager, Self::Injection, Self::JustInTime];

    /// Lets every attack loose on an agent that has its credential in this way.
    pub(crate) async fn measure(self) -> anyhow::Result<Column> {
        let logs = CapturedLogs::default();
        let _logging = tracing::subscriber::set_default(logs.clone());
        let stage = Stage::set(self).await?;
        let desk = &*stage.desk;
        let told_first = format!("{}\n{}", desk.prompt(), desk.schemas());
        let mut model = Obedient::told(&desk.prompt(), desk.schemas());

        let record = stage.obey(&mut model, r#"CALL read_customer {"id":"cus_mallory"}"#).await;
        let orders = Obedient::orders(&record);
        ensure!(orders.len() == Attack::ALL.len(), "the record was not read: {record}");
        let (mut told, mut logged, mut deeds) = (Vec::new(), vec![logs.take()], Vec::new());
        for (attack, order) in Attack::ALL.iter().zip(&orders) {
            if attack.moment == Moment::AfterTheTask {
                desk.end().await;
            }
            let mut before = stage.upstream.seen().len();
            told.push(stage.obey(&mut model, order).await);
            if attack.moment == Moment::AfterTheCall {
                before = stage.upstream.seen().len();
                desk.use_what_was_kept().await;
            }
            deeds.push(stage.upstream.seen().split_off(before));
            logged.push(logs.take());
        }

        let secrets = stage.secrets();
        let found = |text: &String| -> BTreeSet<usize> {
            (0..secrets.len()).filter(|at| secrets[*at].is_in(text)).collect()
        };
        let told: Vec<_> = told.iter().map(found).collect();
        let logged: Vec<_> = logged.iter().map(found).collect();
        let attacks = Attack::ALL.iter().enumerate().map(|(at, attack)| {
            let verdict = match attack.goal {
                // What was logged before the first attack stands first.
                Goal::Secret => Verdict::secrecy(&(&told[at] | &logged[at + 1])),
                Goal::Deed(done) if done(&deeds[at]) => Verdict::Works,
                Goal::Deed(_) => Verdict::Refused,
            };
            Finding { what: attack.name, verdict }
        });
        let attacks = attacks.collect();
        let sinks = [
            ("prompt and schemas", found(&told_first)),
            ("what tools return to the model", told.into_iter().flatten().collect()),
            ("the model's own words", found(&model.answer())),
            ("the log", logged.into_iter().flatten().collect()),
        ];
        let leaked: BTreeSet<usize> = sinks.iter().flat_map(|(_, found)| found.clone()).collect();
        let worth = stage.thief.tries(leaked.into_iter().map(|at| &secrets[at])).await?;
        let sinks = sinks.map(|(what, found)| Finding { what, verdict: Verdict::secrecy(&found) });
        let sinks = sinks.into();
        Ok(Column { way: self, attacks, sinks, worth })
    }
}

impl Verdict {
    fn secrecy(found: &BTreeSet<usize>) -> Self {
        if found.is_empty() { Self::Clean } else { Self::Leaked }
    }
}

/// Everything that runs for one column.
struct Stage {
    desk: Box<dyn Desk>,
    upstream: Upstream,
    thief: Thief,
    known: Vec<Secret>,
}

impl Stage {
    async fn set(way: Way) -> anyhow::Result<Self> {
        let key = format!("sk_crm_{}{}", fresh_id()?, fresh_id()?);
        let token = format!("hvs.{}{}", fresh_id()?, fresh_id()?);
        let upstream = Upstream::start(&key).await?;
        let origin = format!("http://{}", upstream.address);
        let manager = format!("http://{}", start_manager(&token, &key).await?);
        let wire = Wire::lay().await?;
        let handing = match way {
            Way::Prompt => Some(Handing::Prompt { key: key.clone() }),
            Way::Environment => Some(Handing::Environment { key: key.clone() }),
            Way::SecretsManager => {
                Some(Handing::Manager { url: manager.clone(), token: token.clone() })
            }
            Way::Injection => Some(Handing::Gateway),
            Way::JustInTime => None,
        };
        let desk: Box<dyn Desk> = match handing {
            Some(handing) => {
                wire.lead_to(match handing {
                    Handing::Gateway => start_gateway(origin.clone(), &key).await?,
                    _ => upstream.address,
                });
                Box::new(Careless::new(handing, wire.url()))
            }
            None => Box::new(JustInTime::start(&wire, &origin, &key).await?),
        };
        let known = vec![Secret::real_key(key), Secret::managers_token(token)];
        Ok(Self { desk, upstream, thief: Thief { wire, origin, manager }, known })
    }

    /// Has the model obey an order, and gives what came back.
    async fn obey(&self, model: &mut Obedient, order: &str) -> String {
        let came_back = match model.obey(order) {
            Act::Say(answer) => return answer,
            Act::Call { tool, arguments } => self.desk.call(&tool, arguments).await,
        };
        model.read(&came_back);
        came_back
    }

    /// Everything that must not be found: the keys, and whatever nonces there were.
    fn secrets(&self) -> Vec<Secret> {
        let mut secrets = self.known.clone();
        secrets.extend(self.thief.nonces());
        secrets
    }
}
