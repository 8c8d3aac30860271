//! What a file that is no metadata looks like, for those who have to find out what it is.

use statetool_format::{Error as FormatError, Fault};
use statetool_store::{Location, Scheme};

use crate::error::Error;
use crate::locate::Located;

/// How many of the first bytes are looked at.
const LOOKED_AT: usize = 512;
/// How many letters of a text are shown.
const SHOWN: usize = 60;

/// Why a file is no metadata that can be read.
pub(crate) fn undecodable(located: &Located, bytes: &[u8], error: &FormatError) -> Error {
    let file = &located.metadata;
    let why = match error.fault() {
        _ if bytes.is_empty() => "`_metadata`: the file is empty".to_owned(),
        Fault::Truncated { left, .. } if ends_at(error, *left, bytes.len()) => format!(
            "`_metadata`: the file ends at offset {:#x} and is truncated: {error}",
            bytes.len()
        ),
        _ if error.offset() == 0 => match text(bytes) {
            Some(beginning) => return is_text(file, bytes, &beginning),
            None => format!("`_metadata`: {error}"),
        },
        _ => format!("`_metadata`: {error}"),
    };
    Error::input(format!("cannot read snapshot `{file}`: {why}"))
}

/// Whether the bytes that were left are the last of the file, from the place of the error on or
/// behind a number of things that stands there.
fn ends_at(error: &FormatError, left: u64, len: usize) -> bool {
    let end = error.offset() + left;
    (end..=end + size_of::<i32>() as u64).contains(&(len as u64))
}

/// A file that somebody can read, and Flink cannot.
fn is_text(file: &Location, bytes: &[u8], beginning: &str) -> Error {
    let is_page = is_page(bytes);
    let what = if is_page { "a web page" } else { "text" };
    let error = Error::input(format!(
        "cannot read snapshot `{file}`: this is {what} and no Flink metadata file; it begins with `{beginning}`"
    ));
    match is_page && file.scheme() == Scheme::Http {
        true => error.hint("the web server answered with a page instead of a file: is there a snapshot at this address, and does the server ask for a login?"),
        false => error,
    }
}

fn is_page(bytes: &[u8]) -> bool {
    let beginning = bytes.get(..LOOKED_AT).unwrap_or(bytes).to_ascii_lowercase();
    let marks: [&[u8]; 2] = [b"<!doctype html", b"<html"];
    marks
        .iter()
        .any(|mark| beginning.windows(mark.len()).any(|window| window == *mark))
}

/// The beginning of the first line that is not empty, if the file begins with text.
fn text(bytes: &[u8]) -> Option<String> {
    let beginning = bytes.get(..LOOKED_AT).unwrap_or(bytes);
    let text = match str::from_utf8(beginning) {
        Ok(text) => text,
        // Cut in the middle of a letter.
        Err(error) if error.error_len().is_none() => {
            str::from_utf8(beginning.get(..error.valid_up_to())?).ok()?
        }
        Err(_) => return None,
    };
    let text = text.trim_start_matches('\u{feff}');
    let printable = |c: char| !c.is_control() || matches!(c, '\n' | '\r' | '\t');
    let line = text.lines().map(str::trim).find(|line| !line.is_empty())?;
    text.chars()
        .all(printable)
        .then(|| match line.char_indices().nth(SHOWN) {
            Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
            None => line.to_owned(),
        })
}

#[cfg(test)]
mod tests {
    use statetool_format::metadata::Metadata;

    use super::*;

    fn refused(file: &str, bytes: &[u8]) -> Error {
        let located = Located {
            metadata: Location::parse(file).unwrap(),
            chosen: None,
        };
        undecodable(&located, bytes, &Metadata::decode(bytes).unwrap_err())
    }

    #[test]
    fn what_is_no_metadata_is_called_what_it_is() {
        let long = format!("\u{feff}\n  {}", "ä".repeat(300));
        let cases: &[(&[u8], &str)] = &[
            (b"", "`_metadata`: the file is empty"),
            (
                b"\x49\x60",
                "`_metadata`: the file ends at offset 0x2 and is truncated: magic number at offset 0x0: needs 4 bytes, 2 are left",
            ),
            (
                b"\x49\x60\x67\x2d\0\0\0\x04\0\0",
                "`_metadata`: the file ends at offset 0xa and is truncated: checkpoint id at offset 0x8: needs 8 bytes, 2 are left",
            ),
            (
                b"no snapshot\nat all",
                "this is text and no Flink metadata file; it begins with `no snapshot`",
            ),
            (
                b"\r\n<!DOCTYPE html>\n<title>Sign in</title>",
                "this is a web page and no Flink metadata file; it begins with `<!DOCTYPE html>`",
            ),
            (
                b"<?xml version='1.0'?><html>",
                "this is a web page and no Flink metadata file; it begins with `<?xml version='1.0'?><html>`",
            ),
            (
                long.as_bytes(),
                &format!(
                    "this is text and no Flink metadata file; it begins with `{}…`",
                    "ä".repeat(SHOWN)
                ),
            ),
            (
                b"text\0with a NUL",
                "`_metadata`: magic number at offset 0x0: 0x74657874 is not 0x4960672d: this is no Flink metadata file",
            ),
            (
                b"\xff\xfe\xfd\xfc",
                "`_metadata`: magic number at offset 0x0: 0xfffefdfc is not 0x4960672d: this is no Flink metadata file",
            ),
        ];
        for (bytes, expected) in cases {
            assert_eq!(
                refused("/x", bytes).to_string(),
                format!("cannot read snapshot `/x`: {expected}")
            );
        }
        assert_eq!(refused("/x", b"<html>").help(), None);
        let hint = refused("http://host/x", b"<html>");
        assert!(
            hint.help()
                .unwrap()
                .starts_with("the web server answered with a page")
        );
    }
}
