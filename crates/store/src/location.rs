//! Where an object lies: a local path or a URL, as Flink writes it.

use std::borrow::Cow;
use std::fmt;
use std::path::{Component, Path, PathBuf};
use std::str::FromStr;

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

use crate::error::{Error, ErrorKind, Result};

/// A local path, or the URL of a file or directory in a remote system.
///
/// Flink's path strings (`org.apache.flink.core.fs.Path`) are not percent-encoded: in
/// `s3://bucket/50%/a b` the key is `50%/a b`. Web addresses (`http:`, `https:`) are the
/// exception; they are URLs, with a query that is kept and never shown.
///
/// ```
/// use statetool_store::Location;
/// let savepoint = Location::parse("s3://flink/savepoints/sp-1").unwrap();
/// assert_eq!(savepoint.join_file_name("_metadata").unwrap().to_string(), "s3://flink/savepoints/sp-1/_metadata");
/// assert!(savepoint.join_file_name("../sp-2").is_err());
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Location {
    scheme: Scheme,
    /// The scheme as written, lower case; empty for a plain path.
    written: Box<str>,
    authority: Box<str>,
    /// Without a slash at the end; starts with one unless it is a relative local path.
    path: Box<str>,
    query: Box<str>,
}

/// The kind of system a [`Location`] is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Scheme {
    /// The local file system: plain paths and `file:`.
    File,
    /// Amazon S3 and what speaks like it: `s3:`, `s3a:`, `s3n:`, `s3p:`.
    S3,
    /// Google Cloud Storage: `gs:`.
    Gcs,
    /// Azure Blob Storage and Data Lake: `abfs:`, `abfss:`, `wasb:`, `wasbs:`.
    Azure,
    /// The Hadoop file system: `hdfs:`, `viewfs:`.
    Hdfs,
    /// A web server: `http:`, `https:`.
    Http,
    /// A system that this crate does not know; only [`Location::parse_any`] gives it.
    Other,
}

impl Scheme {
    fn from_written(scheme: &str) -> Option<Self> {
        Some(match scheme {
            "file" => Self::File,
            "s3" | "s3a" | "s3n" | "s3p" => Self::S3,
            "gs" => Self::Gcs,
            "abfs" | "abfss" | "wasb" | "wasbs" => Self::Azure,
            "hdfs" | "viewfs" => Self::Hdfs,
            "http" | "https" => Self::Http,
            _ => return None,
        })
    }
}

const SUPPORTED: &str =
    "local paths, file, s3 (s3a, s3n, s3p), gs, abfs (abfss, wasb, wasbs), hdfs (viewfs), http and https";

/// What a name in a web address must not contain as it is.
const URL_SEGMENT: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

impl Location {
    /// Takes a path or URL apart.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] for a scheme that is not known, and
    /// [`ErrorKind::Invalid`] for what cannot be a location at all: an empty text, a NUL, a
    /// missing bucket or container, a password in a URL whose system takes none, or a `..`
    /// in a URL.
    pub fn parse(text: &str) -> Result<Self> {
        let location = Self::parse_any(text)?;
        match location.scheme {
            Scheme::Other => Err(location.unknown_scheme()),
            _ => Ok(location),
        }
    }

    /// As [`parse`](Self::parse), but takes any scheme: a snapshot may have been made in a system
    /// that is not known here, and moved. To open it there is an error.
    ///
    /// # Errors
    /// As [`parse`](Self::parse), but for unknown schemes.
    pub fn parse_any(text: &str) -> Result<Self> {
        if text.is_empty() {
            return Err(Error::named(ErrorKind::Invalid, text, "an empty location"));
        }
        if text.contains('\0') {
            return Err(invalid(text, "a location cannot contain a NUL"));
        }
        let Some((written, rest)) = split_scheme(text) else {
            let path = if cfg!(windows) {
                Cow::Owned(text.replace('\\', "/"))
            } else {
                Cow::Borrowed(text)
            };
            return Ok(Self::local("", &path));
        };
        let written = written.to_ascii_lowercase();
        let scheme = Scheme::from_written(&written).unwrap_or(Scheme::Other);
        let (authority, path) = match rest.strip_prefix("//") {
            Some(rest) => rest.split_at(rest.find(authority_end(scheme)).unwrap_or(rest.len())),
            None => ("", rest),
        };
        match scheme {
            Scheme::File => Self::parse_file(text, &written, authority, path),
            Scheme::Http => Self::parse_http(text, &written, authority, path),
            _ => Self::parse_remote(text, scheme, &written, authority, path),
        }
    }

