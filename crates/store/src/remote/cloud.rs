//! Any system that `object_store` can talk to: S3, Google, Azure, web servers.

mod write;

use std::error::Error as StdError;
use std::fmt::Debug;
use std::ops::Range;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use object_store::client::{HttpError, HttpErrorKind};
use object_store::path::Path;
use object_store::{
    GetOptions, GetRange, GetResult, ObjectMeta, ObjectStore, ObjectStoreExt, PutMode, PutOptions,
    RetryConfig,
};

use crate::error::{Error, ErrorKind, Result, plain};
use crate::location::{Location, Scheme, redact};
use crate::options::StoreOptions;
use crate::remote::connect::{no_retries, retries};
use crate::remote::retry::{Limits, time_to_move};
use crate::remote::upload::{Pieces, read_only};
use crate::remote::{Answer, Opened, RemoteObject, System};
use crate::store::{Entry, EntryKind};

/// A bucket, a container, or a web server.
#[derive(Debug)]
pub(crate) struct Cloud {
    /// The client for everything but uploads.
    store: Arc<dyn ObjectStore>,
    /// The client for uploads, which repeats by itself what failed.
    uploads: Arc<dyn ObjectStore>,
    chunk_size: usize,
    parallelism: usize,
    limits: Limits,
}

/// An object in it, as it was when it was opened.
#[derive(Debug)]
struct CloudObject {
    store: Arc<dyn ObjectStore>,
    location: Location,
    path: Path,
    etag: Option<String>,
}

/// The smallest part of an upload that S3 takes, but for the last.
const SMALLEST_PART: usize = 5 << 20;
/// Up to how many bytes an object of a server that sends no parts is read as a whole.
const LARGEST_WHOLE: u64 = 64 << 20;

impl Cloud {
    /// The system behind the clients that `connect` makes.
    pub(crate) fn system<S: ObjectStore>(
        location: &Location,
        options: &StoreOptions,
        connect: impl Fn(&Location, &StoreOptions, RetryConfig) -> Result<S>,
    ) -> Result<Arc<dyn System>> {
        let chunk_size = usize::try_from(options.chunk_size)
            .unwrap_or(usize::MAX)
            .max(SMALLEST_PART);
        // A server is silent as long as a part is on its way.
        let sending = time_to_move(chunk_size as u64);
        let mut patient = options.clone();
        patient.read_timeout += sending;
        patient.retry_timeout += sending;
        Ok(Arc::new(Self {
            store: Arc::new(connect(location, options, no_retries(options))?),
            uploads: Arc::new(connect(location, &patient, retries(&patient))?),
            chunk_size,
            parallelism: options.parallelism.max(1),
            limits: Limits::new(options),
        }))
    }
}

impl Cloud {
    /// What is known of an object, and its first `head` bytes, in one request if that can be;
    /// all of a small object of a server that sends no parts.
    async fn look_at(&self, location: &Location, path: &Path, head: u64) -> Result<(ObjectMeta, Bytes)> {
        if head > 0 {
            let range = Some(GetRange::Bounded(0..head));
            match self.get(location, path, range).await {
                Err(error) if error.kind() == ErrorKind::OutOfRange => {} // an empty object
                Err(error) if error.kind() == ErrorKind::Unsupported => {
                    let meta = self.head(location, path).await?;
                    return match meta.size {
                        0..=LARGEST_WHOLE => self.get(location, path, None).await,
                        _ => Ok((meta, Bytes::new())),
                    };
                }
                answer => return answer,
            }
        }
        Ok((self.head(location, path).await?, Bytes::new()))
    }

    async fn head(&self, location: &Location, path: &Path) -> Result<ObjectMeta> {
        let meta = self.store.head(path).await;
        meta.map_err(|error| explain(location, &error))
    }

