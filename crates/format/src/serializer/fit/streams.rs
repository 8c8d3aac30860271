//! Java-serialized objects inside snapshots, whose classes have a version number of their own.
//!
//! Where a class names no `serialVersionUID`, Java computes it from the methods of the class too, and
//! refuses objects with another one although nothing about their fields is different.

use super::Misfit;
use crate::encode::Encode;
use crate::java::JavaStream;
use crate::release::FlinkVersion;

/// A class whose number is not the same in all releases while its fields are.
struct Numbered {
    class: &'static str,
    /// The number, and since when, oldest first.
    uids: &'static [((u8, u8), i64)],
}

const NUMBERED: &[Numbered] = &[
    Numbered {
        class: "org.apache.flink.table.types.DataType",
        uids: &[
            ((1, 13), 8_776_225_708_497_159_288),
            ((1, 15), -4_138_822_262_654_336_147),
        ],
    },
    Numbered {
        class: "org.apache.flink.table.runtime.typeutils.MapDataSerializer",
        uids: &[
            ((1, 13), 2_533_002_123_505_507_000),
            ((1, 19), 4_073_842_523_628_732_956),
        ],
    },
    Numbered {
        class: "org.apache.flink.table.runtime.typeutils.ExternalSerializer",
        uids: &[
            ((1, 13), -8_875_738_717_163_909_354),
            ((2, 0), -6_677_936_880_154_791_954),
        ],
    },
];

/// Classes, and the first release that has them.
const CAME: &[(&str, (u8, u8))] = &[
    ("org.apache.flink.api.common.typeutils.base.SetSerializer", (2, 0)),
    (
        "org.apache.flink.api.common.typeutils.base.VariantSerializer",
        (2, 1),
    ),
    (
        "org.apache.flink.api.common.typeutils.base.BitmapSerializer",
        (2, 3),
    ),
    ("org.apache.flink.table.types.logical.VariantType", (2, 1)),
    ("org.apache.flink.table.types.logical.DescriptorType", (2, 1)),
    ("org.apache.flink.table.types.logical.BitmapType", (2, 3)),
];

/// Beginnings of names that 1.x alone has, and those of 2.x alone.
const ONLY: [&[&str]; 2] = [
    &[
        "org.apache.flink.api.scala.",
        "org.apache.flink.table.types.logical.TypeInformationRawType",
    ],
    &["org.apache.flink.table.api.typeutils."],
];

const KRYO: &str = "org.apache.flink.api.java.typeutils.runtime.kryo.";
/// What compiles generated code, and its number before and since 1.14, which stores more.
const GENERATED: &str = "org.apache.flink.table.runtime.generated.GeneratedRecordComparator";

/// The stream as a release can read it; `None` if it can read it as it is.
pub(super) fn fitted(
    stream: &JavaStream,
    release: FlinkVersion,
    other_kryo: bool,
) -> Result<Option<JavaStream>, Misfit> {
    // What cannot be parsed is somebody else's, and nothing is known of it.
    let Ok(mut graph) = stream.parse() else {
        return Ok(None);
    };
    let mut changes = Vec::new();
    for (id, class) in graph.classes() {
        let name = class.name.to_str();
        if let Some(why) = refused(&name, class.uid, release, other_kryo) {
            return Err(Misfit::new(&*name, why));
        }
        let numbered = NUMBERED.iter().find(|numbered| numbered.class == name);
        let wanted = numbered.and_then(|numbered| numbered.uid(class.uid, release));
        changes.extend(wanted.map(|uid| (id, uid)));
    }
    if changes.is_empty() {
        return Ok(None);
    }
    for (id, uid) in changes {
        graph.set_uid(id, uid);
    }
    Ok(Some(JavaStream(graph.to_bytes())))
}

impl Numbered {
    /// The number in a release; `None` if it is that already, or is one of nobody knows what.
    fn uid(&self, now: i64, release: FlinkVersion) -> Option<i64> {
        let known = self.uids.iter().any(|(_, uid)| *uid == now);
        let mut until = self.uids.iter().rev();
        let (_, wanted) = until.find(|((major, minor), _)| release.since(*major, *minor))?;
        (known && *wanted != now).then_some(*wanted)
    }
}

fn refused(class: &str, uid: i64, release: FlinkVersion, other_kryo: bool) -> Option<String> {
    if other_kryo && class.starts_with(KRYO) {
        return Some(super::OTHER_KRYO.to_owned());
    }
    let [one, two] = ONLY;
    let (other, line) = if release.is_flink_2() { (one, 1) } else { (two, 2) };
    if other.iter().any(|beginning| class.starts_with(beginning)) {
        return Some(format!("only Flink {line}.x has it"));
    }
    if let Some((_, (major, minor))) = CAME.iter().find(|(name, _)| *name == class) {
        return (!release.since(*major, *minor)).then(|| super::came(*major, *minor));
    }
    let wanted = if release.since(1, 14) { 2 } else { 1 };
    (class == GENERATED && uid != wanted)
        .then(|| "the code that was generated for it is not the same before and since Flink 1.14".to_owned())
}
