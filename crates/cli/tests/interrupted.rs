//! Ctrl-C ends a command with 130 and leaves no half file.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a test fails by panicking and says what it counted"
)]

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A fixture whose metadata names files by absolute paths.
fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../fixtures/1.20/keyed-states/rocksdb-incremental-checkpoint")
}

/// Where the fixture's files were when it was taken.
fn old_place() -> String {
    let about = fs::read_to_string(fixture().join("fixture.json")).unwrap();
    let about: serde_json::Value = serde_json::from_str(&about).unwrap();
    about["written_to"].as_str().unwrap().to_owned()
}

fn wait(child: &mut Child) -> Option<i32> {
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "it does not end");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn interrupted_commands_leave_nothing() {
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let place = tempfile::tempdir().unwrap();
        let results = place.path().join("results");
        fs::create_dir(&results).unwrap();
        // Takes connections and never answers, so that reading takes for ever.
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let new_place = format!("http://{}", server.local_addr().unwrap());
        let mut child = Command::new(env!("CARGO_BIN_EXE_statetool"))
            .arg("cat")
            .arg(fixture().join("snapshot"))
            .arg("--relocate")
            .arg(format!("{}={new_place}", old_place()))
            .arg("-o")
            .arg(results.join("rows.jsonl"))
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let begun = Instant::now();
        while fs::read_dir(&results).unwrap().next().is_none() {
            assert!(begun.elapsed() < Duration::from_secs(30), "it does not begin");
            std::thread::sleep(Duration::from_millis(10));
        }
        let pid = child.id().to_string();
        assert!(
            Command::new("kill")
                .args([&format!("-{signal}"), &pid])
                .status()
                .unwrap()
                .success()
        );
        assert_eq!(wait(&mut child), Some(code));
        assert_eq!(fs::read_dir(&results).unwrap().count(), 0, "something is left");
    }
}
