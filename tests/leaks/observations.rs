//! Nothing that comes out of calls against the real issuer holds a secret, by two judges; and what
//! leaks on purpose is found by both.

use std::sync::Mutex;

use agentcred::testing::Echo;
use agentcred::{Nonce, State, ToolError, credentialed_tool, toolbox};
use serde_json::{Value, json};

use crate::sinks::{Judge, Sink, Watch};
use crate::stage::{REAL_KEY, Stage};
use crate::tap::Heard;
use crate::{count, task};

async fn upstream_says(crm: &Nonce) -> Result<String, ToolError> {
    let body = crm.get("/v1/records/1").send().await?.into_body();
    Ok(String::from_utf8_lossy(&body).into_owned())
}

/// Read whatever the upstream says.
#[credentialed_tool(service = "crm", scope = "read:records", ttl = "1m")]
async fn read_all(crm: Nonce) -> Result<Value, ToolError> {
    Ok(crm.get("/v1/records/1").send().await?.json()?)
}

/// Read it as something that it is not.
#[credentialed_tool(service = "crm", scope = "read:records", ttl = "1m")]
async fn misread_it(crm: Nonce) -> Result<Vec<u32>, ToolError> {
    Ok(crm.get("/v1/records/1").send().await?.json()?)
}

/// Read all of the answer, as a careless debugger does.
#[credentialed_tool(service = "crm", scope = "read:records", ttl = "1m")]
async fn show_it(crm: Nonce) -> Result<Vec<String>, ToolError> {
    let answer = crm.get("/v1/records/1").send().await?;
    let shown = format!("{crm:?} {answer:?} {:?} {}", answer.headers(), answer.status());
    Ok(vec![shown, String::from_utf8_lossy(&answer.into_body()).into_owned()])
}

/// Fail with what the upstream says.
#[credentialed_tool(service = "crm", scope = "read:records", ttl = "1m")]
async fn fail_with_it(crm: Nonce) -> Result<(), ToolError> {
    let said = upstream_says(&crm).await?;
    Err(ToolError::visible(said.clone()).because(said))
}

/// Panic with what the upstream says.
#[credentialed_tool(service = "crm", scope = "read:records", ttl = "1m")]
async fn panic_with_it(crm: Nonce) -> Result<(), ToolError> {
    let said = upstream_says(&crm).await?;
    panic!("unexpected answer: {said}");
}

/// Log what the upstream says.
#[credentialed_tool(service = "crm", scope = "read:records", ttl = "1m")]
async fn log_it(crm: Nonce) -> Result<(), ToolError> {
    let said = upstream_says(&crm).await?;
    tracing::trace!(said, nonce = ?crm, "a careless line");
    Ok(())
}

/// In which the broker does not see the key while it streams: a form over another, as an escape is in
/// a JSON text, base64 in lines, and rot13. SECURITY.md says so.
const BEYOND_A_STREAM: [Echo; 10] = [
    Echo::Base64OfReversed,
    Echo::Base64Twice,
    Echo::Base64Wrapped,
    Echo::CEscapes,
    Echo::HexOfBase64,
    Echo::JsonEscapes,
    Echo::OctalEscapes,
    Echo::PercentTwice,
    Echo::Rot13,
    Echo::Utf16,
];

/// A vault side whose upstream repeats the real key, each time in the next form.
async fn stage() -> Stage {
    let forms = Echo::ALL.into_iter().filter(|echo| !BEYOND_A_STREAM.contains(echo));
    let next = Mutex::new(forms.cycle());
    Stage::set(move |_| {
        let echo = next.lock().unwrap().next().unwrap().encode(REAL_KEY);
        json!({"id": echo, "data": [{"id": echo}, echo], echo.clone(): true}).to_string()
    })
    .await
}

/// The grant of the task, which the tools below put where it must not be.
#[derive(Clone)]
struct Stolen(Heard);

impl Stolen {
    fn text(&self) -> String {
        self.0.tokens().into_iter().find(|token| token.starts_with("acg_")).unwrap()
    }
}

