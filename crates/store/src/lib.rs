//! Objects by URL: where a snapshot's files lie, and how their bytes are reached.
//!
//! A [`Location`] is a local path or a URL; a [`Store`] opens it; an [`Object`] is read at
//! any position, or in order with read-ahead. The interface blocks and may be used from any
//! thread. Local files are read directly; remote ones over an asynchronous runtime that is
//! started when the first of them is named.
//!
//! | scheme | system | feature | end point and credentials, unless set by [`StoreOptions::set`] |
//! |---|---|---|---|
//! | none, `file` | local file system | – | – |
//! | `s3`, `s3a`, `s3n`, `s3p` | Amazon S3 and compatible | `s3` | `AWS_…` variables, then `~/.aws`, then the instance's role |
//! | `gs` | Google Cloud Storage | `gcs` | `GOOGLE_…` variables, application default credentials |
//! | `abfs(s)`, `wasb(s)` | Azure Blob Storage, Data Lake | `azure` | `AZURE_…` variables, managed identity |
//! | `hdfs`, `viewfs` | Hadoop file system | `hdfs` | `core-site.xml` and `hdfs-site.xml` in `HADOOP_CONF_DIR` or below `HADOOP_HOME` |
//! | `http`, `https` | any web server that answers ranges | `http` | in the URL |
//!
//! ```
//! use statetool_store::{Location, Store, StoreOptions};
//! let mut options = StoreOptions::default();
//! options.set("s3.endpoint", "http://127.0.0.1:9000")?;
//! let store = Store::new(options);
//! assert!(!store.exists(&Location::parse("/no/such/savepoint")?)?);
//! # Ok::<(), statetool_store::Error>(())
//! ```

mod cache;
mod error;
mod local;
mod location;
mod object;
mod options;
mod reader;
#[cfg(feature = "remote")]
mod remote;
mod store;
mod unfinished;
mod upload;

pub use bytes::Bytes;

pub use cache::{CachedFile, FileCache, Prefetch, remove_caches};
pub use error::{Error, ErrorKind, Result, plain};
pub use location::{Location, Scheme, resolve};
pub use object::Object;
pub use options::StoreOptions;
pub use reader::ObjectReader;
pub use store::{Entry, EntryKind, Store};
pub use unfinished::{Unfinished, register_unfinished, take_away_unfinished};
pub use upload::{Abandon, Upload};
