//! One line for each layout: type, bytes, JSON, declared length.

#![allow(clippy::unwrap_used, clippy::type_complexity)]

mod common;

use common::{composite, hex, java, json, pojo, simple, snapshot, subclass, type_of};
use statetool_format::serializer::{Content, Outer, SerializerSnapshot};
use statetool_format::{Fault, Reader};
use statetool_values::{Framing, JsonOptions, JsonWriter, Skip, Type, walk};

fn check(snapshot: &SerializerSnapshot, name: &str, length: Option<usize>, cases: &[(&str, &str)]) {
    let ty = type_of(snapshot);
    assert_eq!(ty.name(), name);
    assert_eq!(ty.declared_length(), length, "{name}");
    for (bytes, expected) in cases {
        assert_eq!(json(&ty, &hex(bytes)).unwrap(), *expected, "{name} {bytes}");
    }
}

#[test]
fn basic_types() {
    let cases: &[(&str, &str, Option<usize>, &[(&str, &str)])] = &[
        ("Boolean", "Boolean", Some(1), &[("00", "false"), ("01", "true")]),
        ("ByteValue", "ByteValue", Some(1), &[("ff", "-1")]),
        ("Short", "Short", Some(2), &[("8000", "-32768")]),
        (
            "Char",
            "Char",
            Some(2),
            &[("0041", "\"A\""), ("d83d", "\"\\uD83D\"")],
        ),
        ("Int", "Int", Some(4), &[("0001e240", "123456")]),
        (
            "LongValue",
            "LongValue",
            Some(8),
            &[("7fffffffffffffff", "9223372036854775807")],
        ),
        (
            "Float",
            "Float",
            Some(4),
            &[
                ("3dcccccd", "0.1"),
                ("7fc00000", "\"NaN\""),
                ("ff800000", "\"-Infinity\""),
            ],
        ),
        (
            "Double",
            "Double",
            Some(8),
            &[("3ff8000000000000", "1.5"), ("7ff0000000000000", "\"Infinity\"")],
        ),
        (
            "String",
            "String",
            None,
            &[
                ("00", "null"),
                ("01", "\"\""),
                ("03 68 22", "\"h\\\"\""),
                ("0761 00 e901ad9c01bdb003 80bc03", "\"a\\u0000é中😀\""),
                ("02 bdb003", "\"\\uD83D\""),
            ],
        ),
        (
            "StringValue",
            "StringValue",
            None,
            &[("00", "\"\""), ("0268 69", "\"hi\"")],
        ),
        (
            "StringData",
            "StringData",
            None,
            &[("00000003 e4b8ad", "\"中\""), ("00000001 ff", "\"\u{fffd}\"")],
        ),
        ("NullValue", "NullValue", Some(0), &[("", "null")]),
        ("Void", "Void", Some(1), &[("00", "null")]),
        ("VoidNamespace", "VoidNamespace", Some(0), &[("00", "null")]),
        ("GlobalWindow", "GlobalWindow", Some(1), &[("00", "null")]),
        ("Tuple0", "Tuple0", Some(1), &[("2a", "[]")]),
        (
            "BigInt",
            "BigInteger",
            None,
            &[
                ("00000000", "null"),
                ("00000001", "\"0\""),
                ("00000002", "\"1\""),
                ("00000003", "\"10\""),
                ("00000005 00", "\"0\""),
                ("0000000d ff54ab567314e0f52e", "\"-12345678901234567890\""),
                ("0000000d 0100000000000000 00", "\"18446744073709551616\""),
            ],
        ),
        (
            "BigDec",
            "BigDecimal",
            None,
            &[
                ("00000000", "null"),
                ("00000002 00000000", "\"1\""),
                ("00000006 04e2 00000002", "\"12.50\""),
                ("00000005 ff 00000003", "\"-0.001\""),
                ("00000005 05 fffffffe", "\"5E+2\""),
                ("00000005 05 00000009", "\"5E-9\""),
            ],
        ),
        (
            "Date",
            "Date",
            Some(8),
            &[
                ("0000018bcfe5687b", "\"2023-11-14T22:13:20.123Z\""),
                ("8000000000000000", "null"),
                ("ffffffffffffffff", "\"1969-12-31T23:59:59.999Z\""),
            ],
        ),
        (
            "SqlDate",
            "SqlDate",
            Some(8),
            &[
                ("0000000000000000", "\"1970-01-01\""),
                ("00000000 0036ee80", "\"1970-01-01T01:00:00Z\""),
            ],
        ),
        (
            "SqlTime",
            "SqlTime",
            Some(8),
            &[
                ("000000000036ee81", "\"01:00:00.001\""),
                ("ffffffffffffffff", "\"1969-12-31T23:59:59.999Z\""),
            ],
        ),
        (
            "SqlTimestamp",
            "SqlTimestamp",
            Some(12),
            &[
                ("0000018bcfe5687b 0754d4cf", "\"2023-11-14T22:13:20.123000015Z\""),
                ("800000000000000000000000", "null"),
            ],
        ),
        (
            "Instant",
            "Instant",
            Some(12),
            &[
                ("000000006553f100 0000007b", "\"2023-11-14T22:13:20.000000123Z\""),
                ("8000000000000000 80000000", "null"),
            ],
        ),
        (
            "LocalDate",
            "LocalDate",
            Some(6),
            &[("000007e8021d", "\"2024-02-29\""), ("800000008000", "null")],
        ),
        (
            "LocalTime",
            "LocalTime",
            Some(7),
            &[
                ("0c2238 2f072f40", "\"12:34:56.789\""),
                ("808000 80000000", "null"),
            ],
        ),
        (
            "LocalDateTime",
            "LocalDateTime",
            Some(13),
            &[("000007e8021d 0c0000 00000000", "\"2024-02-29T12:00:00\"")],
        ),
        (
            "Uuid",
            "Uuid",
            Some(16),
            &[(
                "123e4567e89b12d3a456426614174000",
                "\"123e4567-e89b-12d3-a456-426614174000\"",
            )],
        ),
        (
            "TimeWindow",
            "TimeWindow",
            Some(16),
            &[("0000000000000001 0000000000000002", "{\"start\":1,\"end\":2}")],
        ),
        (
            "CountWindow",
            "CountWindow",
            Some(8),
            &[("0000000000000001", "{\"id\":1}")],
        ),
        (
            "LongPrimitiveArray",
            "long[]",
            None,
            &[("00000001 0000000000000007", "[7]"), ("00000000", "[]")],
        ),
        (
            "BytePrimitiveArray",
            "byte[]",
            None,
            &[("00000002 0102", "{\"@bytes\":\"AQI=\"}")],
        ),
        (
            "StringArray",
            "String[]",
            None,
            &[("00000002 0261 00", "[\"a\",null]")],
        ),
        (
            "StringValueArray",
            "StringValueArray",
            None,
            &[("00000001 00000002 0161", "[\"a\"]")],
        ),
        (
            "NullValueArray",
            "NullValueArray",
            None,
            &[("00000002", "[null,null]")],
        ),
        (
            "EventId",
            "EventId",
            Some(12),
            &[("00000001 0000000000000002", "{\"id\":1,\"timestamp\":2}")],
        ),
        (
            "TransactionState",
            "KafkaTransactionState",
            None,
            &[(
                "01 0001 74 0000000000000005 0002",
                "{\"transactionalId\":\"t\",\"producerId\":5,\"epoch\":2}",
            )],
        ),
    ];
    for (class, name, length, cases) in cases {
        check(&simple(class), name, *length, cases);
    }
}

