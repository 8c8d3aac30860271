//! The same snapshots in every kind of store: what the program says of them is the same.
//!
//! The servers are started by `tests/store/run`; those of web pages run in the test itself.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test may stop at once, and tells what it skips"
)]

use std::env;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::{ObjectStore, ObjectStoreExt};
use statetool_format::Encode;
use statetool_format::metadata::Metadata;
use statetool_testkit::moved::rename_paths;
use statetool_testkit::root;
use statetool_testkit::web::{Response, Server, file, object};

const CANONICAL: &str = "1.20/value-types/hashmap-canonical";
const DATABASE: &str = "1.20/many-files/rocksdb-incremental-checkpoint";

/// Puts a file under a name.
type Put = Box<dyn Fn(&str, Vec<u8>)>;

/// A place that files can be put into, and how the program gets at them.
struct Place {
    /// What the URLs of all files begin with.
    base: String,
    arguments: Vec<String>,
    environment: Vec<(&'static str, String)>,
    put: Put,
}

/// What the program did.
#[derive(Debug)]
struct Outcome {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

fn command() -> Command {
    let mut tool = Command::new(env!("CARGO_BIN_EXE_statetool"));
    for (name, _) in env::vars_os() {
        if name.to_string_lossy().starts_with("STATETOOL_") {
            tool.env_remove(name);
        }
    }
    tool.current_dir(env!("CARGO_MANIFEST_DIR"));
    tool
}

impl Place {
    fn local(folder: &Path) -> Self {
        let to = folder.to_owned();
        Self {
            base: folder.to_str().unwrap().to_owned(),
            arguments: Vec::new(),
            environment: Vec::new(),
            put: Box::new(move |name, bytes| {
                let path = to.join(name);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, bytes).unwrap();
            }),
        }
    }

