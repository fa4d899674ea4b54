//! The servers of the ways that need one: a secrets manager, and a gateway that adds the key.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use tokio::net::TcpListener;

/// A secrets manager that gives `key` to whoever has `token`.
pub(crate) async fn start_manager(token: &str, key: &str) -> anyhow::Result<SocketAddr> {
    let state = Arc::new((format!("Bearer {token}"), key.to_owned()));
    let routes = Router::new().fallback(give_out).with_state(state);
    serve(routes).await
}

async fn give_out(
    State(state): State<Arc<(String, String)>>,
    request: Request,
) -> (StatusCode, String) {
    let (expected, key) = &*state;
    let authorization = request.headers().get(header::AUTHORIZATION);
    if authorization.is_some_and(|value| value == expected) {
        (StatusCode::OK, key.clone())
    } else {
        (StatusCode::FORBIDDEN, "permission denied".to_owned())
    }
}

/// A gateway to `origin` that puts `key` into every request and changes nothing else.
pub(crate) async fn start_gateway(origin: String, key: &str) -> anyhow::Result<SocketAddr> {
    let state = Arc::new((origin, key.to_owned()));
    let routes = Router::new().fallback(pass_on).with_state(state);
    serve(routes).await
}

async fn pass_on(
    State(state): State<Arc<(String, String)>>,
    request: Request,
) -> (StatusCode, String) {
    let (origin, key) = &*state;
    let failed = |error: reqwest::Error| (StatusCode::BAD_GATEWAY, error.to_string());
    let http = match reqwest::Client::builder().no_proxy().build() {
        Ok(http) => http,
        Err(error) => return failed(error),
    };
    let url = format!("{origin}{}", request.uri().path());
    let answer = match http.request(request.method().clone(), url).bearer_auth(key).send().await {
        Ok(answer) => answer,
        Err(error) => return failed(error),
    };
    (answer.status(), answer.text().await.unwrap_or_default())
}

async fn serve(routes: Router) -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, routes).await });
    Ok(address)
}
