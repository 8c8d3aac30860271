//! An object store of a few lines that speaks as S3 does, and gets into trouble as told.
#![allow(clippy::unwrap_used, reason = "a test may stop at once")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use crate::web::{MODIFIED, Request, Response, Server, decoded, object};

/// What goes wrong with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// Nothing.
    Nothing,
    /// It is busy.
    Refuses,
    /// It hangs up, and does nothing.
    HangsUp,
    /// It does what it is asked for, and hangs up.
    LosesAnswer,
    /// It does nothing, and says so after a time.
    IsSilent(Duration),
    /// It does what it is asked for, and says so after a time.
    IsSlow(Duration),
    /// It sends half of a body, and hangs up.
    IsShort,
}

/// A running store of one bucket, which is called `bucket`.
#[derive(Debug)]
pub struct Bucket {
    server: Server,
    objects: Arc<Mutex<Objects>>,
}

#[derive(Debug, Default)]
struct Objects {
    whole: BTreeMap<String, Vec<u8>>,
    /// Uploads in parts that are neither complete nor given up.
    parts: BTreeMap<String, BTreeMap<usize, Vec<u8>>>,
    begun: usize,
}

impl Bucket {
    /// A store that gets into the trouble that is chosen for each request.
    pub fn start(trouble: impl Fn(&Request) -> Trouble + Send + Sync + 'static) -> Self {
        let objects = Arc::<Mutex<Objects>>::default();
        let kept = Arc::clone(&objects);
        let server = Server::start(move |request| {
            let answer = |delay| Response {
                delay,
                ..objects_of(&kept).answer(request)
            };
            match trouble(request) {
                Trouble::Nothing => answer(Duration::ZERO),
                Trouble::Refuses => error("503 Service Unavailable", "SlowDown"),
                Trouble::HangsUp => Response {
                    hangs_up: true,
                    ..Response::default()
                },
                Trouble::LosesAnswer => Response {
                    hangs_up: true,
                    ..answer(Duration::ZERO)
                },
                Trouble::IsSilent(delay) => Response {
                    delay,
                    ..error("503 Service Unavailable", "SlowDown")
                },
                Trouble::IsSlow(delay) => answer(delay),
                Trouble::IsShort => {
                    let whole = answer(Duration::ZERO);
                    Response {
                        cut: Some(whole.body.len() / 2),
                        ..whole
                    }
                }
            }
        });
        Self { server, objects }
    }

    /// The options by which the program gets at it.
    pub fn options(&self) -> [String; 4] {
        let option = "--store-option".to_owned();
        let endpoint = format!("s3.endpoint={}", self.server.url);
        [option.clone(), endpoint, option, "s3.anonymous=true".to_owned()]
    }

    /// Puts an object.
    pub fn put(&self, key: &str, bytes: Vec<u8>) {
        objects_of(&self.objects).whole.insert(key.to_owned(), bytes);
    }

    /// The objects whose keys begin with a prefix, by the rest of their keys.
    pub fn below(&self, prefix: &str) -> BTreeMap<String, Vec<u8>> {
        let objects = objects_of(&self.objects);
        let below = objects.whole.iter();
        below
            .filter_map(|(key, bytes)| Some((key.strip_prefix(prefix)?.to_owned(), bytes.clone())))
            .collect()
    }

    /// How many uploads in parts are neither complete nor given up.
    pub fn half_uploads(&self) -> usize {
        objects_of(&self.objects).parts.len()
    }

    /// How many requests came.
    pub fn requests(&self) -> usize {
        self.server.requests()
    }
}

fn objects_of(objects: &Mutex<Objects>) -> MutexGuard<'_, Objects> {
    objects.lock().unwrap()
}

