//! A web server of a few lines, which misbehaves as told, and keeps a log.
//!
//! It stands for all object stores: they share the client, the repetition of requests and
//! the errors.
#![allow(clippy::unwrap_used, reason = "a test may stop at once")]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What a client asked for.
#[derive(Debug, Clone)]
pub struct Request {
    /// `GET`, `HEAD`, `PROPFIND`.
    pub method: String,
    /// Path and query, encoded.
    pub target: String,
    /// The bytes that are wanted; the end may lie beyond that of the object.
    pub range: Option<Range<usize>>,
    /// How many requests came before.
    pub number: usize,
    /// Whether only an object that is not there may be written.
    pub is_new: bool,
    /// What is sent with it; the log leaves it out.
    pub body: Vec<u8>,
}

/// What it gets.
#[derive(Debug, Clone, Default)]
pub struct Response {
    /// Such as `404 Not Found`.
    pub status: &'static str,
    /// Names and values.
    pub headers: Vec<(&'static str, String)>,
    /// What `GET` gives.
    pub body: Vec<u8>,
    /// Sends only so many bytes of the body before it hangs up.
    pub cut: Option<usize>,
    /// Waits before it answers.
    pub delay: Duration,
    /// Hangs up instead of answering.
    pub hangs_up: bool,
}

impl Response {
    /// An answer without more than a status and a body.
    pub fn status(status: &'static str, body: &str) -> Self {
        Self {
            status,
            body: body.into(),
            ..Self::default()
        }
    }
}

/// A running server.
#[derive(Debug)]
pub struct Server {
    /// Where it listens.
    pub url: String,
    log: Arc<Mutex<Vec<Request>>>,
    busy: Arc<Busy>,
}

/// How many requests are being answered, and how many were at most at the same time.
#[derive(Debug, Default)]
struct Busy {
    now: AtomicUsize,
    most: AtomicUsize,
}

/// When every object was written: 2026-05-01T10:00:00Z.
pub const MODIFIED: &str = "Fri, 01 May 2026 10:00:00 GMT";

impl Server {
    /// A server that answers as told.
    pub fn start(answer: impl Fn(&Request) -> Response + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let log = Arc::<Mutex<Vec<Request>>>::default();
        let logged = Arc::clone(&log);
        let busy = Arc::<Busy>::default();
        let counted = Arc::clone(&busy);
        let answer = Arc::new(answer);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (answer, log, busy) = (Arc::clone(&answer), Arc::clone(&log), Arc::clone(&counted));
                std::thread::spawn(move || serve(&stream, &*answer, &log, &busy));
            }
        });
        Self {
            url,
            log: logged,
            busy,
        }
    }

    /// A server of one object, as web servers are: `HEAD`, `GET`, and ranges of it.
    pub fn of(path: &'static str, body: Vec<u8>) -> Self {
        Self::start(move |request| match request.target.split('?').next() {
            Some(target) if target == path => object(request, &body),
            _ => Response::status("404 Not Found", "<html>nothing here</html>"),
        })
    }

    /// A server of the files in a folder, whose directories WebDAV lists; each answer takes
    /// its time.
    pub fn of_folder(folder: &Path, delay: Duration) -> Self {
        let folder = folder.to_owned();
        Self::start(move |request| Response {
            delay,
            ..file(&folder, request)
        })
    }

    /// How many requests came.
    pub fn requests(&self) -> usize {
        self.log.lock().unwrap().len()
    }

    /// How many requests waited for their answers at the same time, at most.
    pub fn most_at_once(&self) -> usize {
        self.busy.most.load(Ordering::SeqCst)
    }

    /// The requests that came since the log was taken last.
    pub fn take_log(&self) -> Vec<Request> {
        std::mem::take(&mut self.log.lock().unwrap())
    }
}

/// The answer to a request for a file in a folder, or for what is in a directory.
pub fn file(folder: &Path, request: &Request) -> Response {
    let target = request.target.split('?').next().unwrap_or_default();
    let path = folder.join(decoded(target).trim_matches('/'));
    match (request.method.as_str(), fs::read(&path)) {
        ("PROPFIND", _) if path.is_dir() => listing(target, &path),
        (_, Ok(body)) => object(request, &body),
        _ => Response::status("404 Not Found", ""),
    }
}

