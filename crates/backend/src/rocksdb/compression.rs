//! The compressions of blocks.

use std::io::Read;

use bytes::{Bytes, BytesMut};
use statetool_format::{Error, Fault, Reader, Result};

use super::varint::Little;

/// How a block is compressed; the byte behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub(super) enum Compression {
    /// Not at all.
    None,
    /// Snappy's raw format.
    Snappy,
    /// Deflate without zlib's header.
    Zlib,
    /// bzip2.
    Bzip2,
    /// An LZ4 block; LZ4HC writes the same.
    Lz4,
    /// A Zstandard frame.
    Zstd,
}

/// The largest block that is decompressed: 256 MiB, far above any that an engine writes.
pub const MAX_BLOCK: usize = 256 << 20;

const WHAT: &str = "compressed block";

impl Compression {
    /// Decodes the byte behind the block at `offset`.
    pub(super) fn decode(byte: u8, offset: u64) -> Result<Self> {
        Ok(match byte {
            0 => Self::None,
            1 => Self::Snappy,
            2 => Self::Zlib,
            3 => Self::Bzip2,
            4 | 5 => Self::Lz4,
            7 => Self::Zstd,
            other => {
                let expected = "a compression type of 0 to 5 or 7";
                return Err(Error::new(
                    offset,
                    WHAT,
                    Fault::Unknown {
                        got: other.into(),
                        expected,
                    },
                ));
            }
        })
    }

    /// Decompresses the block at `offset` of a table of the given format version, with the table's
    /// dictionary if it has one; into the memory of `spare`, where that can be done.
    ///
    /// # Errors
    /// Blocks that do not decompress to the size they claim, and blocks larger than [`MAX_BLOCK`].
    pub(super) fn decompress(
        self,
        block: Bytes,
        version: u32,
        dictionary: &[u8],
        offset: u64,
        spare: Bytes,
    ) -> Result<Bytes> {
        if self == Self::None {
            return Ok(block);
        }
        let (packed, size) = self.claimed_size(&block, version, offset)?;
        if size > self.most(packed.len()) {
            let (size, len) = (size.unwrap_or_default(), packed.len());
            return Err(invalid(
                offset,
                format!("claims to hold {size} bytes, which {len} bytes cannot"),
            ));
        }
        if let (Self::Snappy, Some(size), Ok(out)) = (self, size, spare.try_into_mut()) {
            return unsnap(packed, size, out).map_err(|error| invalid(offset, error.to_string()));
        }
        let out = self
            .unpack(packed, size, dictionary)
            .map_err(|why| invalid(offset, why))?;
        match size {
            None if out.len() > MAX_BLOCK => Err(too_large(out.len() as u64, offset)),
            Some(size) if size != out.len() => Err(invalid(
                offset,
                format!("claims to hold {size} bytes and holds {}", out.len()),
            )),
            _ => Ok(out.into()),
        }
    }

    /// How many bytes so many compressed ones can hold at most, where the format says so.
    fn most(self, packed: usize) -> Option<usize> {
        let ratio = match self {
            // A copy of 64 bytes takes three.
            Self::Snappy => 22,
            // Each byte makes a match 255 bytes longer.
            Self::Lz4 => 255,
            _ => return Some(usize::MAX),
        };
        Some(packed.saturating_add(1).saturating_mul(ratio))
    }

    /// What stands in front of the compressed bytes: nothing where the size is part of them, or is unknown.
    fn claimed_size(self, block: &[u8], version: u32, offset: u64) -> Result<(&[u8], Option<usize>)> {
        let mut reader = Reader::at(block, offset);
        let size = match self {
            Self::None => return Ok((block, None)),
            Self::Zlib | Self::Bzip2 if version < 2 => return Ok((block, None)),
            Self::Snappy => {
                snap::raw::decompress_len(block).map_err(|error| invalid(offset, error.to_string()))? as u64
            }
            Self::Lz4 if version < 2 => reader.fixed64(WHAT)? & 0xffff_ffff,
            _ => reader.varuint(WHAT)?.into(),
        };
        let fits = (size <= MAX_BLOCK as u64)
            .then(|| usize::try_from(size).ok())
            .flatten();
        Ok((reader.rest(), Some(fits.ok_or_else(|| too_large(size, offset))?)))
    }

