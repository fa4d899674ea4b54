//! The operators' door: who gets through it, on every route there is.

use agentcred_protocol::operator::OperatorHash;
use agentcred_protocol::token::{GrantToken, NonceToken, OperatorToken};
use aws_lc_rs::rand::SystemRandom;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::{Method, StatusCode};

use super::OperatorsAt;
use super::routes::ROUTES;
use crate::config::Config;
use crate::server::Server;

struct Issuer {
    server: Server,
    token: OperatorToken,
    token_text: String,
    http: reqwest::Client,
    _folder: tempfile::TempDir,
}

impl Issuer {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (token, text) = OperatorToken::generate(&SystemRandom::new()).unwrap();
        let hash = OperatorHash::of(&token);
        let config = format!(
            "server.listen = \"127.0.0.1:0\"\naudit.file = \"audit.jsonl\"\n\
             [operators]\nlisten = \"127.0.0.1:0\"\ntokens = {{ ada = \"{hash}\" }}"
        );
        let file = folder.path().join("issuer.toml");
        std::fs::write(&file, config).unwrap();
        let server = Server::start(Config::load(&file).unwrap()).await.unwrap();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { server, token, token_text: text.to_string(), http, _folder: folder }
    }

    fn request(&self, method: &Method, path: &str) -> reqwest::RequestBuilder {
        let at = self.server.operators().unwrap();
        self.http.request(method.clone(), format!("{at}{path}"))
    }

    fn bearer(&self) -> String {
        self.token.authorization().unwrap().to_str().unwrap().to_owned()
    }

    fn basic(&self, name: &str) -> String {
        format!("Basic {}", STANDARD.encode(format!("{name}:{}", self.token_text)))
    }

    async fn status(&self, method: &Method, path: &str, headers: &[(&str, &str)]) -> StatusCode {
        let mut request = self.request(method, path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.unwrap().status()
    }
}

/// Every route behind the door, with something in the place of an id.
fn routes() -> Vec<(Method, String)> {
    let routes: Vec<_> = ROUTES
        .iter()
        .map(|(method, path, _)| (method.clone(), path.replace("{id}", "x")))
        .collect();
    assert!(!routes.is_empty());
    routes
}

