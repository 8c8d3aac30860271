//! What went wrong in which file.

use std::fmt;
use std::io;

use statetool_format as format;

/// The result of reading a backend's files.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error in a named file: it cannot be read, or its bytes are not what they should be.
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    file: String,
    cause: Cause,
}

/// Why a file was refused.
#[derive(Debug)]
#[non_exhaustive]
pub enum Cause {
    /// The bytes were read, and are wrong.
    Format(format::Error),
    /// The bytes could not be read.
    Io(io::Error),
}

impl Error {
    /// Makes an error about the file called `file`.
    #[cold]
    pub fn new(file: impl Into<String>, cause: impl Into<Cause>) -> Self {
        Self(Box::new(Inner {
            file: file.into(),
            cause: cause.into(),
        }))
    }

    /// Bytes at `offset` of `file` that are not what they should be, for a reason in words.
    #[cold]
    pub fn invalid(file: &str, offset: u64, what: &'static str, why: impl Into<String>) -> Self {
        Self::format(
            file,
            format::Error::new(offset, what, format::Fault::Invalid(why.into())),
        )
    }

    /// Bytes of `file` that are not what they should be.
    #[cold]
    pub fn format(file: &str, error: format::Error) -> Self {
        Self::new(file, error)
    }

    /// A failure to read `file`.
    #[cold]
    pub fn io(file: &str, error: io::Error) -> Self {
        Self::new(file, error)
    }

    /// The name of the file, as its snapshot calls it.
    pub fn file(&self) -> &str {
        &self.0.file
    }

    /// The fault, where the bytes were had and are wrong.
    pub fn fault(&self) -> Option<&format::Fault> {
        match &self.0.cause {
            Cause::Format(error) => Some(error.fault()),
            Cause::Io(_) => None,
        }
    }

    /// Why the file was refused.
    pub fn cause(&self) -> &Cause {
        &self.0.cause
    }

    /// Whether the file is not there at all.
    pub fn is_missing(&self) -> bool {
        matches!(&self.0.cause, Cause::Io(error) if error.kind() == io::ErrorKind::NotFound)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.0.file)?;
        match &self.0.cause {
            Cause::Format(error) => error.fmt(f),
            Cause::Io(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Error {}

impl From<format::Error> for Cause {
    fn from(error: format::Error) -> Self {
        Self::Format(error)
    }
}

impl From<io::Error> for Cause {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Adds the file's name to a failure of reading or decoding.
pub trait InFile<T> {
    /// The same result, the error of which names `file`.
    ///
    /// # Errors
    /// That of `self`.
    fn in_file(self, file: &str) -> Result<T>;
}

impl<T, E: Into<Cause>> InFile<T> for std::result::Result<T, E> {
    #[inline]
    fn in_file(self, file: &str) -> Result<T> {
        self.map_err(|error| Error::new(file, error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_name_the_file_the_place_and_the_reason() {
        let bad = format::Reader::new(&[1]).u16("footer");
        let error = bad.in_file("000010.sst").unwrap_err();
        assert_eq!(
            error.to_string(),
            "000010.sst: footer at offset 0x0: needs 2 bytes, 1 are left"
        );
        assert!(!error.is_missing());
        let error = Error::new("CURRENT", io::Error::from(io::ErrorKind::NotFound));
        assert_eq!((error.file(), error.is_missing()), ("CURRENT", true));
    }
}
