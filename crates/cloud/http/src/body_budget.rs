//! Bodies that are held in memory, and how much of it they may take together.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::Body;
use http_body_util::BodyExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What each body may hold without being counted, in bytes. The number of requests bounds it.
const FREE: usize = 16 << 10;

/// How many bytes of bodies may be held in memory at a time. Clones share it.
///
/// Who has not shown a good signature shares a quarter of it, so that strangers cannot take the room of users.
#[derive(Clone, Debug)]
pub struct BodyBudget {
    strangers: Arc<Semaphore>,
    users: Arc<Semaphore>,
}

/// Whose body it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// Somebody whose signature has not been looked at, or who has none.
    Stranger,
    /// Somebody whose signature is good.
    User,
}

/// A body in memory. It gives its room back when it is dropped.
#[derive(Debug)]
pub struct HeldBody {
    /// The bytes.
    pub bytes: Bytes,
    _room: Option<OwnedSemaphorePermit>,
}

/// Why a body is not held in memory.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HoldError<E> {
    /// It is longer than it may be.
    #[error("the body is too long")]
    TooLong,
    /// Others take up the room at the moment.
    #[error("there is no memory for the body at the moment")]
    NoRoom,
    /// It did not come in time.
    #[error("the body did not arrive in time")]
    Late,
    /// It cannot be read.
    #[error("the body cannot be read")]
    Body(E),
}

impl BodyBudget {
    /// A budget of so many bytes.
    pub fn new(bytes: usize) -> Self {
        let strangers = bytes / 4;
        Self {
            strangers: Arc::new(Semaphore::new(strangers)),
            users: Arc::new(Semaphore::new(bytes - strangers)),
        }
    }

    /// Reads a body of at most `limit` bytes that has to come within `patience`. Room is taken as the bytes come, and waited for by
    /// nobody: those who wait would hold what they have.
    ///
    /// # Errors
    /// [`HoldError`]
    pub async fn hold<B>(
        &self,
        body: B,
        sender: Sender,
        limit: usize,
        patience: Duration,
    ) -> Result<HeldBody, HoldError<B::Error>>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let read = self.read(body, sender, limit);
        match tokio::time::timeout(patience, read).await {
            Ok(held) => held,
            Err(_) => Err(HoldError::Late),
        }
    }

    async fn read<B>(
        &self,
        mut body: B,
        sender: Sender,
        limit: usize,
    ) -> Result<HeldBody, HoldError<B::Error>>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        // Copied, because a piece that is kept keeps all of the buffer that it came in.
        let mut bytes = BytesMut::new();
        let mut room = None;
        while let Some(frame) = body.frame().await {
            let Ok(piece) = frame.map_err(HoldError::Body)?.into_data() else {
                continue;
            };
            let length = bytes.len() + piece.len();
            if length > limit {
                return Err(HoldError::TooLong);
            }
            let more = length.saturating_sub(bytes.len().max(FREE));
            self.take(&mut room, sender, more)
                .ok_or(HoldError::NoRoom)?;
            bytes.extend_from_slice(&piece);
        }
        Ok(HeldBody {
            bytes: bytes.freeze(),
            _room: room,
        })
    }

    /// Takes room for more bytes, if there is any.
    fn take(
        &self,
        room: &mut Option<OwnedSemaphorePermit>,
        sender: Sender,
        bytes: usize,
    ) -> Option<()> {
        if bytes == 0 {
            return Some(());
        }
        let semaphore = match sender {
            Sender::Stranger => &self.strangers,
            Sender::User => &self.users,
        };
        let count = u32::try_from(bytes).ok()?;
        let more = Arc::clone(semaphore).try_acquire_many_owned(count).ok()?;
        match room {
            Some(room) => room.merge(more),
            None => *room = Some(more),
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use http_body::Frame;
    use http_body_util::StreamBody;

    use super::*;

    /// A body of so many bytes, in pieces of 10,000.
    fn body(length: usize) -> impl Body<Data = Bytes, Error = Infallible> + Unpin {
        let bytes = Bytes::from(vec![b'x'; length]);
        let pieces: Vec<_> = bytes
            .chunks(10_000)
            .map(|piece| Ok(Frame::data(Bytes::copy_from_slice(piece))))
            .collect();
        StreamBody::new(futures::stream::iter(pieces))
    }

    async fn hold(
        budget: &BodyBudget,
        sender: Sender,
        length: usize,
    ) -> Result<HeldBody, HoldError<Infallible>> {
        let held = budget.hold(body(length), sender, 1_000_000, Duration::from_mins(1));
        held.await
    }

    #[tokio::test]
    async fn strangers_share_a_quarter_and_leave_users_the_rest() {
        let budget = BodyBudget::new(400_000);
        let first = hold(&budget, Sender::Stranger, 100_000).await.unwrap();
        assert_eq!(first.bytes.len(), 100_000);
        let second = hold(&budget, Sender::Stranger, 50_000).await;
        assert!(matches!(second, Err(HoldError::NoRoom)), "{second:?}");
        // What the number of requests bounds is free.
        let small = hold(&budget, Sender::Stranger, FREE).await;
        let _user = hold(&budget, Sender::User, 300_000).await.unwrap();
        assert!(small.is_ok());
        drop(first);
        assert!(hold(&budget, Sender::Stranger, 100_000).await.is_ok());
    }

    #[tokio::test]
    async fn what_is_refused_gives_its_room_back() {
        let budget = BodyBudget::new(400_000);
        for _ in 0..3 {
            let long = hold(&budget, Sender::User, 1_000_001).await;
            assert!(matches!(long, Err(HoldError::NoRoom)));
        }
        let limited = budget.hold(body(11), Sender::User, 10, Duration::from_mins(1));
        assert!(matches!(limited.await, Err(HoldError::TooLong)));
        assert!(hold(&budget, Sender::User, 300_000).await.is_ok());
    }

    #[tokio::test]
    async fn a_body_that_does_not_come_is_given_up() {
        let budget = BodyBudget::new(1000);
        let never = StreamBody::new(futures::stream::pending::<Result<Frame<Bytes>, Infallible>>());
        let late = budget.hold(never, Sender::User, 10, Duration::ZERO);
        assert!(matches!(late.await, Err(HoldError::Late)));
    }
}
