//! What went wrong with a snapshot, and what a caller can do about it.

use std::fmt;

/// The result of working with a snapshot.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error about a snapshot: what, where, why, and what to try.
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: ErrorKind,
    /// From the outside in: operator, subtask, state.
    context: Vec<String>,
    message: String,
    hint: Option<String>,
    /// The file that could not be opened, or is not as long as it was.
    file: Option<String>,
}

/// What a caller can do about an [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The call names something that is not there; the message lists what is.
    Usage,
    /// The snapshot cannot be read, or is damaged.
    Input,
    /// The bytes are whole, but nobody knows the class that could read them.
    NotInterpretable,
    /// It would destroy or lose something.
    Refused,
    /// What is written could not be written.
    Target,
}

impl Error {
    /// An error of the caller.
    #[cold]
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Usage, message)
    }

    /// An error of the snapshot.
    #[cold]
    pub fn input(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Input, message)
    }

    /// Whole bytes that nobody here can interpret.
    #[cold]
    pub fn not_interpretable(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::NotInterpretable, message)
    }

    /// Something that is not done, since it would destroy or lose something.
    #[cold]
    pub fn refused(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Refused, message)
    }

    /// An error of the place that is written to.
    #[cold]
    pub fn target(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Target, message)
    }

    fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            context: Vec::new(),
            message: message.into(),
            hint: None,
            file: None,
        }))
    }

    /// Adds where it happened, outside of what is known already.
    #[must_use]
    pub fn within(mut self, place: impl Into<String>) -> Self {
        self.0.context.insert(0, place.into());
        self
    }

    /// The same error, met in the place that is written to.
    #[must_use]
    pub fn of_target(mut self) -> Self {
        self.0.kind = ErrorKind::Target;
        self
    }

    /// Adds what to try.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint.get_or_insert(hint.into());
        self
    }

    /// Says that it is a whole file that is missing, unreadable, or of another length.
    #[must_use]
    pub(crate) fn about_file(mut self, file: impl Into<String>) -> Self {
        self.0.file = Some(file.into());
        self
    }

    /// The file that is missing, unreadable as a whole, or of another length than it was
    /// written with; whoever needs it meets the same error.
    pub fn file(&self) -> Option<&str> {
        self.0.file.as_deref()
    }

    /// What a caller can do.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// What to try, if there is something.
    pub fn help(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for place in &self.0.context {
            write!(f, "{place}: ")?;
        }
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for Error {}

impl From<statetool_backend::Error> for Error {
    fn from(error: statetool_backend::Error) -> Self {
        let kind = match error.fault() {
            Some(statetool_format::Fault::UnknownClass(_)) => ErrorKind::NotInterpretable,
            _ => ErrorKind::Input,
        };
        let mut converted = Self::new(kind, error.to_string());
        // A backend that could not open a file passes on what this crate said about it.
        if let statetool_backend::Cause::Io(io) = error.cause()
            && let Some(inner) = io.get_ref().and_then(|error| error.downcast_ref::<Self>())
        {
            converted.0.hint = inner.0.hint.clone();
            converted.0.file = inner.0.file.clone();
        }
        converted
    }
}

impl From<statetool_store::Error> for Error {
    fn from(error: statetool_store::Error) -> Self {
        let kind = match error.kind() {
            statetool_store::ErrorKind::Invalid | statetool_store::ErrorKind::Unsupported => ErrorKind::Usage,
            _ => ErrorKind::Input,
        };
        Self::new(kind, error.to_string())
    }
}
