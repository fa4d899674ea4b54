//! A collector of a few lines: it takes OTLP over HTTP and keeps what arrives.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use prost::Message as _;
use tokio::net::TcpListener;

/// A running collector.
pub(crate) struct Collector {
    pub(crate) url: String,
    inbox: Arc<Inbox>,
}

#[derive(Default)]
struct Inbox {
    traces: Mutex<Vec<Bytes>>,
    metrics: Mutex<Vec<Bytes>>,
}

/// What arrived, decoded and as it was.
#[derive(Debug)]
pub(crate) struct Arrived {
    spans: Vec<Span>,
    points: Vec<Point>,
    bytes: Vec<Bytes>,
}

/// One span.
#[derive(Debug)]
pub(crate) struct Span {
    pub(crate) trace: String,
    pub(crate) id: Vec<u8>,
    pub(crate) parent: Vec<u8>,
    pub(crate) name: String,
    pub(crate) failed: bool,
    started: u64,
    labels: Labels,
}

/// One point of a metric.
#[derive(Debug)]
pub(crate) struct Point {
    name: String,
    pub(crate) count: u64,
    labels: Labels,
}

type Labels = BTreeMap<String, String>;

impl Collector {
    /// Listens on a free loopback port.
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let inbox = Arc::<Inbox>::default();
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let routes = Router::new()
            .route(
                "/v1/traces",
                post(|State(inbox): State<Arc<Inbox>>, body: Bytes| async move {
                    keep(&inbox.traces, body);
                }),
            )
            .route(
                "/v1/metrics",
                post(|State(inbox): State<Arc<Inbox>>, body: Bytes| async move {
                    keep(&inbox.metrics, body);
                }),
            )
            .with_state(Arc::clone(&inbox));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Ok(Self { url, inbox })
    }

    /// Everything so far, the spans in the order in which they began.
    pub(crate) fn arrived(&self) -> anyhow::Result<Arrived> {
        let (traces, metrics) = (taken(&self.inbox.traces), taken(&self.inbox.metrics));
        let mut arrived = Arrived { spans: Vec::new(), points: Vec::new(), bytes: Vec::new() };
        for body in &traces {
            let request =
                ExportTraceServiceRequest::decode(body.clone()).context("no OTLP traces")?;
            let scopes = request.resource_spans.into_iter().flat_map(|it| it.scope_spans);
            arrived.spans.extend(scopes.flat_map(|it| it.spans).map(|span| Span {
                trace: hex(&span.trace_id),
                id: span.span_id,
                parent: span.parent_span_id,
                name: span.name,
                failed: span.status.is_some_and(|status| status.code() == StatusCode::Error),
                started: span.start_time_unix_nano,
                labels: labels(span.attributes),
            }));
        }
        for body in &metrics {
            let request =
                ExportMetricsServiceRequest::decode(body.clone()).context("no OTLP metrics")?;
            let scopes = request.resource_metrics.into_iter().flat_map(|it| it.scope_metrics);
            for metric in scopes.flat_map(|it| it.metrics) {
                arrived.points.extend(points(&metric.name, metric.data));
            }
        }
        arrived.spans.sort_by_key(|span| span.started);
        arrived.bytes = traces.into_iter().chain(metrics).collect();
        Ok(arrived)
    }
}

impl Arrived {
    /// The spans whose name begins so.
    #[cfg(test)]
    pub(crate) fn spans(&self, name: &str) -> Vec<&Span> {
        self.spans.iter().filter(|span| span.name.starts_with(name)).collect()
    }

    /// The points of a metric.
    #[cfg(test)]
    pub(crate) fn metrics(&self, name: &str) -> Vec<&Point> {
        self.points.iter().filter(|point| point.name == name).collect()
    }

    /// Whether a text stands in any byte that arrived.
    pub(crate) fn holds(&self, text: &str) -> bool {
        self.bytes.iter().any(|body| memchr::memmem::find(body, text.as_bytes()).is_some())
    }

    /// Prints spans, each below the one that it is a part of, and metrics.
    pub(crate) fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        for span in &self.spans {
            let Span { trace, name, failed, labels, .. } = span;
            let (depth, failed) = (2 * self.depth(span), if *failed { " failed" } else { "" });
            if depth == 0 {
                writeln!(out, "trace   {trace}")?;
            }
            writeln!(out, "span    {:depth$}{name}{failed}  {}", "", written(labels))?;
        }
        for Point { name, count, labels } in &self.points {
            writeln!(out, "metric  {name} = {count}  {}", written(labels))?;
        }
        Ok(())
    }

    /// How many spans a span is within.
    fn depth(&self, span: &Span) -> usize {
        let parent = self.spans.iter().find(|other| other.id == span.parent);
        parent.map_or(0, |parent| 1 + self.depth(parent))
    }
}

#[cfg(test)]
impl Span {
    pub(crate) fn label(&self, key: &str) -> &str {
        self.labels.get(key).map_or("", String::as_str)
    }
}

#[cfg(test)]
impl Point {
    pub(crate) fn label(&self, key: &str) -> &str {
        self.labels.get(key).map_or("", String::as_str)
    }
}

fn points(name: &str, data: Option<Data>) -> Vec<Point> {
    let point =
        |count, attributes| Point { name: name.to_owned(), count, labels: labels(attributes) };
    match data {
        Some(Data::Histogram(histogram)) => {
            histogram.data_points.into_iter().map(|it| point(it.count, it.attributes)).collect()
        }
        Some(Data::Sum(sum)) => {
            let count = |value| match value {
                Some(number_data_point::Value::AsInt(count)) => u64::try_from(count).unwrap_or(0),
                _ => 0,
            };
            sum.data_points.into_iter().map(|it| point(count(it.value), it.attributes)).collect()
        }
        _ => Vec::new(),
    }
}

fn labels(attributes: Vec<KeyValue>) -> Labels {
    attributes.into_iter().filter_map(|it| Some((it.key, text(it.value?)?))).collect()
}

fn text(value: AnyValue) -> Option<String> {
    match value.value? {
        Value::StringValue(text) => Some(text),
        Value::IntValue(number) => Some(number.to_string()),
        Value::DoubleValue(number) => Some(number.to_string()),
        Value::BoolValue(truth) => Some(truth.to_string()),
        _ => None,
    }
}

fn hex(id: &[u8]) -> String {
    id.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
}

fn written(labels: &Labels) -> String {
    labels.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(" ")
}

fn keep(bodies: &Mutex<Vec<Bytes>>, body: Bytes) {
    bodies.lock().unwrap_or_else(PoisonError::into_inner).push(body);
}

fn taken(bodies: &Mutex<Vec<Bytes>>) -> Vec<Bytes> {
    bodies.lock().unwrap_or_else(PoisonError::into_inner).clone()
}
