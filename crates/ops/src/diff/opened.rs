//! An operator of one snapshot, ready to be compared.

use statetool_snapshot::{Error, LoadedOperator, Operator, Result, Snapshot};

use super::items::Half;
use crate::kafka::{self, KafkaPosition};

/// An operator of one snapshot, its headers read.
pub(super) struct Opened<'s> {
    pub(super) snapshot: &'s Snapshot,
    pub(super) operator: &'s Operator<'s>,
    pub(super) loaded: LoadedOperator,
    pub(super) kafka: Vec<KafkaPosition>,
}

impl<'s> Opened<'s> {
    /// Reads the headers of an operator, if there is one.
    pub(super) fn new(snapshot: &'s Snapshot, operator: Option<&'s Operator<'s>>) -> Result<Option<Self>> {
        let Some(operator) = operator else { return Ok(None) };
        let within = |error: Error| error.within(format!("`{}`", snapshot.location()));
        let loaded = snapshot.load_operator(operator).map_err(within)?;
        let kafka = kafka::positions(snapshot, operator, &loaded).map_err(within)?;
        Ok(Some(Self {
            snapshot,
            operator,
            loaded,
            kafka,
        }))
    }

    /// What is cut into items.
    pub(super) fn half(&self) -> Half<'_> {
        Half {
            operator: self.operator,
            loaded: &self.loaded,
        }
    }
}
