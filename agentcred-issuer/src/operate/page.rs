//! The page: calls that wait, with a form for each decision. It loads nothing and runs nothing.
//!
//! Summaries and names come from agents and models. Everything is escaped, and the policy that
//! goes with the page lets the browser run no script and load nothing, whatever got into it.

use std::fmt::{self, Write as _};

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{self, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use http_body_util::{BodyExt as _, Full};

use super::Operator;
use super::approvals::Listed;
use super::routes::OperatorError;
use crate::reply::{self, Reply};

/// The page with all calls.
pub(super) fn approvals(operator: &Operator, listed: &[Listed]) -> Reply {
    let (pending, decided): (Vec<_>, Vec<_>) = listed.iter().partition(|it| it.is_pending());
    let mut body =
        format!("<h1>Approvals</h1>\n<p class=who>Signed in as {}.", Text(&operator.name));
    body.push_str(" <a href=\"/\">Look again</a></p>\n");
    if pending.is_empty() {
        body.push_str("<p class=none>No call waits. This page looks again by itself.</p>\n");
    }
    for call in &pending {
        push_pending(&mut body, call);
    }
    if !decided.is_empty() {
        push_decided(&mut body, &decided);
    }
    let title = match pending.len() {
        0 => "Approvals".to_owned(),
        waiting => format!("({waiting}) Approvals"),
    };
    let mut page = page(StatusCode::OK, &title, &body);
    if pending.is_empty() {
        // With a call on it the page stands still: nobody's finger meets another button.
        let refresh = HeaderName::from_static("refresh");
        page.headers_mut().insert(refresh, HeaderValue::from_static("5"));
    }
    page
}

/// The page that says why a decision was not taken.
pub(super) fn refused(error: &OperatorError) -> Reply {
    let body = format!(
        "<h1>Not decided</h1>\n<p role=alert id=error data-error=\"{}\">{}.</p>\n\
         <p><a href=\"/\">Back to the calls</a></p>\n",
        Text(error.error),
        Text(&error.message)
    );
    page(error.status, "Not decided", &body)
}

/// Sends the browser back to the list, so that loading it again repeats no decision.
pub(super) fn back_to_list() -> Reply {
    let mut reply = reply::empty(StatusCode::SEE_OTHER);
    reply.headers_mut().insert(header::LOCATION, HeaderValue::from_static("/"));
    reply
}

fn push_pending(body: &mut String, call: &Listed) {
    let _ = write!(
        body,
        "<article id=\"{id}\" aria-labelledby=\"{id}-tool\">\n<h2 id=\"{id}-tool\">{tool}</h2>\n",
        id = Text(&call.id),
        tool = Text(&call.tool)
    );
    match &call.summary {
        Some(summary) => {
            let _ = writeln!(
                body,
                "<figure><figcaption>In the tool's words, which may repeat the model's:\
                 </figcaption><blockquote dir=ltr>{}</blockquote></figure>",
                Text(summary)
            );
        }
        None => body.push_str("<p class=none>The tool says nothing of this call.</p>\n"),
    }
    body.push_str("<dl>\n");
    let user = call.user.as_ref().map_or_else(|| "none".to_owned(), ToString::to_string);
    for (name, value) in [
        ("Scope", format!("{} on {}", call.scope, call.service)),
        ("Agent", call.agent.to_string()),
        ("Task", call.task.to_string()),
        ("User", user),
        ("Call", call.tool_call_id.to_string()),
        ("Arguments", call.args_hash.to_string()),
        ("Asked", format!("{} ago, expires in {}", Span(call.waiting_for), Span(call.expires_in))),
    ] {
        let _ = writeln!(body, "<dt>{name}</dt><dd>{}</dd>", Text(&value));
    }
    body.push_str("</dl>\n<div class=decide>\n");
    for (action, label) in [("approve", "Approve once"), ("deny", "Deny")] {
        let _ = writeln!(
            body,
            "<form method=post action=\"/approvals/{id}/{action}\"><button class={action} \
             aria-describedby=\"{id}-tool\">{label}</button></form>",
            id = Text(&call.id)
        );
    }
    body.push_str("</div>\n</article>\n");
}

fn push_decided(body: &mut String, decided: &[&Listed]) {
    body.push_str(
        "<h2>Decided or expired</h2>\n<table>\n<thead><tr><th scope=col>Tool</th>\
         <th scope=col>Call</th><th scope=col>Became</th><th scope=col>By</th></tr></thead>\n<tbody>\n",
    );
    for call in decided.iter().rev() {
        let by = call.by.as_ref().map_or("", |by| by.as_str());
        let _ = writeln!(
            body,
            "<tr id=\"{}\"><td>{}</td><td>{}</td><td class=became>{}</td><td>{}</td></tr>",
            Text(&call.id),
            Text(&call.tool),
            Text(&call.tool_call_id),
            Text(call.standing),
            Text(by)
        );
    }
    body.push_str("</tbody>\n</table>\n");
}

fn page(status: StatusCode, title: &str, body: &str) -> Reply {
    let html = format!(
        "<!doctype html>\n<html lang=en>\n<head>\n<meta charset=utf-8>\n\
         <meta name=viewport content=\"width=device-width, initial-scale=1\">\n\
         <title>{}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n{body}</main>\n\
         </body>\n</html>\n",
        Text(title)
    );
    let mut reply = Response::new(Full::from(html).map_err(|never| match never {}).boxed());
    *reply.status_mut() = status;
    reply::no_store(&mut reply);
    let style = STANDARD.encode(digest::digest(&digest::SHA256, STYLE.as_bytes()));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{style}'; form-action 'self'; base-uri 'none'; \
         frame-ancestors 'none'"
    );
    let headers = reply.headers_mut();
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    for (name, value) in [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        // With `no-referrer` a browser would post with the origin `null`.
        (header::REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    reply
}

/// Text in HTML, in an element or a quoted attribute.
struct Text<T>(T);

impl<T: fmt::Display> fmt::Display for Text<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.to_string().chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// So many seconds, as a person says it.
struct Span(u64);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            seconds @ 0..=90 => write!(f, "{seconds} s"),
            seconds => write!(f, "{} min", seconds / 60),
        }
    }
}

