//! The keys of one request: fetched or obtained, and what answers are searched for because of
//! them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use agentcred_protocol::clock::Clock;
use agentcred_protocol::names::ServiceName;
use agentcred_protocol::scrub::Scrubber;

use super::client_credentials::{ClientCredentials, NoToken, Obtained, Surroundings, Wanted};
use super::{Injection, Kind};
use crate::resolver::Resolver;
use crate::secrets::{Cache, Fetched, Secret, SecretError, SecretStore, Times};
use crate::service::Service;

/// Gets the keys of services.
pub(crate) struct Keyring {
    secrets: Cache,
    resolver: Arc<dyn Resolver>,
    clock: Arc<dyn Clock>,
    /// The last scrubber of each service: it is costly to build.
    scrubbers: Mutex<HashMap<ServiceName, Joined>>,
}

/// A scrubber and what it was built of.
struct Joined {
    of: Vec<Arc<Secret>>,
    scrubber: Scrubber,
}

/// The keys of one request, which holds on to them when they change meanwhile.
#[derive(Debug)]
pub(crate) struct Keys {
    /// One for each injection, in the same order.
    in_order: Vec<Arc<Secret>>,
    /// All that an answer may not hold: these, those that they replaced, and what tokens were
    /// obtained with.
    kept_back: Vec<Arc<Secret>>,
    scrubber: Scrubber,
}

/// Why there is no key. It names the place and never the content.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoKey {
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error(transparent)]
    Token(#[from] NoToken),
}

impl Keyring {
    pub(crate) fn new(
        store: Arc<dyn SecretStore>,
        times: Times,
        clock: Arc<dyn Clock>,
        resolver: Arc<dyn Resolver>,
    ) -> Self {
        let secrets = Cache::new(store, Arc::clone(&clock), times);
        Self { secrets, resolver, clock, scrubbers: Mutex::default() }
    }

    /// The keys that a service's requests carry now.
    pub(crate) async fn keys(&self, service: &Service) -> Result<Keys, NoKey> {
        let mut gathered = Gathered::default();
        for injection in service.inject.iter() {
            self.gather(injection, None, &mut gathered).await?;
        }
        Ok(self.joined(service, gathered))
    }

    /// Whether every secret of a service can be had. No token is obtained with one.
    pub(crate) async fn has_secrets(&self, service: &Service) -> bool {
        for injection in service.inject.iter() {
            if let Err(error) = self.secrets.current(&injection.secret).await {
                tracing::warn!(service = %service.name, %error, "no secret");
                return false;
            }
        }
        true
    }

    /// The keys after `refused`, which the upstream did not take. None when nothing changed.
    pub(crate) async fn newer(
        &self,
        service: &Service,
        refused: &Keys,
    ) -> Result<Option<Keys>, NoKey> {
        let mut gathered = Gathered::default();
        for (injection, key) in service.inject.iter().zip(&refused.in_order) {
            self.gather(injection, Some(key), &mut gathered).await?;
        }
        let pairs = gathered.in_order.iter().zip(&refused.in_order);
        let is_same = pairs.into_iter().all(|(one, other)| Arc::ptr_eq(one, other));
        Ok((!is_same).then(|| self.joined(service, gathered)))
    }

    async fn gather(
        &self,
        injection: &Injection,
        refused: Option<&Arc<Secret>>,
        gathered: &mut Gathered,
    ) -> Result<(), NoKey> {
        let reference = &injection.secret;
        if let Kind::ClientCredentials(client) = &injection.kind {
            let secret = self.secrets.current(reference).await?;
            let (token, secret) = self.token(injection, client, secret, refused).await?;
            gathered.in_order.push(Arc::clone(&token.current));
            gathered.kept_back.push(token.current);
            gathered.kept_back.extend(token.former);
            gathered.keep_back(secret);
            return Ok(());
        }
        let fetched = match refused {
            None => self.secrets.current(reference).await?,
            Some(refused) => self.secrets.newer_than(refused, reference).await?,
        };
        gathered.in_order.push(Arc::clone(&fetched.current));
        gathered.keep_back(fetched);
        Ok(())
    }

    /// A token. A client that is refused tries once more when its secret has changed.
    async fn token(
        &self,
        injection: &Injection,
        client: &ClientCredentials,
        secret: Fetched,
        refused: Option<&Arc<Secret>>,
    ) -> Result<(Obtained, Fetched), NoKey> {
        let from = Surroundings {
            resolver: &*self.resolver,
            now: self.clock.now(),
            overlap: self.secrets.times().overlap,
        };
        let wanted = refused.map_or(Wanted::Any, Wanted::Other);
        match client.token(&secret.current, wanted, &from).await {
            Ok(token) => Ok((token, secret)),
            Err(error @ NoToken::Refused(_)) => {
                let newer = self.secrets.newer_than(&secret.current, &injection.secret).await?;
                if Arc::ptr_eq(&newer.current, &secret.current) {
                    return Err(error.into());
                }
                Ok((client.token(&newer.current, wanted, &from).await?, newer))
            }
            Err(error) => Err(error.into()),
        }
    }

    fn joined(&self, service: &Service, gathered: Gathered) -> Keys {
        let Gathered { in_order, kept_back } = gathered;
        let mut scrubbers = self.scrubbers.lock().unwrap_or_else(PoisonError::into_inner);
        if let [only] = kept_back.as_slice() {
            // What it replaced must not live on here.
            scrubbers.remove(&service.name);
            let scrubber = only.scrubber().clone();
            return Keys { in_order, kept_back, scrubber };
        }
        let is_same = |last: &&Joined| {
            last.of.len() == kept_back.len()
                && last.of.iter().zip(&kept_back).all(|(one, other)| Arc::ptr_eq(one, other))
        };
        if let Some(last) = scrubbers.get(&service.name).filter(is_same) {
            return Keys { in_order, scrubber: last.scrubber.clone(), kept_back };
        }
        let scrubber = Secret::joint_scrubber(kept_back.iter().map(|it| &**it));
        let joined = Joined { of: kept_back.clone(), scrubber: scrubber.clone() };
        scrubbers.insert(service.name.clone(), joined);
        Keys { in_order, kept_back, scrubber }
    }
}

#[derive(Default)]
struct Gathered {
    in_order: Vec<Arc<Secret>>,
    kept_back: Vec<Arc<Secret>>,
}

impl Gathered {
    fn keep_back(&mut self, fetched: Fetched) {
        self.kept_back.push(fetched.current);
        self.kept_back.extend(fetched.former);
    }
}

impl Keys {
    pub(super) fn in_order(&self) -> impl Iterator<Item = &Secret> {
        self.in_order.iter().map(|it| &**it)
    }

    /// Takes the keys out of what comes back, and what was made of them for one request.
    pub(crate) fn scrubber_with(&self, made: Option<&Secret>) -> Scrubber {
        match made {
            None => self.scrubber.clone(),
            Some(made) => {
                Secret::joint_scrubber(self.kept_back.iter().map(|it| &**it).chain([made]))
            }
        }
    }
}
