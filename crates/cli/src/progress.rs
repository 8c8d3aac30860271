//! Progress of long work: a bar on a terminal, else a line every ten seconds.

use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use indicatif::{HumanBytes, HumanCount, HumanDuration, ProgressBar, ProgressStyle};
use statetool_ops::progress::Progress;

use crate::output::is_interactive;

/// Shows the progress of some work until it is dropped.
pub(crate) struct Shown {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// How often a line is written where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(10);
/// Work that is done before needs no bar.
const PATIENCE: Duration = Duration::from_millis(700);

/// The bar that is on the terminal.
static BAR: Mutex<Option<ProgressBar>> = Mutex::new(None);

/// Takes the bar from the terminal for good, with what else stands in its line, such as the `^C` of whoever
/// wants no more.
pub(crate) fn clear() {
    if let Some(bar) = BAR.lock().unwrap_or_else(PoisonError::into_inner).take() {
        bar.finish_and_clear();
    }
}

/// Begins to show progress, unless that is not wanted.
pub(crate) fn show(progress: &Arc<Progress>, quiet: bool) -> Shown {
    if quiet {
        return Shown {
            stop: None,
            thread: None,
        };
    }
    let (stop, stopped) = channel::<()>();
    let progress = progress.clone();
    let thread = std::thread::spawn(move || {
        let begun = Instant::now();
        let interactive = is_interactive();
        let wait = |time| stopped.recv_timeout(time) == Err(std::sync::mpsc::RecvTimeoutError::Timeout);
        if !interactive {
            while wait(LINE_EVERY) {
                crate::output::say("progress", &line(&progress, begun.elapsed()));
            }
            return;
        }
        if !wait(PATIENCE) {
            return;
        }
        let bar = ProgressBar::no_length();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
            bar.set_style(style);
        }
        *BAR.lock().unwrap_or_else(PoisonError::into_inner) = Some(bar.clone());
        while wait(Duration::from_millis(200)) {
            bar.set_message(line(&progress, begun.elapsed()));
            bar.tick();
        }
        clear();
    });
    Shown {
        stop: Some(stop),
        thread: Some(thread),
    }
}

fn line(progress: &Progress, elapsed: Duration) -> String {
    let (entries, bytes, total) = progress.counts();
    let seconds = elapsed.as_secs_f64().max(0.001);
    let mut text = HumanBytes(bytes).to_string();
    if total > bytes {
        text.push_str(&format!(" of about {}", HumanBytes(total)));
    }
    let rate = HumanCount((entries as f64 / seconds) as u64);
    text.push_str(&format!(", {} entries, {rate} entries/s", HumanCount(entries)));
    if total > bytes && bytes > 0 {
        let left = (total - bytes) as f64 / (bytes as f64 / seconds);
        let left = HumanDuration(Duration::from_secs_f64(left.min(1e9)));
        text.push_str(&format!(", about {left} left"));
    }
    text
}

impl Drop for Shown {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A thread that only writes words has nothing to say when it fails.
            let _ = thread.join();
        }
    }
}
