//! Variants (2.1 and later): values that say themselves what they are.
//!
//! ```text
//! value     u8 header: info << 2 | kind; kind 0 primitive, 1 short string, 2 object, 3 array
//! object    size, ids, offsets, values      array  size, offsets, values
//! metadata  u8 header: (offset size - 1) << 6 | version, size, offsets, names
//! ```
//!
//! All numbers inside are little-endian.

use statetool_format::{Fault, Reader, Result};

use super::{MAX_DEPTH, Walker};
use crate::sink::Sink;
use crate::text::Text;
use crate::value::LocalDate;

/// One variant: its values, and the names that objects in it use.
struct Variant<'a> {
    names: Offsets<'a>,
    r: Reader<'a>,
    /// How many values it may still have. Each takes a byte of its own, unless they overlap.
    left: usize,
}

/// The bytes between offsets of one to four bytes each.
struct Offsets<'a> {
    offsets: &'a [u8],
    width: usize,
    data: &'a [u8],
}

impl<S: Sink> Walker<'_, S> {
    /// `VariantSerializer`: both sizes, the value, and its metadata.
    pub(super) fn variant(&mut self, r: &mut Reader<'_>) -> Result<()> {
        let value = r.count(1, "size of a variant")?;
        let metadata = r.count(1, "size of a variant's metadata")?;
        let value = r.window(value, "variant")?;
        let metadata = r.window(metadata, "metadata of a variant")?;
        self.variant_of(value, metadata)
    }

    /// In a binary row: the size of the metadata, the metadata, and the value.
    pub(super) fn variant_of_row(&mut self, r: &mut Reader<'_>) -> Result<()> {
        let metadata = r.count(1, "size of a variant's metadata")?;
        let metadata = r.window(metadata, "metadata of a variant")?;
        let len = r.left();
        let value = r.window(len, "variant")?;
        self.variant_of(value, metadata)
    }

    fn variant_of(&mut self, value: Reader<'_>, mut metadata: Reader<'_>) -> Result<()> {
        let header = metadata.u8("version of a variant")?;
        if header & 0x0f != 1 {
            let fault = Fault::Unknown {
                got: (header & 0x0f).into(),
                expected: "1",
            };
            return Err(metadata.fault("version of a variant", fault));
        }
        let width = usize::from(header >> 6) + 1;
        let size = little(&mut metadata, width, "number of names")?;
        let names = Offsets::read(&mut metadata, size, width)?;
        let left = value.left();
        self.variant_value(
            value.rest(),
            &mut Variant {
                names,
                r: value,
                left,
            },
        )
    }

    fn variant_value(&mut self, bytes: &[u8], variant: &mut Variant<'_>) -> Result<()> {
        variant.left = match variant.left.checked_sub(1) {
            Some(left) => left,
            None => return Err(variant.r.invalid("variant", "its values overlap")),
        };
        if self.depth >= MAX_DEPTH {
            return Err(variant.r.fault("variant", Fault::TooDeep(MAX_DEPTH)));
        }
        let mut r = Reader::at(bytes, variant.r.offset());
        let header = r.u8("header of a variant")?;
        let info = header >> 2;
        self.depth += 1;
        match header & 3 {
            0 => self.variant_primitive(info, &mut r)?,
            1 => self
                .sink
                .string(Text::utf8(r.take(info.into(), "string of a variant")?)),
            2 => self.variant_object(info, &mut r, variant)?,
            _ => self.variant_array(info, &mut r, variant)?,
        }
        self.depth -= 1;
        Ok(())
    }

    fn variant_object(&mut self, info: u8, r: &mut Reader<'_>, variant: &mut Variant<'_>) -> Result<()> {
        let size = little(r, if info >> 4 & 1 == 1 { 4 } else { 1 }, "size of an object")?;
        let id_width = usize::from(info >> 2 & 3) + 1;
        let mut ids = r.window(size.saturating_mul(id_width), "names of an object")?;
        let values = Offsets::read(r, size, usize::from(info & 3) + 1)?;
        self.sink.begin_object();
        for i in 0..size {
            let id = little(&mut ids, id_width, "name of a field")?;
            let name = variant
                .names
                .between(id)
                .ok_or_else(|| r.invalid("name of a field", "no such name"))?;
            self.sink.field_named(&String::from_utf8_lossy(name));
            let value = values
                .from(i)
                .ok_or_else(|| r.invalid("field of a variant", "it lies outside"))?;
            self.variant_value(value, variant)?;
        }
        self.sink.end_object();
        Ok(())
    }

    fn variant_array(&mut self, info: u8, r: &mut Reader<'_>, variant: &mut Variant<'_>) -> Result<()> {
        let size = little(r, if info >> 2 & 1 == 1 { 4 } else { 1 }, "size of an array")?;
        let values = Offsets::read(r, size, usize::from(info & 3) + 1)?;
        self.sink.begin_list(size);
        for i in 0..size {
            self.sink.item();
            let value = values
                .from(i)
                .ok_or_else(|| r.invalid("element of a variant", "it lies outside"))?;
            self.variant_value(value, variant)?;
        }
        self.sink.end_list();
        Ok(())
    }

    fn variant_primitive(&mut self, info: u8, r: &mut Reader<'_>) -> Result<()> {
        let micros = |r: &mut Reader<'_>| signed(r, 8, "time of a variant");
        match info {
            0 => self.sink.null(),
            1 | 2 => self.sink.boolean(info == 1),
            3 => self.sink.byte(signed(r, 1, "byte")? as i8),
            4 => self.sink.short(signed(r, 2, "short")? as i16),
            5 => self.sink.int(signed(r, 4, "int")? as i32),
            6 => self.sink.long(signed(r, 8, "long")?),
            7 => self.sink.double(f64::from_bits(signed(r, 8, "double")? as u64)),
            8..=10 => {
                let scale = r.u8("scale")?;
                let width = 4 << (info - 8);
                let mut digits = r.take(width, "decimal")?.to_vec();
                digits.reverse();
                self.sink.decimal(&digits, scale.into());
            }
            11 => self
                .sink
                .local_date(LocalDate::from_epoch_day(signed(r, 4, "date")?)),
            12 => self.variant_instant(micros(r)?, 1_000_000),
            13 => self.variant_timestamp(micros(r)?, 1_000_000),
            14 => self.sink.float(f32::from_bits(signed(r, 4, "float")? as u32)),
            15 => {
                let len = little(r, 4, "size of bytes")?;
                self.sink.bytes(r.take(len, "bytes")?);
            }
            16 => {
                let len = little(r, 4, "size of a string")?;
                self.sink.string(Text::utf8(r.take(len, "string of a variant")?));
            }
            17 => {
                let micros = r.i64("time of day").map(i64::swap_bytes)?;
                let nanos = u64::try_from(micros)
                    .ok()
                    .and_then(|micros| micros.checked_mul(1000));
                match nanos.filter(|nanos| *nanos < crate::calendar::NANOS_PER_DAY) {
                    Some(nanos) => self.sink.local_time(nanos),
                    None => return Err(r.invalid("time of day", format!("{micros} µs are no time of day"))),
                }
            }
            18 => self.variant_instant(micros(r)?, 1_000_000_000),
            19 => self.variant_timestamp(micros(r)?, 1_000_000_000),
            20 => {
                let high = r.i64("UUID")? as u64;
                let low = r.i64("UUID")? as u64;
                self.sink.uuid(u128::from(high) << 64 | u128::from(low));
            }
            got => {
                let fault = Fault::Unknown {
                    got: got.into(),
                    expected: "0 to 20",
                };
                return Err(r.fault("type of a variant", fault));
            }
        }
        Ok(())
    }

    /// A moment in units of which a second has `per_second`.
    fn variant_instant(&mut self, units: i64, per_second: i64) {
        let nanos = units.rem_euclid(per_second) * (1_000_000_000 / per_second);
        self.sink.instant(units.div_euclid(per_second), nanos as u32);
    }

    fn variant_timestamp(&mut self, units: i64, per_second: i64) {
        const SECONDS_PER_DAY: i64 = 86_400;
        let seconds = units.div_euclid(per_second);
        let nanos = units.rem_euclid(per_second) * (1_000_000_000 / per_second);
        let date = LocalDate::from_epoch_day(seconds.div_euclid(SECONDS_PER_DAY));
        let time = seconds.rem_euclid(SECONDS_PER_DAY) * 1_000_000_000 + nanos;
        self.sink.local_date_time(date, time as u64);
    }
}

