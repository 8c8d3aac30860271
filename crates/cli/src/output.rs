//! Data on stdout or in a file, words on stderr.

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::Path;

use anstyle::{AnsiColor, Style};
use anyhow::Context;

/// Where the result of a command goes.
pub(crate) fn open(file: Option<&Path>) -> anyhow::Result<Box<dyn Write>> {
    match file {
        Some(path) => {
            let file = File::create(path).with_context(|| format!("cannot write `{}`", path.display()))?;
            Ok(Box::new(BufWriter::new(file)))
        }
        None => Ok(Box::new(BufWriter::with_capacity(1 << 16, io::stdout().lock()))),
    }
}

/// Says something on stderr, its kind in colour if that is wanted.
pub(crate) fn say(kind: &str, text: &str) {
    let color = match kind {
        "error" => AnsiColor::Red,
        "warning" => AnsiColor::Yellow,
        _ => AnsiColor::Cyan,
    };
    let style = Style::new().fg_color(Some(color.into())).bold();
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
