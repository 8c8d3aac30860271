//! A web server of a few lines, which misbehaves as told.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// What a client asked for.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) range: Option<Range<usize>>,
    /// How many requests came before.
    pub(crate) number: usize,
}

/// What it gets.
#[derive(Debug, Clone, Default)]
pub(crate) struct Response {
    pub(crate) status: &'static str,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
    /// Sends only so many bytes of the body before it hangs up.
    pub(crate) cut: Option<usize>,
    /// Waits before it answers.
    pub(crate) delay: Duration,
}

impl Response {
    pub(crate) fn status(status: &'static str, body: &str) -> Self {
        Self {
            status,
            body: body.into(),
            ..Self::default()
        }
    }
}

/// A running server.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) url: String,
    requests: Arc<AtomicUsize>,
}

impl Server {
    pub(crate) fn start(answer: impl Fn(&Request) -> Response + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&requests);
        let answer = Arc::new(answer);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (answer, requests) = (Arc::clone(&answer), Arc::clone(&requests));
                std::thread::spawn(move || serve(&stream, &*answer, &requests));
            }
        });
        Self {
            url,
            requests: counted,
        }
    }

    /// A server of one object, as web servers are: `HEAD`, `GET`, and ranges of it.
    pub(crate) fn of(path: &'static str, body: Vec<u8>) -> Self {
        Self::start(move |request| match request.target.split('?').next() {
            Some(target) if target == path => object(request, &body),
            _ => Response::status("404 Not Found", "<html>nothing here</html>"),
        })
    }

    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

/// The answer to a request for an object of these bytes.
pub(crate) fn object(request: &Request, body: &[u8]) -> Response {
    match (request.method.as_str(), &request.range) {
        ("PROPFIND", _) => Response::status("405 Method Not Allowed", ""),
        ("GET", Some(range)) => Response {
            status: "206 Partial Content",
            headers: vec![(
                "Content-Range",
                format!("bytes {}-{}/{}", range.start, range.end - 1, body.len()),
            )],
            body: body[range.clone()].to_vec(),
            ..Response::default()
        },
        _ => Response {
            status: "200 OK",
            body: body.to_vec(),
            ..Response::default()
        },
    }
}

fn serve(stream: &TcpStream, answer: &dyn Fn(&Request) -> Response, requests: &AtomicUsize) {
    let mut reader = BufReader::new(stream);
    while let Some(request) = read_request(&mut reader, requests) {
        let response = answer(&request);
        std::thread::sleep(response.delay);
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
            bytes.extend(&response.body[..response.cut.unwrap_or(response.body.len())]);
        }
        let mut stream = stream;
        if stream.write_all(&bytes).is_err() || response.cut.is_some() {
            return;
        }
    }
}

fn read_request(reader: &mut impl BufRead, requests: &AtomicUsize) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|n| *n > 0)?;
    let mut words = line.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut range = None;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok().filter(|n| *n > 0)?;
        if header.trim().is_empty() {
            break;
        }
        if let Some(bytes) = header.to_ascii_lowercase().trim().strip_prefix("range: bytes=") {
            let (first, last) = bytes.split_once('-')?;
            range = Some(first.parse().ok()?..last.parse::<usize>().ok()? + 1);
        }
    }
    Some(Request {
        method,
        target,
        range,
        number: requests.fetch_add(1, Ordering::SeqCst),
    })
}