#[test]
fn composites() {
    let long = || simple("Long");
    let string = || simple("String");
    let int = || simple("Int");
    check(
        &composite("List", Outer::None, vec![int()]),
        "List<Int>",
        None,
        &[("00000002 00000001 00000002", "[1,2]")],
    );
    check(
        &composite("Map", Outer::None, vec![string(), long()]),
        "Map<String, Long>",
        None,
        &[
            (
                "00000002 0261 00 0000000000000001 0262 01",
                "{\"a\":1,\"b\":null}",
            ),
            ("00000000", "{}"),
        ],
    );
    check(
        &composite("Map", Outer::None, vec![int(), int()]),
        "Map<Int, Int>",
        None,
        &[("00000001 00000001 00 00000002", "[[1,2]]"), ("00000000", "[]")],
    );
    check(
        &composite("NullAwareMap", Outer::None, vec![string(), string()]),
        "Map<String, String>",
        None,
        &[
            (
                "00000003 00 0261 00 0378 22 00 0262 01 01 00 0263",
                "[[\"a\",\"x\\\"\"],[\"b\",null],[null,\"c\"]]",
            ),
            ("00000001 01 01", "[[null,null]]"),
        ],
    );
    check(
        &composite("Nullable", Outer::Padding(8), vec![long()]),
        "Nullable<Long>",
        Some(9),
        &[("01 0000000000000000", "null"), ("00 0000000000000001", "1")],
    );
    check(
        &composite("Nullable", Outer::Padding(0), vec![string()]),
        "Nullable<String>",
        None,
        &[("01", "null")],
    );
    check(
        &composite("JavaEither", Outer::None, vec![int(), string()]),
        "Either<Int, String>",
        None,
        &[("01 00000001", "{\"left\":1}"), ("00 0261", "{\"right\":\"a\"}")],
    );
    check(
        &composite("Union", Outer::None, vec![int(), string()]),
        "Union<Int, String>",
        None,
        &[("01 00000001", "{\"left\":1}"), ("02 0261", "{\"right\":\"a\"}")],
    );
    let class = |name: &str| Outer::Text(java(name));
    check(
        &composite(
            "Tuple",
            class("org.apache.flink.api.java.tuple.Tuple2"),
            vec![string(), int()],
        ),
        "Tuple2<String, Int>",
        None,
        &[("0261 00000007", "[\"a\",7]")],
    );
    check(
        &composite("Tuple", class("com.acme.Pair"), vec![long(), int()]),
        "com.acme.Pair<Long, Int>",
        Some(12),
        &[("0000000000000001 00000002", "[1,2]")],
    );
    let tuple = composite(
        "Tuple",
        class("org.apache.flink.api.java.tuple.Tuple1"),
        vec![simple("VoidNamespace")],
    );
    check(&tuple, "Tuple1<VoidNamespace>", None, &[("00", "[null]")]);
    check(
        &composite("GenericArray", class("java.lang.Long"), vec![long()]),
        "Long[]",
        None,
        &[("00000002 00 01 0000000000000005", "[null,5]")],
    );
    check(
        &composite("LinkedList", Outer::Flag(true), vec![int()]),
        "List<Int>",
        None,
        &[("00000003 40 00000001 00000003", "[1,null,3]")],
    );
    check(
        &composite("Ttl", Outer::None, vec![long(), int()]),
        "Ttl<Int>",
        Some(12),
        &[("0000000000000005 00000007", "7")],
    );
    check(
        &composite("Timer", Outer::None, vec![long(), simple("VoidNamespace")]),
        "Timer<Long, VoidNamespace>",
        Some(16),
        &[(
            "8000000000000005 0000000000000007 00",
            "{\"timestamp\":5,\"key\":7,\"namespace\":null}",
        )],
    );
    check(
        &composite("Row", Outer::Flag(true), vec![int(), string()]),
        "Row<Int, String>",
        None,
        &[
            ("10 00000001", "[1,null]"),
            ("c0 00000001 0261", "{\"@kind\":\"DELETE\",\"fields\":[1,\"a\"]}"),
        ],
    );
    check(
        &composite(
            "TwoPhaseCommitSinkFunction$State",
            Outer::Flag(true),
            vec![int(), string()],
        ),
        "TwoPhaseCommitState",
        None,
        &[(
            "00 00000001 00000001 0000000000000002 01 0263",
            "{\"pendingTransaction\":null,\"pendingCommitTransactions\":[{\"transaction\":1,\"startTime\":2}],\"context\":\"c\"}",
        )],
    );
    check(
        &composite("StreamElement", Outer::None, vec![int()]),
        "StreamElement",
        None,
        &[
            ("02 0000000000000005", "{\"watermark\":5}"),
            ("01 00000005", "{\"record\":{\"value\":5}}"),
        ],
    );
    check(
        &composite("ScalaTry", Outer::None, vec![int(), string()]),
        "Try<Int>",
        None,
        &[("01 00000005", "{\"right\":5}")],
    );
    check(
        &composite("RawValueData", Outer::None, vec![string()]),
        "RawValueData<String>",
        None,
        &[("00000002 0261", "\"a\"")],
    );
}

