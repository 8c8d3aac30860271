//! `TypeSerializerConfigSnapshot`: the form of Flink 1.3 to 1.7.
//!
//! ```text
//! 1.3 to 1.6  i32 1, utf class, i32 version of the class, content
//! 1.7         utf class, i32 0x7a53c4f0, serializer block, i32 version of the class, content
//! serializer block  i32 1, i32 n, n bytes: the Java-serialized serializer
//! resilience table  i32 k, k × (i32 offset of a serializer block, i32 offset of a proxy),
//!                   i32 n, n bytes that the offsets point into
//! ```
//!
//! Flink writes what the offsets point to one after the other, without gaps. Only such
//! tables are read: they are written back by computing the offsets again, and no offset of a
//! hostile file makes anything be read twice.

mod content;

use super::decode::{Place, Then, list, proxied};
use super::layout::OldLayout;
use super::text::string;
use super::{Content, Frame, KryoRegistration, SerializerSnapshot};
use crate::encode::{Encode, Put};
use crate::error::{Error, Fault, Result};
use crate::java::JavaStream;
use crate::reader::Reader;
use crate::text::JavaString;

pub(super) use content::content;

/// Version under which Flink 1.7 wraps a `TypeSerializerConfigSnapshot`.
pub const ADAPTER_VERSION: i32 = 0x7a53_c4f0;

const BLOCK_VERSION: i32 = 1;

/// Content of a `TypeSerializerConfigSnapshot` of Flink 1.3 to 1.7.
#[derive(Debug, Clone, PartialEq)]
pub struct OldStyle {
    /// What 1.7 puts in front. `None` behind a proxy of 1.3 to 1.6, where
    /// [`SerializerSnapshot::version`] is the version of the class.
    pub adapter: Option<Adapter>,
    /// The content.
    pub content: OldContent,
}

/// What Flink 1.7 puts in front of an old content, under [`ADAPTER_VERSION`].
#[derive(Debug, Clone, PartialEq)]
pub struct Adapter {
    /// The Java-serialized serializer. Its bytes were not looked into.
    pub serializer: JavaStream,
    /// The version with which the class wrote its content.
    pub version: i32,
}

/// What the old snapshot classes store, by family.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum OldContent {
    /// `ParameterlessTypeSerializerConfig`.
    Parameterless {
        /// Name of the serializer class; nested classes with `.`.
        serializer: JavaString,
    },
    /// `CompositeTypeSerializerConfigSnapshot`: nothing but nested serializers.
    Composite {
        /// The nested serializers.
        nested: ResilienceTable,
    },
    /// `TupleSerializerConfigSnapshot`, `GenericArraySerializerConfigSnapshot`.
    CompositeWithClass {
        /// The nested serializers.
        nested: ResilienceTable,
        /// The Java-serialized `java.lang.Class` of the tuple or of the elements.
        class: JavaStream,
    },
    /// `PojoSerializerConfigSnapshot`.
    Pojo(OldPojo),
    /// `EnumSerializerConfigSnapshot`, version 2.
    Enum {
        /// The enum class.
        class: JavaString,
        /// Constant names; a value is an index into this list.
        constants: Vec<JavaString>,
    },
    /// `EnumSerializerConfigSnapshot`, version 1.
    EnumV1 {
        /// The enum class.
        class: JavaString,
        /// The Java-serialized array of constants.
        constants: JavaStream,
    },
    /// `ScalaEnumSerializerConfigSnapshot`, version 2.
    ScalaEnum {
        /// The enumeration's class.
        class: JavaString,
        /// Names and ids; a value is an id.
        constants: Vec<(JavaString, i32)>,
    },
    /// `ScalaEnumSerializerConfigSnapshot`, version 1.
    ScalaEnumV1 {
        /// The Java-serialized class of the enumeration.
        class: JavaStream,
        /// The Java-serialized names and ids.
        constants: JavaStream,
    },
    /// `GenericTypeSerializerConfigSnapshot`: CopyableValue and Writable serializers.
    Generic {
        /// Class of the values.
        class: JavaString,
    },
    /// `KryoRegistrationSerializerConfigSnapshot`: Kryo, Value and, in 1.3, Avro serializers.
    Registrations {
        /// Class of the values.
        class: JavaString,
        /// Tags and registrations in the order that gives Kryo's class ids.
        registrations: Vec<(JavaString, KryoRegistration)>,
    },
    /// `AvroSchemaSerializerConfigSnapshot` of 1.4 to 1.6.
    AvroSchema {
        /// The schema as JSON.
        schema: JavaString,
    },
    /// A class nobody described, whose extent the frame around it tells.
    Opaque(Vec<u8>),
}

