//! How words and tables look where colour is wanted; elsewhere the streams take it out again.

use anstyle::{AnsiColor, Style};

/// Errors and findings.
pub(crate) const ERROR: Style = colored(AnsiColor::Red);
/// Warnings, and what nobody can interpret.
pub(crate) const WARNING: Style = colored(AnsiColor::Yellow);
/// Notes and hints.
pub(crate) const NOTE: Style = colored(AnsiColor::Cyan);
/// That all is well.
pub(crate) const GOOD: Style = colored(AnsiColor::Green);
/// The name of what is described next.
pub(crate) const NAME: Style = colored(AnsiColor::Cyan);
/// Heads of tables.
pub(crate) const HEAD: Style = Style::new().bold();

const fn colored(color: AnsiColor) -> Style {
    color.on_default().bold()
}

/// A text in a style.
pub(crate) fn paint(style: Style, text: impl std::fmt::Display) -> String {
    format!("{style}{text}{style:#}")
}
