//! Checks how keys are put in: one kind for each, none in the way of another or of a caller.

use std::collections::BTreeMap;

use http::header::HeaderName;
use http::uri::PathAndQuery;
use url::Url;

use super::finding::{Findings, Key};
use super::raw::{RawClientCredentials, RawInjection, RawInjections, RawRule, RawSigV4};
use super::services::{Ground, check_address};
use crate::inject::{
    Authentication, Basic, ClientCredentials, Header, Injection, Injections, InvalidInjection,
    Kind, Query, SigV4,
};
use crate::secrets::SecretRef;
use crate::service::{Destination, Origin};

/// Checks all injections of a service. None when any has an error.
pub(super) fn check(
    secret: Option<&str>,
    raw: &RawInjections,
    ground: &Ground<'_>,
    findings: &mut Findings<'_>,
) -> Option<Injections> {
    let at = ground.at.field("inject");
    let listed: Vec<_> = match raw {
        RawInjections::One(one) => vec![(at.clone(), &**one)],
        RawInjections::Many(many) => {
            many.iter().enumerate().map(|(position, it)| (at.item(position), it)).collect()
        }
    };
    if listed.is_empty() {
        findings.error(&at, "is empty; a service without a key needs no broker");
        return None;
    }
    let secret = secret.map(|text| read_secret(text, ground.at.field("secret"), ground, findings));
    if secret.is_some() && listed.iter().all(|(_, it)| it.secret.is_some()) {
        findings.error(
            &ground.at.field("secret"),
            "is of no use: every injection has a `secret` of its own",
        );
    }
    let mut checked = Vec::new();
    let mut is_sound = true;
    for (at, raw) in &listed {
        let own = raw.secret.as_deref();
        let own = own.map(|text| read_secret(text, at.field("secret"), ground, findings));
        let kind = check_kind(raw, at, ground, findings);
        match (kind, own.or_else(|| secret.clone())) {
            (Some(kind), Some(Some((secret, named_at)))) => {
                checked.push(Injection { kind, secret, named_at });
            }
            (_, None) => {
                findings.error(
                    &ground.at.field("secret"),
                    "is missing: it says where the key is kept, as env:NAME or file:PATH",
                );
                return None;
            }
            _ => is_sound = false,
        }
    }
    is_sound &= check_together(&checked, &at, findings);
    is_sound.then(|| Injections::new(checked))
}

fn read_secret(
    text: &str,
    at: Key,
    ground: &Ground<'_>,
    findings: &mut Findings<'_>,
) -> Option<(SecretRef, Key)> {
    match SecretRef::read(text, ground.folder) {
        Ok(secret) => Some((secret, at)),
        Err(message) => {
            findings.error(&at, message);
            None
        }
    }
}

fn check_kind(
    raw: &RawInjection,
    at: &Key,
    ground: &Ground<'_>,
    findings: &mut Findings<'_>,
) -> Option<Kind> {
    let RawInjection { header, format, basic, query, client_credentials, aws_sigv4, secret: _ } =
        raw;
    let named = [
        header.is_some() || format.is_some(),
        basic.is_some(),
        query.is_some(),
        client_credentials.is_some(),
        aws_sigv4.is_some(),
    ];
    if named.iter().filter(|is_named| **is_named).count() != 1 {
        findings.error(
            at,
            "must be one of `header` with `format`, `basic`, `query`, `client_credentials` and \
             `aws_sigv4`; several keys are an array: inject = [{ .. }, { .. }]",
        );
        return None;
    }
    let read = match (header, format, basic, query, client_credentials, aws_sigv4) {
        (Some(header), Some(format), ..) => Header::new(header, format).map(Kind::Header),
        (_, _, Some(basic), ..) => Basic::new(basic).map(Kind::Basic),
        (_, _, _, Some(query), ..) => {
            findings.warning(
                &at.field("query"),
                "puts the key into the query, which servers and proxies log; use a header if the \
                 API takes one",
            );
            Query::new(query).map(Kind::Query)
        }
        (.., Some(client), _) => {
            return check_client(client, &at.field("client_credentials"), ground, findings);
        }
        (.., Some(RawSigV4 { region, service })) => {
            return SigV4::new(region, service)
                .map_err(|InvalidInjection { key, message }| {
                    findings.error(&at.field("aws_sigv4").field(key), message);
                })
                .map(Kind::SigV4)
                .ok();
        }
        (_, None, ..) => Err(InvalidInjection {
            key: "header",
            message: "needs a `format` beside it, as \"Bearer {secret}\"",
        }),
        (None, ..) => Err(InvalidInjection {
            key: "format",
            message: "needs a `header` beside it, as \"authorization\"",
        }),
    };
    read.map_err(|InvalidInjection { key, message }| findings.error(&at.field(key), message)).ok()
}

