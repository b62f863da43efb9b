//! What a test wants to become of requests and answers.

use std::time::Duration;

/// Kinds of requests, by the names of Kafka's protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Api {
    Produce,
    OffsetFetch,
    InitProducerId,
    AddPartitionsToTxn,
    AddOffsetsToTxn,
    EndTxn,
    TxnOffsetCommit,
}

/// Which way a frame goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Request,
    Answer,
}

/// What becomes of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Pass,
    /// It never arrives; its connection goes on.
    Drop,
    /// It never arrives, and its connection ends.
    Cut,
    /// A request whose connection ends for the client, and which arrives so much later all the same.
    Late(Duration),
}

/// The faults of a proxy.
#[derive(Debug, Default)]
pub(super) struct Faults {
    /// Those that have not met their frame yet.
    pub(super) open: Vec<(Api, Way, Fate)>,
    /// How many late requests the nodes have answered.
    pub(super) late: usize,
}

impl Faults {
    pub(super) fn push(&mut self, api: Api, way: Way, fate: Fate) {
        self.open.push((api, way, fate));
    }

    /// Decides the fate of a frame; a fault is over once it is met.
    pub(super) fn fate(&mut self, key: i16, way: Way) -> Fate {
        let fits = |(api, its_way, _): &(Api, Way, Fate)| api.key() == key && *its_way == way;
        match self.open.iter().position(fits) {
            Some(at) => self.open.remove(at).2,
            None => Fate::Pass,
        }
    }
}

impl Api {
    /// The number of the kind: <https://kafka.apache.org/protocol#protocol_api_keys>.
    const fn key(self) -> i16 {
        match self {
            Self::Produce => 0,
            Self::OffsetFetch => 9,
            Self::InitProducerId => 22,
            Self::AddPartitionsToTxn => 24,
            Self::AddOffsetsToTxn => 25,
            Self::EndTxn => 26,
            Self::TxnOffsetCommit => 28,
        }
    }
}
