//! Timers as raw keyed state: what heap timers beside RocksDB, and asynchronous ForSt, write.
//!
//! ```text
//! for each key group, at its offset (-1: not written):
//! i32 F1CD859F, i32 2, i32 services, services × {
//!   utf name, key serializer, namespace serializer      (without proxy)
//!   i32 n, n × event-time timer, i32 n, n × processing-time timer }
//! timer := key, namespace, i64 timestamp                (sign bit not flipped)
//! ```
//!
//! Flink's `InternalTimerServiceSerializationProxy` and `InternalTimersSnapshotReaderWriters`;
//! docs/format/state-payloads.md.

mod writer;

use statetool_format::metadata::KeyGroupsHandle;
use statetool_format::serializer::SerializerSnapshot;
use statetool_format::{Error as FormatError, Fault, JavaString, KeyGroupRange};

use crate::error::{Error, Result};
use crate::heap;
use crate::skip::Skip;
use crate::source::Source;
use crate::window::{Compression, Window};

pub use writer::TimersWriter;

const MARKER: i32 = 0xF1CD_859F_u32 as i32;
const VERSION: i32 = 2;

/// The head of one timer service in one key group.
#[derive(Debug, Clone, PartialEq)]
pub struct TimerService {
    /// Name of the service, such as `user-timers`.
    pub name: JavaString,
    /// Serializer of the keys.
    pub key: SerializerSnapshot,
    /// Serializer of the namespaces.
    pub namespace: SerializerSnapshot,
}

/// One timer as it is stored.
#[derive(Debug, Clone, Copy)]
pub struct RawTimer<'a> {
    /// The key group.
    pub key_group: u32,
    /// The serialized key.
    pub key: &'a [u8],
    /// The serialized namespace.
    pub namespace: &'a [u8],
    /// When it fires, in epoch milliseconds.
    pub timestamp: i64,
}

/// Which of a service's two queues.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimerDomain {
    /// Event-time timers.
    Event,
    /// Processing-time timers.
    Processing,
}

/// Whether the first written group of a raw keyed stream begins like one of timers.
///
/// A good but not a certain test: raw keyed state may be a user's own bytes.
pub fn is_timer_stream(source: &Source, handle: &KeyGroupsHandle) -> Result<bool> {
    let Some(start) = handle
        .offsets
        .iter()
        .find_map(|offset| u64::try_from(*offset).ok())
    else {
        return Ok(false);
    };
    let mut marker = [0; 4];
    if start.saturating_add(4) > source.len() {
        return Ok(false);
    }
    source.read_exact_at(&mut marker, start)?;
    Ok(i32::from_be_bytes(marker) == MARKER)
}

/// Visits all timers of the groups of a handle that lie in `range`.
///
/// `shapes` says how far keys and namespaces of a service reach; `visit` gets each timer.
pub fn scan<S: Skip>(
    source: &Source,
    handle: &KeyGroupsHandle,
    range: KeyGroupRange,
    mut shapes: impl FnMut(&TimerService) -> (S, S),
    mut visit: impl FnMut(&TimerService, TimerDomain, RawTimer<'_>) -> Result<()>,
) -> Result<()> {
    for (group, start, end) in heap::blocks(handle, range, source.len()) {
        let mut window = Window::new(source, start, end, Compression::None)?;
        let services = parse_group_head(&mut window)?;
        for _ in 0..services {
            let service = window.parse(|r| {
                Ok(TimerService {
                    name: r.utf("name of a timer service")?.to_java_string(),
                    key: SerializerSnapshot::decode(r)?,
                    namespace: SerializerSnapshot::decode(r)?,
                })
            })?;
            let (key, namespace) = shapes(&service);
            for domain in [TimerDomain::Event, TimerDomain::Processing] {
                let count = window.parse(|r| r.i32_in(0, i32::MAX, "number of timers"))?;
                for _ in 0..count {
                    visit_timer(&mut window, group, &key, &namespace, |timer| {
                        visit(&service, domain, timer)
                    })?;
                }
            }
        }
        window.finish("end of a group of timers")?;
    }
    Ok(())
}

fn parse_group_head(window: &mut Window) -> Result<i32> {
    let at = window.offset();
    let (marker, version) =
        window.parse(|r| Ok((r.i32("marker of raw timers")?, r.i32("version of raw timers")?)))?;
    let fault = match (marker, version) {
        (MARKER, VERSION) => return window.parse(|r| r.i32_in(0, i32::MAX, "number of timer services")),
        (MARKER, 1) => Fault::Invalid("version 1 is that of Flink 1.7 or older".into()),
        (MARKER, _) => Fault::Unknown {
            got: version.into(),
            expected: "2",
        },
        _ => Fault::Unknown {
            got: marker.into(),
            expected: "0xf1cd859f",
        },
    };
    Err(Error::format(
        window.name(),
        FormatError::new(at, "raw timers", fault),
    ))
}

fn visit_timer(
    window: &mut Window,
    key_group: u32,
    key: &impl Skip,
    namespace: &impl Skip,
    visit: impl FnOnce(RawTimer<'_>) -> Result<()>,
) -> Result<()> {
    let ((key_len, namespace_len, timestamp), len) = window.peek(|r| {
        let start = r.left();
        key.skip(r)?;
        let after_key = r.left();
        namespace.skip(r)?;
        let after_namespace = r.left();
        Ok((
            start - after_key,
            after_key - after_namespace,
            r.i64("timestamp of a timer")?,
        ))
    })?;
    let bytes: &[u8] = window.take(len);
    let (key, rest) = bytes.split_at_checked(key_len).unwrap_or_default();
    let namespace = rest.get(..namespace_len).unwrap_or_default();
    visit(RawTimer {
        key_group,
        key,
        namespace,
        timestamp,
    })
}