/// The answer to a request for an object of these bytes.
pub fn object(request: &Request, body: &[u8]) -> Response {
    let modified = ("Last-Modified", MODIFIED.to_owned());
    let whole = |bytes: &[u8]| Response {
        status: "200 OK",
        headers: vec![modified.clone()],
        body: bytes.to_vec(),
        ..Response::default()
    };
    match (request.method.as_str(), &request.range) {
        ("PROPFIND", _) => Response::status("405 Method Not Allowed", ""),
        ("GET", Some(range)) => {
            let range = range.start..range.end.min(body.len());
            match body.get(range.clone()).filter(|part| !part.is_empty()) {
                Some(part) => Response {
                    status: "206 Partial Content",
                    headers: vec![
                        modified.clone(),
                        (
                            "Content-Range",
                            format!("bytes {}-{}/{}", range.start, range.end - 1, body.len()),
                        ),
                    ],
                    body: part.to_vec(),
                    ..Response::default()
                },
                None => Response::status("416 Range Not Satisfiable", ""),
            }
        }
        _ => whole(body),
    }
}

/// The answer to `PROPFIND`: a directory and what is in it.
fn listing(target: &str, folder: &Path) -> Response {
    let base = target.trim_end_matches('/');
    let entry = |href: &str, length: Option<u64>| {
        let kind = match length {
            Some(length) => format!("<D:resourcetype/><D:getcontentlength>{length}</D:getcontentlength>"),
            None => "<D:resourcetype><D:collection/></D:resourcetype>".to_owned(),
        };
        format!(
            "<D:response><D:href>{href}</D:href><D:propstat><D:prop>{kind}<D:getlastmodified>{MODIFIED}</D:getlastmodified></D:prop>\
             <D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>"
        )
    };
    let mut body = format!(
        "<?xml version=\"1.0\"?><D:multistatus xmlns:D=\"DAV:\">{}",
        entry(&format!("{base}/"), None)
    );
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|found| found.unwrap().path())
        .collect();
    paths.sort();
    for path in paths {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let length = path.is_file().then(|| fs::metadata(&path).unwrap().len());
        body += &entry(&format!("{base}/{name}"), length);
    }
    Response {
        status: "207 Multi-Status",
        headers: vec![("Content-Type", "application/xml".to_owned())],
        body: (body + "</D:multistatus>").into_bytes(),
        ..Response::default()
    }
}

/// A path with `%41` as `A`.
pub(crate) fn decoded(target: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = target.as_bytes();
    while let [first, tail @ ..] = rest {
        let digits = tail.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) if *first == b'%' => {
                bytes.push(byte);
                rest = tail.get(2..).unwrap_or_default();
            }
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8(bytes).unwrap()
}

fn serve(stream: &TcpStream, answer: &dyn Fn(&Request) -> Response, log: &Mutex<Vec<Request>>, busy: &Busy) {
    let mut reader = BufReader::new(stream);
    while let Some(request) = read_request(&mut reader, log) {
        let now = busy.now.fetch_add(1, Ordering::SeqCst) + 1;
        busy.most.fetch_max(now, Ordering::SeqCst);
        let response = answer(&request);
        std::thread::sleep(response.delay);
        busy.now.fetch_sub(1, Ordering::SeqCst);
        if response.hangs_up {
            return;
        }
        let mut out = format!(
            "HTTP/1.1 {}\r\nContent-Length: {}\r\n",
            response.status,
            response.body.len()
        );
        for (name, value) in &response.headers {
            out += &format!("{name}: {value}\r\n");
        }
        let mut bytes = (out + "\r\n").into_bytes();
        if request.method != "HEAD" {
            let len = response.cut.unwrap_or(response.body.len());
            bytes.extend(response.body.get(..len).unwrap_or_default());
        }
        let mut stream = stream;
        if stream.write_all(&bytes).is_err() || response.cut.is_some() {
            return;
        }
    }
}

fn read_request(reader: &mut impl BufRead, log: &Mutex<Vec<Request>>) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|n| *n > 0)?;
    let mut words = line.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let (mut range, mut is_new, mut length) = (None, false, 0);
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok().filter(|n| *n > 0)?;
        let header = header.trim().to_ascii_lowercase();
        let Some((name, value)) = header.split_once(": ") else {
            break;
        };
        match name {
            "range" => {
                let (first, last) = value.strip_prefix("bytes=")?.split_once('-')?;
                range = Some(first.parse().ok()?..last.parse::<usize>().ok()? + 1);
            }
            "if-none-match" => is_new = value == "*",
            "content-length" => length = value.parse().ok()?,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let mut log = log.lock().unwrap();
    let number = log.len();
    let request = Request {
        method,
        target,
        range,
        number,
        is_new,
        body: Vec::new(),
    };
    log.push(request.clone());
    Some(Request { body, ..request })
}
