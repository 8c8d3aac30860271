//! Binary rows, arrays and maps, byte for byte as the writers of the Table runtime lay them out.

use statetool_format::Put;

use super::scalar::{check_time_of_day, compact, local_millis, rescaled, to_millis};
use super::{Result, check_arity, mismatch};
use crate::logical::{LogicalKind, LogicalType};
use crate::mismatch::Mismatch;
use crate::segment::{array_header_len, row_header_len};
use crate::types::{Constant, Type};
use crate::value::Value;

/// A size and a row, array or map.
pub(super) fn put(ty: &Type, value: &Value, out: &mut Vec<u8>) -> Result {
    let bytes = match ty {
        Type::RowData(columns) => row(columns.iter(), value)?,
        Type::ArrayData(element) => array(element, value)?,
        Type::MapData(entry) => map(&entry.0, &entry.1, value)?,
        _ => match value {
            Value::Opaque { bytes, .. } => bytes.clone(),
            _ => return Err(Mismatch::new(format!("values of type {ty} cannot be written"))),
        },
    };
    out.put_bytes(&bytes);
    Ok(())
}

/// The bytes of a binary row, without its size.
pub(crate) fn row<'t>(
    columns: impl ExactSizeIterator<Item = &'t LogicalType>,
    value: &Value,
) -> Result<Vec<u8>> {
    let Value::Row { kind, fields, .. } = value else {
        return Err(mismatch("a row", value));
    };
    check_arity(columns.len(), fields.len())?;
    let header = row_header_len(fields.len());
    let mut writer = Writer::new(header + 8 * fields.len());
    writer.set(0, &[*kind]);
    for (i, (ty, field)) in columns.zip(fields).enumerate() {
        match is_null(ty, field) {
            true => writer.set_bit(0, i + 8),
            false => writer
                .put_slot(header + 8 * i, 8, ty, field)
                .map_err(|e| e.at(i))?,
        }
    }
    Ok(writer.bytes)
}

/// Whether a field is null: the only value of a `RAW` of nothing, which stands for the views of
/// an accumulator, is there.
fn is_null(ty: &LogicalType, value: &Value) -> bool {
    let is_nothing =
        matches!(&ty.kind, LogicalKind::Raw(inner) if matches!(**inner, Type::Constant(Constant::Null)));
    *value == Value::Null && !is_nothing
}

fn array(element: &LogicalType, value: &Value) -> Result<Vec<u8>> {
    match value {
        Value::List(items) => elements(element, items.iter()),
        other => Err(mismatch("an array", other)),
    }
}

fn elements<'v>(element: &LogicalType, items: impl ExactSizeIterator<Item = &'v Value>) -> Result<Vec<u8>> {
    let len = i32::try_from(items.len()).map_err(|_| Mismatch::new("there are too many elements"))?;
    let (header, width) = (array_header_len(items.len()), element.element_width());
    let mut writer = Writer::new((header + width * items.len()).next_multiple_of(8));
    writer.set(0, &len.to_le_bytes());
    for (i, item) in items.enumerate() {
        match item {
            Value::Null => writer.set_bit(4, i),
            item => writer
                .put_slot(header + width * i, width, element, item)
                .map_err(|e| e.at(i))?,
        }
    }
    Ok(writer.bytes)
}

fn map(key: &LogicalType, value: &LogicalType, map: &Value) -> Result<Vec<u8>> {
    let Value::Map(entries) = map else {
        return Err(mismatch("a map", map));
    };
    let keys = elements(key, entries.iter().map(|(key, _)| key)).map_err(|e| e.in_field("keys"))?;
    let values = elements(value, entries.iter().map(|(_, value)| value)).map_err(|e| e.in_field("values"))?;
    let len = i32::try_from(keys.len()).map_err(|_| Mismatch::new("the keys take too many bytes"))?;
    Ok([&len.to_le_bytes()[..], &keys, &values].concat())
}

