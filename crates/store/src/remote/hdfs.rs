//! The Hadoop file system, in its own protocol.

use std::fmt;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use hdfs_native::client::{Client, FileStatus};
use hdfs_native::file::{FileReader, FileWriter};
use hdfs_native::{ClientBuilder, HdfsError, WriteOptions};
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::time::error::Elapsed;
use tokio::time::timeout;

use super::hadoop_config::HadoopConfig;
use crate::error::{Error, ErrorKind, Result, plain};
use crate::location::Location;
use crate::options::StoreOptions;
use crate::remote::retry::{random, time_to_move};
use crate::remote::upload::Pieces;
use crate::remote::{Answer, Opened, RemoteObject, System};
use crate::store::{Entry, EntryKind};

/// A name node, a name service of several, or a `viewfs` mount table.
///
/// Of a service each name node has a client of its own, and this module goes from one to the
/// next: the client itself waits without limit for a name node that does not answer.
#[derive(Debug)]
pub(crate) struct Hdfs {
    nodes: Vec<NameNode>,
    /// Which of them answered last.
    active: AtomicUsize,
    connect_timeout: Duration,
    answer_timeout: Duration,
    write_timeout: Duration,
}

/// A name node, or all that is behind a mount table.
#[derive(Debug)]
struct NameNode {
    /// Host and port; not known of a mount table.
    address: Option<String>,
    client: Client,
    /// Whether it has answered since it last failed to.
    reached: AtomicBool,
}

/// An opened file with the places of its blocks.
struct HdfsFile {
    location: Location,
    reader: FileReader,
}

/// The port of a name node that is named without one (`dfs.namenode.rpc-address`).
const DEFAULT_PORT: u16 = 8020;

/// The clients of single name nodes do not go from one to the next; that behind a mount table
/// has to.
const NO_FAILOVER: &[(&str, &str)] = &[("dfs.client.failover.max.attempts", "0")];
const FAILOVER: &[(&str, &str)] = &[
    ("dfs.client.failover.max.attempts", "4"),
    ("dfs.client.failover.sleep.base.millis", "100"),
    ("dfs.client.failover.sleep.max.millis", "1000"),
];
/// How many bytes may be on their way to data nodes when a file is closed, at most.
const PIPELINE: u64 = 8 << 20;
const PLAIN_PROVIDER: &str = "org.apache.hadoop.hdfs.server.namenode.ha.ConfiguredFailoverProxyProvider";

/// An answer of the client, or why there is none.
type ClientAnswer<T> = Pin<Box<dyn Future<Output = Result<T, HdfsError>> + Send>>;

impl Hdfs {
    /// Clients for the authority of a location, or for `fs.defaultFS` if it has none.
    pub(crate) fn system(
        location: &Location,
        options: &StoreOptions,
        runtime: &Handle,
    ) -> Result<Arc<dyn System>> {
        let config = HadoopConfig::load(options)?;
        let (scheme, authority) = resolve(location, &config)?;
        let build = |authority: &str, settings: &[(String, String)]| {
            let timeout = options.read_timeout.as_millis().to_string();
            let failover = if scheme == "viewfs" { FAILOVER } else { NO_FAILOVER };
            let common = failover
                .iter()
                .copied()
                .chain([("dfs.client.socket-timeout", timeout.as_str())]);
            let settings = settings.iter().map(|(key, value)| (key.as_str(), value.as_str()));
            let mut builder = ClientBuilder::new()
                .with_config(common.chain(options.hadoop()).chain(settings))
                .with_io_runtime(runtime.clone())
                .with_url(format!("{scheme}://{authority}"));
            if let Some(directory) = options.get("hdfs.conf-dir") {
                builder = builder.with_config_dir(directory);
            }
            if let Some(user) = options.get("hdfs.user") {
                builder = builder.with_user(user);
            }
            builder.build().map_err(|error| {
                let why = format!("its client cannot be set up: {}", explain(location, &error).why());
                Error::new(ErrorKind::Invalid, location, why)
            })
        };
        let mut nodes = Vec::new();
        for entry in config.name_nodes(&authority) {
            // The name of the service stays, since delegation tokens are issued for it.
            let settings = [
                (format!("dfs.ha.namenodes.{authority}"), entry.id.clone()),
                (
                    format!("dfs.namenode.rpc-address.{authority}.{}", entry.id),
                    entry.address.clone(),
                ),
                (
                    format!("dfs.client.failover.proxy.provider.{authority}"),
                    PLAIN_PROVIDER.to_owned(),
                ),
            ];
            nodes.push(NameNode::new(Some(entry.address), build(&authority, &settings)?));
        }
        if nodes.is_empty() && scheme == "viewfs" {
            nodes.push(NameNode::new(None, build(&authority, &[])?));
        } else if nodes.is_empty() {
            // No configuration knows a name service of that name: it is a host.
            let address = match authority.rsplit_once(':') {
                Some((_, port)) if port.parse::<u16>().is_ok() => authority,
                _ => format!("{authority}:{DEFAULT_PORT}"),
            };
            let client = build(&address, &[])?;
            nodes.push(NameNode::new(Some(address), client));
        }
        // All of them are asked before the time for the whole call is over.
        let share =
            options.retry_timeout.mul_f64(0.9) / u32::try_from(nodes.len()).unwrap_or(u32::MAX).max(1);
        Ok(Arc::new(Self {
            nodes,
            active: AtomicUsize::new(0),
            connect_timeout: options.connect_timeout.min(share / 2),
            answer_timeout: options.read_timeout.min(share),
            write_timeout: options.retry_timeout,
        }))
    }