    /// The error for a system that is not known.
    pub(crate) fn unknown_scheme(&self) -> Error {
        let why = format!("unknown scheme `{}`, expected {SUPPORTED}", self.written);
        Error::new(ErrorKind::Unsupported, self, why)
    }

    /// The location of a local file, which must have a name in Unicode.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for other names, for an empty path and for a NUL.
    pub fn from_path(path: &Path) -> Result<Self> {
        match path.to_str() {
            Some(text) if !text.is_empty() && !text.contains('\0') => Ok(Self::local("", text)),
            _ => Err(invalid(&path.to_string_lossy(), "not a path in Unicode")),
        }
    }

    fn local(written: &str, path: &str) -> Self {
        let path = match normalize(path) {
            path if path.is_empty() => ".".into(),
            path => path.into(),
        };
        Self {
            scheme: Scheme::File,
            written: written.into(),
            authority: "".into(),
            path,
            query: "".into(),
        }
    }

    fn parse_file(text: &str, written: &str, authority: &str, path: &str) -> Result<Self> {
        if !matches!(authority, "" | "localhost") {
            let why = format!("a file URL names no host, did you mean `file:///{authority}{path}`?");
            return Err(invalid(text, why));
        }
        if path.is_empty() {
            return Err(invalid(text, "a file URL without a path"));
        }
        Ok(Self::local(written, path))
    }

    fn parse_http(text: &str, written: &str, authority: &str, rest: &str) -> Result<Self> {
        let rest = rest.split('#').next().unwrap_or_default();
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        if host_of(authority).is_empty() {
            return Err(invalid(text, "a URL without a host"));
        }
        for segment in path.split('/') {
            let decoded = percent_decode_str(segment).decode_utf8();
            match decoded.as_deref() {
                Err(_) => return Err(invalid(text, "a URL whose path is not UTF-8")),
                Ok("..") => return Err(invalid(text, "a URL with a `..` in its path")),
                Ok(name) if name.contains(['/', '\0']) => {
                    return Err(invalid(text, "a URL with an encoded `/` or NUL in its path"));
                }
                Ok(_) => {}
            }
        }
        let path = rooted(path);
        Ok(Self {
            scheme: Scheme::Http,
            written: written.into(),
            authority: authority.into(),
            path,
            query: query.into(),
        })
    }

    fn parse_remote(text: &str, scheme: Scheme, written: &str, authority: &str, path: &str) -> Result<Self> {
        let why = match (scheme, authority.split_once('@')) {
            (Scheme::S3, _) if authority.is_empty() => "a URL without a bucket",
            (Scheme::Gcs, _) if authority.is_empty() => "a URL without a bucket",
            (Scheme::Azure, None | Some(("", _) | (_, ""))) => {
                "expected `container@account.dfs.core.windows.net` after the scheme"
            }
            (Scheme::S3 | Scheme::Gcs | Scheme::Hdfs, Some(_)) => {
                "credentials do not belong into a URL, set them by options or in the environment"
            }
            _ if path.split('/').any(|name| name == "..") => "a URL with a `..` in its path",
            _ => "",
        };
        if !why.is_empty() {
            return Err(invalid(text, why));
        }
        let path = rooted(path);
        Ok(Self {
            scheme,
            written: written.into(),
            authority: authority.into(),
            path,
            query: "".into(),
        })
    }

    /// The kind of system it is in.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The scheme as written, lower case: `s3a`, `https`; empty for a plain path.
    pub fn written_scheme(&self) -> &str {
        &self.written
    }

    /// Whether it is in the local file system.
    pub fn is_local(&self) -> bool {
        self.scheme == Scheme::File
    }

    /// The path in the local file system.
    pub fn as_local_path(&self) -> Option<&Path> {
        self.is_local().then(|| Path::new(&*self.path))
    }

    /// What stands between `//` and the path: a bucket, `container@account…`, or a host.
    ///
    /// Of a web address this may hold a user name and password: do not show it.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// The path in its system, with `/` at its begin unless local and relative.
    ///
    /// Percent-encoded for web addresses, as it is for all others.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The query of a web address, which may hold credentials: do not show it.
    pub fn query(&self) -> Option<&str> {
        (!self.query.is_empty()).then_some(&*self.query)
    }