const STYLE: &str = include_str!("page.css");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operate::Client;

    fn listed(summary: &str) -> Listed {
        Listed {
            id: "ap_1".parse().unwrap(),
            standing: "pending",
            by: None,
            waiting_for: 1,
            expires_in: 299,
            agent: "billing".parse().unwrap(),
            task: "task-1".parse().unwrap(),
            user: Some("corp:ada".parse().unwrap()),
            tool: "refund_charge".parse().unwrap(),
            tool_call_id: "call_1".parse().unwrap(),
            service: "stripe".parse().unwrap(),
            scope: "write:refunds".parse().unwrap(),
            args_hash: agentcred_protocol::arguments::ArgumentsHash::of(&serde_json::json!({})),
            summary: Some(summary.to_owned()),
        }
    }

    async fn html(summary: &str) -> String {
        let operator = Operator { name: "ada".parse().unwrap(), client: Client::Browser };
        let page = approvals(&operator, &[listed(summary)]);
        let policy = page.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap().to_owned();
        assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
        assert!(!policy.contains("unsafe") && !policy.contains("script"), "{policy}");
        let body = page.into_body().collect().await.unwrap().to_bytes();
        String::from_utf8(body.to_vec()).unwrap()
    }

    #[tokio::test]
    async fn it_says_on_whose_behalf_a_call_is_made() {
        let html = html("harmless").await;
        assert!(html.contains("<dt>User</dt><dd>corp:ada</dd>"), "{html}");
    }

    #[tokio::test]
    async fn no_summary_adds_an_element_or_an_attribute() {
        const HOSTILE: [&str; 6] = [
            "<script>alert(1)</script>",
            "</blockquote><form action=\"http://evil.example\"><button>Approve once</button></form>",
            "\" onmouseover=\"alert(1)",
            "' autofocus onfocus='alert(1)",
            "&lt;b&gt; &#60;b&#62;",
            "<img src=x onerror=alert(1)><!--",
        ];
        let tags = |html: &str| html.matches('<').count();
        let harmless = html("harmless").await;
        for summary in HOSTILE {
            let hostile = html(summary).await;
            assert_eq!(tags(&hostile), tags(&harmless), "{summary}");
            assert_eq!(hostile.matches('"').count(), harmless.matches('"').count(), "{summary}");
            assert!(hostile.contains(&Text(summary).to_string()), "{summary}");
        }
        // The control: what is not escaped is noticed by the same count.
        assert_ne!(tags(&harmless.replace("harmless", HOSTILE[0])), tags(&harmless));
    }
}
