use proptest::prelude::*;
use statetool_format::java::{Field, FieldType, Graph, JavaStream, Slot};
use statetool_format::serializer::{
    Frame, KryoContent, KryoRegistration, KryoSerializerDefinition, OptionalEntry,
};
use statetool_format::{Encode, Fault, JavaString};

use super::*;
use KryoGeneration::{V2, V5};

/// Bytes of hexadecimal digits and `'texts'` in Kryo's form for ASCII.
fn bytes(parts: &str) -> Vec<u8> {
    let mut out = Vec::new();
    for (i, part) in parts.split('\'').enumerate() {
        if i % 2 == 1 {
            out.extend(part.bytes());
            *out.last_mut().unwrap() |= 0x80;
            continue;
        }
        let digits: Vec<u8> = part.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
        out.extend(
            digits
                .chunks(2)
                .map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap()),
        );
    }
    out
}

fn decode_all(config: &KryoConfig, bytes: &[u8]) -> Result<Value> {
    let mut r = Reader::new(bytes);
    let value = decode(config, &mut r)?;
    r.finish("Kryo value")?;
    Ok(value)
}

fn read(generation: KryoGeneration, parts: &str) -> Result<Value> {
    decode_all(
        &KryoConfig::of_class("java.lang.Object", generation),
        &bytes(parts),
    )
}

fn list(items: impl IntoIterator<Item = Value>) -> Value {
    Value::List(items.into_iter().collect())
}

fn text(text: &str) -> Value {
    Value::String(text.into())
}

fn java(text: &str) -> JavaString {
    JavaString::new(text).unwrap()
}

#[test]
fn values_of_both_generations() {
    for (parts, value) in [
        ("00", Value::Null),
        ("03 01 82 61", text("a")),
        ("03 01 'ab'", text("ab")),
        ("03 01 81", text("")),
        ("03 01 82 c3a9", text("é")),
        ("02 54", Value::Int(42)),
        ("09 05", Value::Long(-3)),
        ("01 00 '[I' 01 03 02 01", list([Value::Int(1), Value::Int(-1)])),
        (
            "01 00 '[Ljava.lang.String;' 01 03 01 8261 00",
            list([text("a"), Value::Null]),
        ),
    ] {
        assert_eq!(read(V2, parts).as_ref(), Ok(&value), "{parts}");
        assert_eq!(read(V5, parts).as_ref(), Ok(&value), "{parts}");
    }
}

#[test]
fn values_that_differ_between_generations() {
    let digits = "0123456789012345678901234567890123456789";
    let mixed = || list([Value::Int(1), text("a")]);
    let green = || Value::Enum {
        index: 1,
        name: "GREEN".into(),
    };
    let uuid = || Value::Uuid(1 << 64 | 2);
    for (v2, v5, value) in [
        ("0a 3ff0000000000000", "0a 000000000000f03f", Value::Double(1.0)),
        (
            &format!("03 01 '{digits}'"),
            &format!(
                "03 01 a9 {}",
                digits.bytes().map(|b| format!("{b:x}")).collect::<String>()
            ),
            text(digits),
        ),
        (
            "01 00 'java.util.ArrayList' 01 02 02 02 02 02",
            "01 00 'java.util.ArrayList' 01 83 02 00 02 02",
            list([Value::Int(1), Value::Int(1)]),
        ),
        (
            "01 00 'java.util.ArrayList' 01 02 02 02 03 01 8261",
            "01 00 'java.util.ArrayList' 01 03 02 02 03 01 8261",
            mixed(),
        ),
        ("01 00 'T$Color' 01 02", "01 00 'T$Color' 02", green()),
        ("54 01 02 04", "54 01 0100000000000000 0200000000000000", uuid()),
    ] {
        for (generation, parts) in [(V2, v2), (V5, v5)] {
            let color = KryoClass::Enum(vec!["RED".into(), "GREEN".into()]);
            let config = KryoConfig::of_class("java.lang.Object", generation).with_class("T$Color", color);
            assert_eq!(decode_all(&config, &bytes(parts)).as_ref(), Ok(&value), "{parts}");
        }
    }
}

