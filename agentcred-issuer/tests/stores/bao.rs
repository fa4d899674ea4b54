//! An OpenBao of a test's own, in memory and on loopback. It ends with the test.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

/// A running server, unsealed, with a key-value engine at `kv` and logins for applications.
pub(crate) struct Bao {
    address: String,
    pub(crate) root_token: String,
    unseal_key: String,
    client: reqwest::Client,
    _process: Child,
    _home: tempfile::TempDir,
}

/// What an application logs in with.
pub(crate) struct AppRole {
    pub(crate) role_id: String,
    pub(crate) secret_id: String,
}

impl Bao {
    /// Starts a server.
    pub(crate) async fn start() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let home = tempfile::tempdir().unwrap();
        let root_token = format!("root-token-of-a-test-{port}-{}", std::process::id());
        let mut process = Command::new(binary())
            .args(["server", "-dev", "-dev-no-store-token"])
            .arg(format!("-dev-root-token-id={root_token}"))
            .arg(format!("-dev-listen-address=127.0.0.1:{port}"))
            .env("HOME", home.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("{error}: `scripts/services up` installs OpenBao"));
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut unseal_key = None;
        let reading = async {
            while let Some(line) = lines.next_line().await.unwrap() {
                if let Some(key) = line.strip_prefix("Unseal Key: ") {
                    unseal_key = Some(key.trim().to_owned());
                }
                if line.starts_with("Root Token: ") {
                    return;
                }
            }
            panic!("OpenBao ended before it was ready");
        };
        tokio::time::timeout(PATIENCE, reading).await.expect("OpenBao is ready in time");
        // Its output stays open, so that it can go on writing.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let bao = Self {
            address: format!("http://127.0.0.1:{port}"),
            root_token,
            unseal_key: unseal_key.expect("OpenBao prints how to unseal it"),
            client: reqwest::Client::builder().no_proxy().build().unwrap(),
            _process: process,
            _home: home,
        };
        let engine = json!({ "type": "kv", "options": { "version": "2" } });
        bao.write("sys/mounts/kv", engine).await;
        bao.write("sys/auth/approle", json!({ "type": "approle" })).await;
        bao
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Writes by the root token. It must succeed.
    pub(crate) async fn write(&self, path: &str, body: Value) -> Value {
        self.ask(reqwest::Method::POST, path, Some(body)).await
    }

    /// Reads by the root token. It must succeed.
    pub(crate) async fn read(&self, path: &str) -> Value {
        self.ask(reqwest::Method::GET, path, None).await
    }

    pub(crate) async fn delete(&self, path: &str) {
        self.ask(reqwest::Method::DELETE, path, None).await;
    }

    /// Puts a secret of one field there, as a new version of what was there before.
    pub(crate) async fn put(&self, path: &str, field: &str, text: &str) {
        let (mount, rest) = path.split_once('/').unwrap();
        self.write(&format!("{mount}/data/{rest}"), json!({ "data": { field: text } })).await;
    }

    /// A policy that allows to read below a path.
    pub(crate) async fn allow(&self, policy: &str, path: &str) {
        let rule = format!("path \"{path}\" {{ capabilities = [\"read\"] }}");
        self.write(&format!("sys/policies/acl/{policy}"), json!({ "policy": rule })).await;
    }

    /// An application that may read everything in `kv`, with this more about its role.
    pub(crate) async fn application(&self, mut role: Value) -> AppRole {
        self.allow("agentcred", "kv/data/*").await;
        role["token_policies"] = "agentcred".into();
        self.write("auth/approle/role/agentcred", role).await;
        let role_id = self.read("auth/approle/role/agentcred/role-id").await;
        let secret_id = self.write("auth/approle/role/agentcred/secret-id", json!({})).await;
        AppRole {
            role_id: text(&role_id["data"]["role_id"]),
            secret_id: text(&secret_id["data"]["secret_id"]),
        }
    }

    /// The tokens that applications logged in for and that are alive, by their accessors, and
    /// what is known of each.
    pub(crate) async fn logins(&self) -> Vec<Value> {
        let list = reqwest::Method::from_bytes(b"LIST").unwrap();
        let known = self.ask(list, "auth/token/accessors", None).await;
        let mut logins = Vec::new();
        for accessor in known["data"]["keys"].as_array().unwrap() {
            let body = json!({ "accessor": accessor });
            let looked_up = self.write("auth/token/lookup-accessor", body).await;
            if looked_up["data"]["path"] == "auth/approle/login" {
                logins.push(looked_up["data"].clone());
            }
        }
        logins
    }

    pub(crate) async fn seal(&self) {
        self.write("sys/seal", json!({})).await;
    }

    pub(crate) async fn unseal(&self) {
        let unsealed = self.write("sys/unseal", json!({ "key": self.unseal_key })).await;
        assert_eq!(unsealed["sealed"], false, "{unsealed}");
    }

    async fn ask(&self, method: reqwest::Method, path: &str, body: Option<Value>) -> Value {
        let url = format!("{}/v1/{path}", self.address);
        let mut request =
            self.client.request(method, url).header("x-vault-token", &self.root_token);
        if let Some(body) = body {
            request = request.body(body.to_string());
        }
        let response = request.send().await.unwrap();
        let status = response.status();
        let answer = response.text().await.unwrap();
        assert!(status.is_success(), "{path}: {status} {answer}");
        serde_json::from_str(&answer).unwrap_or(Value::Null)
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// Where `scripts/services up` puts it.
fn binary() -> PathBuf {
    let mut parents = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    let root = parents.find(|folder| folder.join("scripts/services").is_file()).unwrap();
    root.join("target/services/bin/bao")
}

const PATIENCE: Duration = Duration::from_secs(30);