    async fn get(
        &self,
        location: &Location,
        path: &Path,
        range: Option<GetRange>,
    ) -> Result<(ObjectMeta, Bytes)> {
        let options = GetOptions {
            range,
            ..Default::default()
        };
        let answer = self.store.get_opts(path, options).await;
        let answer = answer.map_err(|error| explain(location, &error))?;
        let (meta, range) = (answer.meta.clone(), answer.range.clone());
        Ok((meta, collect(location, answer, range).await?))
    }
}

/// The key of a location, which `object_store` must take as it is and not encode.
fn key(location: &Location) -> Result<Path> {
    let names: Vec<_> = location.segments().collect();
    Path::parse(names.join("/")).map_err(|error| Error::new(ErrorKind::Invalid, location, error.to_string()))
}

impl System for Cloud {
    fn open(self: Arc<Self>, location: Location, head: u64) -> Answer<Opened> {
        Box::pin(async move {
            let path = key(&location)?;
            // The root of a bucket, which no store takes as a key.
            if path.as_ref().is_empty() {
                return Err(Error::new(ErrorKind::Invalid, &location, "is a directory"));
            }
            let (meta, head) = self.look_at(&location, &path, head).await?;
            let modified = SystemTime::from(meta.last_modified);
            // A weak one compares equal for objects with different bytes, and servers refuse it.
            let etag = meta.e_tag.filter(|etag| !etag.starts_with("W/"));
            let object = CloudObject {
                store: Arc::clone(&self.store),
                location,
                path,
                etag,
            };
            Ok(Opened {
                object: Arc::new(object),
                len: meta.size,
                // What servers that do not say are given by `object_store`.
                modified: Some(modified).filter(|modified| *modified > SystemTime::UNIX_EPOCH),
                head,
            })
        })
    }

    fn kind(self: Arc<Self>, location: Location) -> Answer<Option<EntryKind>> {
        Box::pin(async move {
            let path = key(&location)?;
            if !path.as_ref().is_empty() {
                match self
                    .store
                    .head(&path)
                    .await
                    .map_err(|error| explain(&location, &error))
                {
                    Ok(meta) => return Ok(Some(EntryKind::File { len: meta.size })),
                    Err(error) if error.is_not_found() => {}
                    Err(error) => return Err(error),
                }
            }
            // A directory exists as far as there are keys below it, and one is enough.
            match self.store.list(Some(&path)).next().await.transpose() {
                Ok(first) => Ok(first.map(|_| EntryKind::Directory)),
                Err(error) => match explain(&location, &error) {
                    error if matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::NotFound) => Ok(None),
                    error => Err(error),
                },
            }
        })
    }

    fn list(self: Arc<Self>, directory: Location, limit: usize) -> Answer<Vec<Entry>> {
        Box::pin(async move {
            let path = key(&directory)?;
            let listed = self.store.list_with_delimiter(Some(&path)).await;
            let listed = listed.map_err(|error| explain(&directory, &error))?;
            let name = |path: &Path| path.filename().unwrap_or_default().to_owned();
            let files = listed
                .objects
                .iter()
                .filter(|meta| meta.location != path)
                .map(|meta| Entry {
                    name: name(&meta.location),
                    kind: EntryKind::File { len: meta.size },
                });
            let directories = listed.common_prefixes.iter();
            let directories = directories.map(|path| Entry {
                name: name(path),
                kind: EntryKind::Directory,
            });
            let entries: Vec<_> = files.chain(directories).take(limit.saturating_add(1)).collect();
            match entries.len() {
                // A bucket may be empty; a directory without a key does not exist.
                0 if !path.as_ref().is_empty() && listed.objects.is_empty() => Err(Error::new(
                    ErrorKind::NotFound,
                    &directory,
                    "no such directory, no key begins with it",
                )),
                n if n > limit => Err(Error::new(
                    ErrorKind::TooLarge,
                    &directory,
                    format!("holds more than {limit} entries"),
                )),
                _ => Ok(entries),
            }
        })
    }

    fn write(self: Arc<Self>, location: Location, pieces: Pieces) -> Answer<()> {
        match location.scheme() {
            Scheme::Http => read_only(&location),
            _ => Box::pin(async move { self.write_pieces(&location, pieces).await }),
        }
    }

    fn publish(self: Arc<Self>, location: Location, bytes: Bytes) -> Answer<()> {
        if location.scheme() == Scheme::Http {
            return read_only(&location);
        }
        Box::pin(async move {
            let path = key(&location)?;
            let new = PutOptions::from(PutMode::Create);
            let put = self.store.put_opts(&path, bytes.into(), new).await;
            put.map(|_| ()).map_err(|error| explain(&location, &error))
        })
    }

    fn remove(self: Arc<Self>, location: Location) -> Answer<()> {
        if location.scheme() == Scheme::Http {
            return read_only(&location);
        }
        Box::pin(async move {
            let removed = self.store.delete(&key(&location)?).await;
            removed.map_err(|error| explain(&location, &error))
        })
    }
}