#[test]
fn objects_whose_fields_are_known() {
    let string = || KryoField::Final("java.lang.String".into());
    let fields = [
        ("big", KryoField::Long),
        ("boxed", KryoField::Final("java.lang.Integer".into())),
        ("n", KryoField::Int),
        ("o", KryoField::Open),
        ("s", string()),
        ("t", string()),
    ];
    let class = KryoClass::Fields(fields.map(|(name, field)| (name.to_owned(), field)).into());
    let values = [
        Value::Long(300),
        Value::Int(3),
        Value::Int(-1),
        Value::Boolean(true),
        text("hi"),
        text("hi"),
    ];
    let names = ["big", "boxed", "n", "o", "s", "t"].map(str::to_owned);
    let value = Value::Object {
        class: Some("A".into()),
        fields: names.into_iter().zip(values).collect(),
    };
    for generation in [V2, V5] {
        let config = KryoConfig::of_class("A", generation).with_class("A", class.clone());
        assert_eq!(
            decode_all(&config, &bytes("57 01 d804 0106 01 0501 01 'hi' 03")),
            Ok(value.clone())
        );
        let numbers = [
            ("c", KryoField::Char),
            ("d", KryoField::Double),
            ("f", KryoField::Float),
            ("s", KryoField::Short),
        ];
        let numbers = KryoClass::Fields(numbers.map(|(name, field)| (name.to_owned(), field)).into());
        let config = KryoConfig::of_class("D", generation).with_class("D", numbers);
        let parts = match generation {
            V2 => "57 01 0041 3ff0000000000000 c0000000 0001",
            V5 => "57 01 4100 000000000000f03f 000000c0 0100",
        };
        let Ok(Value::Object { fields, .. }) = decode_all(&config, &bytes(parts)) else {
            panic!("{parts}")
        };
        let values: Vec<Value> = fields.into_iter().map(|(_, value)| value).collect();
        assert_eq!(
            values,
            [
                Value::Char(0x41),
                Value::Double(1.0),
                Value::Float(-2.0),
                Value::Short(1)
            ]
        );
    }
}

#[test]
fn scala_values() {
    for (parts, value) in [
        (
            "01 00 'scala.collection.immutable.$colon$colon' 01 02 03 01 8261 02 02",
            list([text("a"), Value::Int(1)]),
        ),
        (
            "27 01 03 01 826b 02 0a",
            Value::Tuple(vec![text("k"), Value::Int(5)]),
        ),
        (
            "3f 01 0000000000000001 fffffffffffffffe",
            Value::Tuple(vec![Value::Long(1), Value::Long(-2)]),
        ),
    ] {
        assert_eq!(read(V2, parts), Ok(value), "{parts}");
    }
    assert!(
        read(V5, "27 01 00 00")
            .unwrap_err()
            .to_string()
            .contains("id 37 is not registered")
    );
}

/// A position of Flink's Kafka consumer of the old kind.
#[test]
fn kafka_topic_partitions_are_known() {
    let class = "org.apache.flink.streaming.connectors.kafka.internals.KafkaTopicPartition";
    let config = KryoConfig::of_class(class, V2);
    let value = decode_all(&config, &bytes("57 01 839998ff08 06 01 'orders'")).unwrap();
    let Value::Object {
        class: Some(name),
        fields,
    } = value
    else {
        panic!()
    };
    let expected = [("cachedHash", -2_110_780_610), ("partition", 3)];
    assert_eq!(name, class);
    assert_eq!(fields[2], ("topic".into(), text("orders")));
    assert_eq!(fields[1], (expected[1].0.into(), Value::Int(expected[1].1)));
    assert_eq!(fields[0].0, expected[0].0);
}

#[test]
fn objects_nobody_knows_end_decoding() {
    for (parts, offset, class) in [
        ("57 01 01 00 'Vec$G' 01 01 8270", 2, "java.lang.Object"),
        ("01 00 'Vec$G' 01 01 8270", 8, "Vec$G"),
        ("01 00 '[LVec$G;' 01 02 01", 12, "Vec$G"),
    ] {
        for generation in [V2, V5] {
            let error = read(generation, parts).unwrap_err();
            assert_eq!(
                (error.offset(), error.fault()),
                (offset, &Fault::UnknownClass(class.into())),
                "{parts}"
            );
        }
    }
}