    /// The names that the path is made of, decoded.
    pub fn segments(&self) -> impl Iterator<Item = Cow<'_, str>> {
        let encoded = self.scheme == Scheme::Http;
        self.path
            .split('/')
            .filter(|name| !name.is_empty())
            .map(move |name| match encoded {
                true => percent_decode_str(name).decode_utf8_lossy(),
                false => Cow::Borrowed(name),
            })
    }

    /// The last name of the path; `None` for the root.
    pub fn file_name(&self) -> Option<Cow<'_, str>> {
        self.segments().last()
    }

    /// The directory it lies in; `None` for the root.
    pub fn parent(&self) -> Option<Self> {
        let path = match self.path.rsplit_once('/') {
            _ if matches!(&*self.path, "/" | "." | "..") || self.path.ends_with("/..") => return None,
            Some(("", _)) => "/",
            Some((parent, _)) => parent,
            None => ".",
        };
        Some(Self {
            path: path.into(),
            ..self.clone()
        })
    }

    /// The file or directory called `name` in this directory.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for anything but a single name: for what is empty, `.` or `..`,
    /// and for what contains `/`, `\`, `:` (it could be taken for a scheme) or NUL. So a name
    /// that was read from a file cannot lead out of the directory.
    pub fn join_file_name(&self, name: &str) -> Result<Self> {
        if matches!(name, "" | "." | "..") || name.contains(['/', '\\', ':', '\0']) {
            let why = format!(
                "`{}` is not the name of a file in this directory",
                name.escape_debug()
            );
            return Err(Error::new(ErrorKind::Invalid, self, why));
        }
        let name = match self.scheme {
            Scheme::Http => Cow::Owned(utf8_percent_encode(name, URL_SEGMENT).to_string()),
            _ => Cow::Borrowed(name),
        };
        let path = match &*self.path {
            "/" => format!("/{name}"),
            "." => name.into_owned(),
            parent => format!("{parent}/{name}"),
        };
        Ok(Self {
            path: path.into(),
            ..self.clone()
        })
    }

    /// The file or directory at `relative`, names separated by `/`, below this directory.
    ///
    /// # Errors
    /// As [`join_file_name`](Self::join_file_name) for each of the names.
    pub fn join(&self, relative: &str) -> Result<Self> {
        relative
            .split('/')
            .try_fold(self.clone(), |directory, name| directory.join_file_name(name))
    }

    /// The names that lead from the directory `base` here, separated by `/`.
    ///
    /// `None` unless this location is `base` (an empty text) or below it. Schemes that mean the
    /// same system (`s3:`, `s3a:`) are equal here.
    pub fn relative_to(&self, base: &Self) -> Option<String> {
        let same = self.scheme == base.scheme
            && self.host() == base.host()
            && self.path.starts_with('/') == base.path.starts_with('/')
            && (!matches!(self.scheme, Scheme::Http | Scheme::Other) || self.written == base.written);
        if !same {
            return None;
        }
        let mut names = self.segments();
        for expected in base.segments().filter(|name| name != ".") {
            if names.next()? != expected {
                return None;
            }
        }
        let names: Vec<_> = names.filter(|name| name != ".").collect();
        (!names.iter().any(|name| name == "..")).then(|| names.join("/"))
    }

    /// The same file after the directory `from` was moved to `to`.
    ///
    /// `None` unless it lies in `from`.
    pub fn relocate(&self, from: &Self, to: &Self) -> Option<Self> {
        match self.relative_to(from)?.as_str() {
            "" => Some(to.clone()),
            relative => to.join(relative).ok(),
        }
    }

    /// The same place without links, as far as it exists, so that places can be compared; remote
    /// ones stay as they are.
    #[must_use]
    pub fn resolved(&self) -> Self {
        let Some(path) = self.as_local_path() else {
            return self.clone();
        };
        Self::from_path(&resolve(path)).unwrap_or_else(|_| self.clone())
    }

    /// The text that Flink would write for it into a `_metadata` file: `file:/a b`, `s3://b/k`.
    ///
    /// Relative paths stay relative. A query is left out.
    pub fn to_flink_path(&self) -> String {
        match self.scheme {
            Scheme::File if self.path.starts_with('/') => format!("file:{}", self.path),
            Scheme::File => self.path.to_string(),
            _ => format!("{}://{}{}", self.written, self.authority, self.path),
        }
    }

    /// The authority, where its spelling does not matter: without the port that is meant anyway,
    /// and of Azure's several hosts the account alone.
    fn host(&self) -> Cow<'_, str> {
        match (self.scheme, self.authority.split_once('@')) {
            (Scheme::Hdfs, _) => {
                let host = self.authority.to_ascii_lowercase();
                Cow::Owned(host.strip_suffix(HDFS_PORT).unwrap_or(&host).to_owned())
            }
            (Scheme::Azure, Some((container, host))) => {
                let account = host.split('.').next().unwrap_or_default();
                Cow::Owned(format!("{container}@{}", account.to_ascii_lowercase()))
            }
            _ => Cow::Borrowed(&self.authority),
        }
    }

    /// What identifies the system: scheme, authority and query.
    #[cfg(feature = "remote")]
    pub(crate) fn system(&self) -> String {
        format!("{}://{}?{}", self.written, self.authority, self.query)
    }
}

