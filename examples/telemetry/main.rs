//! What an operator sees of an agent: spans and metrics by OpenTelemetry's names, over OTLP.
//!
//!     cargo run --example telemetry
//!
//! The runtime speaks `tracing` alone. This program brings OpenTelemetry: a layer that makes spans
//! of the runtime's spans, a `MetricsLayer` that makes metrics of its measurements, and the source
//! of the `traceparent` that issuer and broker write into their audit. The collector runs in this
//! process, on loopback, and prints what arrived.

mod collector;
mod tools;
mod vault;

use std::io::Write as _;

use agentcred::protocol::trace::{Sampled, TraceParent};
use agentcred::{Agent, ToolOutcome};
use opentelemetry::trace::{TraceContextExt as _, TracerProvider as _};
use opentelemetry_otlp::{MetricExporter, Protocol, SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use serde_json::{Value, json};
use tracing::level_filters::LevelFilter;
use tracing::{Instrument as _, Span};
use tracing_opentelemetry::{MetricsLayer, OpenTelemetrySpanExt as _};
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;

use self::collector::{Arrived, Collector};
use self::vault::Vault;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let run = run("read_customer").await?;
    let mut out = std::io::stdout();
    run.arrived.write(&mut out)?;
    for line in &run.audit {
        let (event, trace) = (&line["event"], &line["trace_id"]);
        writeln!(out, "audit   {event} {} trace_id {trace}", line["nonce_id"])?;
    }
    anyhow::ensure!(
        !run.arrived.holds("acn_") && !run.arrived.holds(&run.key),
        "a secret was exported"
    );
    Ok(())
}

/// What there is after a run.
struct Run {
    arrived: Arrived,
    /// The lines that tell of a mint or a use.
    audit: Vec<Value>,
    key: String,
}

/// Has an agent call `tool` and two others that fail, and exports what is seen of it.
async fn run(tool: &str) -> anyhow::Result<Run> {
    let collector = Collector::start().await?;
    let vault = Vault::start().await?;
    let telemetry = Telemetry::to(&collector.url)?;
    {
        let _seen = tracing::subscriber::set_default(telemetry.subscriber());
        let agent = Agent::builder("crm-agent")
            .issuer(vault.issuer.clone().trace_context(current_trace))
            .tools(tools::tools())
            .build()?;
        let task = agent.task("task-1").await?;
        let calls = async {
            let mut outcomes = Vec::new();
            for (tool, id) in
                [(tool, CUSTOMER), ("read_customer", "cus_missing"), ("pay_out", CUSTOMER)]
            {
                outcomes.push(task.call(tool, json!({ "id": id })).await);
            }
            outcomes
        };
        let outcomes = calls.instrument(tracing::info_span!("invoke_agent")).await;
        task.finish().await?;
        let worked = outcomes.iter().filter(|outcome| matches!(outcome, ToolOutcome::Output(_)));
        anyhow::ensure!(worked.count() == 1, "one call works and two fail: {outcomes:?}");
    }
    telemetry.flush().await?;
    Ok(Run { arrived: collector.arrived()?, audit: vault.audit()?, key: vault.key.clone() })
}

/// A customer's id, which is an argument and belongs into no trace.
const CUSTOMER: &str = "cus_canary_7f3a91c2";

/// The trace of the current span, for the header `traceparent`.
fn current_trace() -> Option<TraceParent> {
    let context = Span::current().context();
    let span = context.span();
    let span = span.span_context();
    let sampled = if span.is_sampled() { Sampled::Yes } else { Sampled::No };
    let (trace, span) = (span.trace_id().to_bytes(), span.span_id().to_bytes());
    TraceParent::new(u128::from_be_bytes(trace), u64::from_be_bytes(span), sampled)
}

/// OpenTelemetry's side.
struct Telemetry {
    traces: SdkTracerProvider,
    metrics: SdkMeterProvider,
}

impl Telemetry {
    fn to(collector: &str) -> anyhow::Result<Self> {
        let spans = SpanExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(format!("{collector}/v1/traces"))
            .build()?;
        let metrics = MetricExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(format!("{collector}/v1/metrics"))
            .build()?;
        Ok(Self {
            traces: SdkTracerProvider::builder().with_batch_exporter(spans).build(),
            metrics: SdkMeterProvider::builder().with_periodic_exporter(metrics).build(),
        })
    }

