//! Users: whose word is taken on who somebody is, and which users a grant is for.

use std::collections::BTreeSet;
use std::fmt;

use agentcred_protocol::clock::UnixTime;
use agentcred_protocol::names::UserId;
use agentcred_protocol::refusal::RefusalCode;
use agentcred_protocol::user::{UserIssuer, UserToken};

use crate::key_sets::{KeySource, NoKeys};
use crate::refused::Refused;
use crate::vault::Vault;

/// Those whose tokens say who a user is.
#[derive(Debug, Default)]
pub(crate) struct TrustedIssuers(Vec<TrustedIssuer>);

/// One of them.
#[derive(Debug)]
pub(crate) struct TrustedIssuer {
    /// The name that the configuration gives it.
    pub(crate) name: String,
    pub(crate) issuer: UserIssuer,
    pub(crate) keys: KeySource,
}

impl TrustedIssuers {
    pub(crate) fn new(issuers: Vec<TrustedIssuer>) -> Self {
        Self(issuers)
    }

    /// The user that a token proves, and when the proof ends (RFC 8693 section 2.1).
    pub(crate) async fn authenticate(
        &self,
        token: &UserToken,
        vault: &Vault,
    ) -> Result<(UserId, UnixTime), Refused> {
        let refuse = || Refused::new(RefusalCode::InvalidGrant, "user_token_invalid");
        for TrustedIssuer { name, issuer, keys } in &self.0 {
            if !issuer.is_named_by(token) {
                continue;
            }
            let keys = match keys.keys_for(&|keys| token.may_be_signed_by(keys), vault).await {
                Ok(keys) => keys,
                Err(NoKeys) => return Err(Refused::unavailable("user_issuer_has_no_keys")),
            };
            if let Ok(user) = issuer.verify(token, &keys, vault.now()) {
                let id = UserId::new(format!("{name}:{}", user.subject));
                return Ok((id.map_err(|_| refuse())?, user.expires));
            }
        }
        Err(refuse())
    }
}

/// Which users a grant is for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum ForUsers {
    /// It does not matter whether there is one.
    #[default]
    Anybody,
    /// There must be one of these.
    Only(BTreeSet<UserPattern>),
}

impl ForUsers {
    pub(crate) fn admits(&self, user: Option<&UserId>) -> bool {
        match (self, user) {
            (Self::Anybody, _) => true,
            (Self::Only(_), None) => false,
            (Self::Only(patterns), Some(user)) => patterns.iter().any(|it| it.fits(user)),
        }
    }
}

/// One user, all of one issuer, or all.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum UserPattern {
    /// `*`: whoever has proven who it is.
    Every,
    /// `corp:*`: all users of an issuer.
    Of(String),
    /// `corp:ada`: one user. A star in a name stands for itself.
    One(UserId),
}

impl UserPattern {
    /// Reads a pattern; the issuer that it names is the second part.
    pub(crate) fn read(text: &str) -> Option<Self> {
        match text.split_once(':') {
            None => (text == "*").then_some(Self::Every),
            Some((issuer, "*")) => Some(Self::Of(issuer.to_owned())),
            Some(_) => UserId::new(text).ok().map(Self::One),
        }
    }

    /// The issuer that it names.
    pub(crate) fn issuer(&self) -> Option<&str> {
        match self {
            Self::Every => None,
            Self::Of(issuer) => Some(issuer),
            Self::One(user) => Some(issuer_of(user)),
        }
    }

    fn fits(&self, user: &UserId) -> bool {
        match self {
            Self::Every => true,
            Self::Of(issuer) => issuer_of(user) == issuer,
            Self::One(one) => one == user,
        }
    }
}

impl fmt::Display for UserPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Every => f.write_str("*"),
            Self::Of(issuer) => write!(f, "{issuer}:*"),
            Self::One(user) => write!(f, "{user}"),
        }
    }
}

fn issuer_of(user: &UserId) -> &str {
    user.as_str().split_once(':').map_or("", |(issuer, _)| issuer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_admits_its_users_alone() {
        let grant = |patterns: &[&str]| {
            ForUsers::Only(patterns.iter().map(|it| UserPattern::read(it).unwrap()).collect())
        };
        let user = |text: &str| text.parse::<UserId>().unwrap();
        let (ada, bob) = (user("corp:ada"), user("partner:bob"));
        for (grant, admitted) in [
            (ForUsers::Anybody, [true, true, true]),
            (grant(&["*"]), [false, true, true]),
            (grant(&["corp:*"]), [false, true, false]),
            (grant(&["corp:ada"]), [false, true, false]),
            (grant(&["corp:ad"]), [false, false, false]),
            (grant(&["corp:ada", "partner:bob"]), [false, true, true]),
            (grant(&[]), [false, false, false]),
        ] {
            let found = [None, Some(&ada), Some(&bob)].map(|user| grant.admits(user));
            assert_eq!(found, admitted, "{grant:?}");
        }
    }

    #[test]
    fn what_names_nobody_is_no_pattern() {
        for text in ["", "ada", "corp:", ":ada", "corp:a b", "**", "Corp:ada"] {
            assert_eq!(UserPattern::read(text), None, "{text}");
        }
    }
}
