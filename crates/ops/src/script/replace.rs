//! What a script returns as the value of an entry.

use statetool_format::{Put, Reader, Result as FormatResult};
use statetool_snapshot::{Entry, Payload, State, StateKind};
use statetool_values::{Framing, Mismatch, Plain, Sink, Type, Value, encode, walk};

use super::failure::Failure;
use super::foreign::{Collector, Foreign};

/// What is to become of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It stays as it is.
    Keep,
    /// It goes: its list has no elements any more, which for Flink is no list.
    Drop,
    /// It gets another value.
    Changed(Form),
}

/// The form of a new value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A null value of a map.
    Null,
    /// One value in the form of the state's value type, TTL wrapper included.
    Value,
    /// List elements joined by commas.
    Delimited,
}

impl Form {
    /// The bytes of a new value as those of an entry.
    pub fn payload(self, bytes: &[u8]) -> Payload<'_> {
        match self {
            Self::Null => Payload::Null(&[]),
            Self::Value => Payload::Value(bytes),
            Self::Delimited => Payload::Delimited(bytes),
        }
    }
}

/// How many bytes the time stamp in front of a value with TTL takes.
const STAMP: usize = 8;

/// Puts the value that a script returned into `out`.
pub(super) fn put(entry: &Entry<'_>, returned: &Plain, out: &mut Vec<u8>) -> Result<Outcome, Failure> {
    out.clear();
    let mut new = NewValue {
        ty: entry.state.user_value(),
        out,
        opaque: Vec::new(),
    };
    let outcome = match entry.value {
        Payload::None => return Err(Mismatch::new("timers have no value").into()),
        Payload::Null(_) => new.put_for_null(entry.state, returned)?,
        Payload::Value(old) => new.put_for_value(entry.state, returned, old)?,
        Payload::Delimited(_) | Payload::Counted(_) => new.put_list(entry, returned)?,
    };
    if outcome != Outcome::Keep {
        check_opaque(entry, &new.opaque)?;
    }
    Ok(outcome)
}

/// A value that is being written.
struct NewValue<'n> {
    /// The type, without the TTL wrapper.
    ty: &'n Type,
    out: &'n mut Vec<u8>,
    /// The parts of it that nobody can interpret.
    opaque: Vec<Vec<u8>>,
}

impl NewValue<'_> {
    /// Appends a value without its time stamp.
    fn put(&mut self, returned: &Plain) -> Result<(), Failure> {
        let value = Value::from_plain(self.ty, returned)?;
        push_opaque(&value, &mut self.opaque);
        Ok(encode(self.ty, &value, self.out)?)
    }

    fn put_for_null(&mut self, state: &State, returned: &Plain) -> Result<Outcome, Failure> {
        if *returned == Plain::Null {
            return Ok(Outcome::Keep);
        }
        if state.ttl {
            let why = "a null without a time stamp cannot become a value with TTL";
            return Err(Mismatch::new(why).into());
        }
        self.put(returned).map(|()| Outcome::Changed(Form::Value))
    }

    fn put_for_value(&mut self, state: &State, returned: &Plain, old: &[u8]) -> Result<Outcome, Failure> {
        if state.ttl {
            self.out.put(old.get(..STAMP).unwrap_or(old));
        }
        let put = self.put(returned);
        if put.is_ok() && self.out == old {
            return Ok(Outcome::Keep);
        }
        if *returned == Plain::Null && state.kind == StateKind::Map && !state.ttl {
            self.out.clear();
            return Ok(Outcome::Changed(Form::Null));
        }
        put.map(|()| Outcome::Changed(Form::Value))
    }

    /// Puts the elements of a list, each with its time stamp where it has one.
    fn put_list(&mut self, entry: &Entry<'_>, returned: &Plain) -> Result<Outcome, Failure> {
        let Plain::Array(new) = returned else {
            return Err(Mismatch::new("a list is returned as an array of its elements").into());
        };
        let old = elements(entry)?;
        match entry.state.ttl && old.len() != new.len() {
            true => self.put_rest(&old, new)?,
            false => {
                let stamp_bytes = if entry.state.ttl { STAMP } else { 0 };
                let stamps = old.iter().map(|old| old.get(..stamp_bytes).unwrap_or_default());
                self.put_elements(stamps.chain(std::iter::repeat(&[][..])), new)?;
            }
        }
        let mut unchanged = Vec::new();
        entry.put_canonical_value(&mut unchanged)?;
        Ok(match (*self.out == unchanged, new.is_empty()) {
            (true, _) => Outcome::Keep,
            (false, true) => Outcome::Drop,
            (false, false) => Outcome::Changed(Form::Delimited),
        })
    }

    /// Puts elements behind their time stamps.
    fn put_elements<'a>(
        &mut self,
        stamps: impl Iterator<Item = &'a [u8]>,
        new: &[Plain],
    ) -> Result<(), Failure> {
        for (index, (returned, stamp)) in new.iter().zip(stamps).enumerate() {
            if index > 0 {
                self.out.put_u8(b',');
            }
            self.out.put(stamp);
            self.put(returned).map_err(|failure| failure.at(index))?;
        }
        Ok(())
    }

    /// Puts what is left of a list, each element with its time stamp. Of several that are the same the
    /// last are taken for those that stayed: their time stamps are the newest, so nothing expires too early.
    fn put_rest(&mut self, old: &[&[u8]], new: &[Plain]) -> Result<(), Failure> {
        let mut left = old.iter().rev();
        let mut kept = Vec::new();
        for (index, returned) in new.iter().enumerate().rev() {
            self.out.clear();
            self.put(returned).map_err(|failure| failure.at(index))?;
            let found = left.find(|old| old.get(STAMP..) == Some(self.out));
            kept.push(*found.ok_or_else(|| {
                let why = "no element is left whose time stamp it could have: of a list with TTL either \
                           elements are left out, or all of them are returned, changed or not";
                Failure::from(Mismatch::new(why)).at(index)
            })?);
        }
        kept.reverse();
        *self.out = kept.join(&b',');
        Ok(())
    }
}