/// A row or array of which the fixed part is laid out and the variable part grows.
struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    fn new(fixed: usize) -> Self {
        Self {
            bytes: vec![0; fixed],
        }
    }

    fn set(&mut self, at: usize, bytes: &[u8]) {
        if let Some(room) = self.bytes.get_mut(at..at + bytes.len()) {
            room.copy_from_slice(bytes);
        }
    }

    fn set_bit(&mut self, base: usize, i: usize) {
        if let Some(byte) = self.bytes.get_mut(base + i / 8) {
            *byte |= 1 << (i % 8);
        }
    }

    /// Writes a value into its slot, of which narrow elements have the first bytes only.
    fn put_slot(&mut self, at: usize, width: usize, ty: &LogicalType, value: &Value) -> Result {
        let slot = self.slot(ty, value)?.to_le_bytes();
        self.set(at, slot.get(..width).unwrap_or(&slot));
        Ok(())
    }

    fn slot(&mut self, ty: &LogicalType, value: &Value) -> Result<u64> {
        Ok(match (&ty.kind, value) {
            (LogicalKind::Boolean, Value::Boolean(v)) => u64::from(*v),
            (LogicalKind::TinyInt, Value::Byte(v)) => u64::from(*v as u8),
            (LogicalKind::SmallInt, Value::Short(v)) => u64::from(*v as u16),
            (LogicalKind::Integer | LogicalKind::YearMonthInterval, Value::Int(v)) => u64::from(*v as u32),
            (LogicalKind::BigInt | LogicalKind::DayTimeInterval, Value::Long(v)) => *v as u64,
            (LogicalKind::Float, Value::Float(v)) => v.to_bits().into(),
            (LogicalKind::Double, Value::Double(v)) => v.to_bits(),
            (LogicalKind::Date, Value::LocalDate(date)) => {
                let day = i32::try_from(date.to_epoch_day())
                    .map_err(|_| Mismatch::new("the date is out of range"))?;
                u64::from(day as u32)
            }
            (LogicalKind::Time, Value::LocalTime(nanos)) => {
                check_time_of_day(*nanos)?;
                nanos / 1_000_000
            }
            (LogicalKind::Char(..), Value::String(text)) => self.string(text.as_wtf8())?,
            (LogicalKind::Binary(..), Value::Bytes(bytes)) => self.string(bytes)?,
            (LogicalKind::Decimal(..=18, scale), _) => compact(&rescaled(value, *scale)?)? as u64,
            (LogicalKind::Decimal(_, scale), _) => {
                self.wide_decimal(&rescaled(value, *scale)?.to_signed_bytes_be())?
            }
            (LogicalKind::Timestamp(precision), Value::LocalDateTime(date, nanos)) => {
                let (millis, nanos) = local_millis(*date, *nanos)?;
                self.timestamp(millis, nanos, *precision)?
            }
            (LogicalKind::TimestampLtz(precision), Value::Instant { seconds, nanos }) => {
                self.timestamp(to_millis(*seconds, *nanos)?, nanos % 1_000_000, *precision)?
            }
            (LogicalKind::Array(element), _) => self.refer(&array(element, value)?)?,
            (LogicalKind::Map(entry), _) => self.refer(&map(&entry.0, &entry.1, value)?)?,
            (LogicalKind::Multiset(element), _) => {
                self.refer(&map(element, &LogicalType::new(LogicalKind::Integer), value)?)?
            }
            (LogicalKind::Row(_, fields), _) => self.refer(&row(fields.iter().map(|(_, ty)| ty), value)?)?,
            (LogicalKind::Raw(inner), _) => {
                let mut bytes = Vec::new();
                super::put(inner, value, &mut bytes)?;
                self.refer(&bytes)?
            }
            (LogicalKind::Bitmap, Value::Bytes(bytes)) => self.refer(bytes)?,
            _ => return Err(mismatch(ty, value)),
        })
    }

    /// Up to seven bytes are in the slot itself.
    fn string(&mut self, bytes: &[u8]) -> Result<u64> {
        let mut slot = [0; 8];
        match slot.get_mut(..bytes.len()).filter(|_| bytes.len() <= 7) {
            Some(room) => {
                room.copy_from_slice(bytes);
                Ok(u64::from_le_bytes(slot) | (0x80 | bytes.len() as u64) << 56)
            }
            None => self.refer(bytes),
        }
    }

    /// Sixteen bytes, whatever the number of digits.
    fn wide_decimal(&mut self, unscaled: &[u8]) -> Result<u64> {
        let mut room = [0; 16];
        let Some(digits) = room.get_mut(..unscaled.len()) else {
            return Err(Mismatch::new("the decimal has too many digits"));
        };
        digits.copy_from_slice(unscaled);
        let slot = self.offset(self.bytes.len())? | unscaled.len() as u64;
        self.bytes.extend_from_slice(&room);
        Ok(slot)
    }

    fn timestamp(&mut self, millis: i64, nanos: u32, precision: i32) -> Result<u64> {
        if precision <= 3 {
            return Ok(millis as u64);
        }
        let slot = self.offset(self.bytes.len())? | u64::from(nanos);
        self.bytes.extend_from_slice(&millis.to_le_bytes());
        Ok(slot)
    }

    /// Appends bytes, padded to words, and makes the slot that refers to them.
    fn refer(&mut self, bytes: &[u8]) -> Result<u64> {
        let len = u32::try_from(bytes.len()).map_err(|_| Mismatch::new("a part takes too many bytes"))?;
        let slot = self.offset(self.bytes.len())? | u64::from(len);
        self.bytes.extend_from_slice(bytes);
        self.bytes.resize(self.bytes.len().next_multiple_of(8), 0);
        Ok(slot)
    }

    fn offset(&self, at: usize) -> Result<u64> {
        let at = i32::try_from(at).map_err(|_| Mismatch::new("the row takes too many bytes"))?;
        Ok((at as u64) << 32)
    }
}
