//! Any snapshot that can be made is read back as it was, and any bytes that can be read are
//! written back as they were.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use statetool_format::java::JavaStream;
use statetool_format::serializer::{
    ADAPTER_VERSION, Adapter, Content, Frame, KryoContent, KryoRegistration, KryoSerializerDefinition,
    OldContent, OldPojo, OldPojoEntry, OldStyle, OptionalEntry, Outer, PojoContent, PojoField,
    ResilienceEntry, ResilienceTable, SerializerSnapshot, Text,
};
use statetool_format::{Encode, JavaString, Reader};

type Snapshots = BoxedStrategy<SerializerSnapshot>;

fn make(class: &str, version: i32, content: Content) -> SerializerSnapshot {
    let class = JavaString::new(&format!("org.apache.flink.{class}")).unwrap();
    SerializerSnapshot {
        class,
        version,
        content,
    }
}

fn name() -> impl Strategy<Value = JavaString> {
    ".{0,12}".prop_map(|text| JavaString::new(&text).unwrap())
}

fn text() -> impl Strategy<Value = Text> {
    vec(any::<u16>(), 0..12).prop_map(Text)
}

fn stream() -> impl Strategy<Value = JavaStream> {
    prop_oneof![
        Just(&b"\xac\xed\0\x05\x70"[..]),
        Just(&b"\xac\xed\0\x05\x74\0\x02hi"[..])
    ]
    .prop_map(|bytes| JavaStream(bytes.to_vec()))
}

fn registration() -> impl Strategy<Value = KryoRegistration> {
    let serializer = prop_oneof![
        Just(KryoSerializerDefinition::Default),
        name().prop_map(KryoSerializerDefinition::Class),
        stream().prop_map(KryoSerializerDefinition::Instance),
    ];
    (name(), serializer).prop_map(|(class, serializer)| KryoRegistration { class, serializer })
}

fn entries<K, V>(
    key: impl Strategy<Value = K> + 'static,
    value: impl Strategy<Value = V> + 'static,
) -> BoxedStrategy<Vec<OptionalEntry<K, V>>>
where
    K: std::fmt::Debug + Clone + 'static,
    V: std::fmt::Debug + Clone + 'static,
{
    let key = option::of(key.prop_map(Frame::Known));
    let value = option::of(value.prop_map(Frame::Known));
    let entry = (name(), key, value).prop_map(|(name, key, value)| OptionalEntry { name, key, value });
    vec(entry, 0..3).boxed()
}

fn avro() -> impl Strategy<Value = SerializerSnapshot> {
    (1..=3, text(), text()).prop_map(|(version, class, schema)| {
        let runtime_class = (version > 1).then_some(class);
        make(
            "AvroSerializerSnapshot",
            version,
            Content::Avro {
                runtime_class,
                schema,
            },
        )
    })
}

fn kryo() -> impl Strategy<Value = SerializerSnapshot> {
    let maps = (
        entries(name(), registration()),
        entries(name(), stream()),
        entries(name(), name()),
    );
    (name(), maps).prop_map(
        |(class, (registrations, default_serializers, default_serializer_classes))| {
            let content = KryoContent {
                class,
                registrations,
                default_serializers,
                default_serializer_classes,
            };
            make("KryoSerializerSnapshot", 2, Content::Kryo(content))
        },
    )
}

fn leaf() -> Snapshots {
    prop_oneof![
        Just(make("LongSerializerSnapshot", 3, Content::Simple)),
        name().prop_map(|serializer| make("LongSerializerSnapshot", 2, Content::NamedSimple { serializer })),
        name().prop_map(|class| make("ValueSerializerSnapshot", 2, Content::Generic { class })),
        (name(), vec(name(), 0..4)).prop_map(|(class, constants)| make(
            "EnumSerializerSnapshot",
            3,
            Content::Enum { class, constants }
        )),
        (name(), vec((name(), any::<i32>()), 0..4)).prop_map(|(class, constants)| {
            make(
                "ScalaEnumSerializerSnapshot",
                3,
                Content::ScalaEnum { class, constants },
            )
        }),
        avro(),
        kryo(),
        (stream(), stream()).prop_map(|(element_type, element_serializer)| {
            make(
                "ArrayDataSerializerSnapshot",
                3,
                Content::ArrayData {
                    element_type,
                    element_serializer,
                },
            )
        }),
        (any::<i32>(), any::<i32>()).prop_map(|(precision, scale)| {
            make(
                "DecimalSerializerSnapshot",
                3,
                Content::Decimal { precision, scale },
            )
        }),
        (name(), option::of(name())).prop_map(|(payload, serializer)| {
            let content = Content::StateFunMessage {
                payload,
                serializer: Some(serializer),
            };
            make("MessageTypeSerializer$Snapshot", 2, content)
        }),
    ]
    .boxed()
}