#[test]
fn pojos() {
    let mut content = pojo(
        "com.acme.Total",
        vec![("cents", simple("Long")), ("n", simple("Int"))],
    );
    let gift = pojo(
        "com.acme.Gift",
        vec![
            ("cents", simple("Long")),
            ("n", simple("Int")),
            ("to", simple("String")),
        ],
    );
    content.registered = vec![subclass(
        "com.acme.Gift",
        snapshot(
            "org.apache.flink.x.PojoSerializerSnapshot",
            Content::Pojo(gift.clone()),
        ),
    )];
    content.non_registered = vec![subclass(
        "com.acme.Other",
        snapshot("org.apache.flink.x.PojoSerializerSnapshot", Content::Pojo(gift)),
    )];
    check(
        &snapshot(
            "org.apache.flink.api.java.typeutils.runtime.PojoSerializerSnapshot",
            Content::Pojo(content),
        ),
        "Pojo<com.acme.Total>",
        None,
        &[
            ("01", "null"),
            ("02 00 0000000000000005 01", "{\"cents\":5,\"n\":null}"),
            (
                "08 00 02 01 01 00 0261",
                "{\"@class\":\"com.acme.Gift\",\"cents\":null,\"n\":null,\"to\":\"a\"}",
            ),
            (
                "04 000e 636f6d2e61636d652e4f74686572 02 01 01 01",
                "{\"@class\":\"com.acme.Other\",\"cents\":null,\"n\":null,\"to\":null}",
            ),
            ("04 0001 58 0102", "{\"@opaque\":\"X\",\"@bytes\":\"AQI=\"}"),
        ],
    );
}