/// Serializers with their snapshots, in a frame that can be read even if some of them
/// cannot. Flink up to 1.6 also wrote the serializers of each state in this form.
#[derive(Debug, Clone, PartialEq)]
pub struct ResilienceTable {
    /// The pairs in order.
    pub entries: Vec<ResilienceEntry>,
}

/// A serializer and its snapshot.
#[derive(Debug, Clone, PartialEq)]
pub struct ResilienceEntry {
    /// The Java-serialized serializer. Its bytes were not looked into.
    pub serializer: JavaStream,
    /// The snapshot; its frame is what lies between two offsets.
    pub snapshot: Frame<SerializerSnapshot>,
}

/// Content of `PojoSerializerConfigSnapshot`.
#[derive(Debug, Clone, PartialEq)]
pub struct OldPojo {
    /// The POJO class.
    pub class: JavaString,
    /// Fields in the order of their data.
    pub fields: Vec<OldPojoEntry>,
    /// Registered subclasses in tag order.
    pub registered: Vec<OldPojoEntry>,
    /// Subclasses that were seen but not registered.
    pub non_registered: Vec<OldPojoEntry>,
}

/// A field or a subclass in an [`OldPojo`].
#[derive(Debug, Clone, PartialEq)]
pub struct OldPojoEntry {
    /// Name of the field or the subclass.
    pub name: JavaString,
    /// The Java-serialized serializer, if the writer kept it.
    pub serializer: Option<JavaStream>,
    /// The snapshot.
    pub snapshot: SerializerSnapshot,
}

impl OldContent {
    /// Class of the tuple or of the elements in [`OldContent::CompositeWithClass`].
    pub fn component_class(&self) -> Option<String> {
        let Self::CompositeWithClass { class, .. } = self else {
            return None;
        };
        let graph = class.parse().ok()?;
        graph.root().represented_class().map(|name| name.into_owned())
    }
}

impl OldStyle {
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        if let Some(adapter) = &self.adapter {
            put_block(&adapter.serializer, out);
            out.put_i32(adapter.version);
        }
        self.content.encode(out);
    }
}

/// Reads what stands behind [`ADAPTER_VERSION`].
pub(super) fn adapted(
    r: &mut Reader<'_>,
    place: Place<'_>,
    class: &JavaString,
    layout: OldLayout,
) -> Result<Content> {
    let serializer = block(r)?;
    let version = r.i32("version of a serializer snapshot")?;
    let content = content(r, place, class, version, layout)?;
    Ok(Content::OldStyle(OldStyle {
        adapter: Some(Adapter { serializer, version }),
        content,
    }))
}

/// Reads a serializer block.
fn block(r: &mut Reader<'_>) -> Result<JavaStream> {
    let at = r.offset();
    match r.i32("version of a serializer block")? {
        BLOCK_VERSION => Ok(JavaStream(r.bytes("Java-serialized serializer")?.to_vec())),
        got => {
            let fault = Fault::Unknown {
                got: got.into(),
                expected: "1",
            };
            Err(Error::new(at, "version of a serializer block", fault))
        }
    }
}

fn put_block(serializer: &JavaStream, out: &mut Vec<u8>) {
    out.put_i32(BLOCK_VERSION);
    out.put_bytes(&serializer.0);
}

/// Reads a resilience table.
pub(super) fn table(r: &mut Reader<'_>, place: Place<'_>) -> Result<ResilienceTable> {
    let offsets = offsets(r)?;
    let mut buffer = Buffer::decode(r)?;
    let mut entries = Vec::new();
    for (i, (serializer_at, snapshot_at)) in offsets.iter().enumerate() {
        place.count_part(&buffer.rest)?;
        buffer.expect(*serializer_at)?;
        let serializer = block(&mut buffer.rest)?;
        buffer.expect(*snapshot_at)?;
        let window = buffer.until(offsets.get(i + 1).map(|next| next.0))?;
        entries.push(ResilienceEntry {
            serializer,
            snapshot: Frame::of(window, place, proxied)?,
        });
    }
    buffer.rest.finish("buffer of nested serializers")?;
    Ok(ResilienceTable { entries })
}

