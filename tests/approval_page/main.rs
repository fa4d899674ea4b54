//! The operators' page in a real browser: each decision, and what becomes of the agent's call.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may end where it fails"
)]

mod browser;

use std::sync::Arc;
use std::time::Duration;

use agentcred::protocol::key::SigningKey;
use agentcred::protocol::operator::OperatorHash;
use agentcred::protocol::token::OperatorToken;
use agentcred::{
    Agent, HttpIssuer, Nonce, Task, ToolError, ToolOutcome, Toolbox, credentialed_tool,
};
use agentcred_issuer::{Config, Server};
use aws_lc_rs::rand::SystemRandom;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinHandle;

use crate::browser::Browser;

/// Pays something back.
#[credentialed_tool(service = "stripe", scope = "write:refunds", ttl = "1m")]
fn refund(charge: String, stripe: Nonce) -> Result<String, ToolError> {
    drop(stripe);
    Ok(format!("{charge} is refunded"))
}

/// A real issuer, its operator's page, and an agent whose calls a human must approve.
struct Stage {
    server: Server,
    task: Arc<Task>,
    page: String,
    _folder: TempDir,
}

impl Stage {
    async fn set(approval_ttl: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (key, _) = SigningKey::generate().unwrap();
        let jwk = serde_json::to_string(key.public()).unwrap();
        std::fs::write(folder.path().join("billing.jwk"), jwk).unwrap();
        let (token, text) = OperatorToken::generate(&SystemRandom::new()).unwrap();
        let config = format!(
            r#"
            server.listen = "127.0.0.1:0"
            audit.file = "audit.jsonl"
            approvals.ttl = "{approval_ttl}"
            [operators]
            listen = "127.0.0.1:0"
            tokens = {{ ada = "{}" }}
            [agents.billing]
            keys = ["billing.jwk"]
            allow = [{{ service = "stripe", scopes = ["write:refunds"], approval = "human" }}]
            [services.stripe]
            origin = "http://127.0.0.1:9"
            secret = "file:stripe.key"
            inject = {{ header = "authorization", format = "Bearer {{secret}}" }}
            allow_networks = ["127.0.0.0/8"]
            [[services.stripe.scopes."write:refunds"]]
            method = "POST"
            path = "/v1/refunds"
            "#,
            OperatorHash::of(&token)
        );
        write_private(&folder.path().join("stripe.key"), "sk_live_canary");
        let config = Config::parse(&config, folder.path()).unwrap();
        let server = Server::start(config).await.unwrap();
        let at = server.operators().unwrap().to_string();
        let page = at.replace("http://", &format!("http://ada:{}@", *text));
        let refunds = Toolbox::new()
            .with_summary(Refund, |arguments| format!("Refund the charge {}", arguments["charge"]));
        let agent = Agent::builder("billing")
            .issuer(HttpIssuer::new(server.url().clone(), key).unwrap())
            .tools(refunds)
            .approval_wait(Duration::from_mins(1))
            .build()
            .unwrap();
        let task = Arc::new(agent.task("task-1").await.unwrap());
        Self { server, task, page, _folder: folder }
    }

    /// A call of the model, which waits.
    fn call(&self, charge: &str) -> JoinHandle<ToolOutcome> {
        let (task, arguments) = (Arc::clone(&self.task), json!({"charge": charge}));
        tokio::spawn(async move { task.call("refund", arguments).await })
    }

    fn decisions(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.server.audit_file()).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.filter(|line| line["event"] == "approval").collect()
    }

    /// Opens the page, again until so many calls wait on it.
    async fn open(&self, browser: &Browser, waiting: usize) {
        for _ in 0..100 {
            browser.open(&self.page).await;
            if browser.find_all("article").await.len() == waiting {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("{waiting} calls do not wait: {}", browser.source().await);
    }
}

fn write_private(path: &std::path::Path, text: &str) {
    std::fs::write(path, text).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
}

async fn code(call: JoinHandle<ToolOutcome>) -> String {
    call.await.unwrap().into_result().unwrap_err().code.to_string()
}

const HOSTILE: &str = "<b id=evil>ch_1</b>\" onclick=\"alert(1)\u{202e}";

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium"]
async fn a_human_decides_in_a_browser() {
    let stage = Stage::set("5m").await;
    let browser = Browser::start().await;
    stage.open(&browser, 0).await;

    // Approved by keyboard; what the model wrote stays text.
    let call = stage.call(HOSTILE);
    stage.open(&browser, 1).await;
    assert!(browser.find_all("#evil, script, [onclick]").await.is_empty());
    let summary = browser.text("blockquote").await;
    assert!(summary.starts_with("Refund the charge \"<b id=evil>"), "{summary}");
    assert!(summary.contains("\\u{202e}") && !summary.contains('\u{202e}'), "{summary}");
    let picture = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("approvals.png");
    std::fs::write(picture, browser.screenshot().await).unwrap();
    browser.press_enter("button.approve").await;
    browser.wait_for("article", 0).await;
    let outcome = call.await.unwrap().into_result().unwrap();
    assert_eq!(outcome, format!("{HOSTILE} is refunded"));

    // Denied.
    let call = stage.call("ch_2");
    stage.open(&browser, 1).await;
    browser.click("button.deny").await;
    assert_eq!(code(call).await, "approval_denied");

    // Clicked twice, and once more on a page that is not of today.
    let call = stage.call("ch_3");
    stage.open(&browser, 1).await;
    let first = browser.window().await;
    browser.new_window().await;
    stage.open(&browser, 1).await;
    let second = browser.window().await;
    browser.switch(&first).await;
    browser.double_click("button.approve").await;
    assert_eq!(call.await.unwrap().into_result().unwrap(), "ch_3 is refunded");
    browser.switch(&second).await;
    browser.click("button.deny").await;
    assert_eq!(browser.text("[role=alert]").await, "the call is already approved by ada.");

    let decisions = stage.decisions();
    let decided: Vec<_> = decisions.iter().map(|it| it["decision"].as_str().unwrap()).collect();
    assert_eq!(decided, ["approved", "denied", "approved"]);
    assert!(decisions.iter().all(|it| it["operator"] == "ada"));
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium"]
async fn a_call_that_nobody_decides_expires_on_the_page_too() {
    let stage = Stage::set("3s").await;
    let browser = Browser::start().await;
    stage.open(&browser, 0).await;
    let call = stage.call("ch_4");
    stage.open(&browser, 1).await;
    assert_eq!(code(call).await, "approval_expired");
    browser.click("button.approve").await;
    assert_eq!(
        browser.text("[role=alert]").await,
        "the call has expired; its agent has to ask again."
    );
    browser.click("main a").await;
    assert_eq!(browser.text("td.became").await, "expired");
    assert!(stage.decisions().is_empty());
    browser.close().await;
}