fn composite(inner: &Snapshots) -> impl Strategy<Value = SerializerSnapshot> + use<> {
    let kind = prop_oneof![
        Just(("MapSerializerSnapshot", 1, Outer::None)),
        name().prop_map(|text| ("TupleSerializerSnapshot", 2, Outer::Text(text))),
        any::<bool>().prop_map(|flag| ("RowSerializerSnapshot", 4, Outer::Flag(flag))),
        any::<i32>().prop_map(|padding| ("NullableSerializerSnapshot", 2, Outer::Padding(padding))),
        (stream(), any::<bool>()).prop_map(|(data_type, internal_input)| {
            (
                "ExternalSerializerSnapshot",
                1,
                Outer::External {
                    data_type,
                    internal_input,
                },
            )
        }),
        vec(any::<u8>(), 0..7).prop_map(|bytes| ("SomebodysSnapshot", 7, Outer::Opaque(bytes))),
    ];
    (kind, vec(inner.clone(), 0..3)).prop_map(|((class, version, outer), nested)| {
        make(
            class,
            3,
            Content::Composite {
                outer_version: Some(version),
                outer,
                nested,
            },
        )
    })
}

fn pojo(inner: &Snapshots) -> impl Strategy<Value = SerializerSnapshot> + use<> {
    let field = (name(), name()).prop_map(|(declaring_class, name)| PojoField {
        declaring_class,
        name,
    });
    let subclasses = || entries(Just(()), inner.clone());
    (name(), entries(field, inner.clone()), subclasses(), subclasses()).prop_map(
        |(class, fields, registered, non_registered)| {
            let content = PojoContent {
                class,
                fields,
                registered,
                non_registered,
            };
            make("PojoSerializerSnapshot", 2, Content::Pojo(content))
        },
    )
}

fn old_style(inner: &Snapshots) -> impl Strategy<Value = SerializerSnapshot> + use<> {
    let entry = (stream(), inner.clone()).prop_map(|(serializer, snapshot)| ResilienceEntry {
        serializer,
        snapshot: Frame::Known(snapshot),
    });
    let table = vec(entry, 0..3).prop_map(|entries| ResilienceTable { entries });
    let pojo_entry =
        (name(), option::of(stream()), inner.clone()).prop_map(|(name, serializer, snapshot)| OldPojoEntry {
            name,
            serializer,
            snapshot,
        });
    let pojo_entries = vec(pojo_entry, 0..2).boxed();
    let content = prop_oneof![
        name().prop_map(|serializer| (
            "ParameterlessTypeSerializerConfig",
            OldContent::Parameterless { serializer }
        )),
        (table, stream()).prop_map(|(nested, class)| {
            (
                "TupleSerializerConfigSnapshot",
                OldContent::CompositeWithClass { nested, class },
            )
        }),
        (name(), pojo_entries.clone(), pojo_entries.clone(), pojo_entries).prop_map(
            |(class, fields, registered, non_registered)| {
                let pojo = OldPojo {
                    class,
                    fields,
                    registered,
                    non_registered,
                };
                ("PojoSerializerConfigSnapshot", OldContent::Pojo(pojo))
            }
        ),
        (name(), vec((name(), registration()), 0..3)).prop_map(|(class, registrations)| {
            (
                "KryoSerializerConfigSnapshot",
                OldContent::Registrations { class, registrations },
            )
        }),
    ];
    (content, stream()).prop_map(|((class, content), serializer)| {
        let adapter = Some(Adapter {
            serializer,
            version: 1,
        });
        make(
            class,
            ADAPTER_VERSION,
            Content::OldStyle(OldStyle { adapter, content }),
        )
    })
}

fn any_snapshot() -> Snapshots {
    leaf()
        .prop_recursive(3, 24, 3, |inner| {
            prop_oneof![
                composite(&inner),
                pojo(&inner),
                old_style(&inner),
                (vec(stream(), 0..3), vec(inner.clone(), 0..3)).prop_map(|(types, nested)| {
                    make("RowDataSerializerSnapshot", 3, Content::RowData { types, nested })
                }),
                (any::<bool>(), inner).prop_map(|(enabled, inner)| {
                    make(
                        "TtlAwareSerializerSnapshot",
                        1,
                        Content::TtlAware {
                            enabled,
                            inner: Box::new(inner),
                        },
                    )
                }),
            ]
            .boxed()
        })
        .boxed()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read_back(snapshot in any_snapshot()) {
        let mut bytes = Vec::new();
        snapshot.encode_proxied(&mut bytes);
        let mut r = Reader::new(&bytes);
        prop_assert_eq!(SerializerSnapshot::decode_proxied(&mut r).unwrap(), snapshot);
        r.finish("snapshot").unwrap();
    }

    #[test]
    fn what_can_be_read_is_written_back(
        snapshot in any_snapshot(),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
    ) {
        let mut bytes = snapshot.to_bytes();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let mut r = Reader::new(&bytes);
        let start = r.clone();
        if let Ok(decoded) = SerializerSnapshot::decode(&mut r) {
            prop_assert_eq!(decoded.to_bytes(), r.since(&start));
            decoded.blocking_classes();
        }
    }

    #[test]
    fn arbitrary_bytes_do_no_harm(bytes in vec(any::<u8>(), 0..200)) {
        let _ = SerializerSnapshot::decode_proxied(&mut Reader::new(&bytes));
        let _ = ResilienceTable::decode(&mut Reader::new(&bytes));
    }
}
