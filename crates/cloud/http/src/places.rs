//! Places for connections: how many there may be, how many of one client, and who leaves when they are all taken.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// Places for connections.
///
/// When all are taken, the connection that has been idle longest makes room: one that has sent no request yet, or has its answer.
/// Where none is idle, the next client waits. A client that has as many as one may have makes room itself.
#[derive(Debug)]
pub(crate) struct Places {
    most: usize,
    most_of_one: usize,
    state: Mutex<State>,
    /// A place was given back, or somebody in one has become idle.
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// Larger than every number that was given: of places, and of the moments at which they became idle.
    next: u64,
    held: HashMap<u64, Held>,
}

#[derive(Debug)]
struct Held {
    client: IpAddr,
    /// When it became idle, as a number; `None` while a request is worked on.
    idle: Option<u64>,
    /// Whether it was asked to leave: then it counts no more.
    leaving: bool,
    leave: Arc<Notify>,
}

/// A place of a connection, which is given back when this is dropped. Clones are of the same place.
#[derive(Clone, Debug)]
pub(crate) struct Place(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    places: Arc<Places>,
    number: u64,
    leave: Arc<Notify>,
}

/// A request of a connection that is worked on; the connection is idle again when this is dropped.
#[derive(Debug)]
pub(crate) struct Busy(Place);

/// What a client who comes finds.
enum Found {
    Free(Place),
    /// All places are taken by connections that are worked on.
    Full,
    /// The client has as many as one may have, and all are worked on.
    Refused,
}

impl Places {
    /// At most `most` places, and at most `most_of_one` of them for one client.
    pub(crate) fn new(most: usize, most_of_one: usize) -> Arc<Self> {
        Arc::new(Self {
            most: most.max(1),
            most_of_one: most_of_one.max(1),
            state: Mutex::default(),
            changed: Notify::new(),
        })
    }

    /// A place for a client at this address, as soon as there is one; `None` for a client that has too many already.
    pub(crate) async fn take(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        loop {
            let changed = self.changed.notified();
            match self.try_take(client(address)) {
                Found::Free(place) => return Some(place),
                Found::Refused => return None,
                Found::Full => changed.await,
            }
        }
    }

    fn try_take(self: &Arc<Self>, client: IpAddr) -> Found {
        let mut state = self.state();
        let staying = state.held.values().filter(|held| !held.leaving);
        let of_one = staying.clone().filter(|held| held.client == client).count();
        let all = staying.count();
        if of_one >= self.most_of_one {
            if !state.ask_to_leave(|held| held.client == client) {
                return Found::Refused;
            }
        } else if all >= self.most && !state.ask_to_leave(|_| true) {
            return Found::Full;
        }
        let number = state.number();
        let leave = Arc::new(Notify::new());
        let held = Held {
            client,
            idle: Some(number),
            leaving: false,
            leave: Arc::clone(&leave),
        };
        state.held.insert(number, held);
        Found::Free(Place(Arc::new(Inner {
            places: Arc::clone(self),
            number,
            leave,
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// Asks the connection to leave that has been idle longest of those that fit; whether there was one.
    fn ask_to_leave(&mut self, fits: impl Fn(&Held) -> bool) -> bool {
        let idle = self
            .held
            .values_mut()
            .filter(|held| !held.leaving && held.idle.is_some() && fits(held))
            .min_by_key(|held| held.idle);
        let Some(held) = idle else {
            return false;
        };
        held.leaving = true;
        held.leave.notify_one();
        true
    }
}

impl Place {
    /// Marks the connection as worked on.
    pub(crate) fn busy(&self) -> Busy {
        if let Some(held) = self.0.places.state().held.get_mut(&self.0.number) {
            held.idle = None;
        }
        Busy(self.clone())
    }

    /// Waits until the place is needed for somebody else.
    pub(crate) async fn is_needed(&self) {
        self.0.leave.notified().await;
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let Inner { places, number, .. } = &*self.0.0;
        let mut state = places.state();
        let now = state.number();
        if let Some(held) = state.held.get_mut(number) {
            held.idle = Some(now);
        }
        drop(state);
        places.changed.notify_one();
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.places.state().held.remove(&self.number);
        self.places.changed.notify_one();
    }
}

/// Who counts as one client: an address of version 4, or the network of one of version 6, whose other half anybody may choose.
fn client(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((u128::from(address) >> 64 << 64).into()),
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "192.0.2.1";
    const OTHER: &str = "192.0.2.2";

    fn take(places: &Arc<Places>, address: &str) -> Found {
        places.try_take(client(address.parse().unwrap()))
    }

    fn free(places: &Arc<Places>, address: &str) -> Place {
        match take(places, address) {
            Found::Free(place) => place,
            Found::Full => panic!("full"),
            Found::Refused => panic!("refused"),
        }
    }

    fn is_leaving(place: &Place) -> bool {
        place.0.places.state().held[&place.0.number].leaving
    }

    #[test]
    fn the_connection_that_was_idle_longest_makes_room() {
        let places = Places::new(3, 3);
        let [first, second, third] = [ONE, ONE, OTHER].map(|address| free(&places, address));
        // It has been idle since its answer only.
        drop(first.busy());
        let _fourth = free(&places, OTHER);
        assert_eq!(
            [&first, &second, &third].map(is_leaving),
            [false, true, false]
        );
        let _fifth = free(&places, OTHER);
        assert_eq!([&first, &third].map(is_leaving), [false, true]);
    }

    #[test]
    fn who_is_worked_on_stays_and_the_next_waits() {
        let places = Places::new(1, 1);
        let first = free(&places, ONE);
        let busy = first.busy();
        assert!(matches!(take(&places, OTHER), Found::Full));
        drop(busy);
        let _second = free(&places, OTHER);
        assert!(is_leaving(&first));
    }

    #[test]
    fn a_client_makes_room_for_itself_or_is_refused() {
        let places = Places::new(10, 2);
        let [first, second] = [ONE, ONE].map(|address| free(&places, address));
        let other = free(&places, OTHER);
        let _third = free(&places, ONE);
        assert_eq!(
            [&first, &second, &other].map(is_leaving),
            [true, false, false]
        );
        let _busy = second.busy();
        let fourth = free(&places, ONE);
        let _busy = fourth.busy();
        assert!(matches!(take(&places, ONE), Found::Refused));
        drop(fourth);
        let _fits = free(&places, OTHER);
    }

    #[test]
    fn networks_of_version_6_are_one_client() {
        for (address, expected) in [
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("192.0.2.1", "192.0.2.1"),
            ("::1", "::"),
        ] {
            let found = client(address.parse().unwrap());
            assert_eq!(found, expected.parse::<IpAddr>().unwrap());
        }
    }
}