fn registered(
    class: &str,
    serializer: KryoSerializerDefinition,
) -> OptionalEntry<JavaString, KryoRegistration> {
    let registration = KryoRegistration {
        class: java(class),
        serializer,
    };
    OptionalEntry {
        name: java(class),
        key: Some(Frame::Known(java(class))),
        value: Some(Frame::Known(registration)),
    }
}

/// Flink's wrapper of a serializer instance.
fn instance(serializer: &str) -> JavaStream {
    let mut graph = Graph::new();
    let inner = graph.add_class(java(serializer), 1, 2, Vec::new(), None);
    let signature = graph.add_string("Lcom/esotericsoftware/kryo/Serializer;");
    let field = Field {
        ty: FieldType::Object,
        name: java("serializer"),
        signature: Some(signature),
    };
    let outer = graph.add_class(
        java("org.apache.flink.api.common.SerializableSerializer"),
        1,
        2,
        vec![field],
        None,
    );
    let inner = graph.add_object(inner, Vec::new());
    let root = graph.add_object(outer, vec![Slot::Node(inner)]);
    graph.set_root(Slot::Node(root));
    JavaStream(graph.to_bytes())
}

fn content(registrations: Vec<OptionalEntry<JavaString, KryoRegistration>>) -> KryoContent {
    let class = registrations[0].name.clone();
    KryoContent {
        class,
        registrations,
        default_serializers: Vec::new(),
        default_serializer_classes: Vec::new(),
    }
}

#[test]
fn classes_that_have_an_id_take_none() {
    use KryoSerializerDefinition::{Class, Default, Instance};
    let list = "com.esotericsoftware.kryo.serializers.CollectionSerializer";
    let content = content(vec![
        registered("Coll", Default),
        registered("java.lang.String", Default),
        registered("Fin", Default),
        registered("java.util.UUID", Default),
        registered("E", Default),
        registered("java.util.ArrayList", Class(java(list))),
        registered("Base", Instance(instance("my.Serializer"))),
        registered("org.apache.avro.generic.GenericData$Array", Class(java("Dummy"))),
    ]);
    let config = KryoConfig::new(&content, V2);
    let ids: Vec<_> = (85..92).map(|id| config.registered(id)).collect();
    let avro = "org.apache.avro.generic.GenericData$Array";
    let names = [
        Some("Coll"),
        Some("Fin"),
        Some("E"),
        Some("java.util.ArrayList"),
        Some("Base"),
        Some(avro),
        None,
    ];
    assert_eq!(ids, names);
    assert_eq!(config.serializer("Base"), Some("my.Serializer"));
    assert_eq!(config.class(), "Coll");
    // Only Kryo's own ids come before 10.
    let config = config.with_first_id(10);
    let ids: Vec<_> = (10..14).map(|id| config.registered(id)).collect();
    assert_eq!(
        ids,
        [Some("Coll"), Some("Fin"), Some("java.util.UUID"), Some("E")]
    );
    let error = decode_all(&KryoConfig::new(&content, V2), &bytes("5b 01 00")).unwrap_err();
    assert_eq!(error.fault(), &Fault::UnknownClass("my.Serializer".into()));
}

#[test]
fn registered_serializers_that_are_known() {
    use KryoSerializerDefinition::{Class, Instance};
    let integer = "aced0005737200116a6176612e6c616e672e496e746567657212e2a0a4f7818738020001490005\
                   76616c7565787200106a6176612e6c616e672e4e756d62657286ac951d0b94e08b02000078700000001a";
    for (definition, parts, value) in [
        (
            Class(java("com.twitter.chill.protobuf.ProtobufSerializer")),
            "02 0801".to_owned(),
            Value::Opaque {
                class: "M".into(),
                bytes: vec![8, 1],
            },
        ),
        (
            Instance(instance("com.twitter.chill.thrift.TBaseSerializer")),
            "01 00".to_owned(),
            Value::Opaque {
                class: "M".into(),
                bytes: vec![0],
            },
        ),
        (
            Class(java(
                "org.apache.flink.api.java.typeutils.runtime.kryo.JavaSerializer",
            )),
            integer.to_owned(),
            Value::Int(26),
        ),
        (
            Class(java("com.esotericsoftware.kryo.serializers.MapSerializer")),
            "01 02 02 02 04".to_owned(),
            Value::Map(vec![(Value::Int(1), Value::Int(2))]),
        ),
    ] {
        let config = KryoConfig::new(&content(vec![registered("M", definition)]), V2);
        assert_eq!(decode_all(&config, &bytes(&format!("57 01 {parts}"))), Ok(value));
    }
    let mut content = content(vec![registered("M", KryoSerializerDefinition::Default)]);
    let protobuf = "com.twitter.chill.protobuf.ProtobufSerializer";
    content.default_serializer_classes.push(OptionalEntry {
        name: java("M"),
        key: None,
        value: Some(Frame::Known(java(protobuf))),
    });
    let value = decode_all(&KryoConfig::new(&content, V5), &bytes("57 01 01 07"));
    assert_eq!(
        value,
        Ok(Value::Opaque {
            class: "M".into(),
            bytes: vec![7]
        })
    );
}