impl Objects {
    fn answer(&mut self, request: &Request) -> Response {
        let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
        let path = decoded(path);
        let key = path.trim_start_matches("/bucket").trim_start_matches('/');
        let query: BTreeMap<&str, String> = query
            .split('&')
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .map(|(name, value)| (name, decoded(value)))
            .collect();
        let upload = query.get("uploadId");
        match (request.method.as_str(), upload) {
            ("GET", _) if key.is_empty() => self.list(query.get("prefix").map_or("", String::as_str), &query),
            ("POST", _) if query.contains_key("delete") => self.delete(&request.body),
            ("POST", None) if query.contains_key("uploads") => self.begin(key),
            ("PUT", Some(upload)) => self.put_part(upload, &query, &request.body),
            ("POST", Some(upload)) => self.complete(key, upload),
            ("DELETE", Some(upload)) => {
                self.parts.remove(upload);
                Response::status("204 No Content", "")
            }
            ("PUT", None) if request.is_new && self.whole.contains_key(key) => {
                error("412 Precondition Failed", "PreconditionFailed")
            }
            ("PUT", None) => {
                self.whole.insert(key.to_owned(), request.body.clone());
                done()
            }
            ("DELETE", None) => {
                self.whole.remove(key);
                Response::status("204 No Content", "")
            }
            _ => match self.whole.get(key) {
                Some(bytes) => object(request, bytes),
                None => error("404 Not Found", "NoSuchKey"),
            },
        }
    }

    fn begin(&mut self, key: &str) -> Response {
        self.begun += 1;
        let upload = format!("upload-{}", self.begun);
        self.parts.insert(upload.clone(), BTreeMap::new());
        document(&format!(
            "<InitiateMultipartUploadResult><Bucket>bucket</Bucket><Key>{key}</Key><UploadId>{upload}</UploadId></InitiateMultipartUploadResult>"
        ))
    }

    fn put_part(&mut self, upload: &str, query: &BTreeMap<&str, String>, body: &[u8]) -> Response {
        let number = query.get("partNumber").and_then(|number| number.parse().ok());
        match (self.parts.get_mut(upload), number) {
            (Some(parts), Some(number)) => {
                parts.insert(number, body.to_vec());
                done()
            }
            _ => error("404 Not Found", "NoSuchUpload"),
        }
    }

    fn complete(&mut self, key: &str, upload: &str) -> Response {
        let Some(parts) = self.parts.remove(upload) else {
            return error("404 Not Found", "NoSuchUpload");
        };
        self.whole
            .insert(key.to_owned(), parts.into_values().collect::<Vec<_>>().concat());
        document("<CompleteMultipartUploadResult><ETag>\"e\"</ETag></CompleteMultipartUploadResult>")
    }

    fn delete(&mut self, body: &[u8]) -> Response {
        let body = String::from_utf8(body.to_vec()).unwrap();
        let keys = body
            .split("<Key>")
            .skip(1)
            .filter_map(|rest| rest.split("</Key>").next());
        let mut deleted = String::new();
        for key in keys {
            self.whole.remove(key);
            deleted += &format!("<Deleted><Key>{key}</Key></Deleted>");
        }
        document(&format!("<DeleteResult>{deleted}</DeleteResult>"))
    }

    fn list(&self, prefix: &str, query: &BTreeMap<&str, String>) -> Response {
        let (mut contents, mut prefixes) = (String::new(), Vec::new());
        for (key, bytes) in &self.whole {
            let Some(rest) = key.strip_prefix(prefix) else {
                continue;
            };
            match rest.split_once('/').filter(|_| query.contains_key("delimiter")) {
                Some((name, _)) => prefixes.push(format!(
                    "<CommonPrefixes><Prefix>{prefix}{name}/</Prefix></CommonPrefixes>"
                )),
                None => {
                    contents += &format!(
                        "<Contents><Key>{key}</Key><LastModified>2026-05-01T10:00:00.000Z</LastModified><Size>{}</Size></Contents>",
                        bytes.len()
                    );
                }
            }
        }
        prefixes.dedup();
        document(&format!(
            "<ListBucketResult><IsTruncated>false</IsTruncated>{contents}{}</ListBucketResult>",
            prefixes.concat()
        ))
    }
}

fn done() -> Response {
    Response {
        headers: vec![
            ("ETag", "\"e\"".to_owned()),
            ("Last-Modified", MODIFIED.to_owned()),
        ],
        ..Response::status("200 OK", "")
    }
}

fn document(body: &str) -> Response {
    Response {
        headers: vec![("Content-Type", "application/xml".to_owned())],
        ..Response::status("200 OK", body)
    }
}

fn error(status: &'static str, code: &str) -> Response {
    Response::status(status, &format!("<Error><Code>{code}</Code></Error>"))
}
