//! Lists, sets, arrays and maps.

use statetool_format::{Error, Fault, Reader, Result};

use super::Walker;
use crate::mask::Mask;
use crate::sink::Sink;
use crate::types::{ListKind, ListType, MapType, Nulls};

impl<S: Sink> Walker<'_, S> {
    pub(super) fn list(&mut self, list: &ListType, r: &mut Reader<'_>) -> Result<()> {
        let smallest = match list.nulls {
            Nulls::Never => list.element.smallest(),
            Nulls::IsNull | Nulls::IsPresent => 1,
            Nulls::Mask => return self.masked_list(list, r),
        };
        let len = r.count(smallest, "number of elements")?;
        if list.kind == ListKind::SizedValueArray {
            return self.sized_list(list, len, r);
        }
        self.elements(list, len, r)
    }

    fn elements(&mut self, list: &ListType, len: usize, r: &mut Reader<'_>) -> Result<()> {
        self.sink.begin_list(len);
        for _ in 0..len {
            if self.ended {
                break;
            }
            let before = r.offset();
            self.sink.item();
            let null = match list.nulls {
                Nulls::Never | Nulls::Mask => false,
                Nulls::IsNull => r.bool("null flag of an element")?,
                Nulls::IsPresent => !r.bool("presence flag of an element")?,
            };
            match null {
                true => self.sink.null(),
                false => self.value(&list.element, r)?,
            }
            self.count_empty(before, r)?;
        }
        self.sink.end_list();
        Ok(())
    }

    /// The mask needs a bit for each element, and only elements that are not null follow.
    fn masked_list(&mut self, list: &ListType, r: &mut Reader<'_>) -> Result<()> {
        let at = r.offset();
        let len = r.i32_in(0, i32::MAX, "number of elements")? as usize;
        if len.div_ceil(8) > r.left() {
            let fault = Fault::Truncated {
                needed: len.div_ceil(8) as u64,
                left: r.left() as u64,
            };
            return Err(Error::new(at, "number of elements", fault));
        }
        let mask = Mask(r.take(len.div_ceil(8), "null mask of a list")?);
        self.sink.begin_list(len);
        for i in 0..len {
            if self.ended {
                break;
            }
            self.sink.item();
            if mask.bit(i) {
                self.sink.null();
                continue;
            }
            let before = r.offset();
            self.value(&list.element, r)?;
            self.count_empty(before, r)?;
        }
        self.sink.end_list();
        Ok(())
    }

    /// The size of the elements stands between their number and the elements.
    fn sized_list(&mut self, list: &ListType, len: usize, r: &mut Reader<'_>) -> Result<()> {
        let size = r.count(1, "size of an array")?;
        let mut window = r.window(size, "array")?;
        self.elements(list, len, &mut window)?;
        window.finish("array")
    }

    pub(super) fn map(&mut self, map: &MapType, r: &mut Reader<'_>) -> Result<()> {
        let key = if map.null_keys { 1 } else { map.key.smallest() };
        let value = if map.null_values { 1 } else { map.value.smallest() };
        let len = r.count(key.saturating_add(value), "number of map entries")?;
        self.sink.begin_map(len, map.key.is_string());
        for _ in 0..len {
            if self.ended {
                break;
            }
            let before = r.offset();
            self.sink.map_key();
            match map.null_keys && r.bool("null flag of a map key")? {
                true => self.sink.null(),
                false => self.value(&map.key, r)?,
            }
            self.sink.map_value();
            match self.ended || map.null_values && r.bool("null flag of a map value")? {
                true => self.sink.null(),
                false => self.value(&map.value, r)?,
            }
            self.sink.end_entry();
            self.count_empty(before, r)?;
        }
        self.sink.end_map();
        Ok(())
    }
}
