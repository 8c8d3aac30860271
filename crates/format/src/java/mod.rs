//! Java object streams, walked without loading a class.

/// One object stream, header included, as it stands in a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct JavaStream(pub Vec<u8>);
