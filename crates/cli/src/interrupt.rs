//! Ctrl-C and its kin: no half files, and the exit code that shells expect.

use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::iterator::Signals;

use crate::output::remove_unfinished;
use crate::progress;

/// What shells add to the number of a signal: 130 stands for Ctrl-C.
const EXIT_BASE: i32 = 128;

/// Whether the program is being ended.
static ENDING: AtomicBool = AtomicBool::new(false);

/// Lets the first such signal end the program in order, and the second at once.
///
/// A limit on the length of files, of which `SIGXFSZ` tells, becomes an error of who writes.
pub(crate) fn install() {
    // Without a handler the system's own one ends the program, which leaves a hidden file at worst.
    let Ok(mut signals) = Signals::new([SIGINT, SIGTERM, SIGHUP, SIGXFSZ]) else {
        return;
    };
    std::thread::spawn(move || {
        for signal in signals.forever().filter(|signal| *signal != SIGXFSZ) {
            let code = EXIT_BASE + signal;
            if ENDING.swap(true, Ordering::Relaxed) {
                exit(code);
            }
            let ending = std::thread::Builder::new().spawn(move || {
                remove_unfinished();
                progress::clear();
                statetool_store::remove_caches();
                statetool_store::take_away_unfinished();
                exit(code);
            });
            if ending.is_err() {
                exit(code);
            }
        }
    });
}

#[expect(
    clippy::disallowed_methods,
    reason = "the main thread is busy; what it has not finished was removed"
)]
fn exit(code: i32) {
    std::process::exit(code);
}

/// Does not return once the program is being ended: what a command says then is about files that
/// were taken away under it.
pub(crate) fn hold() {
    while ENDING.load(Ordering::Relaxed) {
        std::thread::park();
    }
}
