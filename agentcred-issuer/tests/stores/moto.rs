//! A stand-in for AWS of a test's own: moto's server, on loopback. It ends with the test.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::process::{Child, Command};

/// A running server. It takes any key until it is told to look at them.
pub(crate) struct Moto {
    address: String,
    client: reqwest::Client,
    _process: Child,
}

impl Moto {
    /// Starts a server.
    pub(crate) async fn start() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut process = Command::new(binary())
            .args(["-H", "127.0.0.1", "-p", &port.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("{error}: `scripts/services up` installs moto"));
        let address = format!("http://127.0.0.1:{port}");
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let ready = async {
            let url = format!("{address}/moto-api/data.json");
            while client.get(&url).send().await.is_err() {
                assert!(process.try_wait().unwrap().is_none(), "moto ended before it was ready");
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, ready).await.expect("moto is ready in time");
        Self { address, client, _process: process }
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Puts a secret there, as a new version of what was there before. Gives the version's name.
    pub(crate) async fn put(&self, name: &str, text: &str) -> String {
        let body = json!({ "Name": name, "SecretString": text });
        let mut made = self.secrets("CreateSecret", &body).await;
        if made.0 != 200 {
            let body = json!({ "SecretId": name, "SecretString": text });
            made = self.secrets("PutSecretValue", &body).await;
        }
        assert_eq!(made.0, 200, "{}", made.1);
        let made: Value = serde_json::from_str(&made.1).unwrap();
        made["VersionId"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn remove(&self, name: &str) {
        let body = json!({ "SecretId": name, "ForceDeleteWithoutRecovery": true });
        let (status, answer) = self.secrets("DeleteSecret", &body).await;
        assert_eq!(status, 200, "{answer}");
    }

    /// Marks it for deletion.
    pub(crate) async fn mark(&self, name: &str) {
        let (status, answer) = self.secrets("DeleteSecret", &json!({ "SecretId": name })).await;
        assert_eq!(status, 200, "{answer}");
    }

    /// The key of a new user, as `ID:SECRET`.
    pub(crate) async fn user(&self, name: &str, policy: Option<&Value>) -> String {
        self.iam(&[("Action", "CreateUser"), ("UserName", name)]).await;
        if let Some(policy) = policy {
            let policy = policy.to_string();
            let user = [("Action", "PutUserPolicy"), ("UserName", name)];
            let policy = [("PolicyName", "agentcred"), ("PolicyDocument", &*policy)];
            self.iam(&[user, policy].concat()).await;
        }
        let made = self.iam(&[("Action", "CreateAccessKey"), ("UserName", name)]).await;
        let element = |name: &str| made.split(name).nth(1).unwrap().trim_matches(['<', '>', '/']);
        format!("{}:{}", element("AccessKeyId"), element("SecretAccessKey"))
    }

    /// From now on it looks at signatures and policies.
    pub(crate) async fn look_at_keys(&self) {
        let url = format!("{}/moto-api/reset-auth", self.address);
        let asked = self.client.post(url).header("content-type", "text/plain").body("0");
        assert!(asked.send().await.unwrap().status().is_success());
    }

    async fn secrets(&self, operation: &str, body: &Value) -> (u16, String) {
        let asked = self
            .client
            .post(&self.address)
            .header("x-amz-target", format!("secretsmanager.{operation}"))
            .header("content-type", "application/x-amz-json-1.1")
            .header("authorization", by_anybody("secretsmanager"))
            .body(body.to_string());
        let response = asked.send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    async fn iam(&self, form: &[(&str, &str)]) -> String {
        let mut body = url::form_urlencoded::Serializer::new("Version=2010-05-08".to_owned());
        let body = body.extend_pairs(form).finish();
        let asked = self
            .client
            .post(&self.address)
            .header("content-type", "application/x-www-form-urlencoded")
            .header("authorization", by_anybody("iam"))
            .body(body);
        let response = asked.send().await.unwrap();
        let (status, answer) = (response.status(), response.text().await.unwrap());
        assert!(status.is_success(), "{status} {answer}");
        answer
    }
}

/// By this it knows which of its services is meant.
fn by_anybody(service: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/20260101/eu-central-1/{service}/aws4_request, \
         SignedHeaders=host, Signature=00"
    )
}

/// Where `scripts/services up` puts it.
fn binary() -> PathBuf {
    let mut parents = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    let root = parents.find(|folder| folder.join("scripts/services").is_file()).unwrap();
    root.join("target/services/bin/moto_server")
}

const PATIENCE: Duration = Duration::from_mins(1);