#[test]
fn refusals() {
    for (generation, parts, message) in [
        (V2, "", "Kryo class id at offset 0x0: needs 1 bytes, 0 are left"),
        (V2, "7f", "Kryo class id at offset 0x0: id 125 is not registered"),
        (
            V2,
            "01 01",
            "Kryo class name at offset 0x1: name 1 refers ahead, 0 are known",
        ),
        (
            V2,
            "01 00 80",
            "Kryo class name at offset 0x2: null where a string must be",
        ),
        (
            V2,
            "03 00",
            "Kryo reference at offset 0x1: null where an object must be",
        ),
        (
            V2,
            "03 07",
            "Kryo reference at offset 0x1: object 5 is not one of the 0 so far",
        ),
        (
            V2,
            "05 02",
            "Kryo primitive at offset 0x1: unknown value 2 (0x2), expected 0 or 1",
        ),
        (
            V2,
            "01 00 'java.util.ArrayList' 01 ffffffff07",
            "Kryo collection at offset 0x16: needs 2147483647 bytes, 0 are left",
        ),
        (
            V2,
            "01 00 'java.util.ArrayList' 01 ffffffff0f",
            "Kryo collection at offset 0x16: -1 is not within 0 to 2147483647",
        ),
        (
            V5,
            "01 00 'java.util.ArrayList' 01 ffffffff7f 02 00",
            "Kryo collection at offset 0x16: -1 is not within 0 to 2147483647",
        ),
        (
            V5,
            "01 00 'java.util.HashMap' 01 03 00 00 00",
            "Kryo map at offset 0x14: needs 4 bytes, 3 are left",
        ),
        (
            V2,
            "01 00 '[J' 01 05 00",
            "Kryo array at offset 0x5: needs 4 bytes, 1 are left",
        ),
        (
            V2,
            "01 00 '[D' 01 02 00",
            "Kryo array at offset 0x5: needs 8 bytes, 1 are left",
        ),
        (
            V2,
            "4c 01 02",
            "Kryo BitSet at offset 0x2: needs 16 bytes, 0 are left",
        ),
        (
            V5,
            "01 00 'java.time.LocalDate' 01 d00f 0d 01",
            "Kryo object at offset 0x16: 13 is not within 1 to 12",
        ),
        (
            V5,
            "01 00 'java.time.LocalTime' 01 e0",
            "Kryo object at offset 0x16: 31 is not within 0 to 23",
        ),
        (
            V2,
            "01 00 'java.time.Month' 01 0d",
            "Kryo enum constant at offset 0x12: 12 is not within 0 to 11",
        ),
        (
            V2,
            "01 00 'java.time.LocalDate' 01 001f 0002 d01f",
            "Kryo object at offset 0x16: 2024-2-31 is no date",
        ),
    ] {
        match read(generation, parts) {
            Err(error) if error.to_string() == message => {}
            other => assert_eq!(format!("{other:?}"), message, "{parts}"),
        }
    }
}

#[test]
fn nulls_that_take_no_bytes_are_limited() {
    // Lists of 200 000 nulls each in a few bytes.
    let nulls = "c1 b5 18 00";
    let one = format!("01 00 'java.util.ArrayList' 01 {nulls}");
    assert!(matches!(read(V5, &one), Ok(Value::List(items)) if items.len() == 200_000));
    let six = format!(
        "01 00 'java.util.ArrayList' 01 07 {}",
        format!("01 00 01 {nulls}").repeat(6)
    );
    let error = read(V5, &six).unwrap_err();
    assert_eq!(
        error.to_string(),
        "Kryo collection of nulls at offset 0x3d: 1200000 exceeds the limit of 1048576"
    );
}

