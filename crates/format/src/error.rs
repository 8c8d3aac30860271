//! What went wrong while decoding, and where.

use std::fmt;

/// The result of decoding.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A decoding error: the offset, what was being read there, and the fault.
///
/// The offset is absolute in the stream or file that the [`Reader`](crate::Reader) was
/// made for; layers above add the names of the file, the operator and the state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error(Box<Inner>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Inner {
    offset: u64,
    what: &'static str,
    fault: Fault,
}

/// Why bytes were refused.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The bytes end before the value does.
    Truncated {
        /// Bytes the value needs.
        needed: u64,
        /// Bytes that were left.
        left: u64,
    },
    /// Bytes are left over after a value that should have filled its frame.
    Trailing {
        /// Number of bytes that nothing accounts for.
        left: u64,
    },
    /// A number outside of its range.
    Range {
        /// The number in the file.
        got: i64,
        /// Smallest legal number.
        min: i64,
        /// Largest legal number.
        max: i64,
    },
    /// A tag, magic number or version that is not one of those known.
    Unknown {
        /// The number in the file.
        got: i64,
        /// What would have been legal, in words.
        expected: &'static str,
    },
    /// Bytes that are no modified UTF-8.
    MalformedText,
    /// A class whose layout nobody described: of a serializer snapshot, or of a value.
    UnknownClass(String),
    /// Nested deeper than the named limit.
    TooDeep(u32),
    /// More of something than the named limit allows.
    TooLarge {
        /// What the file claims.
        got: u64,
        /// The limit.
        limit: u64,
    },
    /// Anything else; a lower-case fragment without a full stop.
    Invalid(String),
}

impl Error {
    /// Makes an error about `what` at absolute `offset`.
    #[cold]
    pub fn new(offset: u64, what: &'static str, fault: Fault) -> Self {
        Self(Box::new(Inner { offset, what, fault }))
    }

    /// The absolute offset at which reading `what` began.
    pub fn offset(&self) -> u64 {
        self.0.offset
    }

    /// What was being read.
    pub fn what(&self) -> &'static str {
        self.0.what
    }

    /// Why it was refused.
    pub fn fault(&self) -> &Fault {
        &self.0.fault
    }

    /// Whether more bytes might have helped.
    pub fn is_truncated(&self) -> bool {
        matches!(self.0.fault, Fault::Truncated { .. })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} at offset {:#x}: {}",
            self.0.what, self.0.offset, self.0.fault
        )
    }
}

impl std::error::Error for Error {}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated { needed, left } => write!(f, "needs {needed} bytes, {left} are left"),
            Self::Trailing { left } => write!(f, "{left} bytes are left over"),
            Self::Range { got, min, max } => write!(f, "{got} is not within {min} to {max}"),
            Self::Unknown { got, expected } => {
                write!(f, "unknown value {got} ({got:#x}), expected {expected}")
            }
            Self::MalformedText => f.write_str("malformed modified UTF-8"),
            Self::UnknownClass(class) => write!(f, "the layout of class `{class}` is not known"),
            Self::TooDeep(limit) => write!(f, "nested deeper than {limit} levels"),
            Self::TooLarge { got, limit } => write!(f, "{got} exceeds the limit of {limit}"),
            Self::Invalid(why) => f.write_str(why),
        }
    }
}