impl RemoteObject for CloudObject {
    fn read(self: Arc<Self>, range: Range<u64>) -> Answer<Bytes> {
        Box::pin(async move {
            let options = GetOptions {
                range: Some(GetRange::Bounded(range.clone())),
                if_match: self.etag.clone(),
                ..Default::default()
            };
            let answer = self.store.get_opts(&self.path, options).await;
            let answer = answer.map_err(|error| explain(&self.location, &error))?;
            collect(&self.location, answer, range).await
        })
    }
}

/// Gathers a body that must have exactly the length of the range.
async fn collect(location: &Location, answer: GetResult, range: Range<u64>) -> Result<Bytes> {
    let len = usize::try_from(range.end.saturating_sub(range.start)).unwrap_or(usize::MAX);
    let mut whole = BytesMut::with_capacity(len);
    let mut body = answer.into_stream();
    while let Some(part) = body.next().await {
        let part = part.map_err(|error| {
            let why = format!(
                "the connection broke after {} of {len} bytes: {}",
                whole.len(),
                cause(&error)
            );
            Error::new(ErrorKind::Unavailable, location, why)
        })?;
        if part.len() > len - whole.len() {
            return Err(Error::new(
                ErrorKind::Io,
                location,
                format!("the server sent more than the {len} bytes asked for"),
            ));
        }
        whole.extend_from_slice(&part);
    }
    if whole.len() < len {
        let why = format!("the server sent {} of {len} bytes", whole.len());
        return Err(Error::new(ErrorKind::Unavailable, location, why));
    }
    Ok(whole.freeze())
}

/// Turns an error into a kind and short words.
fn explain(location: &Location, error: &object_store::Error) -> Error {
    use object_store::Error as Cloud;
    let status = status(error);
    let answered = status.as_deref().map(kind_of_status);
    let (kind, why) = match error {
        _ if asked_for_a_role(location, error) => (
            ErrorKind::PermissionDenied,
            without_credentials(location, status.as_deref(), error),
        ),
        Cloud::NotSupported { .. } => (
            ErrorKind::Unsupported,
            "the server does not answer ranges of an object".to_owned(),
        ),
        Cloud::Precondition { .. } => (
            ErrorKind::Io,
            "was replaced by another object while it was read".to_owned(),
        ),
        _ if about_the_range(error) => (
            ErrorKind::Io,
            format!("the server sent another range: {}", cause(error)),
        ),
        Cloud::AlreadyExists { .. } => (ErrorKind::AlreadyExists, "is there already".to_owned()),
        Cloud::InvalidPath { source } => (ErrorKind::Invalid, source.to_string()),
        Cloud::NotFound { .. } => (ErrorKind::NotFound, String::new()),
        Cloud::PermissionDenied { .. } | Cloud::Unauthenticated { .. } => {
            (ErrorKind::PermissionDenied, String::new())
        }
        _ => match answered {
            Some(kind) => (kind, String::new()),
            None => (kind_of_transport(error), cause(error)),
        },
    };
    let why = match (kind, status) {
        (_, _) if !why.is_empty() => why,
        (ErrorKind::NotFound, Some(status)) => format!("no such object (the server answered {status})"),
        (ErrorKind::NotFound, None) => "no such object".to_owned(),
        (ErrorKind::PermissionDenied, Some(status)) => {
            format!("access denied (the server answered {status})")
        }
        (_, Some(status)) => format!("the server answered {status}"),
        (_, None) => cause(error),
    };
    Error::new(kind, location, why)
}

