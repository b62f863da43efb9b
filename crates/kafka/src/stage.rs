//! What a service brings to the worker's loop.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::message::BorrowedMessage;

use crate::failure::Failure;
use crate::group::Partition;
use crate::transactor::Transactor;

/// What a worker does with records. It is told of every change of ownership, and of the fate of
/// every transaction it wrote to.
pub trait Stage {
    /// Rebuilds the state of a partition that is now ours and says where to read on. `committed`
    /// is the group's stable offset, `earliest` the first one that retention has left.
    fn assign(
        &mut self,
        partition: &Partition,
        committed: Option<i64>,
        earliest: i64,
    ) -> Result<i64, Failure>;

    /// Drops the state of a partition that is no longer ours.
    fn revoke(&mut self, partition: &Partition);

    /// Takes one record; may write to the open transaction.
    fn take(&mut self, record: &BorrowedMessage<'_>, out: &Transactor) -> Result<(), Failure>;

    /// Does what is due without a record, for at most that long; only a stage that is full, or
    /// has work of its own, takes the time.
    fn tend(&mut self, patience: Duration);

    /// Tells whether no record can be taken now.
    fn full(&self) -> bool;

    /// Tells whether a commit would record anything.
    fn pending(&self) -> bool;

    /// Writes the last of a transaction and returns where each partition is to be read on, as
    /// `reached` tells it from the offset after the last record that is done.
    fn conclude(
        &mut self,
        out: &Transactor,
        reached: &Reached,
    ) -> Result<Vec<(Partition, i64)>, Failure>;

    /// The transaction took place.
    fn committed(&mut self);

    /// The transaction did not take place, or it moved no offset that could tell: to write its
    /// records once more must do no harm then. Returns from where records are wanted again.
    fn refused(&mut self) -> Vec<(Partition, i64)>;
}

/// How far the reader is past what it handed out.
#[derive(Debug, Default)]
pub struct Reached(pub(crate) BTreeMap<Partition, (i64, i64)>);

impl Reached {
    /// Returns the offset to commit for a partition whose records before `next` are done. Where
    /// that is all the stage was given, the reader's position stands in: it counts the transaction
    /// markers that follow, without which lag would never be zero (kafka-rules 9).
    pub fn after(&self, partition: &Partition, next: i64) -> i64 {
        match self.0.get(partition) {
            Some((taken, position)) if *taken == next => next.max(*position),
            Some(_) | None => next,
        }
    }
}
