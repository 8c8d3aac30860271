//! The Hadoop file system, in its own protocol.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use hdfs_native::client::{Client, FileStatus};
use hdfs_native::file::FileReader;
use hdfs_native::{ClientBuilder, HdfsError};
use tokio::runtime::Handle;

use crate::error::{Error, ErrorKind, Result};
use crate::location::Location;
use crate::options::StoreOptions;
use crate::remote::{Answer, RemoteObject, System};
use crate::store::{Entry, EntryKind};

/// A name node, a name service of several, or a `viewfs` mount table.
#[derive(Debug)]
pub(crate) struct Hdfs(Client);

/// An opened file with the places of its blocks.
struct HdfsFile {
    location: Location,
    reader: FileReader,
}

/// The port of a name node that is named without one (`dfs.namenode.rpc-address`).
const DEFAULT_PORT: u16 = 8020;

/// How fast the client goes from one name node of a service to the next; that a service does
/// not answer at all is for [`Limits`](super::retry::Limits) to judge.
const FAILOVER: &[(&str, &str)] = &[
    ("dfs.client.failover.max.attempts", "4"),
    ("dfs.client.failover.sleep.base.millis", "100"),
    ("dfs.client.failover.sleep.max.millis", "1000"),
];

impl Hdfs {
    /// A client for the authority of a location, or for `fs.defaultFS` if it has none.
    pub(crate) fn system(
        location: &Location,
        options: &StoreOptions,
        runtime: &Handle,
    ) -> Result<Arc<dyn System>> {
        let build = |port: Option<u16>| {
            let timeout = options.read_timeout.as_millis().to_string();
            let settings = FAILOVER
                .iter()
                .copied()
                .chain([("dfs.client.socket-timeout", timeout.as_str())]);
            let mut builder = ClientBuilder::new()
                .with_config(settings.chain(options.hadoop()))
                .with_io_runtime(runtime.clone());
            if !location.authority().is_empty() {
                let port = port.map_or(String::new(), |port| format!(":{port}"));
                builder = builder.with_url(format!(
                    "{}://{}{port}",
                    location.written_scheme(),
                    location.authority()
                ));
            }
            if let Some(directory) = options.get("hdfs.conf-dir") {
                builder = builder.with_config_dir(directory);
            }
            if let Some(user) = options.get("hdfs.user") {
                builder = builder.with_user(user);
            }
            builder.build()
        };
        let client = match build(None) {
            // No configuration knows a name service of that name: it is a host.
            Err(HdfsError::InvalidArgument(why)) if why.contains("No NameNode") => build(Some(DEFAULT_PORT)),
            client => client,
        };
        let client = client.map_err(|error| {
            let why = format!("its client cannot be set up: {}", explain(location, &error).why());
            Error::new(ErrorKind::Invalid, location, why)
        })?;
        Ok(Arc::new(Self(client)))
    }
}

impl System for Hdfs {
    fn open(self: Arc<Self>, location: Location) -> Answer<(Arc<dyn RemoteObject>, u64)> {
        Box::pin(async move {
            let status = self
                .0
                .get_file_info(location.path())
                .await
                .map_err(|error| explain(&location, &error))?;
            if status.isdir {
                return Err(Error::new(ErrorKind::Invalid, &location, "is a directory"));
            }
            let reader = self
                .0
                .read(location.path())
                .await
                .map_err(|error| explain(&location, &error))?;
            let len = reader.file_length() as u64;
            Ok((
                Arc::new(HdfsFile { location, reader }) as Arc<dyn RemoteObject>,
                len,
            ))
        })
    }

    fn kind(self: Arc<Self>, location: Location) -> Answer<Option<EntryKind>> {
        Box::pin(async move {
            let status = self.0.get_file_info(location.path()).await;
            match status.map_err(|error| explain(&location, &error)) {
                Ok(status) => Ok(Some(kind_of(&status))),
                Err(error) if error.is_not_found() => Ok(None),
                Err(error) => Err(error),
            }
        })
    }

