//! The writing counterpart of [`Reader`](crate::Reader).

use crate::text::JavaText;

/// What can be written in Flink's layout; the mirror of a `decode`.
pub trait Encode {
    /// Appends the encoded form to `out`.
    fn encode(&self, out: &mut Vec<u8>);

    /// The encoded form on its own.
    fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.encode(&mut out);
        out
    }
}

/// Java's `DataOutput` on a byte vector: big-endian numbers, modified UTF-8.
pub trait Put {
    /// Appends bytes as they are.
    fn put(&mut self, bytes: &[u8]);

    /// Appends one byte.
    fn put_u8(&mut self, v: u8) {
        self.put(&[v]);
    }
    /// Appends a signed byte.
    fn put_i8(&mut self, v: i8) {
        self.put(&v.to_be_bytes());
    }
    /// Appends a boolean as 0 or 1.
    fn put_bool(&mut self, v: bool) {
        self.put(&[v.into()]);
    }
    /// Appends an unsigned 16-bit number.
    fn put_u16(&mut self, v: u16) {
        self.put(&v.to_be_bytes());
    }
    /// Appends a signed 16-bit number.
    fn put_i16(&mut self, v: i16) {
        self.put(&v.to_be_bytes());
    }
    /// Appends a signed 32-bit number.
    fn put_i32(&mut self, v: i32) {
        self.put(&v.to_be_bytes());
    }
    /// Appends a signed 64-bit number.
    fn put_i64(&mut self, v: i64) {
        self.put(&v.to_be_bytes());
    }
    /// Appends a count as `i32`.
    ///
    /// Counts of more than `i32::MAX` cannot be decoded by anybody and cannot come out of a
    /// decoder, so they saturate.
    fn put_count(&mut self, n: usize) {
        self.put_i32(i32::try_from(n).unwrap_or(i32::MAX));
    }
    /// Appends an `i32` length and the bytes.
    fn put_bytes(&mut self, bytes: &[u8]) {
        self.put_count(bytes.len());
        self.put(bytes);
    }
    /// Appends a `u16` byte count and the modified UTF-8.
    fn put_utf(&mut self, text: JavaText<'_>) {
        self.put_u16(text.utf_len());
        self.put(text.as_modified_utf8());
    }
    /// Appends a `varuint`: 7 bits a byte, least significant first.
    fn put_varuint(&mut self, mut v: u32) {
        while v >= 0x80 {
            self.put_u8((v & 0x7f) as u8 | 0x80);
            v >>= 7;
        }
        self.put_u8(v as u8);
    }
}

impl Put for Vec<u8> {
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}