    /// Decompresses bytes; where the size is not known, to no more than the limit and one byte.
    fn unpack(
        self,
        packed: &[u8],
        size: Option<usize>,
        dictionary: &[u8],
    ) -> std::result::Result<Vec<u8>, String> {
        let limit = size.unwrap_or(MAX_BLOCK);
        match self {
            Self::None => Ok(packed.to_vec()),
            Self::Snappy => snap::raw::Decoder::new()
                .decompress_vec(packed)
                .map_err(|error| error.to_string()),
            Self::Zlib => inflate(packed, limit, dictionary),
            Self::Bzip2 => read_all(bzip2::read::BzDecoder::new(packed), limit),
            Self::Lz4 if dictionary.is_empty() => {
                lz4_flex::block::decompress(packed, limit).map_err(|error| error.to_string())
            }
            Self::Lz4 => lz4_flex::block::decompress_with_dict(packed, limit, dictionary)
                .map_err(|error| error.to_string()),
            Self::Zstd => unzstd(packed, limit, dictionary),
        }
    }
}

/// Decompresses into memory that has been used before.
fn unsnap(packed: &[u8], size: usize, mut out: BytesMut) -> std::result::Result<Bytes, snap::Error> {
    out.resize(size, 0);
    snap::raw::Decoder::new().decompress(packed, &mut out)?;
    Ok(out.freeze())
}

#[cold]
fn invalid(offset: u64, why: String) -> Error {
    Error::new(offset, WHAT, Fault::Invalid(why))
}

#[cold]
fn too_large(got: u64, offset: u64) -> Error {
    Error::new(
        offset,
        WHAT,
        Fault::TooLarge {
            got,
            limit: MAX_BLOCK as u64,
        },
    )
}

/// Reads one byte more than `size`, if there is one, so that the caller sees it.
fn read_all(packed: impl Read, size: usize) -> std::result::Result<Vec<u8>, String> {
    let mut out = Vec::new();
    packed
        .take(size as u64 + 1)
        .read_to_end(&mut out)
        .map_err(|error| error.to_string())?;
    Ok(out)
}

fn inflate(packed: &[u8], size: usize, dictionary: &[u8]) -> std::result::Result<Vec<u8>, String> {
    let mut inflater = flate2::Decompress::new(false);
    if !dictionary.is_empty() {
        inflater
            .set_dictionary(dictionary)
            .map_err(|error| error.to_string())?;
    }
    let mut out = Vec::with_capacity(size.min(packed.len().saturating_mul(4)));
    loop {
        let before = (inflater.total_in(), out.len());
        let rest = packed.get(before.0 as usize..).unwrap_or_default();
        let status = inflater.decompress_vec(rest, &mut out, flate2::FlushDecompress::Finish);
        match status.map_err(|error| error.to_string())? {
            flate2::Status::StreamEnd => return Ok(out),
            _ if out.len() > size => return Err(format!("does not end within {size} bytes")),
            _ if out.len() < out.capacity() && before == (inflater.total_in(), out.len()) => {
                return Err("ends within the compressed bytes".into());
            }
            _ => out.reserve(out.len().max(1 << 10).min(size - out.len() + 1)),
        }
    }
}

/// How many times their own size compressed bytes may claim to hold before that is doubted, and
/// memory is taken only as bytes come.
const CREDIBLE: usize = 256;

