//! Versions of the metadata format.

use std::fmt;

use crate::encode::{Encode, Put};
use crate::error::{Error, Fault, Result};
use crate::reader::Reader;

/// The format of a `_metadata` file.
///
/// A release reads every format from 2 up to its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MetadataVersion {
    /// Flink 1.3 to 1.10.
    V2 = 2,
    /// Flink 1.11 to 1.15: coordinator and channel state.
    V3 = 3,
    /// Flink 1.16 to 1.20: checkpoint properties at the end.
    V4 = 4,
    /// Flink 2.0: operator names and uids.
    V5 = 5,
    /// Flink 2.1 to 2.3: tagged and merged channel state.
    V6 = 6,
    /// Not released: a reference checkpoint id for each subtask.
    V7 = 7,
}

impl MetadataVersion {
    const ALL: [Self; 6] = [Self::V2, Self::V3, Self::V4, Self::V5, Self::V6, Self::V7];

    /// The version's number.
    pub fn number(self) -> i32 {
        self as i32
    }

    /// The releases that write this format, in words.
    pub fn releases(self) -> &'static str {
        match self {
            Self::V2 => "1.3-1.10",
            Self::V3 => "1.11-1.15",
            Self::V4 => "1.16-1.20",
            Self::V5 => "2.0",
            Self::V6 => "2.1-2.3",
            Self::V7 => "2.4",
        }
    }

    /// Coordinator state, channel state and finished markers exist; two fields of the old
    /// task state are gone.
    pub fn has_coordinators_and_channels(self) -> bool {
        self >= Self::V3
    }

    /// The file ends with checkpoint properties.
    pub fn has_properties(self) -> bool {
        self >= Self::V4
    }

    /// Operators carry their name and uid.
    pub fn has_operator_names(self) -> bool {
        self >= Self::V5
    }

    /// Channel handles carry a code and may be merged.
    pub fn has_merged_channels(self) -> bool {
        self >= Self::V6
    }

    /// Subtasks may name the checkpoint their state was reused from.
    pub fn has_reference_checkpoints(self) -> bool {
        self >= Self::V7
    }

    /// Whether a Flink 2.x wrote the file (and Kryo 5 its generic types).
    pub fn is_flink_2(self) -> bool {
        self >= Self::V5
    }

    pub(super) fn decode(r: &mut Reader<'_>) -> Result<Self> {
        let at = r.offset();
        let got = r.i32("metadata version")?;
        if let Some(version) = Self::ALL.into_iter().find(|v| v.number() == got) {
            return Ok(version);
        }
        let fault = match got {
            1 => Fault::Invalid(
                "version 1 is that of Flink 1.1 and 1.2, which no tool since 1.11 reads".into(),
            ),
            8.. => Fault::Invalid(format!(
                "version {got} is newer than 7, the newest known (Flink 2.4)"
            )),
            _ => Fault::Unknown {
                got: got.into(),
                expected: "2 to 7",
            },
        };
        Err(Error::new(at, "metadata version", fault))
    }
}

impl Encode for MetadataVersion {
    fn encode(&self, out: &mut Vec<u8>) {
        out.put_i32(self.number());
    }
}

impl fmt::Display for MetadataVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.number())
    }
}
