//! Values that Java and real Flink releases wrote; see `vectors/README.md`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
#![allow(clippy::string_slice, clippy::print_stderr)]

use std::fmt::Write;

use statetool_format::{Fault, Reader, Result};
use statetool_values::kryo::{self, KryoClass, KryoConfig, KryoField, KryoGeneration};
use statetool_values::{Value, java_value};

/// The text that the generator of the vectors makes of the same value.
fn show(value: &Value) -> String {
    let list = |items: &[Value]| items.iter().map(show).collect::<Vec<_>>().join(", ");
    match value {
        Value::Null => "null".into(),
        Value::Boolean(v) => v.to_string(),
        Value::Byte(v) => format!("byte {v}"),
        Value::Short(v) => format!("short {v}"),
        Value::Char(v) => format!("char {v}"),
        Value::Int(v) => format!("int {v}"),
        Value::Long(v) => format!("long {v}"),
        Value::Float(v) => format!("float {:x}", v.to_bits()),
        Value::Double(v) => format!("double {:x}", v.to_bits()),
        Value::String(text) => show_text(text.units()),
        Value::Bytes(bytes) => format!(
            "bytes {}",
            bytes.iter().map(|b| format!("{b:02x}")).collect::<String>()
        ),
        Value::BigInteger(v) => format!("big {v}"),
        Value::Decimal { unscaled, scale } => format!("decimal {unscaled} {scale}"),
        Value::Instant { seconds, nanos } => format!("instant {seconds} {nanos}"),
        Value::LocalDate(d) => format!("date {}-{}-{}", d.year, d.month, d.day),
        Value::LocalTime(t) => format!("time {t}"),
        Value::LocalDateTime(d, t) => format!("datetime {}-{}-{} {t}", d.year, d.month, d.day),
        Value::Uuid(v) => {
            let hex = format!("{v:032x}");
            format!(
                "uuid {}-{}-{}-{}-{}",
                &hex[..8],
                &hex[8..12],
                &hex[12..16],
                &hex[16..20],
                &hex[20..]
            )
        }
        Value::List(items) => format!("[{}]", list(items)),
        Value::Tuple(items) => format!("({})", list(items)),
        Value::Map(entries) => {
            let entries: Vec<_> = entries
                .iter()
                .map(|(k, v)| format!("{}: {}", show(k), show(v)))
                .collect();
            format!("{{{}}}", entries.join(", "))
        }
        Value::Object { class, fields } => {
            let fields: Vec<_> = fields.iter().map(|(k, v)| format!("{k}: {}", show(v))).collect();
            format!("{}({})", class.as_deref().unwrap_or_default(), fields.join(", "))
        }
        Value::Enum { index, name } => format!("enum {index} {name}"),
        Value::Either(false, v) => format!("left {}", show(v)),
        Value::Either(true, v) => format!("right {}", show(v)),
        other => panic!("{other:?}"),
    }
}

