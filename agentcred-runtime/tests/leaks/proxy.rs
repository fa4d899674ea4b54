//! A proxy that the environment names sees nothing of an agent.

use std::net::TcpListener;
use std::process::Command;

use agentcred_runtime::protocol::key::SigningKey;
use agentcred_runtime::{HttpIssuer, Issuer as _, OpenTask};

const CHILD: &str = "AGENTCRED_PROXY_CHILD";
/// Nobody listens on this port.
const NOBODY: &str = "http://127.0.0.1:1/";

/// Whether a child that does `what` connects to the proxy that its environment names.
fn asks_the_proxy(what: &str) -> bool {
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    proxy.set_nonblocking(true).unwrap();
    let url = format!("http://{}", proxy.local_addr().unwrap());
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["proxy::no_proxy_of_the_environment_is_asked", "--exact"]).env(CHILD, what);
    for variable in
        ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]
    {
        child.env(variable, &url);
    }
    let mut child = child.env_remove("no_proxy").env_remove("NO_PROXY").spawn().unwrap();
    let mut asked = false;
    loop {
        // A connection is dropped at once, which ends the child's wait for an answer.
        asked |= proxy.accept().is_ok();
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success());
            return asked | proxy.accept().is_ok();
        }
        std::thread::yield_now();
    }
}

// Leak channel 29, control within.
#[tokio::test]
async fn no_proxy_of_the_environment_is_asked() {
    match std::env::var(CHILD).as_deref() {
        Ok("agent") => {
            let key = SigningKey::ephemeral().unwrap();
            let issuer = HttpIssuer::new(NOBODY.parse().unwrap(), key).unwrap();
            let wish = OpenTask::new("agent".parse().unwrap(), "task".parse().unwrap());
            let opened = issuer.open_task(&wish).await;
            assert!(opened.is_err());
        }
        Ok(_) => assert!(reqwest::Client::new().get(NOBODY).send().await.is_err()),
        Err(_) => {
            assert!(asks_the_proxy("control"), "the control asks the proxy");
            assert!(!asks_the_proxy("agent"));
        }
    }
}
