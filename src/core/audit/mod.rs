//! Placeholder: merged with the record's chain.

pub mod event;

/// One record to be chained.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Entry {
    /// A short word for queries.
    pub kind: &'static str,
    /// The request that it is about.
    pub request: Option<u64>,
    /// The canonical bytes of moment and event.
    pub body: Vec<u8>,
    /// Unix milliseconds of the person's clock; `None` while in doubt.
    pub wall_ms: Option<i64>,
    /// That clock's offset.
    pub utc_offset_min: i16,
}

/// What becomes durable in one step.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Batch {
    /// In order.
    pub entries: Vec<Entry>,
    /// What a restart begins from.
    pub kept: Vec<u8>,
}