/// Give it to the model.
#[credentialed_tool(service = "crm", scope = "read:records", ttl = "1m")]
async fn tell_stolen(crm: Nonce, stolen: State<Stolen>) -> Result<String, ToolError> {
    upstream_says(&crm).await?;
    Ok(stolen.text())
}

/// Give it to the model as an error, in other words.
#[credentialed_tool(service = "crm", scope = "read:records", ttl = "1m")]
async fn refuse_stolen(crm: Nonce, stolen: State<Stolen>) -> Result<(), ToolError> {
    upstream_says(&crm).await?;
    Err(ToolError::visible(Echo::Hex.encode(&stolen.text())))
}

/// Write it into the log.
#[credentialed_tool(service = "crm", scope = "read:records", ttl = "1m")]
async fn log_stolen(crm: Nonce, stolen: State<Stolen>) -> Result<(), ToolError> {
    upstream_says(&crm).await?;
    tracing::trace!(token = stolen.text(), "a careless line");
    Ok(())
}

/// Panic with it where nothing contains a panic.
#[credentialed_tool(service = "crm", scope = "read:records", ttl = "1m")]
async fn print_stolen(crm: Nonce, stolen: State<Stolen>) -> Result<(), ToolError> {
    upstream_says(&crm).await?;
    let text = stolen.text();
    let ended = std::thread::spawn(move || panic!("{text}")).join();
    assert!(ended.is_err());
    Ok(())
}

// One test, since what panics print is one stream for the whole process.
// Leak channels 1, 14, 15, 16, 20, 21, 32, 39, control within.
#[tokio::test]
async fn nothing_that_comes_out_holds_a_secret_and_a_leak_is_found_by_both_judges() {
    let wanted = count("AGENTCRED_OBSERVATIONS", 500);
    let stage = stage().await;
    let tools = || toolbox![ReadAll, MisreadIt, ShowIt, FailWithIt, PanicWithIt, LogIt];
    let task = task(&stage, "observed", tools()).await;
    let names: Vec<_> = task.tools().map(|tool| tool.name.clone()).collect();
    let mut watch = Watch::start(&stage);
    watch.schemas(&tools());
    for name in names.iter().cycle() {
        if watch.observed.values().sum::<usize>() >= wanted {
            break;
        }
        watch.call(&task, name).await;
        assert_eq!(watch.found, [], "`{name}` leaked");
    }
    println!("{:?}, no leak by two judges", watch.observed);
    assert_eq!(watch.observed.get(&Sink::Panics), None, "nothing was printed");
    assert!(watch.observed[&Sink::Schema] > 10);
    for sink in [Sink::Debug, Sink::Logs, Sink::Audit] {
        assert_eq!(watch.observed[&sink], watch.observed[&Sink::Outcome], "{sink:?}");
    }
    drop(task);
    leaks_are_found(&stage, watch).await;
}

/// The control: the same watch sees what is put into each sink on purpose.
async fn leaks_are_found(stage: &Stage, mut watch: Watch<'_>) {
    let stolen = Stolen(stage.heard().clone());
    let tools = toolbox![TellStolen, RefuseStolen, LogStolen, PrintStolen].state(stolen.clone());
    let task = task(stage, "leaking", tools).await;
    for (tool, sinks) in [
        ("tell_stolen", &[Sink::Outcome, Sink::Debug][..]),
        ("refuse_stolen", &[Sink::Outcome, Sink::Debug, Sink::Logs]),
        ("log_stolen", &[Sink::Logs]),
        ("print_stolen", &[Sink::Panics]),
    ] {
        watch.call(&task, tool).await;
        let found = std::mem::take(&mut watch.found);
        let expected: Vec<_> = sinks
            .iter()
            .flat_map(|sink| [(*sink, Judge::Oracle), (*sink, Judge::Shapes)])
            .collect();
        assert_eq!(found, expected, "{tool}");
    }
    for sink in [Sink::Schema, Sink::Audit] {
        watch.search(sink, &json!({"description": stolen.text()}).to_string());
        let found = std::mem::take(&mut watch.found);
        assert_eq!(found, [(sink, Judge::Oracle), (sink, Judge::Shapes)]);
    }
}
