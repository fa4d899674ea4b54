//! Where the broker connects to, and where it does not.

use agentcred_protocol::refusal::RefusalCode;

use crate::agent::{READ, broker_refusal};
use crate::stage::{REAL_KEY, Stage};
use crate::upstream::{Upstream, json};

const CUSTOMERS: &str = "/egress/stripe/v1/customers";

/// The stage's configuration with another origin for `stripe`.
fn with_origin(policy: &str, upstream: &str, origin: &str) -> String {
    policy.replacen(
        &format!("origin = \"http://{upstream}\""),
        &format!("origin = \"{origin}\""),
        1,
    )
}

#[tokio::test]
async fn a_name_is_resolved_and_its_address_checked() {
    for (networks, reason) in
        [("127.0.0.0/8", None), ("10.0.0.0/8", Some("upstream_address_forbidden"))]
    {
        let upstream = Upstream::answering(json("{}")).await;
        let address = upstream.address;
        let stage = Stage::with_policy(upstream, |policy, _| {
            let origin = format!("http://localhost:{}", address.port());
            let policy = with_origin(&policy, &address.to_string(), &origin);
            policy.replacen("[\"127.0.0.0/8\"]", &format!("[\"{networks}\"]"), 1)
        });
        let stage = stage.await;
        let nonce = stage.agent.mint(READ).await;
        let response = stage.agent.get(&nonce, CUSTOMERS).await;
        match reason {
            None => {
                assert_eq!(response.status(), 200);
                let host = format!("localhost:{}", address.port());
                assert_eq!(stage.upstream.arrived()[0].header("host"), [host]);
            }
            Some(reason) => {
                let refused = broker_refusal(response).await;
                assert_eq!(refused.code, RefusalCode::TemporarilyUnavailable);
                assert_eq!(stage.last_reason(), reason);
                assert!(stage.upstream.arrived().is_empty());
            }
        }
    }
}

#[tokio::test]
async fn a_certificate_of_the_right_name_and_authority_is_trusted_and_no_other() {
    let (_, other_authority) = Upstream::with_tls("127.0.0.1").await;
    for (name, authority, is_trusted) in [
        ("127.0.0.1", None, true),
        ("127.0.0.2", None, false),
        ("127.0.0.1", Some(other_authority), false),
    ] {
        let (upstream, own_authority) = Upstream::with_tls(name).await;
        let address = upstream.address.to_string();
        let stage = Stage::with_policy(upstream, |policy, folder| {
            let authority = authority.unwrap_or(own_authority);
            std::fs::write(folder.join("ca.pem"), authority).unwrap();
            with_origin(&policy, &address, &format!("https://{address}\"\nca_file = \"ca.pem"))
        });
        let stage = stage.await;
        let nonce = stage.agent.mint(READ).await;
        let response = stage.agent.get(&nonce, CUSTOMERS).await;
        if is_trusted {
            assert_eq!(response.status(), 200);
            let arrived = stage.upstream.arrived();
            assert_eq!(arrived[0].header("authorization"), [format!("Bearer {REAL_KEY}")]);
        } else {
            let refused = broker_refusal(response).await;
            assert_eq!(refused.code, RefusalCode::TemporarilyUnavailable);
            assert_eq!(stage.last_reason(), "upstream_tls");
            assert!(stage.upstream.arrived().is_empty());
        }
    }
}