#[tokio::test]
async fn only_an_operators_token_gets_through_on_any_route() {
    let issuer = Issuer::start().await;
    let random = SystemRandom::new();
    let nonce = NonceToken::mint(&random).unwrap().authorization().unwrap();
    let nonce = nonce.to_str().unwrap();
    let grant = GrantToken::mint(&random).unwrap().authorization().unwrap();
    let (_, unknown) = OperatorToken::generate(&random).unwrap();
    let (bearer, basic) = (issuer.bearer(), issuer.basic("ada"));
    let refused = [
        nonce.to_owned(),
        nonce.replace("DPoP", "Bearer"),
        grant.to_str().unwrap().to_owned(),
        format!("Bearer {}", *unknown),
        bearer.replace("Bearer", "DPoP"),
        bearer.replace("Bearer ", "Bearer  "),
        format!("{bearer}x"),
        issuer.basic("bob"),
        issuer.basic(""),
        "Basic !".to_owned(),
        "Bearer".to_owned(),
        String::new(),
    ];
    for (method, path) in routes() {
        for value in &refused {
            let status = issuer.status(&method, &path, &[("authorization", value)]).await;
            assert_eq!(status, StatusCode::UNAUTHORIZED, "{method} {path} {value:?}");
        }
        assert_eq!(issuer.status(&method, &path, &[]).await, StatusCode::UNAUTHORIZED);
        let twice = [("authorization", bearer.as_str()), ("authorization", bearer.as_str())];
        assert_eq!(issuer.status(&method, &path, &twice).await, StatusCode::UNAUTHORIZED);
        // The control: with the token, each of them gets as far as the route.
        let at = issuer.server.operators().unwrap().to_string();
        for value in [&bearer, &basic] {
            let headers = [("authorization", value.as_str()), ("origin", &at)];
            let status = issuer.status(&method, &path, &headers).await;
            let is_through = ![401, 403, 421].contains(&status.as_u16());
            assert!(is_through, "{method} {path}: {status}");
        }
    }
    assert_eq!(issuer.status(&Method::GET, "/nowhere", &[]).await, StatusCode::UNAUTHORIZED);
    assert_eq!(issuer.status(&Method::GET, "/healthz", &[]).await, StatusCode::OK);
    let authorization = [("authorization", bearer.as_str())];
    assert_eq!(
        issuer.status(&Method::GET, "/nowhere", &authorization).await,
        StatusCode::NOT_FOUND
    );
    let status = issuer.status(&Method::PUT, "/revoke", &authorization).await;
    assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn another_name_for_this_address_is_refused_on_every_route() {
    let issuer = Issuer::start().await;
    let bearer = issuer.bearer();
    let OperatorsAt::Address(address) = issuer.server.operators().unwrap() else { panic!() };
    let port = address.port();
    for (method, path) in routes() {
        for host in ["evil.example", "127.0.0.1", "127.0.0.1:1", &format!("evil.example:{port}")] {
            let headers = [("authorization", bearer.as_str()), ("host", host)];
            let status = issuer.status(&method, &path, &headers).await;
            assert_eq!(status, StatusCode::MISDIRECTED_REQUEST, "{method} {path} {host}");
        }
        for host in [format!("127.0.0.1:{port}"), format!("localhost:{port}")] {
            let headers = [("authorization", bearer.as_str()), ("host", host.as_str())];
            let status = issuer.status(&method, &path, &headers).await;
            assert_ne!(status, StatusCode::MISDIRECTED_REQUEST, "{method} {path} {host}");
        }
    }
}

#[tokio::test]
async fn what_another_origins_page_causes_is_refused_on_every_route() {
    let issuer = Issuer::start().await;
    let (basic, bearer) = (issuer.basic("ada"), issuer.bearer());
    let at = issuer.server.operators().unwrap().to_string();
    for (method, path) in routes() {
        let caused = [
            ("origin", "http://evil.example"),
            ("origin", "null"),
            ("origin", "https://127.0.0.1"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
        ];
        for authorization in [&basic, &bearer] {
            for header in caused {
                let headers = [("authorization", authorization.as_str()), header];
                let status = issuer.status(&method, &path, &headers).await;
                assert_eq!(status, StatusCode::FORBIDDEN, "{method} {path} {header:?}");
            }
        }
        // A browser names the origin of whatever it posts; one that does not is not believed.
        let bare = issuer.status(&method, &path, &[("authorization", &basic)]).await;
        assert_eq!(bare == StatusCode::FORBIDDEN, method != Method::GET, "{method} {path}");
        let own =
            [("authorization", basic.as_str()), ("origin", &at), ("sec-fetch-site", "same-origin")];
        assert_ne!(issuer.status(&method, &path, &own).await, StatusCode::FORBIDDEN);
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_socket_is_its_owners_alone_and_replaces_only_a_dead_one() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("operators.sock");
    let (token, _) = OperatorToken::generate(&SystemRandom::new()).unwrap();
    let config = |audit: &str| {
        let text = format!(
            "server.listen = \"127.0.0.1:0\"\naudit.file = \"{audit}\"\n[operators]\n\
             socket = \"operators.sock\"\ntokens = {{ ada = \"{}\" }}",
            OperatorHash::of(&token)
        );
        Config::parse(&text, folder.path()).unwrap()
    };
    let ask = async |authorization: &str| {
        let http = reqwest::Client::builder().no_proxy().unix_socket(path.clone()).build().unwrap();
        let request = http.post("http://localhost/revoke").header("authorization", authorization);
        request.send().await.unwrap().status()
    };
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let server = Server::start(config("a")).await.unwrap();
    assert_eq!(server.operators(), Some(&OperatorsAt::Socket(path.clone())));
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(ask("").await, StatusCode::UNAUTHORIZED);
    let bearer = token.authorization().unwrap();
    assert_eq!(ask(bearer.to_str().unwrap()).await, StatusCode::BAD_REQUEST);

    let second = Server::start(config("b")).await.unwrap_err();
    assert!(second.to_string().contains("operators.sock"), "{second}");
    server.shutdown().await;
    assert!(!path.exists());
    std::fs::write(&path, "something of somebody").unwrap();
    let refused = Server::start(config("c")).await.unwrap_err();
    assert!(refused.to_string().contains("something else than a socket"), "{refused}");
}

#[tokio::test]
async fn a_reload_is_recorded_with_the_operator_who_asked_for_it() {
    let issuer = Issuer::start().await;
    let bearer = issuer.bearer();
    let reload = || issuer.request(&Method::POST, "/reload").header("authorization", &bearer);
    assert_eq!(reload().send().await.unwrap().status(), StatusCode::OK);
    let audit = std::fs::read_to_string(issuer.server.audit_file()).unwrap();
    let line = audit.lines().find(|line| line.contains(r#""event":"reload""#)).unwrap();
    assert!(line.contains(r#""operator":"ada""#) && line.contains("sha-256:"), "{line}");

    let file = issuer.server.audit_file().with_file_name("issuer.toml");
    std::fs::write(file, "nonsense = 1\n").unwrap();
    let refused = reload().send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.text().await.unwrap().contains("line 1: unknown field `nonsense`"));
}
