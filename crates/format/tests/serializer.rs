//! Serializer snapshots made by hand: the documented bytes, every refusal, and what can be
//! told of unknown classes.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use statetool_format::serializer::{
    ADAPTER_VERSION, Content, Frame, MAX_PARTS, OldContent, Outer, ResilienceTable, SerializerSnapshot, Text,
};
use statetool_format::{Encode, Fault, JavaString, Put, Reader};

const LONG: &str = "org.apache.flink.api.common.typeutils.base.LongSerializer$LongSerializerSnapshot";
const MAP: &str = "org.apache.flink.api.common.typeutils.base.MapSerializerSnapshot";
const TUPLE: &str = "org.apache.flink.api.java.typeutils.runtime.TupleSerializerSnapshot";
const TTL_AWARE: &str = "org.apache.flink.runtime.state.ttl.TtlAwareSerializerSnapshot";
const POJO: &str = "org.apache.flink.api.java.typeutils.runtime.PojoSerializerSnapshot";
const AVRO: &str = "org.apache.flink.formats.avro.typeutils.AvroSerializerSnapshot";
const ROW: &str = "org.apache.flink.api.java.typeutils.runtime.RowSerializer$RowSerializerSnapshot";
const MAP_CONFIG: &str = "org.apache.flink.api.common.typeutils.base.MapSerializerConfigSnapshot";
const PARAMETERLESS: &str = "org.apache.flink.api.common.typeutils.ParameterlessTypeSerializerConfig";
const KRYO_CONFIG: &str =
    "org.apache.flink.api.java.typeutils.runtime.kryo.KryoSerializer$KryoSerializerConfigSnapshot";
const POJO_CONFIG: &str =
    "org.apache.flink.api.java.typeutils.runtime.PojoSerializer$PojoSerializerConfigSnapshot";

const COMPOSITE: &[u8] = b"\0\x0d\xe7\x04";
const NESTED: &[u8] = b"\0\x14\x57\xfd\0\0\0\x01";
const OPTIONAL_MAP: &[u8] = b"\0\0\x04\xf2\xc6\x9a\x3d\x70";

fn utf(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    out.put_utf(JavaString::new(text).unwrap().as_text());
    out
}

fn int(number: i32) -> Vec<u8> {
    number.to_be_bytes().to_vec()
}

fn framed(bytes: &[u8]) -> Vec<u8> {
    [&int(bytes.len() as i32), bytes].concat()
}

fn snapshot(class: &str, version: i32, content: &[u8]) -> Vec<u8> {
    [&utf(class), &int(version), content].concat()
}

fn long() -> Vec<u8> {
    snapshot(LONG, 3, &[])
}

fn nested(snapshots: &[Vec<u8>]) -> Vec<u8> {
    [NESTED, &int(snapshots.len() as i32), &snapshots.concat()].concat()
}

fn composite(class: &str, outer_version: i32, outer: &[u8], snapshots: &[Vec<u8>]) -> Vec<u8> {
    snapshot(
        class,
        3,
        &[COMPOSITE, &int(outer_version), outer, &nested(snapshots)].concat(),
    )
}

/// A POJO with one field `f`.
fn pojo(field: &[u8]) -> Vec<u8> {
    let entry = [
        &utf("f")[..],
        &[1],
        &framed(&[utf("com.acme.P"), utf("f")].concat()),
        &[1],
        &framed(field),
    ];
    let none = [OPTIONAL_MAP, &int(0)].concat();
    snapshot(
        POJO,
        2,
        &[
            &utf("com.acme.P"),
            OPTIONAL_MAP,
            &int(1),
            &entry.concat(),
            &none,
            &none,
        ]
        .concat(),
    )
}

fn block() -> Vec<u8> {
    [int(1), framed(b"\xac\xed\0\x05\x70")].concat()
}

fn old(class: &str, content: &[u8]) -> Vec<u8> {
    [int(1), snapshot(class, 1, content)].concat()
}

fn table(offsets: &[i32], buffer: &[u8]) -> Vec<u8> {
    let offsets: Vec<_> = offsets.iter().flat_map(|offset| offset.to_be_bytes()).collect();
    [int(offsets.len() as i32 / 8), offsets, framed(buffer)].concat()
}

/// Decodes all of a bare snapshot and checks that it is written back as it was.
fn decode(bytes: &[u8]) -> SerializerSnapshot {
    let mut r = Reader::new(bytes);
    let decoded = SerializerSnapshot::decode(&mut r).unwrap();
    r.finish("snapshot").unwrap();
    assert_eq!(decoded.to_bytes(), bytes);
    decoded
}