#[test]
fn avro_is_written_with_fixed_width() {
    let schema = r#"{"type":"record","name":"R","fields":[
        {"name":"a","type":"int"},{"name":"b","type":["null","long"]},{"name":"c","type":{"type":"array","items":"string"}},
        {"name":"d","type":{"type":"map","values":"boolean"}},{"name":"e","type":{"type":"enum","name":"E","symbols":["X","Y"]}},
        {"name":"f","type":{"type":"fixed","name":"F","size":2}},{"name":"g","type":"bytes"},{"name":"h","type":"double"}]}"#;
    let text = |text: &str| statetool_format::serializer::Text(text.encode_utf16().collect());
    let content = Content::Avro {
        runtime_class: Some(text("org.apache.avro.generic.GenericRecord")),
        schema: text(schema),
    };
    check(
        &snapshot("org.apache.flink.x.AvroSerializerSnapshot", content),
        "Avro<R>",
        None,
        &[
            (
                "00000001 00000001 0000000000000002 01 00000001 78 00 01 00000001 6b 01 00 00000001 0102 00000001 03 3ff0000000000000",
                "{\"a\":1,\"b\":2,\"c\":[\"x\"],\"d\":{\"k\":true},\"e\":\"Y\",\"f\":{\"@bytes\":\"AQI=\"},\"g\":{\"@bytes\":\"Aw==\"},\"h\":1.0}",
            ),
            (
                "00000001 00000000 00 00 00000000 0000 00000000 0000000000000000",
                "{\"a\":1,\"b\":null,\"c\":[],\"d\":{},\"e\":\"X\",\"f\":{\"@bytes\":\"AAA=\"},\"g\":{\"@bytes\":\"\"},\"h\":0.0}",
            ),
        ],
    );
}

#[test]
fn what_nobody_knows_takes_the_rest_of_its_frame_and_no_more() {
    let unknown = snapshot("com.acme.CartSerializer$Snap", Content::Simple);
    let list = composite("List", Outer::None, vec![unknown.clone()]);
    let ty = type_of(&composite("Map", Outer::None, vec![simple("String"), list]));
    assert_eq!(
        ty.opaque_parts()
            .iter()
            .map(|part| part.class.as_str())
            .collect::<Vec<_>>(),
        ["com.acme.CartSerializer$Snap"]
    );
    let bytes = hex("00000002 0261 00 00000003 0102");
    assert_eq!(
        json(&ty, &bytes).unwrap(),
        "{\"a\":[{\"@opaque\":\"com.acme.CartSerializer$Snap\",\"@bytes\":\"AQI=\"}]}"
    );
    let error = walk(&ty, &mut Reader::new(&bytes), Framing::Unframed, &mut Skip).unwrap_err();
    assert_eq!(
        error.fault(),
        &Fault::UnknownClass("com.acme.CartSerializer$Snap".into())
    );
    // Inside a raw SQL value there is a frame of its own, so what follows is read.
    let framed = composite("RawValueData", Outer::None, vec![unknown]);
    let ty = type_of(&composite(
        "Tuple",
        Outer::Text(java("T")),
        vec![framed, simple("Int")],
    ));
    let bytes = hex("00000001 09 00000007");
    assert_eq!(
        json(&ty, &bytes).unwrap(),
        "[{\"@opaque\":\"com.acme.CartSerializer$Snap\",\"@bytes\":\"CQ==\"},7]"
    );
}