    fn list(self: Arc<Self>, directory: Location, limit: usize) -> Answer<Vec<Entry>> {
        Box::pin(async move {
            let status = self
                .0
                .get_file_info(directory.path())
                .await
                .map_err(|error| explain(&directory, &error))?;
            if !status.isdir {
                return Err(Error::new(ErrorKind::Invalid, &directory, "is no directory"));
            }
            let mut statuses = self.0.list_status_iter(directory.path(), false).into_stream();
            let mut entries = Vec::new();
            while let Some(status) = statuses.next().await {
                let status = status.map_err(|error| explain(&directory, &error))?;
                if entries.len() == limit {
                    let why = format!("holds more than {limit} entries");
                    return Err(Error::new(ErrorKind::TooLarge, &directory, why));
                }
                let name = status.path.rsplit('/').next().unwrap_or_default().to_owned();
                entries.push(Entry {
                    name,
                    kind: kind_of(&status),
                });
            }
            Ok(entries)
        })
    }
}

fn kind_of(status: &FileStatus) -> EntryKind {
    match status.isdir {
        true => EntryKind::Directory,
        false => EntryKind::File {
            len: status.length as u64,
        },
    }
}

impl RemoteObject for HdfsFile {
    fn read(self: Arc<Self>, range: Range<u64>) -> Answer<Bytes> {
        Box::pin(async move {
            let (Ok(start), Ok(end)) = (usize::try_from(range.start), usize::try_from(range.end)) else {
                return Err(Error::new(
                    ErrorKind::TooLarge,
                    &self.location,
                    "too large for this machine",
                ));
            };
            // The reader's own check is a panic.
            if start > end || end > self.reader.file_length() {
                return Err(Error::new(
                    ErrorKind::OutOfRange,
                    &self.location,
                    "a range beyond its end",
                ));
            }
            let mut whole = BytesMut::with_capacity(end - start);
            let mut body = Box::pin(self.reader.read_range_stream(start, end - start));
            while let Some(part) = body.next().await {
                whole.extend_from_slice(&part.map_err(|error| explain(&self.location, &error))?);
            }
            if whole.len() != end - start {
                let why = format!("the data nodes sent {} of {} bytes", whole.len(), end - start);
                return Err(Error::new(ErrorKind::Unavailable, &self.location, why));
            }
            Ok(whole.freeze())
        })
    }
}

impl fmt::Debug for HdfsFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("HdfsFile").field(&self.location).finish()
    }
}

/// Turns an error into a kind and short words.
fn explain(location: &Location, error: &HdfsError) -> Error {
    let (kind, why) = match error {
        HdfsError::FileNotFound(_) => (ErrorKind::NotFound, "no such file or directory".to_owned()),
        HdfsError::IsADirectoryError(_) => (ErrorKind::Invalid, "is a directory".to_owned()),
        HdfsError::RPCError(class, message) | HdfsError::FatalRPCError(class, message) => {
            explain_exception(class, message)
        }
        HdfsError::IOError(io) => (ErrorKind::Unavailable, io.to_string()),
        HdfsError::DataTransferError(_) | HdfsError::BlocksNotFound(_) => {
            (ErrorKind::Unavailable, error.to_string())
        }
        HdfsError::SASLError(_) | HdfsError::GSSAPIError(..) | HdfsError::NoSASLMechanism => {
            (ErrorKind::PermissionDenied, error.to_string())
        }
        HdfsError::UnsupportedFeature(_) | HdfsError::UnsupportedErasureCodingPolicy(_) => {
            (ErrorKind::Unsupported, error.to_string())
        }
        HdfsError::InvalidPath(_)
        | HdfsError::InvalidArgument(_)
        | HdfsError::UrlParseError(_)
        | HdfsError::XmlParseError(_) => (ErrorKind::Invalid, error.to_string()),
        _ => (ErrorKind::Io, error.to_string()),
    };
    Error::new(kind, location, why)
}

/// What a name node's exception means; of its message the first line, the rest is a Java stack.
fn explain_exception(class: &str, message: &str) -> (ErrorKind, String) {
    let line = message.lines().next().unwrap_or_default();
    match class.rsplit('.').next().unwrap_or(class) {
        "FileNotFoundException" => (ErrorKind::NotFound, "no such file or directory".to_owned()),
        "AccessControlException" | "AuthorizationException" | "SecretManager$InvalidToken" => (
            ErrorKind::PermissionDenied,
            format!("the name node denies access: {line}"),
        ),
        "StandbyException" => (
            ErrorKind::Unavailable,
            format!("no name node of the service is active: {line}"),
        ),
        name @ ("RetriableException"
        | "SafeModeException"
        | "ObserverRetryOnActiveException"
        | "RetryStartFileException") => (
            ErrorKind::Unavailable,
            format!("the name node is not ready: {name}: {line}"),
        ),
        name => (ErrorKind::Io, format!("the name node answered {name}: {line}")),
    }
}
