use proptest::prelude::*;
use sha2::{Digest, Sha256};

use super::properties::{CheckpointProperties, Discard, PostCheckpointAction, SavepointFormat, SnapshotType};
use super::*;
use crate::encode::{Encode, Put};

/// Assembles a stream out of hexadecimal digits and `'texts'`, which get their length.
fn stream(parts: &str) -> Vec<u8> {
    let mut out = b"\xac\xed\0\x05".to_vec();
    for (i, part) in parts.split('\'').enumerate() {
        if i % 2 == 1 {
            out.put_u16(part.len() as u16);
            out.put(part.as_bytes());
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

fn parse(parts: &str) -> Graph {
    JavaStream(stream(parts)).parse().unwrap()
}

fn refusal(parts: &str) -> String {
    JavaStream(stream(parts)).parse().unwrap_err().to_string()
}

const UID: &str = "0000000000000001";

#[test]
fn a_stream_ends_where_its_object_does() {
    let mut bytes = stream("73 72'A' 0000000000000001 02 0001 49'n' 78 70 00000007");
    let len = bytes.len();
    bytes.extend(b"\xac\xed\0\x05");
    let mut r = Reader::at(&bytes, 100);
    let decoded = JavaStream::decode(&mut r).unwrap();
    assert_eq!((decoded.0.len(), r.left()), (len, 4));
    assert_eq!(
        decoded.parse().unwrap().root().field("n").and_then(View::i32),
        Some(7)
    );
    assert_eq!(
        JavaStream(bytes).parse().unwrap_err().to_string(),
        "Java object stream at offset 0x1e: 4 bytes are left over"
    );
}

#[test]
fn superclasses_come_first_and_derived_fields_hide_theirs() {
    let graph = parse(&format!(
        "73 72'B'{UID} 02 0001 49'n' 78 72'A'{UID} 02 0002 49'n' 5a'z' 78 70 00000001 01 00000002"
    ));
    let root = graph.root();
    assert_eq!(root.class_name().as_deref(), Some("B"));
    assert!(root.is_instance_of("A") && !root.is_instance_of("C"));
    assert_eq!(
        (
            root.field("n").and_then(View::i32),
            root.field("z").and_then(View::bool)
        ),
        (Some(2), Some(true))
    );
    let names: Vec<_> = root.fields().map(|(name, _)| name.into_owned()).collect();
    assert_eq!(names, ["n", "z", "n"]);
}

#[test]
fn cycles_and_shared_objects_keep_their_identity() {
    let graph = parse(&format!("73 72'A'{UID} 02 0001 4c'a' 74'LA;' 78 70 71007e0002"));
    assert_eq!(
        graph.root().field("a").and_then(View::node_id),
        graph.root().node_id()
    );
    let graph = parse(&format!(
        "75 72'[LA;'{UID} 02 0000 78 70 00000003 74'x' 71007e0002 70"
    ));
    let items = graph.root().list_items().unwrap();
    assert_eq!(
        (items[0].text().as_deref(), items[1].node_id()),
        (Some("x"), items[0].node_id())
    );
    assert!(items[2].is_null());
}

#[test]
fn arrays_of_all_element_types() {
    for (code, value, slot) in [
        ("B", "fe", None),
        ("C", "00e9", Some(Slot::Char(0xe9))),
        ("D", "3ff0000000000000", Some(Slot::Double(1.0))),
        ("F", "3f800000", Some(Slot::Float(1.0))),
        ("I", "ffffffff", Some(Slot::Int(-1))),
        ("J", "ffffffffffffffff", Some(Slot::Long(-1))),
        ("S", "ffff", Some(Slot::Short(-1))),
        ("Z", "01", Some(Slot::Boolean(true))),
        ("[I", "70", Some(Slot::Null)),
    ] {
        let graph = parse(&format!("75 72'[{code}'{UID} 02 0000 78 70 00000001 {value}"));
        match (graph.root().node(), slot) {
            (
                Some(Node::Array {
                    items: Items::Slots(slots),
                    ..
                }),
                Some(slot),
            ) => assert_eq!(slots, &[slot]),
            (
                Some(Node::Array {
                    items: Items::Bytes(bytes),
                    ..
                }),
                None,
            ) => assert_eq!(**bytes, [0xfe]),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn enums_classes_proxies_descriptors_and_resets() {
    let graph = parse(&format!("7e 72'E'{UID} 12 0000 78 70 74'ONE'"));
    assert_eq!(graph.root().enum_constant().as_deref(), Some("ONE"));
    let graph = parse(&format!("76 72'int'{UID} 02 0000 78 70"));
    assert_eq!(graph.root().represented_class().as_deref(), Some("int"));
    assert_eq!(parse("76 70").root().represented_class(), None);
    let graph = parse(&format!("72'A'{UID} 02 0000 78 70"));
    assert!(matches!(graph.root().slot(), Slot::Descriptor(_)));
    let graph = parse(&format!(
        "73 7d 00000001'I' 78 72'P'{UID} 02 0001 4c'h' 74'LH;' 78 70 70"
    ));
    assert_eq!(graph.classes().next().unwrap().1.interfaces[0].to_str(), "I");
    assert!(graph.root().field("h").unwrap().is_null());
    assert_eq!(parse("79 79 70").root().slot(), Slot::Null);
}

#[test]
fn what_methods_write_is_kept_between_fields() {
    let graph = parse(&format!(
        "73 72'A'{UID} 03 0001 49'n' 78 70 00000001 7702 abcd 74'x' 7a00000001 ef 78"
    ));
    let parts: Vec<_> = graph.root().annotation().collect();
    assert_eq!(
        (parts[0].block(), parts[1].text().as_deref(), parts[2].block()),
        (Some(&[0xab, 0xcd][..]), Some("x"), Some(&[0xef][..]))
    );
    let external = parse(&format!("73 72'A'{UID} 0c 0000 78 70 7701 05 78"));
    assert_eq!(
        external.root().annotation().next().unwrap().block(),
        Some(&[5][..])
    );
    let classes = parse(&format!("73 72'A'{UID} 02 0000 74'note' 78 70"));
    assert_eq!(classes.classes().next().unwrap().1.annotation.len(), 1);
}

#[test]
fn fields_that_a_class_did_not_write_are_noticed() {
    let class = format!("72'A'{UID} 03 0002 49'n' 4c'o' 74'LA;' 78 70");
    let graph = parse(&format!("73 {class} 7704 0000004d 78"));
    assert_eq!(
        (
            graph.root().field("n").is_none(),
            graph.root().annotation().count()
        ),
        (true, 1)
    );
    let list = format!(
        "75 72'[LA;'{UID} 02 0000 78 70 00000003 73 {class} 78 73 71007e0002 78 73 71007e0002 77019978"
    );
    let items = parse(&list).root().list_items().unwrap().len();
    assert_eq!(items, 3);
}

#[test]
fn a_stream_can_go_on() {
    let first = stream(&format!("73 72'A'{UID} 02 0001 49'n' 78 70 00000001"));
    let second = &stream("73 71007e0000 00000002")[4..];
    let mut graph = Graph::read(&mut Reader::new(&first)).unwrap();
    let slot = graph.read_next(&mut Reader::new(second)).unwrap();
    assert_eq!(graph.view(slot).field("n").and_then(View::i32), Some(2));
    assert_eq!(graph.root().field("n").and_then(View::i32), Some(1));
}

#[test]
fn long_strings() {
    let text = "é\0".repeat(20_000);
    let mut graph = Graph::new();
    let root = graph.add_string(&text);
    graph.set_root(Slot::Node(root));
    let bytes = graph.to_bytes();
    assert_eq!(
        bytes[..13],
        [0xac, 0xed, 0, 5, 0x7c, 0, 0, 0, 0, 0, 1, 0x38, 0x80]
    );
    assert_eq!(JavaStream(bytes).parse().unwrap().root().text(), Some(text));
}

#[test]
fn refusals() {
    let object = format!("73 72'A'{UID}");
    for (parts, message) in [
        ("", "Java object stream at offset 0x4: needs 1 bytes, 0 are left"),
        (
            "6f",
            "Java object stream at offset 0x4: unknown value 111 (0x6f), expected a type code of 0x70 to 0x7e that begins a value",
        ),
        (
            "78",
            "Java object stream at offset 0x4: unknown value 120 (0x78), expected a type code of 0x70 to 0x7e that begins a value",
        ),
        (
            "71 007e0000",
            "Java reference at offset 0x4: handle 0x7e0000 is not one of the 0 assigned so far",
        ),
        (
            "71 00000001",
            "Java reference at offset 0x4: handle 0x1 is not one of the 0 assigned so far",
        ),
        ("73 70", "Java object at offset 0x4: without a class descriptor"),
        (
            "73 74'x'",
            "Java object stream at offset 0x5: unknown value 116 (0x74), expected a class descriptor (0x70, 0x71, 0x72 or 0x7d)",
        ),
        (
            &format!("{object} 06 0000 78 70"),
            "Java class flags at offset 0x11: both serializable and externalizable",
        ),
        (
            &format!("{object} 04 0000 78 70"),
            "Java object at offset 0x4: an externalizable class wrote it without data blocks: nothing says where it ends",
        ),
        (
            &format!("{object} 02 0001 58'x' 78 70"),
            "Java field type at offset 0x14: unknown value 88 (0x58), expected one of B C D F I J S Z L [",
        ),
        (
            &format!("{object} 02 0001 4c'x' 70 78 70"),
            "Java field signature at offset 0x18: unknown value 112 (0x70), expected a string (0x71, 0x74 or 0x7c)",
        ),
        (
            &format!("{object} 02 0001 4c'x' 71007e0000 78 70"),
            "Java field signature at offset 0x18: the reference is not to a string",
        ),
        (
            &format!("{object} 02 0000 78 71007e0000"),
            "Java class descriptor at offset 0x15: the reference is not to a complete class descriptor",
        ),
        (
            &format!("{object} 02 0001 4c'x' 74'LA;' 78 70 7701 00"),
            "Java object stream at offset 0x20: unknown value 119 (0x77), expected a value, not a data block",
        ),
        (
            &format!("75 72'A'{UID} 02 0000 78 70 00000000"),
            "Java array at offset 0x4: its class is no array class",
        ),
        (
            &format!("75 72'[X'{UID} 02 0000 78 70 00000000"),
            "Java array at offset 0x4: unknown value 88 (0x58), expected an element type of B C D F I J S Z L [",
        ),
        (
            &format!("75 72'[J'{UID} 02 0000 78 70 10000000"),
            "number of elements of a Java array at offset 0x17: needs 2147483648 bytes, 0 are left",
        ),
        (
            "7c 7fffffffffffffff",
            "long Java string at offset 0xd: needs 9223372036854775807 bytes, 0 are left",
        ),
        (
            "7c ffffffffffffffff",
            "long Java string at offset 0x5: -1 is not within 0 to 0",
        ),
        (
            "7c 0000000000000001 80",
            "long Java string at offset 0x5: malformed modified UTF-8",
        ),
        (
            "7a 7fffffff",
            "Java data block at offset 0x5: needs 2147483647 bytes, 0 are left",
        ),
        (
            "7d 7fffffff",
            "number of interfaces of a Java proxy at offset 0x5: needs 4294967294 bytes, 0 are left",
        ),
        (
            &format!("7b {object} 02 0000 78 70 79"),
            "Java object stream at offset 0x4: its writer failed with A and gave the stream up",
        ),
    ] {
        assert_eq!(refusal(parts), message, "{parts}");
    }
    let error = JavaStream(b"\xac\xed\0\x06\x70".to_vec()).parse().unwrap_err();
    assert_eq!(
        error.to_string(),
        "Java object stream at offset 0x0: unknown value 2901213190 (0xaced0006), expected the header AC ED 00 05"
    );
}

#[test]
fn nesting_and_hierarchies_are_limited() {
    let nested = |n: usize| {
        format!(
            "75 72'[LA;'{UID} 02 0000 78 70 00000001 {} 70",
            "75 71007e0000 00000001".repeat(n)
        )
    };
    assert!(parse(&nested(498)).root().list_items().is_some());
    assert!(refusal(&nested(499)).ends_with("nested deeper than 500 levels"));
    let classes = |n: usize| format!("73 {} 70", format!("72'A'{UID} 02 0000 78").repeat(n));
    assert_eq!(parse(&classes(100)).classes().count(), 100);
    assert!(refusal(&classes(101)).ends_with("nested deeper than 100 levels"));
    assert!(refusal(&classes(600)).ends_with("nested deeper than 500 levels"));
}

#[test]
fn starting_over_is_limited() {
    // Each object looks as if its fields might be missing, and each is broken at the end.
    let mut parts = String::from("75 72'[LA;'0000000000000001 02 0000 78 70 00000001");
    for _ in 0..400 {
        parts += &format!("73 72'A'{UID} 03 0001 4c'a' 74'LA;' 78 70");
    }
    let begun = std::time::Instant::now();
    assert!(refusal(&parts).contains("needs 1 bytes"));
    assert!(begun.elapsed().as_secs() < 20);
}

#[test]
fn collections_of_the_jdk() {
    let list =
        format!("73 72'java.util.ArrayList'{UID} 03 0001 49'size' 78 70 00000001 7704 00000001 74'x' 78");
    let graph = parse(&list);
    assert_eq!(graph.root().list_items().unwrap()[0].text().as_deref(), Some("x"));
    assert!(graph.root().map_entries().is_none());
    let wrapped = format!(
        "73 72'java.util.Collections$UnmodifiableRandomAccessList'{UID} 02 0000 78 72'java.util.Collections$UnmodifiableList'{UID} 02 0001 \
         4c'list' 74'L;' 78 72'java.util.Collections$UnmodifiableCollection'{UID} 02 0001 4c'c' 74'L;' 78 70 {list} 71007e0006"
    );
    assert_eq!(parse(&wrapped).root().list_items().unwrap().len(), 1);
    let map = format!("73 72'java.util.HashMap'{UID} 03 0000 78 70 7708 00000010 00000001 74'k' 74'v' 78");
    let graph = parse(&map);
    let entries = graph.root().map_entries().unwrap();
    assert_eq!(
        (entries[0].0.text().as_deref(), entries[0].1.text().as_deref()),
        (Some("k"), Some("v"))
    );
    let short = format!("73 72'java.util.HashMap'{UID} 03 0000 78 70 7708 00000010 00000002 74'k' 74'v' 78");
    assert!(parse(&short).root().map_entries().is_none());
    let own =
        format!("73 72'java.util.Collections$UnmodifiableList'{UID} 02 0001 4c'c' 74'L;' 78 70 71007e0002");
    assert!(parse(&own).root().list_items().is_none());
}

#[test]
fn properties_have_the_bytes_that_flink_writes() {
    let forced = CheckpointProperties::savepoint(SavepointFormat::Canonical);
    let checkpoint = |discard| CheckpointProperties {
        forced: false,
        unclaimed: false,
        discard,
        snapshot: SnapshotType::Checkpoint { full: false },
    };
    let suspend = SnapshotType::Savepoint {
        format: SavepointFormat::Canonical,
        action: PostCheckpointAction::Suspend,
    };
    let never = Discard {
        cancelled: true,
        failed: true,
        finished: true,
        subsumed: true,
        suspended: true,
    };
    let cancelled = Discard {
        finished: true,
        subsumed: true,
        ..Discard::default()
    };
    for (properties, len, hash) in [
        (
            forced,
            745,
            "a0d9290316d5bd13a6078ae292e9d9357c5bd34d0e8467d887382c40509d19cb",
        ),
        (
            CheckpointProperties::savepoint(SavepointFormat::Native),
            742,
            "881d909cb0abaf581fa980ab24822b6a5b5210101c9cff99477dae404d7bd073",
        ),
        (
            CheckpointProperties {
                snapshot: suspend,
                ..forced
            },
            756,
            "d44bcb53b0069c7ca6b70062f2fc2faf65027419909428d1b0be7a608ee7d102",
        ),
        (
            checkpoint(never),
            604,
            "05ded862440044b371aaacd4554c79a86d34a488d6cedeb6e6e96e6f09a99b44",
        ),
        (
            checkpoint(cancelled),
            604,
            "74438078269f8390147a51779c791566c20636cd44f537824f0b9a6f3544d038",
        ),
    ] {
        let stream = properties.encode();
        let digest: String = Sha256::digest(&stream.0)
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect();
        assert_eq!((stream.0.len(), digest.as_str()), (len, hash), "{properties:?}");
        assert_eq!(CheckpointProperties::decode(&stream), Ok(Some(properties)));
    }
    let null = JavaStream(b"\xac\xed\0\x05\x70".to_vec());
    assert_eq!(CheckpointProperties::decode(&null), Ok(None));
}

#[test]
fn properties_of_all_kinds_survive() {
    for format in [SavepointFormat::Canonical, SavepointFormat::Native] {
        for action in [
            PostCheckpointAction::None,
            PostCheckpointAction::Suspend,
            PostCheckpointAction::Terminate,
        ] {
            let snapshot = SnapshotType::Savepoint { format, action };
            let properties = CheckpointProperties {
                snapshot,
                ..CheckpointProperties::savepoint(format)
            };
            assert_eq!(
                CheckpointProperties::decode(&properties.encode()),
                Ok(Some(properties))
            );
        }
    }
    let full = CheckpointProperties {
        snapshot: SnapshotType::Checkpoint { full: true },
        ..CheckpointProperties::savepoint(SavepointFormat::Native)
    };
    assert_eq!(CheckpointProperties::decode(&full.encode()), Ok(Some(full)));
}

#[test]
fn other_objects_are_no_properties() {
    let p = "org.apache.flink.runtime.checkpoint.CheckpointProperties";
    for (parts, message) in [
        (
            "74'x'".to_owned(),
            "checkpoint properties at offset 0x0: an object of `java.lang.String` where CheckpointProperties belong",
        ),
        (
            format!("73 72'{p}'{UID} 02 0000 78 70"),
            "checkpoint properties at offset 0x0: without the flag `forced`",
        ),
    ] {
        assert_eq!(
            CheckpointProperties::decode(&JavaStream(stream(&parts)))
                .unwrap_err()
                .to_string(),
            message
        );
    }
}

proptest! {
    #[test]
    fn anything_after_the_header_is_read_or_refused(tail in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut bytes = b"\xac\xed\0\x05".to_vec();
        bytes.extend(tail);
        let _ = JavaStream::decode(&mut Reader::new(&bytes));
    }

    #[test]
    fn damaged_streams_are_read_or_refused(at in 4_usize..745, value in any::<u8>(), len in 0_usize..745) {
        let mut bytes = CheckpointProperties::savepoint(SavepointFormat::Canonical).encode().0;
        bytes[at] = value;
        if let Ok(graph) = JavaStream(bytes.clone()).parse() {
            let _ = CheckpointProperties::decode(&JavaStream(bytes.clone()));
            let _ = (graph.to_bytes(), graph.root().list_items(), graph.root().map_entries());
        }
        bytes.truncate(len);
        prop_assert!(JavaStream(bytes).parse().is_err());
    }
}