#[test]
fn refusals_name_offset_and_reason() {
    let cases: &[(Type, &str, &str)] = &[
        (
            type_of(&simple("Int")),
            "0001",
            "int at offset 0x0: needs 4 bytes, 2 are left",
        ),
        (
            type_of(&simple("String")),
            "05 61",
            "string at offset 0x1: needs 4 bytes, 1 are left",
        ),
        (
            type_of(&simple("String")),
            "02 808004",
            "character of a string at offset 0x1: 65536 exceeds the limit of 65535",
        ),
        (
            type_of(&simple("Void")),
            "01",
            "Void at offset 0x0: unknown value 1 (0x1), expected its one constant byte",
        ),
        (
            type_of(&simple("LocalDate")),
            "000007e7021d",
            "date at offset 0x0: no such day: 2023-2-29",
        ),
        (
            type_of(&simple("BigInt")),
            "00000004",
            "BigInteger at offset 0x4: no bytes at all",
        ),
        (
            type_of(&simple("LongPrimitiveArray")),
            "7fffffff 00",
            "number of elements at offset 0x0: needs 17179869176 bytes, 1 are left",
        ),
        (
            type_of(&simple("NullValueArray")),
            "7fffffff",
            "number of elements at offset 0x0: 2147483647 exceeds the limit of 1048576",
        ),
        (
            type_of(&composite(
                "Union",
                Outer::None,
                vec![simple("Int"), simple("Int")],
            )),
            "03",
            "side of a union at offset 0x0: unknown value 3 (0x3), expected 1 or 2",
        ),
        (
            type_of(&snapshot(
                "org.apache.flink.x.PojoSerializerSnapshot",
                Content::Pojo(pojo("A", vec![])),
            )),
            "03",
            "POJO flags at offset 0x0: unknown value 3 (0x3), expected 1, 2, 4 or 8",
        ),
    ];
    for (ty, bytes, message) in cases {
        assert_eq!(
            json(ty, &hex(bytes)).unwrap_err().to_string(),
            *message,
            "{}",
            ty.name()
        );
    }
}

#[test]
fn collections_of_nothing_cannot_multiply() {
    let nothing = composite(
        "List",
        Outer::None,
        vec![composite("List", Outer::None, vec![simple("NullValue")])],
    );
    let mut bytes = hex("00000003");
    (0..3).for_each(|_| bytes.extend(hex("00080000")));
    let error = walk(
        &type_of(&nothing),
        &mut Reader::new(&bytes),
        Framing::Framed,
        &mut Skip,
    )
    .unwrap_err();
    assert_eq!(
        error.to_string(),
        "elements without bytes at offset 0x10: 1048577 exceeds the limit of 1048576"
    );
    // An Avro schema can double at each level of records without any byte of data.
    let mut schema = r#"{"type":"record","name":"R0","fields":[]}"#.to_owned();
    for level in 1..40 {
        schema = format!(
            r#"{{"type":"record","name":"R{level}","fields":[{{"name":"a","type":{schema}}},{{"name":"b","type":"R{}"}}]}}"#,
            level - 1
        );
    }
    let content = Content::Avro {
        runtime_class: None,
        schema: statetool_format::serializer::Text(schema.encode_utf16().collect()),
    };
    let error = json(
        &type_of(&snapshot("org.apache.flink.x.AvroSerializerSnapshot", content)),
        &[],
    )
    .unwrap_err();
    assert_eq!(
        error.to_string(),
        "elements without bytes at offset 0x0: 1048577 exceeds the limit of 1048576"
    );
}

#[test]
fn longs_can_be_strings() {
    let mut out = Vec::new();
    let mut writer = JsonWriter::new(&mut out, JsonOptions { long_as_string: true });
    let _ = walk(
        &type_of(&simple("Long")),
        &mut Reader::new(&hex("0020000000000001")),
        Framing::Framed,
        &mut writer,
    )
    .unwrap();
    assert_eq!(out, b"\"9007199254740993\"");
}