fn show_text(units: impl Iterator<Item = u16>) -> String {
    let mut out = String::from("\"");
    for unit in units {
        match u8::try_from(unit) {
            Ok(c @ 32..127) if c != b'"' && c != b'\\' => out.push(c.into()),
            _ => write!(out, "\\u{unit:04x}").unwrap(),
        }
    }
    out + "\""
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

/// The cases of a file: name, bytes, text.
fn cases(file: &'static str) -> impl Iterator<Item = (&'static str, Vec<u8>, &'static str)> {
    file.lines().map(|line| {
        let mut parts = line.split('\t');
        let (name, hex, text) = (
            parts.next().unwrap(),
            parts.next().unwrap(),
            parts.next().unwrap(),
        );
        (name, bytes(hex), text)
    })
}

fn check(file: &'static str, decode: impl Fn(&mut Reader<'_>) -> Result<Value>, unreadable: &[&str]) {
    let mut wrong = Vec::new();
    let mut count = 0;
    for (name, bytes, expected) in cases(file) {
        count += 1;
        let mut r = Reader::new(&bytes);
        match decode(&mut r) {
            Ok(_) if !r.is_empty() => wrong.push(format!("{name}: {} bytes left over", r.left())),
            // What the text does not say is compared with nothing.
            Ok(_) if expected == "?" => {}
            Ok(value) if show(&value) == expected => {}
            Ok(value) => wrong.push(format!("{name}:\n  {}\n  {expected}", show(&value))),
            Err(error) if unreadable.contains(&name) => {
                assert!(matches!(error.fault(), Fault::UnknownClass(_)))
            }
            Err(error) => wrong.push(format!("{name}: {error}")),
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {count}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(count > 20);
}

fn config(generation: KryoGeneration) -> KryoConfig {
    let fields = |fields: &[(&str, KryoField)]| {
        KryoClass::Fields(
            fields
                .iter()
                .map(|(name, field)| ((*name).to_owned(), field.clone()))
                .collect(),
        )
    };
    let last = |class: &str| KryoField::Final(class.to_owned());
    let a = fields(&[
        ("big", KryoField::Long),
        ("boxed", last("java.lang.Integer")),
        ("n", KryoField::Int),
        ("o", KryoField::Open),
        ("s", last("java.lang.String")),
        ("t", last("java.lang.String")),
    ]);
    let d = fields(&[
        ("c", KryoField::Char),
        ("d", KryoField::Double),
        ("f", KryoField::Float),
        ("s", KryoField::Short),
    ]);
    let names = |names: &[&str]| KryoClass::Enum(names.iter().map(|&name| name.to_owned()).collect());
    KryoConfig::of_class("java.lang.Object", generation)
        .with_class("Vectors$A", a)
        .with_class("Vectors$D", d)
        .with_class("Vectors$Color", names(&["RED", "GREEN"]))
        .with_class("Vectors$Op", names(&["PLUS", "MINUS"]))
}

fn kryo_check(file: &'static str, generation: KryoGeneration, unreadable: &[&str]) {
    let config = config(generation);
    check(file, |r| kryo::decode(&config, r), unreadable);
}

#[test]
fn java_17() {
    check(include_str!("vectors/java-17.txt"), java_value::decode, &[]);
}

#[test]
fn kryo_of_flink_1_20() {
    kryo_check(
        include_str!("vectors/kryo-1.20.txt"),
        KryoGeneration::V2,
        &["charset", "url"],
    );
}

#[test]
fn kryo_of_flink_1_20_with_scala() {
    kryo_check(
        include_str!("vectors/kryo-1.20-scala.txt"),
        KryoGeneration::V2,
        &["scala big decimal"],
    );
}

#[test]
fn kryo_of_flink_2_3() {
    kryo_check(include_str!("vectors/kryo-2.3.txt"), KryoGeneration::V5, &[]);
}

mod corpus {
    use std::path::{Path, PathBuf};

    use statetool_format::serializer::{Content, KryoContent, SerializerSnapshot};

    use super::*;

    fn files(serializer: &str) -> Vec<(Vec<u8>, Vec<u8>)> {
        let root = std::env::var_os("STATETOOL_CORPUS").map_or_else(
            || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus"),
            PathBuf::from,
        );
        let Ok(releases) = std::fs::read_dir(root.join("serializers").join(serializer)) else {
            eprintln!("SKIPPED: no corpus at {}; set STATETOOL_CORPUS", root.display());
            return Vec::new();
        };
        let read = |dir: &Path, name| std::fs::read(dir.join(name)).unwrap();
        let dirs = releases.map(|release| release.unwrap().path());
        dirs.map(|dir| (read(&dir, "serializer-snapshot"), read(&dir, "test-data")))
            .collect()
    }

    fn kryo(snapshot: &[u8]) -> KryoContent {
        match SerializerSnapshot::decode_proxied(&mut Reader::new(snapshot))
            .unwrap()
            .content
        {
            Content::Kryo(content) => content,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn java_serializer() {
        for (_, data) in files("java-serializer") {
            let mut r = Reader::new(&data);
            assert_eq!(java_value::decode(&mut r), Ok(Value::Int(26)));
            assert!(r.is_empty());
        }
    }

    const TESTS: &str = "org.apache.flink.api.java.typeutils.runtime.kryo.KryoPojosForMigrationTests$";

    /// The tests of Flink's core register nothing of Scala or the JDK: ids begin at 10.
    #[test]
    fn kryo_serializers() {
        for serializer in [
            "kryo-type-serializer-empty-config",
            "kryo-type-serializer-unrelated-config-after-restore",
            "kryo-type-serializer-changed-registration-order",
        ] {
            for (snapshot, data) in files(serializer) {
                let config = KryoConfig::new(&kryo(&snapshot), KryoGeneration::V2).with_first_id(10);
                assert_eq!(config.class(), format!("{TESTS}Animal"));
                let dog = format!("{TESTS}Dog");
                let error = kryo::decode(&config, &mut Reader::new(&data)).unwrap_err();
                assert_eq!(error.fault(), &Fault::UnknownClass(dog.clone()), "{serializer}");
                let fields = vec![("name".to_owned(), KryoField::Final("java.lang.String".to_owned()))];
                let config = config.with_class(&dog, KryoClass::Fields(fields));
                let mut r = Reader::new(&data);
                let value = kryo::decode(&config, &mut r).unwrap();
                assert!(r.is_empty());
                assert_eq!(show(&value), format!("{dog}(name: \"Hasso\")"));
            }
        }
    }

    #[test]
    fn kryo_with_a_serializer_of_the_users() {
        for (snapshot, data) in files("kryo-custom-type-serializer-changed-registration-order") {
            let config = KryoConfig::new(&kryo(&snapshot), KryoGeneration::V2).with_first_id(10);
            let error = kryo::decode(&config, &mut Reader::new(&data)).unwrap_err();
            assert_eq!(
                error.fault(),
                &Fault::UnknownClass(format!("{TESTS}DogKryoSerializer"))
            );
        }
    }
}

/// Decodes every case with each of its bits inverted, and cut after each of its bytes.
fn damage(file: &'static str, decode: impl Fn(&mut Reader<'_>) -> Result<Value>) {
    for (_, bytes, _) in cases(file) {
        for at in 0..bytes.len() {
            let _ = decode(&mut Reader::new(&bytes[..at]));
            for bit in 0..8 {
                let mut damaged = bytes.clone();
                damaged[at] ^= 1 << bit;
                let _ = decode(&mut Reader::new(&damaged));
            }
        }
    }
}

#[test]
fn damaged_values_are_read_or_refused() {
    damage(include_str!("vectors/java-17.txt"), java_value::decode);
    for (file, generation) in [
        (include_str!("vectors/kryo-1.20.txt"), KryoGeneration::V2),
        (include_str!("vectors/kryo-1.20-scala.txt"), KryoGeneration::V2),
        (include_str!("vectors/kryo-2.3.txt"), KryoGeneration::V5),
    ] {
        let config = config(generation);
        damage(file, |r| kryo::decode(&config, r));
    }
}

/// One generation never reads the values of the other without noticing, unless they have the
/// same bytes.
#[test]
fn the_wrong_generation_is_mostly_noticed() {
    let (mut noticed, mut silent) = (0, 0);
    for (file, generation) in [
        (include_str!("vectors/kryo-1.20.txt"), KryoGeneration::V5),
        (include_str!("vectors/kryo-2.3.txt"), KryoGeneration::V2),
    ] {
        let config = config(generation);
        for (_, bytes, expected) in cases(file) {
            let mut r = Reader::new(&bytes);
            match kryo::decode(&config, &mut r) {
                Ok(value) if r.is_empty() && show(&value) == expected => {}
                Ok(_) if r.is_empty() => silent += 1,
                _ => noticed += 1,
            }
        }
    }
    assert!(noticed > 3 * silent, "{noticed} noticed, {silent} not");
}

/// A Java stream of arrays of one element in each other.
fn nested_java(levels: usize) -> Vec<u8> {
    let class = "aced0005 75 72 0004 5b4c413b 0000000000000001 02 0000 78 70 00000001";
    bytes(&format!(
        "{class} {} 70",
        "75 71007e0000 00000001".repeat(levels - 1)
    ))
}

#[test]
fn the_deepest_values_fit_the_stack_of_a_thread() {
    let mut java = nested_java(499);
    assert!(java_value::decode(&mut Reader::new(&java)).is_ok());
    java = nested_java(500);
    let error = java_value::decode(&mut Reader::new(&java)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "Java object stream at offset 0x1392: nested deeper than 500 levels"
    );
    // Both kinds of nesting in one value: the object is refused only when it becomes a tree.
    let mut kryo = bytes("01 00 6a6176612e7574696c2e41727261794c6973f4 01 01");
    kryo.extend(bytes(&"01 00 01 01".repeat(198)));
    kryo.extend(bytes("55 01"));
    kryo.extend(nested_java(499));
    let error = kryo::decode(&config(KryoGeneration::V2), &mut Reader::new(&kryo)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "Kryo value at offset 0x0: nested deeper than 500 levels"
    );
}

#[test]
fn shared_parts_cannot_blow_a_java_value_up() {
    // Each array holds the one inside it twice.
    let class = "aced0005 75 72 0004 5b4c413b 0000000000000001 02 0000 78 70 00000002";
    let mut hex = format!("{class} {}", "75 71007e0000 00000002".repeat(40));
    hex += "70 70";
    (0..40)
        .rev()
        .for_each(|level| hex += &format!("71 {:08x}", 0x7e_0002 + level));
    let error = java_value::decode(&mut Reader::new(&bytes(&hex))).unwrap_err();
    assert!(
        error.to_string().starts_with("Java object at offset 0x0: "),
        "{error}"
    );
    assert!(error.to_string().contains("exceeds the limit"), "{error}");
}