fn unzstd(packed: &[u8], size: usize, dictionary: &[u8]) -> std::result::Result<Vec<u8>, String> {
    let text = |error: std::io::Error| error.to_string();
    if size / CREDIBLE > packed.len() {
        let decoder = zstd::stream::read::Decoder::with_dictionary(packed, dictionary).map_err(text)?;
        return read_all(decoder, size);
    }
    let mut decompressor = zstd::bulk::Decompressor::with_dictionary(dictionary).map_err(text)?;
    decompressor.decompress(packed, size).map_err(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &[u8] = b"state state state state state state state state";

    fn with_size(packed: &[u8], size: u8) -> Bytes {
        [&[size][..], packed].concat().into()
    }

    fn blocks() -> Vec<(u8, Bytes)> {
        let size = TEXT.len() as u8;
        let mut deflate = flate2::Compress::new(flate2::Compression::best(), false);
        let mut zlib = Vec::with_capacity(100);
        deflate
            .compress_vec(TEXT, &mut zlib, flate2::FlushCompress::Finish)
            .unwrap();
        let mut bzip2 = Vec::new();
        bzip2::read::BzEncoder::new(TEXT, bzip2::Compression::best())
            .read_to_end(&mut bzip2)
            .unwrap();
        vec![
            (0, Bytes::from_static(TEXT)),
            (1, snap::raw::Encoder::new().compress_vec(TEXT).unwrap().into()),
            (2, with_size(&zlib, size)),
            (3, with_size(&bzip2, size)),
            (4, with_size(&lz4_flex::block::compress(TEXT), size)),
            (5, with_size(&lz4_flex::block::compress(TEXT), size)),
            (7, with_size(&zstd::bulk::compress(TEXT, 3).unwrap(), size)),
        ]
    }

    #[test]
    fn every_compression_gives_the_block_back() {
        for (kind, block) in blocks() {
            let kind = Compression::decode(kind, 0).unwrap();
            assert_eq!(
                kind.decompress(block, 2, b"", 0, Bytes::new()).unwrap(),
                TEXT,
                "{kind:?}"
            );
        }
    }

    #[test]
    fn blocks_of_another_size_than_they_claim_are_refused() {
        for (kind, block) in blocks().split_off(2) {
            let kind = Compression::decode(kind, 0).unwrap();
            for size in [0, 1, 46, 48, 127] {
                let mut bad = block.to_vec();
                bad[0] = size;
                assert!(
                    kind.decompress(bad.into(), 2, b"", 0, Bytes::new()).is_err(),
                    "{kind:?} {size}"
                );
            }
        }
    }

    #[test]
    fn sizes_beyond_the_limit_are_refused_before_anything_is_allocated() {
        let huge = Bytes::from_static(&[0x81, 0x80, 0x80, 0x80, 0x01, 0]);
        for kind in [
            Compression::Snappy,
            Compression::Zlib,
            Compression::Lz4,
            Compression::Zstd,
        ] {
            let error = kind
                .decompress(huge.clone(), 2, b"", 16, Bytes::new())
                .unwrap_err();
            assert_eq!(
                error.to_string(),
                "compressed block at offset 0x10: 268435457 exceeds the limit of 268435456"
            );
        }
    }

    #[test]
    fn unknown_types_are_refused() {
        let error = Compression::decode(6, 3).unwrap_err();
        assert_eq!(
            error.to_string(),
            "compressed block at offset 0x3: unknown value 6 (0x6), expected a compression type of 0 to 5 or 7"
        );
    }

    #[test]
    fn dictionaries_are_used() {
        let dictionary = b"a dictionary with some state in it";
        let packed = lz4_flex::block::compress_with_dict(TEXT, dictionary);
        let block = with_size(&packed, TEXT.len() as u8);
        assert_eq!(
            Compression::Lz4
                .decompress(block, 2, dictionary, 0, Bytes::new())
                .unwrap(),
            TEXT
        );
        let packed = zstd::bulk::Compressor::with_dictionary(3, dictionary)
            .unwrap()
            .compress(TEXT)
            .unwrap();
        let block = with_size(&packed, TEXT.len() as u8);
        assert_eq!(
            Compression::Zstd
                .decompress(block, 2, dictionary, 0, Bytes::new())
                .unwrap(),
            TEXT
        );
    }

    #[test]
    fn old_versions_give_no_size_or_give_it_in_eight_bytes() {
        let lz4 = [&TEXT.len().to_le_bytes()[..], &lz4_flex::block::compress(TEXT)].concat();
        for (kind, block) in [
            (Compression::Lz4, lz4.into()),
            (Compression::Zlib, blocks()[2].1.slice(1..)),
            (Compression::Bzip2, blocks()[3].1.slice(1..)),
        ] {
            assert_eq!(
                kind.decompress(block, 1, b"", 0, Bytes::new()).unwrap(),
                TEXT,
                "{kind:?}"
            );
        }
    }

    #[test]
    fn large_blocks_are_inflated_piece_by_piece() {
        let text = vec![7; 3 << 20];
        let mut packed = Vec::with_capacity(1 << 20);
        let mut deflate = flate2::Compress::new(flate2::Compression::best(), false);
        deflate
            .compress_vec(&text, &mut packed, flate2::FlushCompress::Finish)
            .unwrap();
        assert_eq!(
            Compression::Zlib
                .decompress(packed.clone().into(), 0, b"", 0, Bytes::new())
                .unwrap(),
            text
        );
        packed.truncate(packed.len() / 2);
        let error = Compression::Zlib
            .decompress(packed.into(), 0, b"", 0, Bytes::new())
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "compressed block at offset 0x0: ends within the compressed bytes"
        );
    }

    proptest::proptest! {
        #[test]
        fn no_flipped_bytes_make_a_decompression_panic(
            which in 1..7usize,
            version in 0..3u32,
            flips in proptest::collection::vec((0..80usize, proptest::num::u8::ANY), 1..4),
        ) {
            let (kind, block) = blocks().swap_remove(which);
            let mut block = block.to_vec();
            for (at, byte) in flips {
                if let Some(got) = block.get_mut(at) {
                    *got = byte;
                }
            }
            let out = Compression::decode(kind, 0).unwrap().decompress(block.into(), version, b"", 0, Bytes::new());
            proptest::prop_assert!(out.is_err() || out.unwrap().len() <= MAX_BLOCK);
        }
    }
}