fn elements<'a>(entry: &Entry<'a>) -> FormatResult<Vec<&'a [u8]>> {
    let mut elements = entry.elements();
    let mut all = Vec::new();
    while let Some(element) = elements.next_element()? {
        all.push(element);
    }
    Ok(all)
}

/// Refuses parts that nobody can interpret, unless they were in the old value.
fn check_opaque(entry: &Entry<'_>, parts: &[Vec<u8>]) -> Result<(), Failure> {
    if parts.is_empty() {
        return Ok(());
    }
    let known = foreign_parts(entry)?;
    match parts
        .iter()
        .all(|part| known.iter().any(|known| known.bytes == *part))
    {
        true => Ok(()),
        false => {
            let why = "bytes that nobody can interpret (`@opaque`) have to come back as they were";
            Err(Mismatch::new(why).into())
        }
    }
}

/// The parts of an entry's value that have bytes of their own.
pub(super) fn foreign_parts(entry: &Entry<'_>) -> FormatResult<Vec<Foreign>> {
    let mut parts = Collector::default();
    let collect = |bytes, parts: &mut Collector| {
        walk(
            &entry.state.value,
            &mut Reader::new(bytes),
            Framing::Framed,
            parts,
        )
        .map(|_| ())
    };
    match entry.value {
        Payload::None | Payload::Null(_) => {}
        Payload::Value(bytes) => collect(bytes, &mut parts)?,
        Payload::Delimited(_) | Payload::Counted(_) => {
            parts.begin_list(0);
            for element in elements(entry)? {
                collect(element, &mut parts)?;
            }
        }
    }
    Ok(parts.found)
}

/// Appends the parts of a value that nobody can interpret.
fn push_opaque(value: &Value, parts: &mut Vec<Vec<u8>>) {
    struct Parts<'p>(&'p mut Vec<Vec<u8>>);
    impl Sink for Parts<'_> {
        fn opaque(&mut self, _: &str, bytes: &[u8]) {
            self.0.push(bytes.to_vec());
        }
    }
    value.emit(&mut Parts(parts));
}

/// Whether values of a type have several forms, so that the same value may get other bytes.
pub(super) fn has_several_forms(ty: &Type) -> bool {
    let mut several = false;
    ty.visit(&mut |ty| {
        several |= matches!(
            ty,
            Type::Map(_)
                | Type::MapData(_)
                | Type::RowData(_)
                | Type::Avro(_)
                | Type::BigInteger
                | Type::BigDecimal
        );
    });
    several
}
