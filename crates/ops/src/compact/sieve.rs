//! Lists of which some elements are left out.

use statetool_backend::InFile;
use statetool_snapshot::{Entry, Error, ErrorKind, Payload, Result};

use crate::rewrite::{Fate, Form};

/// What becomes of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sifted {
    /// What becomes of the entry.
    pub(super) fate: Fate,
    /// How many elements it had.
    pub(super) elements: u64,
    /// How many of them go.
    pub(super) dropped: u64,
}

/// Puts those elements of a list into `out` that stay, in the form that the list has. `goes` is asked about
/// each with its index.
///
/// # Errors
/// What `goes` returns, and lists whose elements cannot be told apart.
pub(super) fn sift(
    entry: &Entry<'_>,
    out: &mut Vec<u8>,
    mut goes: impl FnMut(u64, &[u8]) -> Result<bool>,
) -> Result<Sifted> {
    let counted = matches!(entry.value, Payload::Counted(_));
    if counted {
        out.extend_from_slice(&[0; 4]);
    }
    let (mut elements, mut dropped) = (0_u64, 0_u64);
    let mut list = entry.elements().told_apart();
    while let Some(element) = next(&mut list, entry)? {
        if goes(elements, element)? {
            dropped += 1;
        } else {
            if !counted && elements > dropped {
                out.push(b',');
            }
            out.extend_from_slice(element);
        }
        elements += 1;
    }
    let kept = u32::try_from(elements - dropped).unwrap_or(u32::MAX);
    if let Some(place) = out.get_mut(..4).filter(|_| counted) {
        place.copy_from_slice(&kept.to_be_bytes());
    }
    Ok(Sifted {
        fate: match (elements, dropped) {
            (_, 0) => Fate::Keep,
            (all, some) if all == some => Fate::Drop,
            _ => Fate::Change(Form::of(entry.value)),
        },
        elements,
        dropped,
    })
}

fn next<'e>(list: &mut statetool_snapshot::Elements<'e>, entry: &Entry<'_>) -> Result<Option<&'e [u8]>> {
    let next = list.next_element().in_file(&entry.state.name);
    next.map_err(|error| {
        let error = Error::from(error);
        match error.kind() {
            ErrorKind::NotInterpretable => error.hint(
                "only the job's classes know where an element of the list ends, so that none can be left out: leave this state out",
            ),
            _ => error,
        }
    })
}

/// Whether an entry is a list without elements.
pub(super) fn is_empty_list(entry: &Entry<'_>) -> bool {
    match entry.value {
        // An element may be of no bytes.
        Payload::Delimited(bytes) => bytes.is_empty() && entry.state.value.declared_length() != Some(0),
        Payload::Counted(bytes) => bytes == [0; 4],
        _ => false,
    }
}