    fn run(&self, arguments: &[&str]) -> Outcome {
        let mut tool = command();
        let output = tool
            .args(arguments)
            .args(&self.arguments)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .output()
            .unwrap();
        Outcome {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.unwrap().block_on(work)
}

/// The variable, or words about what is skipped without it.
fn variable(name: &str) -> Option<String> {
    let value = env::var(name).ok();
    if value.is_none() {
        println!("skipped: {name} is not set, see tests/store/run");
    }
    value
}

fn option(text: String) -> [String; 2] {
    ["--store-option".to_owned(), text]
}

fn object_store(client: impl ObjectStore, prefix: &'static str) -> Put {
    Box::new(move |name, bytes| {
        let path = object_store::path::Path::parse(format!("{prefix}/{name}")).unwrap();
        block_on(client.put(&path, bytes.into())).unwrap();
    })
}

fn s3() -> Option<Place> {
    let endpoint = variable("STATETOOL_TEST_S3")?;
    let bucket = env::var("STATETOOL_TEST_S3_BUCKET").unwrap();
    let client = AmazonS3Builder::from_env()
        .with_endpoint(&endpoint)
        .with_bucket_name(&bucket)
        .with_allow_http(true);
    Some(Place {
        base: format!("s3://{bucket}/program"),
        arguments: option(format!("s3.endpoint={endpoint}")).into(),
        environment: Vec::new(),
        put: object_store(client.build().unwrap(), "program"),
    })
}

fn azure() -> Option<Place> {
    let url = variable("STATETOOL_TEST_AZURE")?;
    let client = MicrosoftAzureBuilder::from_env().with_container_name("statetool");
    Some(Place {
        base: format!("{url}/program"),
        arguments: Vec::new(),
        environment: Vec::new(),
        put: object_store(client.build().unwrap(), "program"),
    })
}

fn google() -> Option<Place> {
    let url = variable("STATETOOL_TEST_GCS")?;
    let host = url.strip_prefix("http://").unwrap().to_owned();
    Some(Place {
        base: "gs://statetool/program".to_owned(),
        arguments: [
            option(format!("gs.endpoint={url}")),
            option("gs.anonymous=true".to_owned()),
        ]
        .concat(),
        environment: Vec::new(),
        // By Google's JSON protocol: the emulator takes uploads in no other.
        put: Box::new(move |name, bytes| {
            let name = format!("program/{name}").replace('/', "%2F");
            let head = format!(
                "POST /upload/storage/v1/b/statetool/o?uploadType=media&name={name} HTTP/1.1\r\n\
                 Host: {host}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                bytes.len()
            );
            let mut stream = TcpStream::connect(&host).unwrap();
            stream.write_all(&[head.into_bytes(), bytes].concat()).unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        }),
    })
}

/// A cluster whose configuration the program finds as Hadoop's own programs do.
fn hdfs(url: &str, conf: &str) -> Option<Place> {
    let (url, conf) = (variable(url)?, env::var(conf).unwrap());
    let directory = conf.clone();
    Some(Place {
        base: format!("{url}/program"),
        arguments: Vec::new(),
        environment: vec![("HADOOP_CONF_DIR", conf)],
        put: Box::new(move |name, bytes| {
            let path = format!("/program/{name}");
            block_on(async {
                let builder = hdfs_native::ClientBuilder::new().with_config_dir(&directory);
                let client = builder.build().unwrap();
                let options = hdfs_native::WriteOptions::default().overwrite(true);
                let mut file = client.create(&path, options).await.unwrap();
                file.write_bytes(bytes.into()).await.unwrap();
                file.close().await.unwrap();
            });
        }),
    })
}

/// A web server over a folder.
fn web(folder: &Path) -> (Server, Place) {
    let server = Server::of_folder(folder, Duration::ZERO);
    let base = server.url.clone();
    (
        server,
        Place {
            base,
            ..Place::local(folder)
        },
    )
}

/// A fixture: its files by name, which of them is the metadata, and where it was written to.
struct Fixture {
    name: &'static str,
    files: Vec<(String, Vec<u8>)>,
    snapshot: String,
    written_to: String,
}

fn fixture(name: &'static str) -> Fixture {
    let folder = root().join("fixtures").join(name);
    let described: serde_json::Value =
        serde_json::from_slice(&fs::read(folder.join("fixture.json")).unwrap()).unwrap();
    let mut files = Vec::new();
    let mut pending = vec![folder.join("snapshot")];
    while let Some(directory) = pending.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                pending.push(path);
            } else {
                let below = path.strip_prefix(folder.join("snapshot")).unwrap();
                files.push((below.to_str().unwrap().to_owned(), fs::read(&path).unwrap()));
            }
        }
    }
    let text = |field: &str| described[field].as_str().unwrap().to_owned();
    let snapshot = text("snapshot")
        .trim_start_matches("snapshot")
        .trim_start_matches('/')
        .to_owned();
    Fixture {
        name,
        files,
        snapshot,
        written_to: text("written_to"),
    }
}

impl Fixture {
    fn put(&self, place: &Place) -> String {
        for (name, bytes) in &self.files {
            (place.put)(&format!("{}/{name}", self.name), bytes.clone());
        }
        format!("{}/{}", place.base, self.name)
    }

    fn relocate(&self, root: &str) -> [String; 2] {
        ["--relocate".to_owned(), format!("{}={root}", self.written_to)]
    }
}

/// What must be the same wherever the snapshot lies.
fn same(text: &str, root: &str) -> String {
    let text = text.replace(root, "ROOT");
    let Some((before, after)) = text.split_once("\"timestamp\":") else {
        return text;
    };
    let (time, after) = after.split_at(after.find([',', '}']).unwrap());
    assert!(time.trim().starts_with("\"2"), "{time}");
    format!("{before}\"timestamp\":TIME{after}")
}

