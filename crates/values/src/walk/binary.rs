//! Binary rows, arrays and maps of the Table runtime.

use statetool_format::{Error, Fault, Reader, Result};

use super::Walker;
use crate::calendar::MILLIS_PER_DAY;
use crate::logical::{LogicalKind, LogicalType};
use crate::segment::Segment;
use crate::sink::Sink;
use crate::text::Text;
use crate::types::{FieldName, Type};
use crate::value::LocalDate;

impl<S: Sink> Walker<'_, S> {
    /// A size, big-endian unlike all that is inside, and a row, array or map.
    pub(super) fn table(&mut self, ty: &Type, r: &mut Reader<'_>) -> Result<()> {
        let len = r.count(1, "size of a binary value")?;
        let at = r.offset();
        let bytes = r.take(len, "binary value")?;
        let mut segment = Segment::new(bytes, at);
        match ty {
            Type::RowData(columns) => self.binary_row(columns.iter().map(|ty| (None, ty)), &mut segment),
            Type::BinaryRow { arity } => {
                segment.row_header(*arity)?;
                self.sink.opaque("BinaryRowData", bytes);
                Ok(())
            }
            Type::ArrayData(element) => self.binary_array(element, &mut segment),
            Type::MapData(entry) => self.binary_map(&entry.0, &entry.1, &mut segment),
            _ => Err(Error::new(
                at,
                "binary value",
                Fault::Invalid("not a type of the Table runtime".into()),
            )),
        }
    }

    fn binary_row<'t>(
        &mut self,
        columns: impl ExactSizeIterator<Item = (Option<&'t FieldName>, &'t LogicalType)>,
        row: &mut Segment<'_>,
    ) -> Result<()> {
        let header = row.row_header(columns.len())?;
        let mut columns = columns.enumerate().peekable();
        let named = columns.peek().is_some_and(|(_, (name, _))| name.is_some());
        self.sink.begin_row(header.kind, named);
        for (i, (name, ty)) in columns {
            match name {
                Some(name) => self.sink.field(name),
                None => self.sink.item(),
            }
            match header.is_null(row, i) {
                true => self.sink.null(),
                false => self.slot(ty, header.slot(row, i)?, row)?,
            }
        }
        self.sink.end_row(header.kind, named);
        Ok(())
    }

    fn binary_array(&mut self, element: &LogicalType, array: &mut Segment<'_>) -> Result<()> {
        let header = array.array_header(element.element_width())?;
        self.sink.begin_list(header.len);
        for i in 0..header.len {
            self.sink.item();
            match header.is_null(array, i) {
                true => self.sink.null(),
                false => self.slot(element, header.element(array, i)?, array)?,
            }
        }
        self.sink.end_list();
        Ok(())
    }

    fn binary_map(&mut self, key: &LogicalType, value: &LogicalType, map: &mut Segment<'_>) -> Result<()> {
        let (mut keys, mut values) = map.map_halves()?;
        let key_header = keys.array_header(key.element_width())?;
        let value_header = values.array_header(value.element_width())?;
        if key_header.len != value_header.len {
            let why = format!("{} keys but {} values", key_header.len, value_header.len);
            return Err(map.invalid("binary map", why));
        }
        self.sink
            .begin_map(key_header.len, matches!(key.kind, LogicalKind::Char(..)));
        for i in 0..key_header.len {
            self.sink.map_key();
            match key_header.is_null(&keys, i) {
                true => self.sink.null(),
                false => self.slot(key, key_header.element(&keys, i)?, &mut keys)?,
            }
            self.sink.map_value();
            match value_header.is_null(&values, i) {
                true => self.sink.null(),
                false => self.slot(value, value_header.element(&values, i)?, &mut values)?,
            }
            self.sink.end_entry();
        }
        self.sink.end_map();
        Ok(())
    }

    /// A value by its slot: eight little-endian bytes, of which narrow types use the first.
    fn slot(&mut self, ty: &LogicalType, slot: u64, parent: &mut Segment<'_>) -> Result<()> {
        match &ty.kind {
            LogicalKind::Boolean => self.sink.boolean(slot & 0xff != 0),
            LogicalKind::TinyInt => self.sink.byte(slot as i8),
            LogicalKind::SmallInt => self.sink.short(slot as i16),
            LogicalKind::Integer | LogicalKind::YearMonthInterval => self.sink.int(slot as i32),
            LogicalKind::BigInt | LogicalKind::DayTimeInterval => self.sink.long(slot as i64),
            LogicalKind::Float => self.sink.float(f32::from_bits(slot as u32)),
            LogicalKind::Double => self.sink.double(f64::from_bits(slot)),
            LogicalKind::Date => self
                .sink
                .local_date(LocalDate::from_epoch_day((slot as i32).into())),
            LogicalKind::Time => self.time_of_day(slot as i32, parent)?,
            LogicalKind::Char(..) => self.sink.string(Text::utf8(&parent.string(slot)?)),
            LogicalKind::Binary(..) => self.sink.bytes(&parent.string(slot)?),
            LogicalKind::Decimal(..=18, scale) => self.sink.decimal(&(slot as i64).to_be_bytes(), *scale),
            LogicalKind::Decimal(_, scale) => {
                let digits = parent.child(slot)?;
                match digits.bytes() {
                    [] => return Err(digits.invalid("decimal", "no bytes at all")),
                    unscaled => self.sink.decimal(unscaled, *scale),
                }
            }
            LogicalKind::Timestamp(precision) => {
                let (millis, nanos) = parent.timestamp(slot, *precision)?;
                self.local_timestamp(millis, nanos);
            }
            LogicalKind::TimestampLtz(precision) => {
                let (millis, nanos) = parent.timestamp(slot, *precision)?;
                let second_nanos = millis.rem_euclid(1000) as u32 * 1_000_000 + nanos;
                self.sink.instant(millis.div_euclid(1000), second_nanos);
            }
            LogicalKind::Unknown(class) => self.sink.opaque(class, &slot.to_le_bytes()),
            _ => return self.nested_slot(ty, slot, parent),
        }
        Ok(())
    }

    fn nested_slot(&mut self, ty: &LogicalType, slot: u64, parent: &mut Segment<'_>) -> Result<()> {
        let mut child = parent.child(slot)?;
        match &ty.kind {
            LogicalKind::Array(element) => self.binary_array(element, &mut child),
            LogicalKind::Map(entry) => self.binary_map(&entry.0, &entry.1, &mut child),
            LogicalKind::Multiset(element) => {
                self.binary_map(element, &LogicalType::new(LogicalKind::Integer), &mut child)
            }
            LogicalKind::Row(_, fields) => {
                self.binary_row(fields.iter().map(|(name, ty)| (Some(name), ty)), &mut child)
            }
            LogicalKind::Raw(inner) => {
                let mut window = child.reader();
                self.in_frame(&mut window, |walker, window| walker.value(inner, window))?;
                window.finish("raw value")
            }
            LogicalKind::Variant => self.variant_of_row(&mut child.reader()),
            _ => {
                self.sink.bytes(child.bytes());
                Ok(())
            }
        }
    }

    fn time_of_day(&mut self, millis: i32, parent: &Segment<'_>) -> Result<()> {
        match i64::from(millis) {
            0..MILLIS_PER_DAY => {
                self.sink.local_time(millis as u64 * 1_000_000);
                Ok(())
            }
            _ => Err(parent.invalid("time of day", format!("{millis} ms are no time of day"))),
        }
    }
}
