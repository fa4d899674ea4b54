//! Places: how many connections there may be, and which makes way when there are more.
//!
//! A connection that has sent no whole request costs its peer nothing, so it must not keep others
//! out. When all places are taken, one that waits for a request makes way: of those that were
//! never answered the one that has waited the longest, and only then of the others. One whose
//! request is being answered keeps its place.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// All places of a listener.
#[derive(Debug)]
pub(crate) struct Places {
    most: usize,
    most_per_peer: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    last: u64,
    held: HashMap<u64, Held>,
    /// How many places each peer holds.
    peers: HashMap<Peer, usize>,
    /// The places of connections that wait for a request, by the turn in which they began to.
    waiting: BTreeMap<Turn, u64>,
    /// The same turns, by peer.
    turns: BTreeSet<(Peer, Turn)>,
}

/// Who makes way first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Turn {
    was_answered: bool,
    number: u64,
}

impl Turn {
    const FIRST: Self = Self { was_answered: false, number: 0 };
    const LAST: Self = Self { was_answered: true, number: u64::MAX };
}

#[derive(Debug)]
struct Held {
    peer: Peer,
    /// None while a request is being answered.
    turn: Option<Turn>,
    lost: Arc<Notify>,
}

/// Whoever counts as one. An IPv6 network of 64 bits is what one host is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Peer(IpAddr);

impl From<IpAddr> for Peer {
    fn from(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from(u128::from(address) >> 64 << 64)),
            address @ IpAddr::V4(_) => address,
        })
    }
}

/// One connection's place. It is free again when this is dropped.
#[derive(Debug)]
#[must_use = "a place is free again when it is dropped"]
pub(crate) struct Place {
    id: u64,
    places: Arc<Places>,
    lost: Arc<Notify>,
}

impl Places {
    pub(crate) fn new(most: usize, most_per_peer: usize) -> Arc<Self> {
        Arc::new(Self { most, most_per_peer, state: Mutex::default() })
    }

    /// Takes a place for a connection that waits for its first request. None when there is none
    /// and nobody can make way.
    pub(crate) fn take(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        let peer = Peer::from(address);
        let mut state = self.state();
        if state.peers.get(&peer).is_some_and(|held| *held >= self.most_per_peer) {
            let (_, turn) = *state.turns.range((peer, Turn::FIRST)..=(peer, Turn::LAST)).next()?;
            state.make_way(turn);
        }
        if state.held.len() >= self.most {
            let turn = *state.waiting.first_key_value()?.0;
            state.make_way(turn);
        }
        let id = state.next();
        let lost = Arc::new(Notify::new());
        state.held.insert(id, Held { peer, turn: None, lost: Arc::clone(&lost) });
        *state.peers.entry(peer).or_default() += 1;
        state.wait(id, false);
        Some(Place { id, places: Arc::clone(self), lost })
    }

    /// Frees the place of the connection that has waited the longest.
    pub(crate) fn make_room(&self) {
        let mut state = self.state();
        let longest = state.waiting.first_key_value().map(|(turn, _)| *turn);
        if let Some(turn) = longest {
            state.make_way(turn);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// A request is here and will be answered. False when the place was lost before.
    pub(crate) fn work(&self) -> bool {
        self.places.state().work(self.id)
    }

    /// A request was answered and the connection waits for the next one.
    pub(crate) fn wait(&self) {
        self.places.state().wait(self.id, true);
    }

    /// Returns when the connection must make way for another.
    pub(crate) async fn lost(&self) {
        self.lost.notified().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.state().leave(self.id);
    }
}

impl State {
    fn next(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    fn wait(&mut self, id: u64, was_answered: bool) {
        let turn = Turn { was_answered, number: self.next() };
        if let Some(held) = self.held.get_mut(&id)
            && held.turn.is_none()
        {
            held.turn = Some(turn);
            self.turns.insert((held.peer, turn));
            self.waiting.insert(turn, id);
        }
    }

    fn work(&mut self, id: u64) -> bool {
        let Some(held) = self.held.get_mut(&id) else { return false };
        if let Some(turn) = held.turn.take() {
            self.turns.remove(&(held.peer, turn));
            self.waiting.remove(&turn);
        }
        true
    }

    fn make_way(&mut self, turn: Turn) {
        if let Some(id) = self.waiting.get(&turn).copied()
            && let Some(held) = self.leave(id)
        {
            held.lost.notify_one();
        }
    }

    fn leave(&mut self, id: u64) -> Option<Held> {
        self.work(id);
        let held = self.held.remove(&id)?;
        if let Some(count) = self.peers.get_mut(&held.peer) {
            *count -= 1;
            if *count == 0 {
                self.peers.remove(&held.peer);
            }
        }
        Some(held)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    fn is_lost(place: &Place) -> bool {
        !place.work()
    }

    #[test]
    fn the_connection_that_waits_longest_makes_way() {
        let places = Places::new(3, 3);
        let [first, second, third] = [1, 2, 3].map(|last| places.take(address(last)).unwrap());
        // The first one was heard and answered since, so that the second has waited longest.
        assert!(first.work());
        first.wait();
        let fourth = places.take(address(4)).unwrap();
        assert!(is_lost(&second));
        assert!(![&first, &third, &fourth].into_iter().any(is_lost));
        assert_eq!(places.state().held.len(), 3);
    }

    #[test]
    fn who_was_never_answered_makes_way_before_who_was() {
        let places = Places::new(2, 2);
        let known = places.take(address(1)).unwrap();
        assert!(known.work());
        known.wait();
        let silent = places.take(address(2)).unwrap();
        let _next = places.take(address(3)).unwrap();
        assert!(is_lost(&silent));
        let _another = places.take(address(4)).unwrap();
        assert!(!is_lost(&known));
    }

    #[test]
    fn nobody_makes_way_while_its_request_is_answered() {
        let places = Places::new(2, 2);
        let held = [1, 2].map(|last| places.take(address(last)).unwrap());
        assert!(held.iter().all(Place::work));
        assert!(places.take(address(3)).is_none());
        held[0].wait();
        assert!(places.take(address(3)).is_some());
    }

    #[test]
    fn a_peer_with_all_its_places_makes_way_for_itself_alone() {
        let places = Places::new(100, 2);
        let other = places.take(address(9)).unwrap();
        let mine: Vec<_> = (0..5).map(|_| places.take(address(1)).unwrap()).collect();
        assert_eq!(mine.iter().map(is_lost).collect::<Vec<_>>(), [true, true, true, false, false]);
        assert!(!is_lost(&other));
    }

    #[test]
    fn a_place_that_was_left_is_free_for_its_peer() {
        let places = Places::new(10, 1);
        for _ in 0..5 {
            let place = places.take(address(1)).unwrap();
            assert!(place.work());
            assert!(places.take(address(1)).is_none());
        }
        let state = places.state();
        assert!(state.held.is_empty() && state.peers.is_empty());
        assert!(state.waiting.is_empty() && state.turns.is_empty());
    }

    #[test]
    fn addresses_of_one_network_and_mapped_ones_are_one_peer() {
        let peer = |text: &str| Peer::from(text.parse::<IpAddr>().unwrap());
        assert_eq!(peer("2001:db8:1:2::1"), peer("2001:db8:1:2:ffff::"));
        assert_ne!(peer("2001:db8:1:2::1"), peer("2001:db8:1:3::1"));
        assert_eq!(peer("::ffff:192.0.2.1"), peer("192.0.2.1"));
        assert_ne!(peer("192.0.2.1"), peer("192.0.2.2"));
    }
}