/// Runs all commands over a fixture at a place.
fn outputs(place: &Place, fixture: &Fixture) -> Vec<String> {
    let root = fixture.put(place);
    let snapshot = format!("{root}/{}", fixture.snapshot);
    let relocate = fixture.relocate(&root);
    let relocate: Vec<&str> = relocate.iter().map(String::as_str).collect();
    let commands: [&[&str]; 6] = [
        &["inspect", &snapshot, "--format", "json"],
        &["inspect", &snapshot, "--stats", "--format", "json"],
        &["cat", &snapshot, "*/*"],
        &["cat", &snapshot, "*/*", "--key-groups", "3-90"],
        &["verify", &snapshot, "--format", "json"],
        &["verify", &snapshot, "--deep", "--format", "json"],
    ];
    let mut outputs = Vec::new();
    for command in commands {
        let done = place.run(&[command, &relocate].concat());
        assert_eq!(done.code, Some(0), "{command:?}: {}{}", done.stdout, done.stderr);
        outputs.push(same(&done.stdout, &root));
    }
    outputs
}

/// The checks of one kind of store, with a local folder for comparison.
fn check(place: &Place) {
    let folder = tempfile::tempdir().unwrap();
    let local = Place::local(folder.path());
    for fixture in [fixture(CANONICAL), fixture(DATABASE)] {
        let (here, there) = (outputs(&local, &fixture), outputs(place, &fixture));
        for (here, there) in here.iter().zip(&there) {
            assert!(here == there, "{}:\n{here}\n{there}", place.base);
        }
        assert!(here[2].lines().count() > 100);
    }
    check_moved(place);
}

/// What is written there is the same as in a folder, and is never written over.
fn check_written(place: &Place) {
    let fixture = fixture(DATABASE);
    let root = fixture.put(place);
    let snapshot = format!("{root}/{}", fixture.snapshot);
    let relocate = fixture.relocate(&root);
    let relocate: Vec<&str> = relocate.iter().map(String::as_str).collect();
    let rows = place.run(&[&["cat", &snapshot, "*/*"], &relocate[..]].concat());
    for edits in [&["-q", "--self-contained"][..], &["-q", "--type", "canonical"]] {
        let out = format!("{}/written/{}", place.base, edits.len());
        let rewrite = [&["rewrite", &snapshot, "-o", &out], edits, &relocate].concat();
        let written = place.run(&rewrite);
        assert_eq!(written.code, Some(0), "{written:?}");
        let verified = place.run(&["verify", "--deep", &out]);
        assert_eq!(verified.code, Some(0), "{verified:?}");
        let found = place.run(&["cat", &out, "*/*"]);
        assert_eq!(sorted(&found.stdout), sorted(&rows.stdout), "{found:?}");
        let again = place.run(&rewrite);
        assert_eq!(again.code, Some(4), "{again:?}");
        assert!(again.stderr.contains("holds a snapshot already"), "{again:?}");
    }
    let inside = place.run(
        &[
            &["rewrite", &snapshot, "-o", &format!("{snapshot}/new")],
            &relocate[..],
        ]
        .concat(),
    );
    assert_eq!(inside.code, Some(4), "{inside:?}");
}

fn sorted(rows: &str) -> Vec<&str> {
    let mut rows: Vec<&str> = rows.lines().collect();
    rows.sort_unstable();
    rows
}

