//! The planner as rig sees it: a wire that carries one step, and the transport behind it.

use std::marker::PhantomData;

use futures_util::stream;
use rig_core::completion::options::{Mapping, OptionFields, OptionMap};
use rig_core::completion::{Accepts, CompletionRequest, FinishReason, ReplayTarget};
use rig_core::driver::{DynModel, Exchange, Model, Opened, Opening, Transport};
use rig_core::error::{EncodeError, ProviderError};
use rig_core::message::{Api, CallId, ToolName};
use rig_core::operation::{Block, Completion, Finish};
use rig_core::wire::document::{Reassemble, Serves};
use rig_core::wire::{Decoder, Descriptor, Flow, Mode, Out, Wire, WireEvent};
use serde_json::{Value, json};

use super::super::stripe::Day;
use super::plan::{Step, next_step};
use super::transcript::Transcript;

/// The planner as a model for rig's agent loop; `today` decides what is overdue.
pub(crate) fn offline_model(today: Day) -> DynModel<Completion> {
    Model::new(OfflineWire, Planner { today }).erase()
}

/// Answers a request in the process itself.
#[derive(Clone)]
struct Planner {
    today: Day,
}

impl Transport<OfflineWire> for Planner {
    fn send(&self, request: CompletionRequest, _: Exchange) -> Opening<Said> {
        let transcript = Transcript::of(&request);
        let said = match next_step(&transcript, self.today) {
            Step::Call { tool, arguments } => {
                let id = format!("call_{}", transcript.calls_in_conversation() + 1);
                Said::Call { id, tool, arguments }
            }
            Step::Answer(text) => Said::Text(text),
            Step::Stuck(reason) => return Opening::failed(ProviderError::Provider(reason)),
        };
        Opening::ready(Opened::new(stream::iter([Ok(said)])))
    }
}

/// What the planner says in one turn.
#[derive(Clone)]
enum Said {
    Call { id: String, tool: &'static str, arguments: Value },
    Text(String),
}

/// The wire between rig and the planner: the request goes through as it is.
#[derive(Clone, Debug)]
struct OfflineWire;

impl Wire for OfflineWire {
    type Op = Completion;
    type Payload = CompletionRequest;
    type Frame = Said;
    type Decoder<'id> = Reading<'id>;
    type Reassembler = Document;

    fn describe(&self) -> Descriptor<'_> {
        Descriptor::new(NAME).model(MODEL).replay(self)
    }

    fn encode(&self, request: CompletionRequest, _: Mode) -> Result<Self::Payload, EncodeError> {
        Ok(request)
    }

    fn decoder<'id>(&self) -> Reading<'id> {
        Reading(PhantomData)
    }
}

impl ReplayTarget for OfflineWire {
    fn api(&self) -> Api {
        Api::from_static("offline.planner")
    }

    fn provider(&self) -> &str {
        NAME
    }

    fn model(&self) -> &str {
        MODEL
    }

    fn accepts(&self, _: &str) -> Accepts {
        Accepts::TEXT
    }

    fn map_options(&self, _: &CompletionRequest, fields: OptionFields<'_>) -> OptionMap {
        let OptionFields {
            reasoning,
            cache,
            service_tier,
            verbosity,
            parallel_tool_calls,
            top_p,
            seed,
            stop,
        } = fields;
        OptionMap {
            reasoning: Mapping::of(reasoning, |_| ignored()),
            cache: Mapping::of(cache, |_| ignored()),
            service_tier: Mapping::of(service_tier, |_| ignored()),
            verbosity: Mapping::of(verbosity, |_| ignored()),
            parallel_tool_calls: Mapping::of(parallel_tool_calls, |_| ignored()),
            top_p: Mapping::of(top_p, |_| ignored()),
            seed: Mapping::of(seed, |_| ignored()),
            stop: Mapping::of_stop(stop, |_| ignored()),
        }
    }
}

/// Writes what the planner said into the one reply that `'id` stands for.
struct Reading<'id>(PhantomData<fn(&'id ()) -> &'id ()>);

impl<'id> Decoder<'id, Completion, Said> for Reading<'id> {
    type Event = Said;

    fn classify(&self, said: Said) -> WireEvent<Said> {
        WireEvent::Known(said)
    }

    fn decode(&mut self, said: Said, mut out: Out<'id, Completion>) -> Result<Flow, ProviderError> {
        let reason = match said {
            Said::Call { id, tool, arguments } => {
                let name = ToolName::new(tool).map_err(ProviderError::request)?;
                let block = Block::Call { id: CallId::from_wire(id), name };
                out.whole(0, block, Value::Null, &arguments.to_string())?;
                FinishReason::ToolCalls
            }
            Said::Text(text) => {
                out.whole(0, Block::Text, Value::Null, &text)?;
                FinishReason::Stop
            }
        };
        Ok(out.end(Finish { reason: Some(reason), ..Finish::default() }))
    }
}

/// The reply as one JSON document, which rig keeps beside what it read.
#[derive(Default)]
struct Document(Value);

impl Reassemble<Said> for Document {
    fn absorb(&mut self, said: &Said) {
        self.0 = match said {
            Said::Call { id, tool, arguments } => {
                json!({ "call": tool, "id": id, "arguments": arguments })
            }
            Said::Text(text) => json!({ "text": text }),
        };
    }

    fn finish(self) -> Value {
        self.0
    }
}

impl Serves<Completion> for Document {}

fn ignored() -> Mapping {
    Mapping::Omit("the planner does not generate text by chance, so no option changes it")
}

const NAME: &str = "offline-planner";
const MODEL: &str = "billing-questions";
