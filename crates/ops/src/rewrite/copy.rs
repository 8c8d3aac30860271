//! Streams that become files of the new snapshot as they are, or stay where they are.

use std::collections::HashMap;
use std::sync::Mutex;

use statetool_backend::Source;
use statetool_format::JavaString;
use statetool_format::metadata::{KeyedHandle, StreamHandle, SubtaskState};
use statetool_snapshot::{Error, Result, Snapshot, SnapshotWriter};

use super::lock;
use super::target::NewHead;
use crate::progress::Progress;
use crate::work;

/// How much is read and written at once.
const PIECE: u64 = 256 << 10;

/// Copies streams, each once, however many handles name it.
pub(super) struct Copier<'s> {
    snapshot: &'s Snapshot,
    writer: &'s SnapshotWriter,
    in_place: bool,
    copied: Mutex<HashMap<Place, StreamHandle>>,
}

/// What a stream is known by.
type Place = (String, i64, i64);

/// The place of a stream that is a file or a part of one.
fn place(stream: &StreamHandle) -> Option<Place> {
    match stream {
        StreamHandle::Inline { .. } | StreamHandle::EmptySegment => None,
        StreamHandle::File { path, size } => Some((path.to_str().into_owned(), 0, *size)),
        StreamHandle::RelativeFile { path, size } => Some((format!("./{}", path.to_str()), 0, *size)),
        StreamHandle::Segment {
            path, start, size, ..
        } => Some((path.to_str().into_owned(), *start, *size)),
        StreamHandle::KeyGroups(groups) => place(&groups.delegate),
    }
}

impl<'s> Copier<'s> {
    /// Copies files into the new snapshot; or leaves them `in_place`, and names where they are.
    pub(super) fn new(snapshot: &'s Snapshot, writer: &'s SnapshotWriter, in_place: bool) -> Self {
        Self {
            snapshot,
            writer,
            in_place,
            copied: Mutex::default(),
        }
    }

    /// Whether files stay where they are.
    pub(super) fn in_place(&self) -> bool {
        self.in_place
    }