/// The directory of a job is enough; and of a snapshot that was moved here, the error says
/// with which flag it opens.
fn check_moved(place: &Place) {
    let fixture = fixture(DATABASE);
    let root = fixture.put(place);
    let refused = place.run(&["cat", &root, "*/*"]);
    assert_eq!(refused.code, Some(3), "{refused:?}");
    assert!(
        refused
            .stderr
            .contains("note: reading `chk-5`, the newest complete checkpoint there"),
        "{refused:?}"
    );
    let flag = format!("--relocate {}={root}", fixture.written_to);
    assert!(
        refused.stderr.contains(&format!(" now: add {flag}\n")),
        "{flag}\n{}",
        refused.stderr
    );
    let findings = place.run(&["verify", &root]);
    assert_eq!(findings.code, Some(1), "{findings:?}");
    assert!(findings.stdout.contains(&flag), "{}", findings.stdout);
    let opened = place.run(&[
        "cat",
        &root,
        "*/*",
        "--relocate",
        flag.strip_prefix("--relocate ").unwrap(),
    ]);
    assert_eq!(opened.code, Some(0), "{}", opened.stderr);
    assert!(opened.stdout.lines().count() > 100);

    // The other way round: made here, and moved to a folder.
    let folder = tempfile::tempdir().unwrap();
    let mut moved = self::fixture(DATABASE);
    let gone = format!("{}/gone", place.base);
    for (name, bytes) in moved
        .files
        .iter_mut()
        .filter(|(name, _)| name.ends_with("/_metadata"))
    {
        let mut metadata = Metadata::decode(bytes).unwrap();
        rename_paths(&mut metadata, &format!("file:{}", fixture.written_to), &gone);
        *bytes = metadata.to_bytes();
        assert!(!name.is_empty());
    }
    let local = moved.put(&Place::local(folder.path()));
    let refused = place.run(&["cat", &local, "*/*"]);
    let flag = format!("{gone}={local}");
    assert!(
        refused.stderr.contains(&format!(" now: add --relocate {flag}\n")),
        "{flag}\n{}",
        refused.stderr
    );
    let opened_there = place.run(&["cat", &local, "*/*", "--relocate", &flag]);
    assert_eq!(opened_there.stdout, opened.stdout);
}

#[test]
fn a_web_server_is_as_good_as_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let (_server, place) = web(folder.path());
    check(&place);
}

#[test]
fn s3_is_as_good_as_a_folder() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let Some(place) = s3() else { return };
    check(&place);
    check_written(&place);
    let other = Place {
        arguments: [
            place.arguments.clone(),
            option("s3.secret-key=wrong".to_owned()).to_vec(),
        ]
        .concat(),
        ..s3().unwrap()
    };
    let refused = other.run(&["inspect", &format!("{}/{DATABASE}", place.base)]);
    assert_eq!(refused.code, Some(3), "{refused:?}");
    assert!(
        refused
            .stderr
            .contains("access denied (the server answered 403 Forbidden"),
        "{refused:?}"
    );
    let elsewhere = place.run(&["inspect", "s3://no-such-bucket/x"]);
    assert_eq!(elsewhere.code, Some(3), "{elsewhere:?}");
    assert!(
        elsewhere.stderr.contains("`s3://no-such-bucket/x`"),
        "{elsewhere:?}"
    );
}

#[test]
fn azure_is_as_good_as_a_folder() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    if let Some(place) = azure() {
        check(&place);
        check_written(&place);
    }
}

#[test]
fn google_is_as_good_as_a_folder() {
    if let Some(place) = google() {
        check(&place);
    }
}

#[test]
fn hdfs_is_as_good_as_a_folder() {
    if let Some(place) = hdfs("STATETOOL_TEST_HDFS", "STATETOOL_TEST_HDFS_CONF") {
        check(&place);
        check_written(&place);
    }
}

#[test]
fn an_hdfs_name_service_is_as_good_as_a_folder() {
    if let Some(place) = hdfs("STATETOOL_TEST_HDFS_HA", "STATETOOL_TEST_HDFS_HA_CONF") {
        check(&place);
        check_written(&place);
    }
}