/// Whether an answer was about other bytes than were asked for; what says so is private, too.
fn about_the_range(error: &object_store::Error) -> bool {
    let text = cause(error);
    let words = [
        "Requested ",
        "Content-Range header ",
        "Failed to parse value for CONTENT_RANGE",
    ];
    words.iter().any(|word| text.starts_with(word))
}

/// The paths under which the metadata services of cloud machines give credentials away.
const METADATA_SERVICES: &[&str] = &[
    "/latest/api/token",
    "/latest/meta-data/",
    "/computeMetadata/",
    "/metadata/identity/",
];

/// Whether it was not the store that failed, but the machine's own metadata service, which is
/// where clients look for credentials in the end.
fn asked_for_a_role(location: &Location, error: &object_store::Error) -> bool {
    let text = error.to_string();
    location.scheme() != Scheme::Http && METADATA_SERVICES.iter().any(|path| text.contains(path))
}

fn without_credentials(location: &Location, status: Option<&str>, error: &object_store::Error) -> String {
    let set = match location.scheme() {
        Scheme::S3 => {
            "`AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, a profile, or the option `s3.anonymous`"
        }
        Scheme::Gcs => "`GOOGLE_APPLICATION_CREDENTIALS`, or the option `gs.anonymous`",
        _ => "`AZURE_STORAGE_ACCOUNT_KEY` or another credential, or the option `azure.anonymous`",
    };
    let service = status.map_or_else(|| cause(error), |status| format!("answered {status}"));
    format!("no credentials: set {set}; this machine has no role either (its metadata service: {service})")
}

fn kind_of_status(status: &str) -> ErrorKind {
    match status.get(..3).unwrap_or_default() {
        "401" | "403" => ErrorKind::PermissionDenied,
        "404" | "410" => ErrorKind::NotFound,
        "405" | "501" | "505" => ErrorKind::Unsupported,
        "416" => ErrorKind::OutOfRange,
        "408" | "429" => ErrorKind::Unavailable,
        status if status.starts_with('5') => ErrorKind::Unavailable,
        _ => ErrorKind::Io,
    }
}

fn kind_of_transport(error: &object_store::Error) -> ErrorKind {
    let http = chain(error).find_map(|error| error.downcast_ref::<HttpError>());
    match http.map(HttpError::kind) {
        Some(HttpErrorKind::Decode) | None => ErrorKind::Io,
        Some(HttpErrorKind::Unknown) if cause(error).contains("builder error") => ErrorKind::Invalid,
        Some(_) => ErrorKind::Unavailable,
    }
}

fn chain<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error: &&'a (dyn StdError + 'static)| {
        (*error).source()
    })
}

/// The status in an error that a server answered with, such as `403 Forbidden, InvalidAccessKeyId`.
///
/// `object_store` keeps it in a private type, so it is taken from the words. Of the body only
/// S3's error code is kept: the rest may hold what was signed.
fn status(error: &object_store::Error) -> Option<String> {
    const WORDS: &str = "Server returned non-2xx status code: ";
    let text = chain(error)
        .map(ToString::to_string)
        .find(|text| text.starts_with(WORDS))?;
    let answer = text.strip_prefix(WORDS)?;
    let (status, body) = answer.split_once(": ").unwrap_or((answer, ""));
    let code = body
        .split_once("<Code>")
        .and_then(|(_, rest)| rest.split_once("</Code>"));
    Some(match code {
        Some((code, _)) if code.len() <= 64 => format!("{}, {code}", status.trim()),
        _ => status.trim().trim_end_matches(':').to_owned(),
    })
}