    /// What the agent's process installs, once, with `.init()`.
    fn subscriber(&self) -> impl tracing::Subscriber + Send + Sync + use<> {
        let spans = Targets::new()
            .with_target("agentcred_runtime", LevelFilter::INFO)
            .with_target("telemetry", LevelFilter::INFO);
        let measurements = Targets::new().with_target("agentcred::metrics", LevelFilter::DEBUG);
        let tracer = self.traces.tracer("agentcred");
        let layer = tracing_opentelemetry::layer()
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_tracked_inactivity(false);
        tracing_subscriber::registry()
            .with(layer.with_tracer(tracer).with_filter(spans))
            .with(MetricsLayer::new(self.metrics.clone()).with_filter(measurements))
    }

    /// Exports what is left. It blocks, so it has a thread of its own.
    async fn flush(self) -> anyhow::Result<()> {
        tokio::task::spawn_blocking(move || {
            self.traces.shutdown()?;
            self.metrics.shutdown()
        })
        .await??;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn spans_and_metrics_arrive_by_their_conventional_names() {
        let Run { arrived, audit, .. } = run("read_customer").await.unwrap();
        let calls = arrived.spans("execute_tool");
        assert_eq!(calls.len(), 3, "{arrived:?}");
        assert_eq!(calls[0].name, "execute_tool read_customer");
        assert_eq!(calls[0].label("gen_ai.operation.name"), "execute_tool");
        assert_eq!(calls[0].label("gen_ai.tool.name"), "read_customer");
        assert_eq!(calls[0].label("gen_ai.agent.id"), "crm-agent");
        assert!(calls[0].label("gen_ai.tool.call.id").starts_with("call_"));
        assert_eq!(calls[0].label("error.type"), "");
        assert_eq!(calls[1].label("error.type"), "tool_failed");
        assert_eq!(calls[2].label("error.type"), "not_granted");

        let requests = arrived.spans("GET");
        assert_eq!(requests.len(), 2);
        assert_eq!(requests[0].parent, calls[0].id);
        assert_eq!(requests[0].label("http.request.method"), "GET");
        assert_eq!(requests[0].label("http.response.status_code"), "200");
        assert_eq!(requests[0].label("server.address"), "127.0.0.1");
        assert_eq!(requests[1].label("error.type"), "404");
        assert!(requests[1].failed && !requests[0].failed);
        let revocations = arrived.spans("revoke");
        assert_eq!(revocations.len(), 2, "of the uses that were left");
        assert_eq!(
            revocations[0].label("agentcred.nonce.id"),
            requests[0].label("agentcred.nonce.id")
        );
        let mints = arrived.spans("mint");
        assert_eq!(mints.len(), 3);
        assert_eq!(mints[0].parent, calls[0].id);
        assert_eq!(mints[2].label("error.type"), "invalid_scope");

        let durations = arrived.metrics("gen_ai.client.operation.duration");
        assert_eq!(durations.iter().map(|point| point.count).sum::<u64>(), 3);
        let failed: Vec<_> = durations.iter().map(|point| point.label("error.type")).collect();
        assert!(failed.contains(&"tool_failed") && failed.contains(&""), "{failed:?}");
        assert_eq!(arrived.metrics("agentcred.nonce.mints")[0].count, 2);
        assert_eq!(
            arrived.metrics("agentcred.nonce.refusals")[0].label("error.type"),
            "invalid_scope"
        );

        // Every line of the audit names the trace that arrived.
        assert_eq!(audit.len(), 4, "two mints and two uses: {audit:?}");
        for line in &audit {
            assert_eq!(line["trace_id"], calls[0].trace.as_str());
        }
    }

    // Leak channel 32, control within.
    #[tokio::test]
    async fn nothing_secret_arrives_and_a_leak_would() {
        let clean = run("read_customer").await.unwrap();
        assert!(clean.arrived.holds("read_customer"), "the export can be searched");
        for canary in ["acn_", "acg_", CUSTOMER, vault::CUSTOMERS_NAME, clean.key.as_str()] {
            assert!(!clean.arrived.holds(canary), "{canary}");
        }
        let careless = run("careless").await.unwrap();
        assert!(careless.arrived.holds(CUSTOMER), "the control logs an argument");
        assert!(careless.arrived.holds(vault::CUSTOMERS_NAME), "and an answer");
    }
}