#[test]
fn what_keeps_a_store_from_answering_is_told() {
    let answers = Server::start(|request| {
        let answer = |status| Response::status(status, "<Error><Code>SlowDown</Code></Error>");
        match request.target.split('/').nth(1).unwrap_or_default() {
            "missing" => answer("404 Not Found"),
            "forbidden" => answer("403 Forbidden"),
            "busy" => answer("503 Service Unavailable"),
            "broken" => Response {
                cut: Some(100),
                ..object(request, &[0; 1000])
            },
            "silent" => Response {
                delay: Duration::from_secs(5),
                ..Response::status("200 OK", "")
            },
            "elsewhere" => Response {
                headers: vec![
                    ("Content-Range", "bytes 7-1006/2000".to_owned()),
                    ("ETag", "\"x\"".to_owned()),
                ],
                ..object(request, &[0; 1000])
            },
            _ => Response::status("404 Not Found", ""),
        }
    });
    let cases = [
        ("missing", "`s3://missing/sp`: there is nothing at this place"),
        (
            "forbidden",
            "access denied (the server answered 403 Forbidden, SlowDown)",
        ),
        (
            "busy",
            "the server answered 503 Service Unavailable, SlowDown (2 attempts in ",
        ),
        ("broken", "the connection broke after 100 of 1000 bytes: "),
        ("silent", "the server did not answer in time (2 attempts in "),
        (
            "elsewhere",
            "the server sent another range: Requested 0..2000, got 7..1007",
        ),
    ];
    let run = |bucket: &str, more: &[&str]| {
        let mut tool = command();
        for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("AWS_")) {
            tool.env_remove(name);
        }
        tool.args(["inspect", &format!("s3://{bucket}/sp"), "--store-option"])
            .arg(format!("s3.endpoint={}", answers.url))
            .args([
                "--store-option",
                "max-retries=1",
                "--store-option",
                "read-timeout=500ms",
            ])
            .args(more)
            .env("HOME", "/nonexistent")
            .env("AWS_METADATA_ENDPOINT", &answers.url);
        let output = tool.output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    for (bucket, expected) in cases {
        let (code, words) = run(bucket, &["--store-option", "s3.anonymous=true"]);
        assert_eq!(code, Some(3), "{words}");
        assert!(
            words.starts_with(&format!("error: `s3://{bucket}/sp")) && words.contains(expected),
            "{words}"
        );
    }
    let (code, words) = run("any", &[]);
    assert_eq!(code, Some(3), "{words}");
    assert!(
        words.contains("no credentials: set `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, a profile, or the option `s3.anonymous`"),
        "{words}"
    );
}

/// Directories of caches in a folder.
fn caches(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .filter(|path| path.to_str().unwrap().contains("statetool-cache-"))
        .collect()
}

#[cfg(unix)]
#[test]
fn local_copies_are_gone_after_the_program_however_it_ends() {
    let (folder, cache) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let fixture = fixture(DATABASE);
    fixture.put(&Place::local(folder.path()));
    // Tables come when the test lets them, so that the program can be ended in between.
    let held = Arc::new(AtomicBool::new(true));
    let server = Server::start({
        let (held, folder) = (Arc::clone(&held), folder.path().to_owned());
        move |request| {
            while request.target.contains("/shared/") && held.load(Ordering::SeqCst) {
                std::thread::sleep(Duration::from_millis(5));
            }
            file(&folder, request)
        }
    });
    let root = format!("{}/{DATABASE}", server.url);
    let start = || {
        held.store(true, Ordering::SeqCst);
        let before = caches(cache.path());
        let mut tool = command();
        tool.args(["cat", &root, "*/*"])
            .args(fixture.relocate(&root))
            .env("STATETOOL_CACHE_DIR", cache.path())
            .env("STATETOOL_CACHE_SIZE", "1GiB")
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut child = tool.spawn().unwrap();
        let begun = Instant::now();
        while caches(cache.path()).iter().all(|found| before.contains(found)) {
            assert!(
                child.try_wait().unwrap().is_none(),
                "it has ended without a cache"
            );
            assert!(begun.elapsed() < Duration::from_secs(60));
            std::thread::sleep(Duration::from_millis(5));
        }
        child
    };
    let finish = |mut child: Child| {
        held.store(false, Ordering::SeqCst);
        assert!(child.wait().unwrap().success());
    };
    // To its end.
    finish(start());
    assert_eq!(caches(cache.path()), Vec::<PathBuf>::new());
    // Interrupted.
    let mut child = start();
    let killed = Command::new("kill")
        .args(["-TERM", &child.id().to_string()])
        .status();
    assert!(killed.unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(143));
    assert_eq!(caches(cache.path()), Vec::<PathBuf>::new());
    // Killed: the next run cleans up.
    let mut child = start();
    child.kill().unwrap();
    child.wait().unwrap();
    let left = caches(cache.path());
    assert_eq!(left.len(), 1);
    finish(start());
    assert_eq!(caches(cache.path()), Vec::<PathBuf>::new());
}