    /// Asks the name node that answered last, and if it does not answer or is not the active
    /// one, the others.
    async fn ask<T>(
        &self,
        location: &Location,
        call: impl Fn(Client) -> ClientAnswer<T> + Send,
    ) -> Result<T> {
        let first = self.active.load(Ordering::Relaxed);
        let mut tried: Vec<String> = Vec::new();
        for step in 0..self.nodes.len() {
            let index = (first + step) % self.nodes.len();
            let Some(node) = self.nodes.get(index) else {
                continue;
            };
            let error = match self.ask_node(location, node, &call).await {
                Ok(answer) => {
                    self.active.store(index, Ordering::Relaxed);
                    return Ok(answer);
                }
                Err(error) => error,
            };
            if error.kind() != ErrorKind::Unavailable {
                return Err(error);
            }
            node.reached.store(false, Ordering::Relaxed);
            tried.push(match &node.address {
                Some(address) => format!("name node {address}: {}", error.why()),
                None => error.why().to_owned(),
            });
        }
        Err(Error::new(ErrorKind::Unavailable, location, tried.join("; ")))
    }

    async fn ask_node<T>(
        &self,
        location: &Location,
        node: &NameNode,
        call: &(impl Fn(Client) -> ClientAnswer<T> + Send),
    ) -> Result<T> {
        let unavailable = |why: String| Error::new(ErrorKind::Unavailable, location, why);
        if let (Some(address), false) = (&node.address, node.reached.load(Ordering::Relaxed)) {
            match timeout(self.connect_timeout, TcpStream::connect(address.as_str())).await {
                Ok(Ok(_)) => {}
                Ok(Err(error)) => return Err(unavailable(format!("cannot connect: {}", plain(&error)))),
                Err(_) => {
                    let why = format!("cannot connect: no answer within {:?}", self.connect_timeout);
                    return Err(unavailable(why));
                }
            }
        }
        match timeout(self.answer_timeout, call(node.client.clone())).await {
            Ok(Ok(answer)) => {
                node.reached.store(true, Ordering::Relaxed);
                Ok(answer)
            }
            Ok(Err(error)) => Err(explain(location, &error)),
            Err(_) => Err(unavailable(format!("no answer within {:?}", self.answer_timeout))),
        }
    }

    async fn status(&self, location: &Location) -> Result<FileStatus> {
        self.ask(location, |client| {
            let path = location.path().to_owned();
            Box::pin(async move { client.get_file_info(&path).await })
        })
        .await
    }
}

/// The scheme and the authority that are meant.
fn resolve(location: &Location, config: &HadoopConfig) -> Result<(String, String)> {
    if !location.authority().is_empty() {
        return Ok((
            location.written_scheme().to_owned(),
            location.authority().to_owned(),
        ));
    }
    let unset = || {
        let why = format!(
            "names no host, and {} names no HDFS as `fs.defaultFS`",
            config.origin()
        );
        Error::new(ErrorKind::Invalid, location, why)
    };
    let default = config.default_fs().ok_or_else(unset)?;
    match default.split_once("://") {
        Some((scheme @ ("hdfs" | "viewfs"), rest)) => {
            let authority = rest.split('/').next().unwrap_or_default();
            Ok((scheme.to_owned(), authority.to_owned()))
        }
        _ => Err(unset()),
    }
}

impl NameNode {
    fn new(address: Option<String>, client: Client) -> Self {
        Self {
            address,
            client,
            reached: AtomicBool::new(false),
        }
    }
}