impl<'a> Offsets<'a> {
    /// One offset more than there are things; all else is data.
    fn read(r: &mut Reader<'a>, size: usize, width: usize) -> Result<Self> {
        let offsets = r.take(
            size.saturating_add(1).saturating_mul(width),
            "offsets of a variant",
        )?;
        Ok(Self {
            offsets,
            width,
            data: r.take_rest(),
        })
    }

    fn offset(&self, i: usize) -> Option<usize> {
        let start = i.checked_mul(self.width)?;
        let bytes = self.offsets.get(start..start.checked_add(self.width)?)?;
        Some(bytes.iter().rev().fold(0, |v, b| v << 8 | usize::from(*b)))
    }

    /// The data from an offset on.
    fn from(&self, i: usize) -> Option<&'a [u8]> {
        self.data.get(self.offset(i)?..)
    }

    /// The data up to the next offset.
    fn between(&self, i: usize) -> Option<&'a [u8]> {
        self.data.get(self.offset(i)?..self.offset(i.checked_add(1)?)?)
    }
}

/// An unsigned little-endian number of at most four bytes.
fn little(r: &mut Reader<'_>, width: usize, what: &'static str) -> Result<usize> {
    Ok(r.take(width, what)?
        .iter()
        .rev()
        .fold(0, |v, b| v << 8 | usize::from(*b)))
}

/// A signed little-endian number of at most eight bytes.
fn signed(r: &mut Reader<'_>, width: usize, what: &'static str) -> Result<i64> {
    let bytes = r.take(width, what)?;
    let sign = if bytes.last().is_some_and(|b| b & 0x80 != 0) {
        -1
    } else {
        0
    };
    Ok(bytes.iter().rev().fold(sign, |v, b| v << 8 | i64::from(*b)))
}
