//! Objects of a store as the backends read them.

use statetool_backend::{Cause, Error as BackendError, LocalFile, ReadAt, Result};
use statetool_store::{Bytes, CachedFile, Object, plain};

/// An object that is read where it lies.
pub(crate) struct StoreSource {
    name: String,
    object: Object,
}

impl StoreSource {
    pub(crate) fn new(object: Object) -> Self {
        Self {
            name: object.location().to_string(),
            object,
        }
    }

    #[cold]
    fn explain(&self, error: statetool_store::Error) -> BackendError {
        BackendError::io(&self.name, std::io::Error::other(error.why().to_owned()))
    }
}

impl ReadAt for StoreSource {
    fn name(&self) -> &str {
        &self.name
    }

    fn len(&self) -> u64 {
        self.object.len()
    }

    fn read_at(&self, offset: u64, len: usize) -> Result<Bytes> {
        self.object
            .read_at(offset, len)
            .map_err(|error| self.explain(error))
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> Result<()> {
        self.object
            .read_exact_at(offset, buf)
            .map_err(|error| self.explain(error))
    }
}

/// A local copy of a remote object, under the name of that; it stays as long as this does.
pub(crate) struct CopySource {
    name: String,
    file: LocalFile,
    _copy: CachedFile,
}

impl CopySource {
    pub(crate) fn open(name: String, copy: CachedFile) -> Result<Self> {
        let file = LocalFile::open(copy.path())?;
        Ok(Self {
            name,
            file,
            _copy: copy,
        })
    }

    #[cold]
    fn explain(&self, error: BackendError) -> BackendError {
        let why = match error.cause() {
            Cause::Io(io) => plain(io),
            _ => return error,
        };
        let why = format!("its local copy `{}`: {why}", self.file.name());
        BackendError::io(&self.name, std::io::Error::other(why))
    }
}

impl ReadAt for CopySource {
    fn name(&self) -> &str {
        &self.name
    }

    fn len(&self) -> u64 {
        self.file.len()
    }

    fn read_at(&self, offset: u64, len: usize) -> Result<Bytes> {
        self.file
            .read_at(offset, len)
            .map_err(|error| self.explain(error))
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> Result<()> {
        let read = self.file.read_exact_at(buf, offset);
        read.map_err(|error| self.explain(error))
    }
}