/// Nobody reads on, as behind `| head -1`: that is no error, and nothing stays either.
#[cfg(unix)]
#[test]
fn local_copies_are_gone_when_nobody_reads_the_result() {
    let (folder, cache) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let fixture = fixture(DATABASE);
    fixture.put(&Place::local(folder.path()));
    let server = Server::of_folder(folder.path(), Duration::from_millis(20));
    let root = format!("{}/{DATABASE}", server.url);
    for (arguments, reads) in [
        (&["cat", "--format", "jsonl"][..], 1),
        (&["cat", "--format", "jsonl"], 0),
        (&["verify", "--deep"], 0),
    ] {
        let mut tool = command();
        let mut child = tool
            .args(arguments)
            .arg(&root)
            .args(fixture.relocate(&root))
            .env("STATETOOL_CACHE_DIR", cache.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut pipe = child.stdout.take().unwrap();
        pipe.read_exact(&mut vec![0; reads]).unwrap();
        drop(pipe);
        let output = child.wait_with_output().unwrap();
        let words = String::from_utf8(output.stderr).unwrap();
        assert!(!words.contains("error"), "{arguments:?}: {words}");
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {words}");
        assert_eq!(caches(cache.path()), Vec::<PathBuf>::new(), "{arguments:?}");
    }
}

/// However soon it is interrupted: what it makes then would be nobody's.
#[cfg(unix)]
#[test]
fn an_interrupted_program_leaves_no_cache_that_it_was_about_to_make() {
    let (folder, cache) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let fixture = fixture(DATABASE);
    fixture.put(&Place::local(folder.path()));
    let server = Server::of_folder(folder.path(), Duration::ZERO);
    let root = format!("{}/{DATABASE}", server.url);
    for wait in 0..30 {
        let mut tool = command();
        tool.args(["cat", &root])
            .args(fixture.relocate(&root))
            .env("STATETOOL_CACHE_DIR", cache.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut child = tool.spawn().unwrap();
        std::thread::sleep(Duration::from_millis(wait));
        let signalled = Command::new("kill")
            .args(["-TERM", &child.id().to_string()])
            .status();
        assert!(signalled.is_ok());
        child.wait().unwrap();
        assert_eq!(caches(cache.path()), Vec::<PathBuf>::new(), "after {wait} ms");
    }
}

#[test]
fn settings_of_the_cache_come_from_the_file_the_environment_and_flags() {
    let (folder, cache) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let fixture = fixture(DATABASE);
    fixture.put(&Place::local(folder.path()));
    let (_server, place) = web(folder.path());
    let root = format!("{}/{DATABASE}", place.base);
    let toml = folder.path().join("statetool.toml");
    fs::write(&toml, "cache-dir = \"/dev/null/from-the-file\"\n").unwrap();
    let run = |more: &[&str], environment: &[(&str, &str)]| {
        let mut tool = command();
        tool.args(["cat", &root, "*/*"])
            .args(fixture.relocate(&root))
            .args(more)
            .env("STATETOOL_CONFIG", &toml)
            .envs(environment.iter().copied());
        let output = tool.output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, words) = run(&[], &[]);
    assert!(
        code == Some(3) && words.contains("/dev/null/from-the-file"),
        "{words}"
    );
    let (code, words) = run(&[], &[("STATETOOL_CACHE_DIR", "/dev/null/from-the-environment")]);
    assert!(
        code == Some(3) && words.contains("/dev/null/from-the-environment"),
        "{words}"
    );
    let directory = cache.path().to_str().unwrap();
    let (code, words) = run(
        &["--cache-dir", directory],
        &[("STATETOOL_CACHE_DIR", "/dev/null/x")],
    );
    assert_eq!(code, Some(0), "{words}");
    let (code, words) = run(&["--cache-dir", directory, "--cache-size", "much"], &[]);
    assert_eq!(code, Some(2));
    assert!(
        words.contains("'--cache-size <SIZE>': `much` is not a size such as `64MiB`"),
        "{words}"
    );
}
