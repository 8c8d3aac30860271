//! What went wrong with an object, and what a caller can do about it.

use std::fmt;

use crate::location::Location;

/// The result of working with a store.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error about one location: its kind, and words for people.
///
/// The message names the location as people wrote it, without credentials: user names,
/// passwords and query strings in URLs are replaced, also inside messages of servers.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub struct Error(Box<Inner>);

#[derive(Debug, Clone)]
struct Inner {
    kind: ErrorKind,
    location: String,
    why: String,
}

/// What a caller can do about an [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Nothing is there: look at the name.
    NotFound,
    /// Something is there, but not for us: look at the credentials.
    PermissionDenied,
    /// Something is there that must not be replaced: choose another place.
    AlreadyExists,
    /// A remote system does not answer, or not in time: try again later.
    Unavailable,
    /// The location or the options cannot be meant: change the call.
    Invalid,
    /// The system cannot do this, or this build cannot talk to it.
    Unsupported,
    /// The object ends before the bytes that were asked for: the data is incomplete.
    OutOfRange,
    /// A limit of the caller was hit: raise it.
    TooLarge,
    /// There is no room for what is written: make some.
    Full,
    /// Anything else that an operating system or a server reports.
    Io,
}

impl Error {
    /// Makes an error about `location`; `why` is a lower-case fragment.
    #[cold]
    pub(crate) fn new(kind: ErrorKind, location: &Location, why: impl Into<String>) -> Self {
        Self::named(kind, location.to_string(), why)
    }

    /// Makes an error about something that is no location, such as an option's name.
    #[cold]
    pub(crate) fn named(kind: ErrorKind, name: impl Into<String>, why: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            location: name.into(),
            why: why.into(),
        }))
    }

    /// Makes an error of what the operating system said about a local file.
    #[cold]
    pub(crate) fn io(location: &Location, error: &std::io::Error) -> Self {
        let kind = match error.kind() {
            std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => ErrorKind::NotFound,
            std::io::ErrorKind::PermissionDenied => ErrorKind::PermissionDenied,
            std::io::ErrorKind::AlreadyExists => ErrorKind::AlreadyExists,
            std::io::ErrorKind::InvalidInput | std::io::ErrorKind::InvalidFilename => ErrorKind::Invalid,
            std::io::ErrorKind::StorageFull
            | std::io::ErrorKind::QuotaExceeded
            | std::io::ErrorKind::FileTooLarge => ErrorKind::Full,
            _ => ErrorKind::Io,
        };
        let why = match kind {
            ErrorKind::NotFound => "no such file or directory".to_owned(),
            ErrorKind::PermissionDenied => "permission denied".to_owned(),
            ErrorKind::AlreadyExists => "is there already".to_owned(),
            _ => plain(error),
        };
        Self::new(kind, location, why)
    }

    /// What a caller can do about it.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The location, without credentials.
    pub fn location(&self) -> &str {
        &self.0.location
    }

    /// What went wrong, without the location.
    pub fn why(&self) -> &str {
        &self.0.why
    }

    /// Whether nothing is there.
    pub fn is_not_found(&self) -> bool {
        self.0.kind == ErrorKind::NotFound
    }
}

/// What an operating system says, in words alone: as a fragment, and without its number.
///
/// ```
/// let full = std::io::Error::from_raw_os_error(28);
/// # #[cfg(target_os = "linux")]
/// assert_eq!(statetool_store::plain(&full), "no space left on device");
/// ```
pub fn plain(error: &std::io::Error) -> String {
    let text = error.to_string();
    // What others have added, such as a path that nobody has chosen, comes behind the number.
    let Some((words, _)) = text.split_once(" (os error ") else {
        return text;
    };
    let mut letters = words.chars();
    match letters.next() {
        // Not the first of an abbreviation.
        Some(first) if letters.as_str().starts_with(|next: char| !next.is_uppercase()) => {
            first.to_lowercase().chain(letters).collect()
        }
        _ => words.to_owned(),
    }
}

impl fmt::Display for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.location, self.why)
    }
}

impl From<Error> for std::io::Error {
    fn from(error: Error) -> Self {
        let kind = match error.kind() {
            ErrorKind::NotFound => std::io::ErrorKind::NotFound,
            ErrorKind::PermissionDenied => std::io::ErrorKind::PermissionDenied,
            ErrorKind::AlreadyExists => std::io::ErrorKind::AlreadyExists,
            ErrorKind::Unavailable => std::io::ErrorKind::TimedOut,
            ErrorKind::Invalid => std::io::ErrorKind::InvalidInput,
            ErrorKind::Unsupported => std::io::ErrorKind::Unsupported,
            ErrorKind::OutOfRange => std::io::ErrorKind::UnexpectedEof,
            ErrorKind::Full => std::io::ErrorKind::StorageFull,
            ErrorKind::TooLarge | ErrorKind::Io => std::io::ErrorKind::Other,
        };
        Self::new(kind, error)
    }
}
