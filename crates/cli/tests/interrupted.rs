//! Ctrl-C ends a command with 130 and leaves no half file.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a test fails by panicking and says what it counted"
)]

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
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

/// Reading that takes for ever: a server that takes connections and never answers, and the arguments
/// of `cat` for rows from it.
fn endless(results: &Path) -> (TcpListener, Vec<String>) {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let new_place = format!("http://{}", server.local_addr().unwrap());
    let arguments = vec![
        "cat".to_owned(),
        fixture().join("snapshot/chk-3").display().to_string(),
        "--relocate".to_owned(),
        format!("{}={new_place}", old_place()),
        "-o".to_owned(),
        results.join("rows.jsonl").display().to_string(),
    ];
    (server, arguments)
}

fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(
            begun.elapsed() < Duration::from_secs(30),
            "not within 30 s: {what}"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The settings of whoever runs the tests are not those of the tool.
fn without_settings(mut command: Command) -> Command {
    let names = std::env::vars_os().map(|(name, _)| name);
    for name in names.filter(|name| name.to_string_lossy().starts_with("STATETOOL_")) {
        command.env_remove(name);
    }
    command
}

#[test]
fn interrupted_commands_leave_nothing() {
    for (signal, code) in [("INT", 130), ("TERM", 143), ("HUP", 129)] {
        let place = tempfile::tempdir().unwrap();
        let (_server, arguments) = endless(place.path());
        let mut child = without_settings(Command::new(env!("CARGO_BIN_EXE_statetool")))
            .args(arguments)
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        wait_until("it begins", || {
            fs::read_dir(place.path()).unwrap().next().is_some()
        });
        let pid = child.id().to_string();
        assert!(
            Command::new("kill")
                .args([&format!("-{signal}"), &pid])
                .status()
                .unwrap()
                .success()
        );
        assert_eq!(wait(&mut child), Some(code));
        assert_eq!(
            fs::read_dir(place.path()).unwrap().count(),
            0,
            "something is left"
        );
    }
}

/// `script` (of util-linux) gives the command a terminal of its own, whose Ctrl-C is what comes in.
#[test]
fn ctrl_c_on_a_terminal_takes_the_progress_away() {
    let place = tempfile::tempdir().unwrap();
    let (_server, arguments) = endless(place.path());
    let command = format!("exec {} {}", env!("CARGO_BIN_EXE_statetool"), arguments.join(" "));
    let mut child = without_settings(Command::new("script"))
        .args([
            "--quiet",
            "--return",
            "--flush",
            "--command",
            &command,
            "/dev/null",
        ])
        .envs([("SHELL", "/bin/sh"), ("TERM", "xterm"), ("COLUMNS", "200")])
        .env_remove("NO_COLOR")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let shown = Arc::new(Mutex::new(Vec::new()));
    let reader = std::thread::spawn({
        let shown = shown.clone();
        move || {
            let mut some = [0; 4096];
            while let Ok(n @ 1..) = stdout.read(&mut some) {
                shown.lock().unwrap().extend_from_slice(&some[..n]);
            }
        }
    });
    let text = || String::from_utf8_lossy(&shown.lock().unwrap()).into_owned();
    wait_until("a bar", || screen(&text()).contains("entries/s"));
    child.stdin.as_mut().unwrap().write_all(b"\x03").unwrap();
    assert_eq!(wait(&mut child), Some(130), "{}", text());
    reader.join().unwrap();
    assert_eq!(screen(&text()).trim(), "", "something is left of {:?}", text());
    assert_eq!(
        fs::read_dir(place.path()).unwrap().count(),
        0,
        "something is left"
    );
}

/// What a terminal shows after this: knows carriage returns, line ends, and the clearing of lines.
fn screen(text: &str) -> String {
    let mut lines = vec![Vec::new()];
    let (mut row, mut column) = (0, 0);
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\r' => column = 0,
            '\n' => {
                row += 1;
                lines.resize(lines.len().max(row + 1), Vec::new());
            }
            '\u{1b}' => {
                let mut sequence = String::new();
                for c in chars.by_ref() {
                    sequence.push(c);
                    if c.is_alphabetic() {
                        break;
                    }
                }
                match sequence.as_str() {
                    "[2K" => lines[row].clear(),
                    "[K" => lines[row].truncate(column),
                    _ => {}
                }
            }
            c => {
                let filled = lines[row].len().max(column + 1);
                lines[row].resize(filled, ' ');
                lines[row][column] = c;
                column += 1;
            }
        }
    }
    let lines: Vec<String> = lines.into_iter().map(String::from_iter).collect();
    lines.join("\n")
}
