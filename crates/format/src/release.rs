//! What each Flink release reads and writes.
//!
//! | from | what | where Flink says so |
//! |---|---|---|
//! | 1.13 | canonical savepoints, code 7 | `MetadataV2V3SerializerBase`, `SavepointKeyGroupsHandle` |
//! | 1.14 | finished subtasks and operators | `MetadataV3Serializer`, `FinishedOperatorSubtaskState` |
//! | 1.14 | RocksDB 6.20.3, 5.17.2 before | `flink-statebackend-rocksdb` |
//! | 1.15 | handles with an id, codes 11 and 12 | `MetadataV2V3SerializerBase` |
//! | 1.16 | metadata 4: checkpoint properties | `MetadataV4Serializer` |
//! | 1.16 | changelog handles with checkpoint and storage ids, codes 13 and 14 | `MetadataV2V3SerializerBase` |
//! | 1.17 | no `TypeSerializerConfigSnapshot` any more | `TypeSerializerSnapshotSerializationUtil` |
//! | 1.18 | operator streams of version 6: compression | `OperatorBackendSerializationProxy` |
//! | 1.20 | segments of files, codes 15 to 17 | `MetadataV2V3SerializerBase` |
//! | 2.0 | metadata 5: names and uids of operators | `MetadataV5Serializer` |
//! | 2.0 | Kryo 5, 2.24 before | `KryoSerializer` |
//! | 2.0 | RocksDB 8.10.0 | `flink-statebackend-rocksdb` |
//! | 2.1 | metadata 6: merged channel state | `MetadataV6Serializer` |
//!
//! Headers of keyed streams have had version 6 since 1.7 (`KeyedBackendSerializationProxy`). Which
//! serializer snapshots a release reads is told in `serializer/fit`.

use std::fmt;
use std::str::FromStr;

use crate::metadata::MetadataVersion;

/// A minor release of Flink that snapshots can be written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FlinkVersion {
    major: u8,
    minor: u8,
}

impl FlinkVersion {
    /// All of them, oldest first.
    pub const ALL: [Self; 12] = [
        Self::new(1, 13),
        Self::new(1, 14),
        Self::new(1, 15),
        Self::new(1, 16),
        Self::new(1, 17),
        Self::new(1, 18),
        Self::new(1, 19),
        Self::new(1, 20),
        Self::new(2, 0),
        Self::new(2, 1),
        Self::new(2, 2),
        Self::new(2, 3),
    ];

    const fn new(major: u8, minor: u8) -> Self {
        Self { major, minor }
    }

    /// Whether it is this minor release or a later one.
    pub fn since(self, major: u8, minor: u8) -> bool {
        (self.major, self.minor) >= (major, minor)
    }

    /// The format of `_metadata` that the release writes; it reads all older ones too.
    pub fn metadata(self) -> MetadataVersion {
        match (self.major, self.minor) {
            (1, ..=15) => MetadataVersion::V3,
            (1, _) => MetadataVersion::V4,
            (_, 0) => MetadataVersion::V5,
            _ => MetadataVersion::V6,
        }
    }

    /// Whether subtasks may have finished.
    pub fn has_finished_subtasks(self) -> bool {
        self.since(1, 14)
    }

    /// Whether handles of keyed state may have an id.
    pub fn has_handle_ids(self) -> bool {
        self.since(1, 15)
    }

    /// Whether changelogs may say of which checkpoint and in which storage they are.
    pub fn has_changelogs(self) -> bool {
        self.since(1, 16)
    }

    /// The version of operator state streams.
    pub fn operator_stream(self) -> i32 {
        if self.since(1, 18) { 6 } else { 5 }
    }

    /// Whether compressed operator state can be read. 1.18 has the flag for it, and loses its place
    /// in what it writes itself.
    pub fn reads_compressed_operator_state(self) -> bool {
        self.since(1, 19)
    }

    /// The major version of the RocksDB that opens native state.
    pub fn rocksdb(self) -> u8 {
        match (self.major, self.minor) {
            (1, ..=13) => 5,
            (1, _) => 6,
            _ => 8,
        }
    }

    /// Whether generic types are those of Kryo 5, and Scala's are in other packages.
    pub fn is_flink_2(self) -> bool {
        self.major >= 2
    }
}

impl fmt::Display for FlinkVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl FromStr for FlinkVersion {
    type Err = String;

    /// Reads `1.20` or, as all releases of a minor version read the same, `1.20.3`.
    fn from_str(text: &str) -> Result<Self, String> {
        let numbers: Option<Vec<u8>> = text.split('.').map(number).collect();
        let version = match numbers.as_deref() {
            Some([major, minor] | [major, minor, _]) => Self::new(*major, *minor),
            _ => return Err("write a release as `1.20` or `2.0.1`".to_owned()),
        };
        match Self::ALL.contains(&version) {
            true => Ok(version),
            false => {
                let all: Vec<String> = Self::ALL.iter().map(Self::to_string).collect();
                Err(format!(
                    "snapshots are not written for {version}; there are {}",
                    all.join(", ")
                ))
            }
        }
    }
}

/// A number without sign.
fn number(text: &str) -> Option<u8> {
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read() {
        for (text, expected) in [
            ("1.13", Some("1.13")),
            ("1.18.1", Some("1.18")),
            ("2.3.0", Some("2.3")),
            ("1.12", None),
            ("2.4", None),
            ("1", None),
            ("1.20.", None),
            ("1.+20", None),
            ("1.20.1.1", None),
            ("v1.20", None),
            ("", None),
        ] {
            let read = text.parse::<FlinkVersion>().map(|version| version.to_string());
            assert_eq!(read.as_deref().ok(), expected, "{text}");
        }
        let error = "1.12".parse::<FlinkVersion>().unwrap_err();
        assert!(error.starts_with("snapshots are not written for 1.12; there are 1.13, 1.14"));
    }

    #[test]
    fn later_releases_have_what_earlier_ones_had() {
        assert!(FlinkVersion::ALL.is_sorted());
        let all = FlinkVersion::ALL.iter();
        assert!(all.is_sorted_by_key(|v| (v.metadata(), v.operator_stream(), v.rocksdb())));
    }
}