/// A pair of offsets for each entry: of its serializer block, and of its snapshot.
fn offsets(r: &mut Reader<'_>) -> Result<Vec<(i32, i32)>> {
    let what = "offset of a nested serializer";
    list(r, 8, "offsets of nested serializers", |r| {
        Ok((r.i32(what)?, r.i32(what)?))
    })
}

/// What the offsets point into.
struct Buffer<'a> {
    start: u64,
    rest: Reader<'a>,
}

impl<'a> Buffer<'a> {
    fn decode(r: &mut Reader<'a>) -> Result<Self> {
        let len = r.count(1, "length of nested serializers")?;
        let rest = r.window(len, "nested serializers")?;
        Ok(Self {
            start: rest.offset(),
            rest,
        })
    }

    fn position(&self) -> u64 {
        self.rest.offset() - self.start
    }

    /// Fails unless `offset` is that of the next byte.
    fn expect(&self, offset: i32) -> Result<()> {
        match self.position() {
            here if u64::try_from(offset) == Ok(here) => Ok(()),
            here => {
                let why = format!("its offset is {offset} where {here} would continue the buffer");
                Err(self.rest.invalid("nested serializer", why))
            }
        }
    }

    /// Takes what lies before offset `end`, or all.
    fn until(&mut self, end: Option<i32>) -> Result<Reader<'a>> {
        let here = self.position();
        let len = match end {
            None => self.rest.left(),
            Some(end) => match u64::try_from(end).ok().and_then(|end| end.checked_sub(here)) {
                Some(len) => usize::try_from(len).unwrap_or(usize::MAX),
                None => {
                    let why = format!("offset {end} of the next one points back behind {here}");
                    return Err(self.rest.invalid("nested serializer", why));
                }
            },
        };
        self.rest.window(len, "nested serializer snapshot")
    }
}

impl Encode for ResilienceTable {
    fn encode(&self, out: &mut Vec<u8>) {
        let mut buffer = Vec::new();
        out.put_count(self.entries.len());
        for entry in &self.entries {
            out.put_count(buffer.len());
            put_block(&entry.serializer, &mut buffer);
            out.put_count(buffer.len());
            entry
                .snapshot
                .put(&mut buffer, SerializerSnapshot::encode_proxied);
        }
        out.put_bytes(&buffer);
    }
}

impl OldPojo {
    fn decode(r: &mut Reader<'_>, place: Place<'_>) -> Result<Self> {
        let class = string(r, "POJO class")?;
        let [fields, registered, non_registered] = [offsets(r)?, offsets(r)?, offsets(r)?];
        let mut buffer = Buffer::decode(r)?;
        let mut entries = |offsets: Vec<_>| {
            offsets
                .into_iter()
                .map(|at| OldPojoEntry::decode(&mut buffer, place, at))
                .collect::<Result<Vec<_>>>()
        };
        let pojo = Self {
            class,
            fields: entries(fields)?,
            registered: entries(registered)?,
            non_registered: entries(non_registered)?,
        };
        buffer.rest.finish("buffer of nested serializers")?;
        Ok(pojo)
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.put_utf(self.class.as_text());
        let mut buffer = Vec::new();
        for entries in [&self.fields, &self.registered, &self.non_registered] {
            out.put_count(entries.len());
            entries.iter().for_each(|entry| entry.encode(out, &mut buffer));
        }
        out.put_bytes(&buffer);
    }
}

impl OldPojoEntry {
    /// Reads an entry. Nothing says where its snapshot ends, unlike in a [`ResilienceTable`].
    fn decode(
        buffer: &mut Buffer<'_>,
        place: Place<'_>,
        (serializer_at, snapshot_at): (i32, i32),
    ) -> Result<Self> {
        place.count_part(&buffer.rest)?;
        let name = string(&mut buffer.rest, "name of a field or a subclass")?;
        buffer.expect(serializer_at)?;
        let has_serializer = serializer_at != snapshot_at;
        let serializer = has_serializer.then(|| block(&mut buffer.rest)).transpose()?;
        buffer.expect(snapshot_at)?;
        let snapshot = proxied(&mut buffer.rest, place.then(Then::Unknown))?;
        Ok(Self {
            name,
            serializer,
            snapshot,
        })
    }

    fn encode(&self, out: &mut Vec<u8>, buffer: &mut Vec<u8>) {
        buffer.put_utf(self.name.as_text());
        out.put_count(buffer.len());
        if let Some(serializer) = &self.serializer {
            put_block(serializer, buffer);
        }
        out.put_count(buffer.len());
        self.snapshot.encode_proxied(buffer);
    }
}