fn refusal(bytes: &[u8]) -> String {
    SerializerSnapshot::decode(&mut Reader::new(bytes))
        .unwrap_err()
        .to_string()
}

fn blocking(snapshot: &SerializerSnapshot) -> Vec<String> {
    snapshot
        .blocking_classes()
        .iter()
        .map(|class| class.to_str().into_owned())
        .collect()
}

#[test]
fn avro_for_generic_records_is_written_as_documented() {
    let schema = r#"{"type":"record","name":"R","fields":[{"name":"a","type":"int"}]}"#;
    let record = "org.apache.avro.generic.GenericRecord";
    let snapshot = SerializerSnapshot {
        class: JavaString::new(AVRO).unwrap(),
        version: 3,
        content: Content::Avro {
            runtime_class: Some(record.into()),
            schema: schema.into(),
        },
    };
    let mut out = Vec::new();
    snapshot.encode_proxied(&mut out);
    let expected = [
        b"\0\0\0\x02\0\x3e",
        AVRO.as_bytes(),
        b"\0\0\0\x03\x26",
        record.as_bytes(),
        b"\x42",
        schema.as_bytes(),
    ];
    assert_eq!(out, expected.concat());
    assert_eq!(
        SerializerSnapshot::decode_proxied(&mut Reader::new(&out)).unwrap(),
        snapshot
    );
}