/// The port of a name node that is named without one.
const HDFS_PORT: &str = ":8020";

/// A local path as the system follows it: absolute, without links and `..`. What is not there
/// yet is taken for directories that are made.
pub fn resolve(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut resolved = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => {
                resolved.pop();
            }
            component => resolved.push(component),
        }
        if let Ok(real) = resolved.canonicalize() {
            resolved = real;
        }
    }
    resolved
}

fn invalid(text: &str, why: impl Into<String>) -> Error {
    Error::named(ErrorKind::Invalid, redact_url(&text.replace('\0', "\\0")), why)
}

/// The scheme and what follows its colon; one letter is a drive, and no scheme.
fn split_scheme(text: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = text.split_once(':')?;
    let legal = scheme.len() > 1
        && scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'));
    legal.then_some((scheme, rest))
}

/// The characters that end an authority.
fn authority_end(scheme: Scheme) -> &'static [char] {
    match scheme {
        Scheme::Http => &['/', '?', '#'],
        _ => &['/'],
    }
}

fn host_of(authority: &str) -> &str {
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    host.split(':').next().unwrap_or_default()
}

/// Drops empty names, `.` and the slash at the end.
fn normalize(path: &str) -> String {
    let names = path.split('/').filter(|name| !matches!(*name, "" | "."));
    let root = if path.starts_with('/') { "/" } else { "" };
    format!("{root}{}", names.collect::<Vec<_>>().join("/"))
}

fn rooted(path: &str) -> Box<str> {
    normalize(&format!("/{path}")).into()
}

/// Takes what may be secret out of every URL in a message: what is before an `@`, and queries.
#[cfg(any(test, feature = "object-store"))]
pub(crate) fn redact(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let words = text.split_inclusive(|c: char| c.is_whitespace() || matches!(c, '"' | '>'));
    words.for_each(|word| out.push_str(&redact_url(word)));
    out
}

/// Takes what may be secret out of a text that holds nothing after one URL.
fn redact_url(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else {
        return text.to_owned();
    };
    let scheme_of = |names: &[&str]| names.iter().any(|name| scheme.ends_with(name));
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let authority = match authority.rsplit_once('@') {
        Some((_, host)) if !scheme_of(&["abfs", "abfss", "wasb", "wasbs"]) => format!("***@{host}"),
        _ => authority.to_owned(),
    };
    match path.split_once('?') {
        Some((path, query)) if scheme_of(&["http", "https"]) => {
            // What ended the URL in a sentence is worth keeping.
            let end = query
                .trim_end_matches(|c: char| c.is_whitespace() || matches!(c, ')' | '"' | '>' | ':' | ','));
            format!(
                "{scheme}://{authority}{path}?***{}",
                query.strip_prefix(end).unwrap_or_default()
            )
        }
        _ => format!("{scheme}://{authority}{path}"),
    }
}

impl FromStr for Location {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::parse(text)
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_local() {
            return f.pad(&self.path);
        }
        let query = if self.query.is_empty() { "" } else { "?" };
        f.pad(&redact_url(&format!(
            "{}://{}{}{query}{}",
            self.written, self.authority, self.path, self.query
        )))
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Location({:?})", self.to_string())
    }
}

#[cfg(test)]
mod tests;
