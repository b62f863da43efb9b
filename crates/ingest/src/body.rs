//! Bodies in memory: each within its own limit, all within one.

use std::sync::Arc;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::refusal::Refused;

/// What a refused sender may still send before it is answered; see [`discard`].
const DISCARDED_BYTES_MAX: usize = 1_048_576;

/// The memory that all bodies share. It is taken as bytes come, so that a sender who only
/// announces them takes none.
#[derive(Clone, Debug)]
pub(crate) struct Room(Arc<Semaphore>);

/// A body that came in whole, and its room.
pub(crate) struct Whole {
    pub(crate) bytes: Bytes,
    _room: Option<OwnedSemaphorePermit>,
}

impl Room {
    pub(crate) fn new(bytes_max: u32) -> Self {
        Self(Arc::new(Semaphore::new(bytes_max as usize)))
    }

    fn take(&self, bytes: usize) -> Result<OwnedSemaphorePermit, Refused> {
        let bytes = u32::try_from(bytes).map_err(|_| Refused::TooLarge)?;
        let room = Arc::clone(&self.0).try_acquire_many_owned(bytes);
        room.map_err(|_| Refused::Full)
    }
}

/// Reads a body to its end.
pub(crate) async fn read(body: &mut Body, bytes_max: usize, room: &Room) -> Result<Whole, Refused> {
    let mut bytes = BytesMut::new();
    let mut taken: Option<OwnedSemaphorePermit> = None;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Refused::Incomplete)?.into_data() else {
            continue;
        };
        if bytes.len() + data.len() > bytes_max {
            return Err(Refused::TooLarge);
        }
        let more = room.take(data.len())?;
        match &mut taken {
            Some(room) => room.merge(more),
            None => taken = Some(more),
        }
        bytes.extend_from_slice(&data);
    }
    Ok(Whole {
        bytes: bytes.freeze(),
        _room: taken,
    })
}

/// Reads on, within limits of bytes and time, before a refusal is answered: a connection closed
/// over unread bytes is reset, and the answer with it.
pub(crate) async fn discard(mut body: Body) {
    let mut bytes = 0;
    while let Some(Ok(frame)) = body.frame().await {
        bytes += frame.data_ref().map_or(0, Bytes::len);
        if bytes > DISCARDED_BYTES_MAX {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn bodies_share_their_room_and_give_it_back() {
        let room = Room::new(10);
        let read = async |text: &'static str| read(&mut Body::from(text), 8, &room).await;
        let first = read("six...").await.unwrap();
        assert_eq!(first.bytes, "six...");
        assert!(matches!(read("six...").await, Err(Refused::Full)));
        assert!(read("four").await.is_ok());
        drop(first);
        assert!(read("eight...").await.is_ok());
        assert!(matches!(read("nine.....").await, Err(Refused::TooLarge)));
        assert!(read("").await.is_ok());
    }
}
