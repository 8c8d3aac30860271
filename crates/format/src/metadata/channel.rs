//! Handles of channel state: records in flight, in unaligned checkpoints only.

use super::{MetadataVersion, StreamHandle, list, longs, put_longs};
use crate::encode::{Encode, Put};
use crate::error::{Error, Fault, Result};
use crate::reader::Reader;

/// Which side of a subtask the channels are on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChannelDirection {
    /// Input channels.
    Input,
    /// Result subpartitions.
    Output,
}

/// Channel state of one subtask (`AbstractChannelStateHandle`, `AbstractMergedChannelStateHandle`).
#[derive(Debug, Clone, PartialEq)]
pub enum ChannelHandle {
    /// One channel.
    Plain {
        /// The subtask that wrote it.
        subtask: i32,
        /// The channel.
        place: ChannelPlace,
        /// Where the buffers begin in the stream.
        offsets: Vec<i64>,
        /// Bytes of the channel's buffers.
        size: i64,
        /// The stream, usually shared by many channels.
        delegate: StreamHandle,
    },
    /// Several channels in one stream (format 6 and later).
    Merged {
        /// The subtask that wrote them.
        subtask: i32,
        /// Bytes of all channels' buffers.
        size: i64,
        /// The stream.
        delegate: StreamHandle,
        /// The channels.
        channels: Vec<MergedChannel>,
    },
}

/// Gate and channel of an input, or partition and subpartition of an output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChannelPlace {
    /// Index of the input gate or result partition.
    pub gate: i32,
    /// Index of the channel or subpartition in it.
    pub channel: i32,
}

/// One channel of a merged handle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergedChannel {
    /// The channel.
    pub place: ChannelPlace,
    /// Bytes of the channel's buffers.
    pub size: i64,
    /// Where the buffers begin in the stream.
    pub offsets: Vec<i64>,
}

impl ChannelPlace {
    fn decode(r: &mut Reader<'_>) -> Result<Self> {
        Ok(Self {
            gate: r.i32("gate of a channel")?,
            channel: r.i32("index of a channel")?,
        })
    }
}

impl Encode for ChannelPlace {
    fn encode(&self, out: &mut Vec<u8>) {
        out.put_i32(self.gate);
        out.put_i32(self.channel);
    }
}

impl ChannelHandle {
    /// The stream that holds the buffers.
    pub fn delegate(&self) -> &StreamHandle {
        match self {
            Self::Plain { delegate, .. } | Self::Merged { delegate, .. } => delegate,
        }
    }

    /// The stream that holds the buffers, to put another in its place.
    pub fn delegate_mut(&mut self) -> &mut StreamHandle {
        match self {
            Self::Plain { delegate, .. } | Self::Merged { delegate, .. } => delegate,
        }
    }

    pub(super) fn smallest(version: MetadataVersion) -> usize {
        if version.has_merged_channels() { 18 } else { 25 }
    }

    pub(super) fn decode(
        r: &mut Reader<'_>,
        version: MetadataVersion,
        direction: ChannelDirection,
    ) -> Result<Self> {
        if !version.has_merged_channels() {
            return Self::decode_plain(r);
        }
        let at = r.offset();
        match (r.u8("code of a channel handle")?, direction) {
            (1, ChannelDirection::Input) | (2, ChannelDirection::Output) => Self::decode_plain(r),
            (3, ChannelDirection::Input) | (4, ChannelDirection::Output) => Self::decode_merged(r),
            (got, _) => {
                let expected = match direction {
                    ChannelDirection::Input => "1 or 3",
                    ChannelDirection::Output => "2 or 4",
                };
                let fault = Fault::Unknown {
                    got: got.into(),
                    expected,
                };
                Err(Error::new(at, "code of a channel handle", fault))
            }
        }
    }

    fn decode_plain(r: &mut Reader<'_>) -> Result<Self> {
        Ok(Self::Plain {
            subtask: r.i32("subtask of a channel")?,
            place: ChannelPlace::decode(r)?,
            offsets: longs(r, "offsets of channel buffers")?,
            size: r.i64("size of channel state")?,
            delegate: StreamHandle::decode(r, 0)?,
        })
    }

    fn decode_merged(r: &mut Reader<'_>) -> Result<Self> {
        let subtask = r.i32("subtask of merged channels")?;
        let size = r.i64("size of channel state")?;
        let delegate = StreamHandle::decode(r, 0)?;
        let length = r.count(1, "length of merged channels")?;
        let block = &mut r.window(length, "merged channels")?;
        let channels = list(block, 20, "number of merged channels", |r| {
            Ok(MergedChannel {
                place: ChannelPlace::decode(r)?,
                size: r.i64("size of a merged channel")?,
                offsets: longs(r, "offsets of channel buffers")?,
            })
        })?;
        block.finish("merged channels")?;
        Ok(Self::Merged {
            subtask,
            size,
            delegate,
            channels,
        })
    }

    pub(super) fn encode(&self, version: MetadataVersion, direction: ChannelDirection, out: &mut Vec<u8>) {
        let output = u8::from(direction == ChannelDirection::Output);
        match self {
            Self::Plain {
                subtask,
                place,
                offsets,
                size,
                delegate,
            } => {
                if version.has_merged_channels() {
                    out.put_u8(1 + output);
                }
                out.put_i32(*subtask);
                place.encode(out);
                put_longs(out, offsets);
                out.put_i64(*size);
                delegate.encode(out);
            }
            Self::Merged {
                subtask,
                size,
                delegate,
                channels,
            } => {
                out.put_u8(3 + output);
                out.put_i32(*subtask);
                out.put_i64(*size);
                delegate.encode(out);
                let mut block = Vec::new();
                block.put_count(channels.len());
                for channel in channels {
                    channel.place.encode(&mut block);
                    block.put_i64(channel.size);
                    put_longs(&mut block, &channel.offsets);
                }
                out.put_bytes(&block);
            }
        }
    }
}