#[test]
fn older_avro_forms_are_modified_utf8() {
    let schema = Text::from(r#""ïnt""#);
    let v1 = decode(&snapshot(AVRO, 1, &utf(r#""ïnt""#)));
    assert_eq!(
        v1.content,
        Content::Avro {
            runtime_class: None,
            schema: schema.clone()
        }
    );
    let v2 = decode(&snapshot(AVRO, 2, &[utf("R"), utf(r#""ïnt""#)].concat()));
    assert_eq!(
        v2.content,
        Content::Avro {
            runtime_class: Some("R".into()),
            schema
        }
    );
}

#[test]
fn composites_of_flink_1_7_have_no_magic_number() {
    let map = decode(&snapshot(
        MAP,
        1,
        &nested(&[long(), snapshot(LONG, 2, &utf("…LongSerializer"))]),
    ));
    let Content::Composite {
        outer_version: None,
        outer: Outer::None,
        nested,
    } = &map.content
    else {
        panic!("{map:?}");
    };
    assert_eq!(nested[0].content, Content::Simple);
    assert_eq!(
        nested[1].content,
        Content::NamedSimple {
            serializer: JavaString::new("…LongSerializer").unwrap()
        }
    );
}

#[test]
fn the_flag_of_rows_came_with_version_4() {
    let outer = |snapshot: SerializerSnapshot| match snapshot.content {
        Content::Composite { outer, .. } => outer,
        other => panic!("{other:?}"),
    };
    assert_eq!(outer(decode(&composite(ROW, 3, &[], &[long()]))), Outer::None);
    assert_eq!(
        outer(decode(&composite(ROW, 4, &[1], &[long()]))),
        Outer::Flag(true)
    );
    assert_eq!(
        outer(decode(&composite(ROW, 5, &[1, 2], &[long()]))),
        Outer::Opaque(vec![1, 2])
    );
}

#[test]
fn stateful_functions_name_their_types() {
    let message = "org.apache.flink.statefun.flink.core.message.MessageTypeSerializer$Snapshot";
    let payload = JavaString::new("WITH_RAW_PAYLOADS").unwrap();
    let cases = [
        (1, vec![], None),
        (2, vec![0], Some(None)),
        (
            2,
            [vec![1], utf("com.acme.S")].concat(),
            Some(JavaString::new("com.acme.S")),
        ),
    ];
    for (version, rest, serializer) in cases {
        let decoded = decode(&snapshot(
            message,
            version,
            &[utf("WITH_RAW_PAYLOADS"), rest].concat(),
        ));
        assert_eq!(
            decoded.content,
            Content::StateFunMessage {
                payload: payload.clone(),
                serializer
            }
        );
    }
    let remote = "org.apache.flink.statefun.flink.core.types.remote.RemoteValueSerializerSnapshot";
    decode(&snapshot(
        remote,
        1,
        &[utf("io.statefun.types"), utf("string")].concat(),
    ));
    let protobuf = "org.apache.flink.statefun.flink.common.protobuf.ProtobufTypeSerializerSnapshot";
    decode(&snapshot(protobuf, 1, &framed(b"\x0a\x01M")));
}

#[test]
fn content_of_the_table_runtime_holds_object_streams() {
    let runtime = |class: &str| format!("org.apache.flink.table.runtime.typeutils.{class}");
    let stream: &[u8] = b"\xac\xed\0\x05\x74\0\x03INT";
    let row = [int(2), stream.repeat(2), nested(&[long(), long()])].concat();
    let of = |class: &str, version, content: &[u8]| decode(&snapshot(&runtime(class), version, content));
    assert_eq!(
        of("RowDataSerializer$RowDataSerializerSnapshot", 3, &row)
            .nested()
            .len(),
        2
    );
    of("BaseRowSerializer$BaseRowSerializerSnapshot", 3, &row);
    of(
        "ArrayDataSerializer$ArrayDataSerializerSnapshot",
        3,
        &stream.repeat(2),
    );
    of(
        "MapDataSerializer$MapDataSerializerSnapshot",
        3,
        &stream.repeat(4),
    );
    of(
        "SortedMapSerializerSnapshot",
        3,
        &[stream, &nested(&[long(), long()])].concat(),
    );
    of(
        "DecimalDataSerializer$DecimalSerializerSnapshot",
        3,
        &[int(10), int(2)].concat(),
    );
    of(
        "BinaryRowDataSerializer$BinaryRowDataSerializerSnapshot",
        3,
        &int(7),
    );
    let timestamp = Content::Timestamp { precision: 6 };
    assert_eq!(
        of(
            "TimestampDataSerializer$TimestampDataSerializerSnapshot",
            1,
            &int(6)
        )
        .content,
        timestamp
    );
    assert_eq!(
        of(
            "SqlTimestampSerializer$SqlTimestampSerializerSnapshot",
            1,
            &int(6)
        )
        .content,
        timestamp
    );
    let key = "org.apache.flink.table.runtime.sequencedmultisetstate.linked.RowDataKeySerializerSnapshot";
    decode(&snapshot(
        key,
        0,
        &[framed(stream), framed(stream), long()].concat(),
    ));
    let external = runtime("ExternalSerializer$ExternalSerializerSnapshot");
    decode(&composite(&external, 1, &[stream, &[1]].concat(), &[long()]));
}

#[test]
fn what_is_malformed_is_refused_with_offset_and_reason() {
    let in_map = |inside: &[u8]| snapshot(MAP, 3, inside);
    let magic = [COMPOSITE, &int(1)].concat();
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (
            snapshot(LONG, 4, &[]),
            "content of a serializer snapshot at offset 0x56: version 4 of `org.apache.flink.api.common.typeutils.base.LongSerializer$LongSerializerSnapshot` is not known",
        ),
        (
            snapshot(POJO, ADAPTER_VERSION, &[]),
            "content of a serializer snapshot at offset 0x48: `org.apache.flink.api.java.typeutils.runtime.PojoSerializerSnapshot` was never written by the adapter of Flink 1.7",
        ),
        (
            in_map(&int(7)),
            "magic number of a composite serializer snapshot at offset 0x46: unknown value 7 (0x7), expected 0xde704",
        ),
        (
            in_map(&[&magic[..], &int(7)].concat()),
            "magic number of nested serializer snapshots at offset 0x4e: unknown value 7 (0x7), expected 0x1457fd",
        ),
        (
            in_map(&[&magic[..], &NESTED[..4], &int(2)].concat()),
            "version of nested serializer snapshots at offset 0x52: unknown value 2 (0x2), expected 1",
        ),
        (
            in_map(&[&magic[..], NESTED, &int(2)].concat()),
            "nested serializer snapshots at offset 0x56: needs 12 bytes, 0 are left",
        ),
        (
            in_map(&[&magic[..], NESTED, &int(-1)].concat()),
            "nested serializer snapshots at offset 0x56: -1 is not within 0 to 2147483647",
        ),
        (
            snapshot(TTL_AWARE, 1, &[2]),
            "whether TTL is enabled at offset 0x43: unknown value 2 (0x2), expected 0 or 1",
        ),
        (
            snapshot(AVRO, 3, b"\x02R\0"),
            "Avro schema at offset 0x46: is null",
        ),
        (
            snapshot(POJO, 2, &[utf("P"), vec![0; 8]].concat()),
            "magic number of an optional map at offset 0x4b: unknown value 0 (0x0), expected 0x4f2c69a3d70",
        ),
        (
            snapshot("com.acme.S", 1, b"?"),
            "serializer snapshot at offset 0x0: the layout of class `com.acme.S` is not known",
        ),
        (
            composite("com.acme.S", 1, &[], &[])[..24].to_vec(),
            "serializer snapshot at offset 0x18: the layout of class `com.acme.S` is not known",
        ),
    ];
    for (bytes, message) in cases {
        assert_eq!(refusal(&bytes), message);
    }
    let error = SerializerSnapshot::decode_proxied(&mut Reader::at(&int(3), 16)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "framing version of a serializer snapshot at offset 0x10: unknown value 3 (0x3), expected 1 or 2"
    );
    let error = SerializerSnapshot::decode_proxied(&mut Reader::new(&[int(1), long()].concat())).unwrap_err();
    assert_eq!(
        error.to_string(),
        "serializer snapshot at offset 0x4: `org.apache.flink.api.common.typeutils.base.LongSerializer$LongSerializerSnapshot` does not go with framing version 1"
    );
}

#[test]
fn depth_and_size_are_limited() {
    let wrap = |inner: Vec<u8>| snapshot(TTL_AWARE, 1, &[&[0][..], &inner].concat());
    let deep = (0..127).fold(long(), |inner, _| wrap(inner));
    assert_eq!(decode(&deep).tree().count(), 128);
    let error = SerializerSnapshot::decode(&mut Reader::new(&wrap(deep.clone()))).unwrap_err();
    assert_eq!(error.fault(), &Fault::TooDeep(128));
    let mixed = (0..127).fold(long(), |inner, i| match i % 2 {
        0 => pojo(&inner),
        _ => composite(MAP, 1, &[], &[inner]),
    });
    assert_eq!(decode(&mixed).tree().count(), 128);
    // A frame does not hide it.
    assert!(refusal(&pojo(&deep)).ends_with("nested deeper than 128 levels"));

    let wide = composite(MAP, 1, &[], &vec![long(); MAX_PARTS as usize]);
    assert!(refusal(&wide).ends_with("65537 exceeds the limit of 65536"));
}

#[test]
fn an_unknown_class_of_version_3_is_simple_if_something_plausible_follows() {
    let unknown = snapshot("com.acme.S", 3, &[]);
    let tuple = decode(&composite(TUPLE, 2, &utf("T"), &[unknown.clone(), long()]));
    assert_eq!(tuple.nested()[0].content, Content::Opaque { bytes: vec![] });
    assert_eq!(blocking(&tuple), ["com.acme.S"]);

    let next_key = [utf("NAMESPACE_SERIALIZER"), int(2), long()].concat();
    let first_state = [&b"\0\x01"[..], &utf("state"), &int(0)].concat();
    for behind in [vec![], next_key, first_state, [int(2), long()].concat()] {
        let bytes = [unknown.clone(), behind.clone()].concat();
        let mut r = Reader::new(&bytes);
        SerializerSnapshot::decode(&mut r).unwrap();
        assert_eq!(r.rest(), behind);
    }
    let inside = composite(
        TUPLE,
        2,
        &utf("T"),
        &[snapshot("com.acme.S", 3, b"?????"), long()],
    );
    assert!(refusal(&inside).ends_with("the layout of class `com.acme.S` is not known"));
}

#[test]
fn an_unknown_composite_shows_itself() {
    let inner = decode(&composite("com.acme.S", 9, b"outer", &[long(), long()]));
    assert_eq!(inner.nested().len(), 2);
    assert!(
        matches!(&inner.content, Content::Composite { outer: Outer::Opaque(bytes), .. } if bytes == b"outer")
    );
    assert_eq!(blocking(&inner), ["com.acme.S"]);
}

#[test]
fn frames_contain_what_is_unknown() {
    let opaque = decode(&pojo(&snapshot("com.acme.S", 1, b"content")));
    assert_eq!(
        opaque.nested()[0].content,
        Content::Opaque {
            bytes: b"content".to_vec()
        }
    );
    assert_eq!(blocking(&opaque), ["com.acme.S"]);

    let stuck = composite(MAP, 1, &[], &[snapshot("com.acme.S", 1, b"content"), long()]);
    let opaque = decode(&pojo(&stuck));
    let Content::Pojo(content) = &opaque.content else {
        panic!("{opaque:?}")
    };
    assert_eq!(content.fields[0].value, Some(Frame::Opaque(stuck)));
    assert_eq!(blocking(&opaque), ["com.acme.S"]);

    let newer = decode(&pojo(&snapshot(LONG, 9, &[])));
    assert_eq!(blocking(&newer), [LONG]);
    assert!(blocking(&decode(&pojo(&long()))).is_empty());
}

#[test]
fn old_snapshots_are_tables_behind_proxies_and_inside_the_adapter() {
    let leaf = old(PARAMETERLESS, &utf("org.apache.flink.LongSerializer"));
    let buffer = [
        block(),
        leaf.clone(),
        block(),
        old("com.acme.OldConfig", b"content"),
    ]
    .concat();
    let step = (block().len() + leaf.len()) as i32;
    let table = table(&[0, 13, step, step + 13], &buffer);

    let proxied = old(MAP_CONFIG, &table);
    let decoded = SerializerSnapshot::decode_proxied(&mut Reader::new(&proxied)).unwrap();
    let mut out = Vec::new();
    decoded.encode_proxied(&mut out);
    assert_eq!(out, proxied);
    assert_eq!((decoded.nested().len(), decoded.content_version()), (2, 1));
    assert_eq!(blocking(&decoded), ["com.acme.OldConfig"]);

    let adapted = decode(&snapshot(
        MAP_CONFIG,
        ADAPTER_VERSION,
        &[block(), int(1), table.clone()].concat(),
    ));
    let Content::OldStyle(old) = &adapted.content else {
        panic!("{adapted:?}")
    };
    assert_eq!(old.adapter.as_ref().unwrap().serializer.0, b"\xac\xed\0\x05\x70");
    assert!(matches!(&old.content, OldContent::Composite { nested } if nested.entries.len() == 2));

    let alone = ResilienceTable::decode(&mut Reader::new(&table)).unwrap();
    assert_eq!(alone.to_bytes(), table);
}

#[test]
fn old_pojos_name_each_entry_in_the_buffer() {
    let leaf = old(PARAMETERLESS, &utf("org.apache.flink.LongSerializer"));
    let first = [utf("a"), block(), leaf.clone()].concat();
    let second = [utf("b"), leaf.clone()].concat();
    let at = first.len() as i32 + 3;
    let offsets = [int(2), int(3), int(16), int(at), int(at), int(0), int(0)].concat();
    let content = [utf("com.acme.P"), offsets, framed(&[first, second].concat())].concat();
    let bytes = old(POJO_CONFIG, &content);
    let decoded = SerializerSnapshot::decode_proxied(&mut Reader::new(&bytes)).unwrap();
    let mut out = Vec::new();
    decoded.encode_proxied(&mut out);
    assert_eq!(out, bytes);
    let Content::OldStyle(old) = &decoded.content else {
        panic!("{decoded:?}")
    };
    let OldContent::Pojo(pojo) = &old.content else {
        panic!("{decoded:?}")
    };
    assert!(pojo.fields[0].serializer.is_some() && pojo.fields[1].serializer.is_none());
    assert_eq!(pojo.fields[1].name, "b");
}

#[test]
fn old_tables_with_gaps_overlaps_or_leftovers_are_refused() {
    let entry = [block(), old(PARAMETERLESS, &utf("L"))].concat();
    let len = entry.len() as i32;
    let cases: [(Vec<u8>, &str); 7] = [
        (
            table(&[1, 13], &entry),
            "nested serializer at offset 0x10: its offset is 1 where 0 would continue the buffer",
        ),
        (
            table(&[0, 14], &entry),
            "nested serializer at offset 0x1d: its offset is 14 where 13 would continue the buffer",
        ),
        (
            table(&[0, 13, 0, 13], &entry),
            "nested serializer at offset 0x25: offset 0 of the next one points back behind 13",
        ),
        (
            table(&[0, 13, len + 1, len + 14], &entry),
            "nested serializer snapshot at offset 0x25: needs 85 bytes, 84 are left",
        ),
        (
            table(&[], &entry),
            "buffer of nested serializers at offset 0x8: 97 bytes are left over",
        ),
        (
            table(&[0, 13], &[int(2), entry[4..].to_vec()].concat()),
            "version of a serializer block at offset 0x10: unknown value 2 (0x2), expected 1",
        ),
        (
            int(1000),
            "offsets of nested serializers at offset 0x0: needs 8000 bytes, 0 are left",
        ),
    ];
    for (bytes, message) in cases {
        assert_eq!(
            ResilienceTable::decode(&mut Reader::new(&bytes))
                .unwrap_err()
                .to_string(),
            message
        );
    }
    let registration = [utf("C"), int(1), utf("tag"), utf("C"), int(3)].concat();
    let bytes = old(KRYO_CONFIG, &registration);
    let error = SerializerSnapshot::decode_proxied(&mut Reader::new(&bytes)).unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("unknown value 3 (0x3), expected 0 to 2"),
        "{error}"
    );
}