fn check_client(
    raw: &RawClientCredentials,
    at: &Key,
    ground: &Ground<'_>,
    findings: &mut Findings<'_>,
) -> Option<Kind> {
    let token_url = at.field("token_url");
    let place =
        read_url(&raw.token_url).map_err(|message| findings.error(&token_url, message)).ok();
    if let Some((origin, _)) = &place {
        check_address(origin, ground.networks, &token_url, findings);
    }
    let is_text =
        |text: &String| !text.is_empty() && text.bytes().all(|it| (b' '..=b'~').contains(&it));
    for (name, text) in [
        ("client_id", Some(&raw.client_id)),
        ("scope", raw.scope.as_ref()),
        ("audience", raw.audience.as_ref()),
    ] {
        if text.is_some_and(|text| !is_text(text)) {
            findings.error(&at.field(name), "must be printable ASCII characters");
            return None;
        }
    }
    let authentication = match raw.authentication.as_deref() {
        None | Some("basic") => Authentication::Basic,
        Some("form") => Authentication::Form,
        Some(_) => {
            findings.error(&at.field("authentication"), "must be \"basic\" or \"form\"");
            return None;
        }
    };
    let (origin, path) = place?;
    let transport = ground.transport(&origin, "origin", findings)?;
    Some(Kind::ClientCredentials(Box::new(ClientCredentials {
        endpoint: Destination { origin, networks: ground.networks.clone(), transport },
        path,
        client_id: raw.client_id.clone(),
        authentication,
        scope: raw.scope.clone(),
        audience: raw.audience.clone(),
        kept: std::sync::Arc::default(),
    })))
}

/// An origin by its own rules, and a path.
pub(super) fn read_url(text: &str) -> Result<(Origin, PathAndQuery), &'static str> {
    let mut url =
        Url::parse(text).map_err(|_| "must be a URL, as https://login.example/oauth/token")?;
    let path = PathAndQuery::try_from(url.path()).map_err(|_| "must have a plain path")?;
    url.set_path("/");
    Origin::read(url.as_str()).map(|origin| (origin, path))
}

/// No injection may overwrite or void another one.
fn check_together(injections: &[Injection], at: &Key, findings: &mut Findings<'_>) -> bool {
    let mut is_sound = true;
    let mut refuse = |message: String| {
        findings.error(at, message);
        is_sound = false;
    };
    for (position, injection) in injections.iter().enumerate() {
        for other in &injections[position + 1..] {
            match (&injection.kind, &other.kind) {
                (Kind::Query(one), Kind::Query(other)) if one == other => {
                    refuse("puts two keys into one query parameter".to_owned());
                }
                (Kind::Query(_), Kind::SigV4(_)) | (Kind::SigV4(_), Kind::Query(_)) => refuse(
                    "signs a key in the query; a signed request may carry others in headers only"
                        .to_owned(),
                ),
                (one, other) => {
                    if let Some(header) = one.headers().find(|it| other.headers().any(|o| o == *it))
                    {
                        refuse(format!("puts two keys into {header}"));
                    }
                }
            }
        }
    }
    is_sound
}

/// No caller may send what a key goes into.
pub(super) fn check_headers(
    injections: &Injections,
    request_headers: &[HeaderName],
    at: &Key,
    findings: &mut Findings<'_>,
) {
    for header in injections.iter().flat_map(|it| it.kind.headers()) {
        if let Some(position) = request_headers.iter().position(|it| it == header) {
            findings.error(
                &at.field("request_headers").item(position),
                format!("passes on {header}, which the key goes into"),
            );
        }
    }
}

/// No rule may let a caller send the parameter that a key goes into.
pub(super) fn check_rules(
    injections: &Injections,
    scopes: &BTreeMap<String, Vec<RawRule>>,
    at: &Key,
    findings: &mut Findings<'_>,
) {
    let queries: Vec<_> = injections
        .iter()
        .filter_map(|it| match &it.kind {
            Kind::Query(query) => Some(query),
            _ => None,
        })
        .collect();
    for (scope, rules) in scopes {
        for (position, rule) in rules.iter().enumerate() {
            let at = at.field("scopes").field(scope).item(position).field("query");
            for (position, key) in rule.query.iter().enumerate() {
                if queries.iter().any(|query| query.is_named_by(key)) {
                    findings.error(
                        &at.item(position),
                        "lets a caller send the parameter that the key goes into",
                    );
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
