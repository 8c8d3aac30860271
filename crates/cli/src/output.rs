//! Data on stdout or in a file, words on stderr.

use std::fs::{self, File};
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anstream::{AutoStream, ColorChoice};
use anyhow::Context;
use statetool_ops::Error;

use crate::args::{Format, OutputArgs};
use crate::style;

mod target;

/// Where the result of a command goes.
///
/// A file appears under its name only when [`Output::finish`] has been called; until then, and
/// for ever if it is not, the result lies beside it under another name or not at all.
pub(crate) struct Output {
    to: Box<dyn Write>,
    unfinished: Option<Unfinished>,
    is_stdout: bool,
}

/// A file that is being written.
struct Unfinished {
    path: PathBuf,
    target: PathBuf,
}

/// The file to remove when the program is interrupted.
static UNFINISHED: Mutex<Option<PathBuf>> = Mutex::new(None);

impl OutputArgs {
    /// Opens the file or stdout for a result in the wanted format.
    pub(crate) fn open(&self, default: Format) -> anyhow::Result<(Format, Output)> {
        let format = self.format.unwrap_or(default);
        let mut output = open(self.file.output.as_deref())?;
        if format == Format::Table {
            output.paint();
        }
        Ok((format, output))
    }
}

/// Opens a file, or stdout, which `-` means too.
pub(crate) fn open(file: Option<&Path>) -> anyhow::Result<Output> {
    let Some(path) = file.filter(|path| *path != Path::new("-")) else {
        return Ok(Output {
            to: Box::new(BufWriter::with_capacity(1 << 16, io::stdout().lock())),
            unfinished: None,
            is_stdout: true,
        });
    };
    let refuse = || format!("cannot write `{}`", path.display());
    refuse_in_a_snapshot(path)?;
    let target = target::behind_links(path).with_context(refuse)?;
    let there = fs::metadata(&target).ok();
    // Devices and pipes take bytes as they come; directories take none.
    if there.as_ref().is_some_and(|there| !there.is_file()) || target.file_name().is_none() {
        let file = File::options().write(true).open(&target).with_context(refuse)?;
        return Ok(Output {
            to: Box::new(BufWriter::new(file)),
            unfinished: None,
            is_stdout: false,
        });
    }
    let (file, path) = target::beside(&target, there.as_ref()).with_context(refuse)?;
    *UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner) = Some(path.clone());
    Ok(Output {
        to: Box::new(BufWriter::with_capacity(1 << 16, file)),
        unfinished: Some(Unfinished { path, target }),
        is_stdout: false,
    })
}

/// A number that no other run has.
pub(crate) fn random() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    let mut hasher = std::collections::hash_map::RandomState::new().build_hasher();
    hasher.write_u32(std::process::id());
    hasher.finish()
}

/// Refuses a file or directory that is, or would be, in a checkpoint or savepoint.
pub(crate) fn refuse_in_a_snapshot(path: &Path) -> anyhow::Result<()> {
    refuse_around(path, path)
}

/// Refuses a directory for new files that is, or is in, a checkpoint or savepoint.
pub(crate) fn refuse_a_snapshot(directory: &Path) -> anyhow::Result<()> {
    refuse_around(directory, &directory.join("new"))
}

/// Refuses a file that would be in the directory of a snapshot that is to be written.
pub(crate) fn refuse_in_new_snapshot(file: &Path, directory: &Path) -> anyhow::Result<()> {
    if !target::is_inside(file, directory) {
        return Ok(());
    }
    let why = format!(
        "`{}` would lie in the new snapshot `{}`, which holds nothing else",
        file.display(),
        directory.display()
    );
    Err(Error::refused(why).hint("name a place elsewhere").into())
}

fn refuse_around(named: &Path, place: &Path) -> anyhow::Result<()> {
    let Some(home) = target::snapshot_around(place) else {
        return Ok(());
    };
    let (named, home) = (named.display(), home.display());
    let why = format!("`{named}` lies in a snapshot, which is never written to: `{home}`");
    Err(Error::refused(why).hint("name a place elsewhere").into())
}

/// Writes a text, such as help, to stdout, in colour where that is wanted.
pub(crate) fn print(text: &clap::builder::StyledStr) -> io::Result<()> {
    let mut stdout = anstream::stdout();
    match write!(stdout, "{}", text.ansi()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

impl Output {
    /// Whether the result goes to a terminal, beside words and progress.
    pub(crate) fn is_terminal(&self) -> bool {
        self.is_stdout && io::stdout().is_terminal()
    }

    /// Takes the colours out of what is written from now on, unless they are wanted.
    pub(crate) fn paint(&mut self) {
        let choice = match (ColorChoice::global(), self.is_stdout) {
            (ColorChoice::Auto, true) => AutoStream::choice(&io::stdout()),
            (ColorChoice::Auto, false) => ColorChoice::Never,
            (wanted, _) => wanted,
        };
        let to = std::mem::replace(&mut self.to, Box::new(io::sink()));
        self.to = Box::new(AutoStream::new(to, choice));
    }

    /// Writes what is left, and gives a file its name.
    pub(crate) fn finish(mut self) -> anyhow::Result<()> {
        self.to.flush()?;
        if let Some(Unfinished { path, target }) = self.unfinished.take() {
            let renamed = fs::rename(&path, &target);
            forget();
            if renamed.is_err() {
                // What cannot get its name is no result.
                let _ = fs::remove_file(&path);
            }
            renamed.with_context(|| format!("cannot write `{}`", target.display()))?;
        }
        Ok(())
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.to.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        if self.unfinished.take().is_some() {
            remove_unfinished();
        }
    }
}

fn forget() {
    *UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner) = None;
}

/// Removes a file that is not finished and never will be.
pub(crate) fn remove_unfinished() {
    let unfinished = UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(path) = unfinished {
        // There is nobody left to tell.
        let _ = fs::remove_file(path);
    }
}

/// Says something on stderr, its kind in colour if that is wanted.
pub(crate) fn say(kind: &str, text: &str) {
    let style = match kind {
        "error" => style::ERROR,
        "warning" => style::WARNING,
        _ => style::NOTE,
    };
    // Nothing can be done when stderr is closed.
    let _ = writeln!(anstream::stderr(), "{style}{kind}{style:#}: {text}");
}

/// Whether words and progress go to a terminal.
pub(crate) fn is_interactive() -> bool {
    io::stderr().is_terminal()
}

/// Whether an error only says that nobody reads our output any more.
pub(crate) fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    })
}
