//! A real browser, driven over `WebDriver` (W3C), of which a test needs a handful of commands.

use std::process::Stdio;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

/// Headless Chromium with a new profile. It ends with the test.
pub(crate) struct Browser {
    http: reqwest::Client,
    session: String,
    _driver: Child,
    _profile: TempDir,
}

impl Browser {
    pub(crate) async fn start() -> Self {
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("chromedriver is installed");
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        let port: u16 = loop {
            let line = lines.next_line().await.unwrap().expect("chromedriver says its port");
            if let Some((_, port)) = line.rsplit_once("successfully on port ") {
                break port.trim_end_matches('.').parse().unwrap();
            }
        };
        let profile = tempfile::tempdir().unwrap();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let user_data = format!("--user-data-dir={}", profile.path().display());
        let flags = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--window-size=900,1000",
            &user_data,
        ];
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "browserName": "chrome",
            "goog:chromeOptions": {"args": flags},
        }}});
        let sessions = format!("http://127.0.0.1:{port}/session");
        let answer = http.post(&sessions).json(&wanted).send().await.unwrap();
        let answer: Value = answer.json().await.unwrap();
        let id = answer["value"]["sessionId"].as_str().unwrap_or_else(|| panic!("{answer}"));
        let session = format!("{sessions}/{id}");
        Self { http, session, _driver: driver, _profile: profile }
    }

    async fn command(&self, method: Method, path: &str, body: Value) -> Value {
        let request = self.http.request(method.clone(), format!("{}{path}", self.session));
        let request = if method == Method::GET { request } else { request.json(&body) };
        let answer: Value = request.send().await.unwrap().json().await.unwrap();
        assert!(answer["value"]["error"].is_null(), "{path}: {answer}");
        answer["value"].clone()
    }

    pub(crate) async fn open(&self, url: &str) {
        self.command(Method::POST, "/url", json!({"url": url})).await;
    }

    /// Opens another window and goes there.
    pub(crate) async fn new_window(&self) {
        let window = self.command(Method::POST, "/window/new", json!({"type": "tab"})).await;
        self.switch(window["handle"].as_str().unwrap()).await;
    }

    pub(crate) async fn window(&self) -> String {
        self.command(Method::GET, "/window", json!({})).await.as_str().unwrap().to_owned()
    }

    pub(crate) async fn switch(&self, window: &str) {
        self.command(Method::POST, "/window", json!({"handle": window})).await;
    }

    /// All elements that a CSS selector finds.
    pub(crate) async fn find_all(&self, selector: &str) -> Vec<String> {
        let query = json!({"using": "css selector", "value": selector});
        let found = self.command(Method::POST, "/elements", query).await;
        let ids = found.as_array().unwrap().iter();
        ids.map(|it| it[ELEMENT].as_str().unwrap().to_owned()).collect()
    }

    /// The one element that a CSS selector finds, on this page or on the one that a click or a key
    /// leads to: the driver does not always wait for a form's answer.
    pub(crate) async fn find(&self, selector: &str) -> String {
        self.wait_for(selector, 1).await.remove(0)
    }

    /// Waits, within bounds, until a CSS selector finds so many elements.
    pub(crate) async fn wait_for(&self, selector: &str, count: usize) -> Vec<String> {
        for _ in 0..100 {
            let found = self.find_all(selector).await;
            if found.len() == count {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("{selector} does not find {count}: {}", self.source().await);
    }

    pub(crate) async fn text(&self, selector: &str) -> String {
        let element = self.find(selector).await;
        let text = self.command(Method::GET, &format!("/element/{element}/text"), json!({})).await;
        text.as_str().unwrap().to_owned()
    }

    pub(crate) async fn click(&self, selector: &str) {
        let element = self.find(selector).await;
        self.command(Method::POST, &format!("/element/{element}/click"), json!({})).await;
    }

    /// Presses Enter with the focus on an element.
    pub(crate) async fn press_enter(&self, selector: &str) {
        let element = self.find(selector).await;
        let keys = json!({"text": "\u{e007}"});
        self.command(Method::POST, &format!("/element/{element}/value"), keys).await;
    }

    /// Two clicks with nothing between them.
    pub(crate) async fn double_click(&self, selector: &str) {
        let element = self.find(selector).await;
        let (down, up) = (
            json!({"type": "pointerDown", "button": 0}),
            json!({"type": "pointerUp", "button": 0}),
        );
        let there = json!({"type": "pointerMove", "origin": {ELEMENT: element}, "x": 0, "y": 0});
        let actions = json!({"actions": [{
            "type": "pointer", "id": "mouse", "actions": [there, down, up, down, up],
        }]});
        self.command(Method::POST, "/actions", actions).await;
    }

    pub(crate) async fn source(&self) -> String {
        self.command(Method::GET, "/source", json!({})).await.as_str().unwrap().to_owned()
    }

    /// A picture of the window, as PNG.
    pub(crate) async fn screenshot(&self) -> Vec<u8> {
        let png = self.command(Method::GET, "/screenshot", json!({})).await;
        STANDARD.decode(png.as_str().unwrap()).unwrap()
    }

    /// Ends the browser, which does not end with its driver.
    pub(crate) async fn close(self) {
        self.command(Method::DELETE, "", json!({})).await;
    }
}

/// The key under which `WebDriver` names an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";