#[test]
fn depth_and_doubling_are_limited() {
    let nested = |n: usize| format!("01 00 'java.util.ArrayList' 01 {} 01 00", "01 01 00 01".repeat(n));
    // Far less than the stack of a thread, unoptimised as the tests are.
    let thread = std::thread::Builder::new().stack_size(1 << 20);
    let deepest = nested(199);
    assert!(
        thread
            .spawn(move || read(V2, &deepest).is_ok())
            .unwrap()
            .join()
            .unwrap()
    );
    assert!(
        read(V2, &nested(200))
            .unwrap_err()
            .to_string()
            .ends_with("nested deeper than 200 levels")
    );
    // Each list holds the one inside it twice: 2^60 in the end.
    let mut parts = String::from("01 00 'java.util.ArrayList' 01 02");
    for _ in 0..60 {
        parts += "01 00 01 02";
    }
    parts += "00 00";
    for slot in (0..60).rev() {
        parts += &format!("01 00 {:02x}", slot + 3);
    }
    let error = read(V2, &parts).unwrap_err();
    assert!(error.to_string().contains("exceeds the limit"), "{error}");
}

#[test]
fn one_java_stream_serves_all_exceptions_of_a_value() {
    // The second object goes on in the stream of the first.
    let class = "aced0005 73 72 0001 45 0000000000000001 02 0001 49 0001 6e 78 70 00000001";
    let parts = format!(
        "01 00 'java.util.ArrayList' 01 02 01 01 'x.MyError' 01 {class} 01 01 01 73 71007e0000 00000002"
    );
    let Ok(Value::List(items)) = read(V2, &parts) else {
        panic!("{:?}", read(V2, &parts))
    };
    for (item, n) in items.iter().zip([1, 2]) {
        let fields = vec![("n".to_owned(), Value::Int(n))];
        assert_eq!(
            *item,
            Value::Object {
                class: Some("E".into()),
                fields
            }
        );
    }
}

fn seeds() -> impl Strategy<Value = Vec<u8>> {
    prop::sample::select(vec![
        bytes("01 00 'java.util.ArrayList' 01 03 02 02 03 01 8261 01 00 01 83 02 00 02 02"),
        bytes("01 00 'java.util.LinkedHashMap' 01 03 03 01 8262 00 02 04 01 00 01 02 02 02"),
        bytes("01 00 '[Ljava.lang.String;' 01 03 01 8261 00"),
        bytes("01 00 'java.time.ZonedDateTime' 01 e80f070101fe 'Europe/Berlin'"),
        bytes("1b 02 27 01 02 00 03 01 8276 27 01 02 02 03 04"),
        bytes("55 01 aced0005 73 72 0001 45 0000000000000001 02 0001 49 0001 6e 78 70 00000001"),
    ])
}

proptest! {
    #[test]
    fn anything_is_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
        for generation in [V2, V5] {
            let _ = decode_all(&KryoConfig::of_class("java.util.ArrayList", generation), &bytes);
        }
    }

    #[test]
    fn every_class_is_read_or_refused(id in 0_u8..86, tail in prop::collection::vec(0_u8..90, 0..60)) {
        let mut bytes = vec![id + 2, 1];
        bytes.extend(tail);
        for generation in [V2, V5] {
            let _ = decode_all(&KryoConfig::of_class("java.util.TreeMap", generation), &bytes);
        }
    }

    #[test]
    fn damaged_values_are_read_or_refused(mut bytes in seeds(), at in any::<prop::sample::Index>(), bit in 0..8) {
        *at.get_mut(&mut bytes) ^= 1_u8 << bit;
        for generation in [V2, V5] {
            let _ = decode_all(&KryoConfig::of_class("java.lang.Object", generation), &bytes);
        }
        bytes.truncate(at.index(bytes.len()));
        for generation in [V2, V5] {
            let _ = decode_all(&KryoConfig::of_class("java.lang.Object", generation), &bytes);
        }
    }
}
