//! Questions about a snapshot and all that is nested in it.

use std::borrow::Cow;

use super::{Content, Frame, OldContent, OptionalEntry, Outer, SerializerSnapshot};
use crate::error::Fault;
use crate::reader::Reader;
use crate::text::{JavaString, JavaText};

impl SerializerSnapshot {
    /// The last segment of the class name, behind `.` or `$`.
    pub fn simple_name(&self) -> Cow<'_, str> {
        self.class.simple_name()
    }

    /// Whether the class is one of Flink's, of which the layout is known. Others may have
    /// the same [`simple_name`](Self::simple_name).
    pub fn is_known(&self) -> bool {
        super::layout::layout(&self.class).is_some()
    }

    /// The version with which the class wrote its content: that inside the adapter of Flink
    /// 1.7, if there is one.
    pub fn content_version(&self) -> i32 {
        match &self.content {
            Content::OldStyle(old) => old
                .adapter
                .as_ref()
                .map_or(self.version, |adapter| adapter.version),
            _ => self.version,
        }
    }

    /// The snapshots directly nested in this one, in order; without those that could not be read.
    pub fn nested(&self) -> Vec<&SerializerSnapshot> {
        match &self.content {
            Content::Composite { nested, .. }
            | Content::RowData { nested, .. }
            | Content::SortedMap { nested, .. } => nested.iter().collect(),
            Content::TtlAware { inner, .. } | Content::RowDataKey { inner, .. } => vec![inner.as_ref()],
            Content::Pojo(_) | Content::OldStyle(_) => {
                self.frames().into_iter().filter_map(Part::known).collect()
            }
            _ => Vec::new(),
        }
    }

    /// This snapshot and all that are nested in it, each before what is nested in it.
    pub fn tree(&self) -> impl Iterator<Item = &SerializerSnapshot> {
        let mut stack = vec![self];
        std::iter::from_fn(move || {
            let next = stack.pop()?;
            stack.extend(next.nested().into_iter().rev());
            Some(next)
        })
    }

    /// The classes that keep something of this snapshot from being understood, each once.
    ///
    /// Values of such a snapshot can be copied, but not decoded in full.
    pub fn blocking_classes(&self) -> Vec<JavaString> {
        let mut classes = Vec::new();
        for snapshot in self.tree() {
            let opaque = match &snapshot.content {
                Content::Opaque { .. }
                | Content::Composite {
                    outer: Outer::Opaque(_),
                    ..
                } => true,
                Content::OldStyle(old) => matches!(old.content, OldContent::Opaque(_)),
                _ => false,
            };
            let frames = snapshot.frames().into_iter().filter_map(Part::blocking_class);
            let frames = frames.chain(snapshot.unread_by_kryo());
            for class in opaque.then(|| snapshot.class.clone()).into_iter().chain(frames) {
                if !classes.contains(&class) {
                    classes.push(class);
                }
            }
        }
        classes
    }

    /// Classes registered with Kryo of which the registration could not be read.
    fn unread_by_kryo(&self) -> Vec<JavaString> {
        let Content::Kryo(kryo) = &self.content else {
            return Vec::new();
        };
        fn unread<K, V>(entries: &[OptionalEntry<K, V>]) -> impl Iterator<Item = JavaString> {
            let opaque = |entry: &&OptionalEntry<K, V>| matches!(entry.value, Some(Frame::Opaque(_)));
            entries.iter().filter(opaque).map(|entry| entry.name.clone())
        }
        let instances = unread(&kryo.default_serializers);
        unread(&kryo.registrations)
            .chain(instances)
            .chain(unread(&kryo.default_serializer_classes))
            .collect()
    }

    /// The framed nested snapshots.
    fn frames(&self) -> Vec<Part<'_>> {
        match &self.content {
            Content::Pojo(pojo) => {
                let fields = pojo.fields.iter().filter_map(|entry| entry.value.as_ref());
                let subclasses = pojo.registered.iter().chain(&pojo.non_registered);
                let subclasses = subclasses.filter_map(|entry| entry.value.as_ref());
                fields
                    .chain(subclasses)
                    .map(|frame| Part::of(frame, false))
                    .collect()
            }
            Content::OldStyle(old) => match &old.content {
                OldContent::Composite { nested } | OldContent::CompositeWithClass { nested, .. } => {
                    let frames = nested.entries.iter().map(|entry| &entry.snapshot);
                    frames.map(|frame| Part::of(frame, true)).collect()
                }
                OldContent::Pojo(pojo) => {
                    let entries = pojo
                        .fields
                        .iter()
                        .chain(&pojo.registered)
                        .chain(&pojo.non_registered);
                    entries.map(|entry| Part::Known(&entry.snapshot)).collect()
                }
                _ => Vec::new(),
            },
            _ => Vec::new(),
        }
    }
}

/// A nested snapshot, or the frame of one that could not be read.
enum Part<'s> {
    Known(&'s SerializerSnapshot),
    Opaque { frame: &'s [u8], proxied: bool },
}

impl<'s> Part<'s> {
    fn of(frame: &'s Frame<SerializerSnapshot>, proxied: bool) -> Self {
        match frame {
            Frame::Known(snapshot) => Self::Known(snapshot),
            Frame::Opaque(bytes) => Self::Opaque {
                frame: bytes,
                proxied,
            },
        }
    }

    fn known(self) -> Option<&'s SerializerSnapshot> {
        match self {
            Self::Known(snapshot) => Some(snapshot),
            Self::Opaque { .. } => None,
        }
    }

    /// The class for which a frame could not be read: an unknown one inside, or its own.
    fn blocking_class(self) -> Option<JavaString> {
        let Self::Opaque { frame, proxied } = self else {
            return None;
        };
        let mut r = Reader::new(frame);
        let attempt = match proxied {
            true => SerializerSnapshot::decode_proxied(&mut r.clone()),
            false => SerializerSnapshot::decode(&mut r.clone()),
        };
        if let Err(error) = attempt
            && let Fault::UnknownClass(class) = error.fault()
        {
            return JavaString::new(class);
        }
        if proxied {
            r.i32("framing version").ok()?;
        }
        r.utf("class").ok().map(JavaText::to_java_string)
    }
}