/// The innermost reason, which is what people can act upon.
fn cause(error: &object_store::Error) -> String {
    let words = |error: &(dyn StdError + 'static)| match error.downcast_ref::<std::io::Error>() {
        Some(system) => plain(system),
        None => error.to_string(),
    };
    let innermost = chain(error).last().map(words).unwrap_or_default();
    let reason = match chain(error)
        .find_map(|error| error.downcast_ref::<HttpError>())
        .map(HttpError::kind)
    {
        Some(HttpErrorKind::Connect) if innermost != "operation timed out" => {
            format!("cannot connect: {innermost}")
        }
        Some(HttpErrorKind::Timeout) if chain(error).any(|error| error.to_string().contains("onnect")) => {
            "cannot connect: no answer in time".to_owned()
        }
        Some(HttpErrorKind::Timeout) => "the server did not answer in time".to_owned(),
        _ => innermost,
    };
    let reason = redact(&reason.replace(['\n', '\r'], " "));
    reason.chars().take(300).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generic(text: &str) -> object_store::Error {
        object_store::Error::Generic {
            store: "test",
            source: text.into(),
        }
    }

    fn explained(location: &str, text: &str) -> String {
        let error = explain(&Location::parse(location).unwrap(), &generic(text));
        format!("{:?}: {}", error.kind(), error.why())
    }

    #[test]
    fn a_machine_without_a_role_is_told_what_to_set() {
        let cases = [
            (
                "s3://b/k",
                "PUT http://169.254.0.1/latest/api/token failed",
                "`AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, a profile, or the option `s3.anonymous`",
            ),
            (
                "gs://b/k",
                "GET http://x/computeMetadata/v1 failed",
                "`GOOGLE_APPLICATION_CREDENTIALS`, or the option `gs.anonymous`",
            ),
            (
                "abfs://c@a/k",
                "GET http://x/metadata/identity/oauth2 failed",
                "`AZURE_STORAGE_ACCOUNT_KEY` or another credential, or the option `azure.anonymous`",
            ),
        ];
        for (location, text, set) in cases {
            let expected = format!(
                "PermissionDenied: no credentials: set {set}; this machine has no role either (its metadata service: {text})"
            );
            assert_eq!(explained(location, text), expected);
        }
        assert_eq!(
            explained("http://h/computeMetadata/x", "no /computeMetadata/"),
            "Io: no /computeMetadata/"
        );
    }

    #[test]
    fn of_an_answer_only_status_and_code_are_kept() {
        let words = "Server returned non-2xx status code: ";
        let cases = [
            (
                "403 Forbidden: <Error><Code>InvalidAccessKeyId</Code><AWSAccessKeyId>AKIA</AWSAccessKeyId></Error>",
                "PermissionDenied: access denied (the server answered 403 Forbidden, InvalidAccessKeyId)",
            ),
            (
                "400 Bad Request: <StringToSign>secret</StringToSign>",
                "Io: the server answered 400 Bad Request",
            ),
            (
                "502 Bad Gateway: ",
                "Unavailable: the server answered 502 Bad Gateway",
            ),
            (
                "416 Range Not Satisfiable",
                "OutOfRange: the server answered 416 Range Not Satisfiable",
            ),
        ];
        for (answer, expected) in cases {
            assert_eq!(explained("s3://b/k", &format!("{words}{answer}")), expected);
        }
        let text = format!("GET https://me:pw@h/x?sig=1 \n{}", "x".repeat(1000));
        let why = explained("s3://b/k", &text);
        assert!(
            why.starts_with("Io: GET https://***@h/x?***  xxx") && why.len() < 320,
            "{why}"
        );
    }
}