    /// Copies streams, several at the same time; what has been copied is not copied again.
    ///
    /// # Errors
    /// A file that is missing, or is not as long as recorded: its copy would pass for a whole one.
    pub(super) fn copy_all(&self, streams: &[Stream<'_>], threads: usize, progress: &Progress) -> Result<()> {
        let mut wanted: Vec<(Place, Stream<'_>)> = Vec::new();
        for stream in streams {
            let file = match stream.handle {
                StreamHandle::KeyGroups(groups) => &groups.delegate,
                handle => handle,
            };
            if let Some(place) = place(file)
                && !lock(&self.copied).contains_key(&place)
            {
                let stream = Stream {
                    handle: file,
                    ..*stream
                };
                wanted.push((place, stream));
            }
        }
        wanted.sort_by(|a, b| a.0.cmp(&b.0));
        wanted.dedup_by(|a, b| a.0 == b.0);
        let sizes = wanted
            .iter()
            .filter_map(|(_, stream)| stream.handle.recorded_size());
        progress.expect(sizes.sum());
        self.snapshot
            .files()
            .open_ahead(wanted.iter().map(|(_, stream)| stream.handle));
        let copy = |_: &mut (), (place, stream): &(Place, Stream<'_>)| {
            let source = self.open(*stream)?;
            let handle = match self.in_place && stream.head.is_none() {
                true => self.name(stream.handle)?,
                false => self.copy(&source, stream.head, progress)?,
            };
            lock(&self.copied).insert(place.clone(), handle);
            Ok(())
        };
        work::for_each(&wanted, threads, || (), copy).map(|_| ())
    }

    fn open(&self, stream: Stream<'_>) -> Result<Source> {
        let files = self.snapshot.files();
        match stream.is_log {
            true => files.open_log(stream.handle),
            false => files.open(stream.handle),
        }
    }

    /// The stream by the absolute path of the place where it is now.
    fn name(&self, stream: &StreamHandle) -> Result<StreamHandle> {
        let Some(location) = self.snapshot.files().locate(stream)? else {
            return Ok(stream.clone());
        };
        let named = location.resolved().to_flink_path();
        let path = JavaString::new(&named)
            .ok_or_else(|| Error::refused(format!("`{named}` is too long for a path in a snapshot")))?;
        Ok(match stream.clone() {
            StreamHandle::RelativeFile { size, .. } | StreamHandle::File { size, .. } => {
                StreamHandle::File { size, path }
            }
            StreamHandle::Segment {
                start,
                size,
                scope,
                logical_file_id,
                ..
            } => StreamHandle::Segment {
                start,
                size,
                scope,
                path,
                logical_file_id,
            },
            other => other,
        })
    }

    fn copy(&self, source: &Source, head: Option<&NewHead>, progress: &Progress) -> Result<StreamHandle> {
        let mut file = self.writer.create()?;
        let mut at = 0;
        if let Some(head) = head {
            at = head.replaces();
            let before = source.read_at(0, at as usize)?;
            file.write(head.instead_of(&before, source.name())?.to_vec())?;
        }
        while at < source.len() {
            let len = PIECE.min(source.len() - at);
            file.write(source.read_at(at, len as usize)?)?;
            progress.ticker().tick(len);
            at += len;
        }
        file.finish()
    }

    /// Puts the copy of a stream in its place; what is in the metadata itself stays there.
    pub(super) fn replace(&self, stream: &mut StreamHandle) {
        match stream {
            StreamHandle::KeyGroups(groups) => self.replace(&mut groups.delegate),
            stream => {
                let copy = place(stream).and_then(|place| lock(&self.copied).get(&place).cloned());
                if let Some(copy) = copy {
                    *stream = copy;
                }
            }
        }
    }

    /// Puts copies in the place of all streams of a subtask, and takes out what only made sense
    /// where they were.
    pub(super) fn replace_all(&self, state: &mut SubtaskState) {
        state.visit_streams_mut(&mut |stream| self.replace(stream));
        for handle in [&mut state.managed_operator, &mut state.raw_operator] {
            // It was only there for the directories that file merging keeps alive.
            if matches!(handle, Some(handle) if matches!(handle.delegate, StreamHandle::EmptySegment)) {
                *handle = None;
            }
            if let Some(handle) = handle {
                handle.merged = None;
            }
        }
    }
}

/// A stream that is copied.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stream<'h> {
    pub(super) handle: &'h StreamHandle,
    /// Whether it is a changelog's, of which the length of the file is not recorded.
    pub(super) is_log: bool,
    /// The header that takes the place of that of the stream.
    pub(super) head: Option<&'h NewHead>,
}

/// The streams of a subtask that are copied: all but those of handles that are written anew.
pub(super) fn streams_of(
    state: &SubtaskState,
    (keyed, raw_keyed): (bool, bool),
    operator: bool,
) -> Vec<Stream<'_>> {
    let file = |handle| Stream {
        handle,
        is_log: false,
        head: None,
    };
    let operator_handles = [
        state.managed_operator.as_ref().filter(|_| operator),
        state.raw_operator.as_ref(),
    ];
    let operator_handles = operator_handles.into_iter().flatten();
    let mut streams: Vec<_> = operator_handles.map(|handle| file(&handle.delegate)).collect();
    let keyed_handles = [
        state.managed_keyed.as_ref().filter(|_| keyed),
        state.raw_keyed.as_ref().filter(|_| raw_keyed),
    ];
    for handle in keyed_handles.into_iter().flatten() {
        keyed_streams(handle, &mut streams);
    }
    let channels = state.input_channels.iter().chain(&state.output_channels);
    streams.extend(channels.map(|channel| file(channel.delegate())));
    streams
}

fn keyed_streams<'h>(handle: &'h KeyedHandle, streams: &mut Vec<Stream<'h>>) {
    match handle {
        KeyedHandle::Changelog(changelog) => {
            for inner in changelog.materialized.iter().chain(&changelog.non_materialized) {
                keyed_streams(inner, streams);
            }
        }
        _ => {
            let is_log = matches!(handle, KeyedHandle::ChangelogFiles(_));
            handle.visit_streams(&mut |handle| {
                streams.push(Stream {
                    handle,
                    is_log,
                    head: None,
                })
            });
        }
    }
}
