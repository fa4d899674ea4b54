//! What happened, as it happens: the tool calls, their nonces and requests, on the screen and
//! for the report.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use agentcred::protocol::names::NonceId;
use agentcred::{MintRequest, Minted};
use rig_agent::agent::{
    AgentHook, DispatchAction, DispatchEvent, HookContext, OutcomeAction, OutcomeEvent,
};
use rig_core::tool::ToolOutput;
use serde::Serialize;
use serde_json::Value;

use super::screen::Screen;

/// The record of one run. Clones share it; rig runs one tool call after the other, so whatever
/// happens belongs to the latest call.
#[derive(Clone)]
pub(crate) struct Conversation(Arc<Mutex<Record>>);

struct Record {
    calls: Vec<Call>,
    screen: Option<Screen>,
}

/// One tool call of the model.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Call {
    pub(crate) tool: String,
    pub(crate) arguments: Value,
    /// The name under which the audit knows it; absent when nothing was minted for it.
    #[serde(rename = "call_id")]
    pub(crate) id: Option<String>,
    pub(crate) nonces: Vec<NonceSeen>,
    pub(crate) requests: Vec<RequestSeen>,
    /// What the model was told.
    pub(crate) result: Value,
    pub(crate) error: Option<String>,
}

/// A nonce: all that may be known of it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct NonceSeen {
    pub(crate) id: String,
    pub(crate) service: String,
    pub(crate) scope: String,
    pub(crate) ttl_seconds: u64,
    pub(crate) uses: u32,
}

/// A request that a tool made with a nonce.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct RequestSeen {
    pub(crate) nonce_id: String,
    pub(crate) method: String,
    pub(crate) path: String,
    /// The upstream's status, or why there is none.
    pub(crate) status: String,
}

impl Conversation {
    /// A conversation that is shown on `screen`, if there is one.
    pub(crate) fn new(screen: Option<Screen>) -> Self {
        Self(Arc::new(Mutex::new(Record { calls: Vec::new(), screen })))
    }

    pub(crate) fn minted(&self, wish: &MintRequest, minted: &Minted) {
        let nonce = NonceSeen {
            id: minted.id.to_string(),
            service: minted.service.to_string(),
            scope: minted.scope.to_string(),
            ttl_seconds: minted.expires_in.as_secs(),
            uses: minted.uses.count(),
        };
        let mut record = self.record();
        if let Some(screen) = &mut record.screen {
            screen.nonce(&nonce);
        }
        if let Some(call) = record.calls.last_mut() {
            call.id = Some(wish.call.to_string());
            call.nonces.push(nonce);
        }
    }

    pub(crate) fn sent(&self, nonce: &NonceId, method: String, path: String, status: String) {
        let request = RequestSeen { nonce_id: nonce.to_string(), method, path, status };
        let mut record = self.record();
        if let Some(screen) = &mut record.screen {
            screen.request(&request);
        }
        if let Some(call) = record.calls.last_mut() {
            call.requests.push(request);
        }
    }

    /// Every call so far.
    pub(crate) fn calls(&self) -> Vec<Call> {
        self.record().calls.clone()
    }

    /// Lets `show` write on the screen, if there is one.
    pub(crate) fn show(&self, show: impl FnOnce(&mut Screen)) {
        if let Some(screen) = &mut self.record().screen {
            show(screen);
        }
    }

    fn called(&self, tool: &str, arguments: &str) {
        let arguments = serde_json::from_str(arguments).unwrap_or(Value::Null);
        let call = Call {
            tool: tool.to_owned(),
            arguments,
            id: None,
            nonces: Vec::new(),
            requests: Vec::new(),
            result: Value::Null,
            error: None,
        };
        let mut record = self.record();
        if let Some(screen) = &mut record.screen {
            screen.call(&call);
        }
        record.calls.push(call);
    }

    fn returned(&self, output: &ToolOutput, error: Option<&str>) {
        let shown = output.as_json().cloned();
        let shown = shown.or_else(|| output.as_text().map(Value::from)).unwrap_or(Value::Null);
        let mut record = self.record();
        if let Some(screen) = &mut record.screen {
            screen.result(&shown, error.is_some());
        }
        if let Some(call) = record.calls.last_mut() {
            call.result = shown;
            call.error = error.map(str::to_owned);
        }
    }

    fn record(&self) -> MutexGuard<'_, Record> {
        // A record is whole between any two statements, so a panic elsewhere does not spoil it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AgentHook for Conversation {
    async fn on_dispatch(&self, _: &HookContext, event: DispatchEvent<'_>) -> DispatchAction {
        if let (Some(tool), Some(arguments)) = (event.tool_name(), event.tool_args()) {
            self.called(tool, arguments);
        }
        DispatchAction::proceed()
    }

    async fn on_outcome(&self, _: &HookContext, event: OutcomeEvent<'_>) -> OutcomeAction {
        if let Some(result) = event.tool_result() {
            let error = result.error().map(|error| error.code().unwrap_or("failed"));
            self.returned(result.output(), error);
        }
        OutcomeAction::proceed()
    }
}