impl System for Hdfs {
    fn open(self: Arc<Self>, location: Location, head: u64) -> Answer<Opened> {
        Box::pin(async move {
            let status = self.status(&location).await?;
            if status.isdir {
                return Err(Error::new(ErrorKind::Invalid, &location, "is a directory"));
            }
            let reader = self
                .ask(&location, |client| {
                    let path = location.path().to_owned();
                    Box::pin(async move { client.read(&path).await })
                })
                .await?;
            let len = reader.file_length() as u64;
            let object: Arc<dyn RemoteObject> = Arc::new(HdfsFile { location, reader });
            let head = match head.min(len) {
                0 => Bytes::new(),
                head => Arc::clone(&object).read(0..head).await?,
            };
            Ok(Opened {
                object,
                len,
                modified: SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(status.modification_time)),
                head,
            })
        })
    }

    fn kind(self: Arc<Self>, location: Location) -> Answer<Option<EntryKind>> {
        Box::pin(async move {
            match self.status(&location).await {
                Ok(status) => Ok(Some(kind_of(&status))),
                Err(error) if error.is_not_found() => Ok(None),
                Err(error) => Err(error),
            }
        })
    }

    fn list(self: Arc<Self>, directory: Location, limit: usize) -> Answer<Vec<Entry>> {
        Box::pin(async move {
            if !self.status(&directory).await?.isdir {
                return Err(Error::new(ErrorKind::Invalid, &directory, "is no directory"));
            }
            // The one that has just answered.
            let Some(node) = self.nodes.get(self.active.load(Ordering::Relaxed)) else {
                return Ok(Vec::new());
            };
            let mut statuses = node
                .client
                .list_status_iter(directory.path(), false)
                .into_stream();
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

    fn write(self: Arc<Self>, location: Location, mut pieces: Pieces) -> Answer<()> {
        Box::pin(async move {
            let path = location.path().to_owned();
            let mut writer = self.new_file(&location, &path).await?;
            let abandoned = pieces.abandoned();
            let written = async {
                while let Some(bytes) = pieces.next(&location).await? {
                    self.append(&location, &mut writer, bytes).await?;
                }
                self.close(&location, &mut writer).await
            };
            let outcome = abandoned.or(&location, written).await;
            if outcome.is_err() {
                let _ = self.delete(&location, &path).await;
            }
            outcome
        })
    }

    fn publish(self: Arc<Self>, location: Location, bytes: Bytes) -> Answer<()> {
        Box::pin(async move {
            // To rename is one step, to write is not.
            let path = location.path().to_owned();
            let beside = format!("{path}.unpublished-{:016x}", random());
            let mut writer = self.new_file(&location, &beside).await?;
            let written = async {
                self.append(&location, &mut writer, bytes).await?;
                self.close(&location, &mut writer).await?;
                let (from, to) = (beside.clone(), path.clone());
                self.ask(&location, |client| {
                    let (from, to) = (from.clone(), to.clone());
                    Box::pin(async move { client.rename(&from, &to, false).await })
                })
                .await
            };
            let outcome = written.await;
            if outcome.is_err() {
                let _ = self.delete(&location, &beside).await;
            }
            outcome
        })
    }

    fn remove(self: Arc<Self>, location: Location) -> Answer<()> {
        Box::pin(async move { self.delete(&location, location.path()).await })
    }
}

impl Hdfs {
    async fn new_file(&self, location: &Location, path: &str) -> Result<FileWriter> {
        self.ask(location, |client| {
            let path = path.to_owned();
            Box::pin(async move { client.create(&path, WriteOptions::default()).await })
        })
        .await
    }

    /// Hands bytes to the data nodes, which may take as long as reading them may.
    async fn append(&self, location: &Location, writer: &mut FileWriter, bytes: Bytes) -> Result<()> {
        let limit = self.write_timeout + time_to_move(bytes.len() as u64);
        let put = timeout(limit, writer.write_bytes(bytes)).await;
        self.answered(location, put.map(|put| put.map(|_| ())), limit)
    }

    /// Waits until the data nodes have all bytes.
    async fn close(&self, location: &Location, writer: &mut FileWriter) -> Result<()> {
        let limit = self.write_timeout + time_to_move(PIPELINE);
        let closed = timeout(limit, writer.close()).await;
        self.answered(location, closed, limit)
    }

    fn answered(
        &self,
        location: &Location,
        answer: Result<Result<(), HdfsError>, Elapsed>,
        limit: Duration,
    ) -> Result<()> {
        match answer {
            Ok(answer) => answer.map_err(|error| explain(location, &error)),
            Err(_) => {
                let why = format!("the data nodes took nothing within {limit:?}");
                Err(Error::new(ErrorKind::Unavailable, location, why))
            }
        }
    }

    async fn delete(&self, location: &Location, path: &str) -> Result<()> {
        self.ask(location, |client| {
            let path = path.to_owned();
            Box::pin(async move { client.delete(&path, false).await })
        })
        .await
        .map(|_| ())
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
        HdfsError::AlreadyExists(_) => (ErrorKind::AlreadyExists, "is there already".to_owned()),
        HdfsError::IsADirectoryError(_) => (ErrorKind::Invalid, "is a directory".to_owned()),
        HdfsError::RPCError(class, message) | HdfsError::FatalRPCError(class, message) => {
            explain_exception(class, message)
        }
        HdfsError::IOError(io) => (ErrorKind::Unavailable, plain(io)),
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
        "FileAlreadyExistsException" => (ErrorKind::AlreadyExists, "is there already".to_owned()),
        "AccessControlException" | "AuthorizationException" | "SecretManager$InvalidToken" => (
            ErrorKind::PermissionDenied,
            format!("the name node denies access: {line}"),
        ),
        "StandbyException" => (ErrorKind::Unavailable, format!("is not the active one: {line}")),
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
