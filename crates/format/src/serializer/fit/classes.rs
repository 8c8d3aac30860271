//! Which snapshot classes a release has, and under which names.
//!
//! What is not told here has been the same from 1.13 to 2.3, as all classes of those releases say
//! that implement `TypeSerializerSnapshot`.

use crate::release::FlinkVersion;

const FLINK: &str = "org.apache.flink.";

/// Since when and until when there are classes whose names begin so, without [`FLINK`], and why
/// they are gone.
struct Span {
    prefix: &'static str,
    first: (u8, u8),
    last: (u8, u8),
    /// Why they are gone.
    why: &'static str,
}

const OLDEST: (u8, u8) = (0, 0);
const NEWEST: (u8, u8) = (u8::MAX, 0);

const fn new(prefix: &'static str, first: (u8, u8)) -> Span {
    Span {
        prefix,
        first,
        last: NEWEST,
        why: "",
    }
}

const fn gone(prefix: &'static str, last: (u8, u8), why: &'static str) -> Span {
    Span {
        prefix,
        first: OLDEST,
        last,
        why,
    }
}

const OTHER_FORM: &str = "later releases store the same in another form, and only the job can make it anew";
const BLINK: &str = "the types of SQL were renamed in 1.11";
const KAFKA: &str = "the connectors of later releases have no FlinkKafkaProducer";

#[rustfmt::skip]
const SPANS: &[Span] = &[
    new("api.common.typeutils.base.SetSerializerSnapshot", (2, 0)),
    new("api.common.typeutils.base.VariantSerializer$", (2, 1)),
    new("api.common.typeutils.base.BitmapSerializer$", (2, 3)),
    new("api.common.typeutils.base.UuidSerializer$", (2, 4)),
    new("runtime.state.v2.ttl.", (2, 0)),
    new("table.runtime.operators.window.GlobalWindow$", (2, 1)),
    new("table.runtime.sequencedmultisetstate.", (2, 2)),
    new("table.runtime.operators.sink.SortedLongSerializer$", (2, 3)),
    gone("cep.nfa.NFA$", (1, 20), OTHER_FORM),
    gone("cep.nfa.SharedBuffer$", (1, 20), OTHER_FORM),
    gone("cep.nfa.sharedbuffer.SharedBufferNode$", (1, 20), OTHER_FORM),
    gone("graph.", (1, 20), "Gelly is no part of 2.x"),
    gone("streaming.connectors.kafka.FlinkKafkaProducer011", (1, 11), KAFKA),
    gone("streaming.connectors.kafka.FlinkKafkaProducer", (1, 20), KAFKA),
    gone("table.runtime.types.CRow", (1, 13), "the old planner of SQL is gone"),
    gone("table.runtime.typeutils.BaseRowSerializer$", (1, 10), BLINK),
    gone("table.runtime.typeutils.BinaryRowSerializer$", (1, 10), BLINK),
    gone("table.runtime.typeutils.BaseArraySerializer$", (1, 10), BLINK),
    gone("table.runtime.typeutils.BaseMapSerializer$", (1, 10), BLINK),
    gone("table.runtime.typeutils.BinaryStringSerializer$", (1, 10), BLINK),
    gone("table.runtime.typeutils.BinaryGenericSerializer$", (1, 10), BLINK),
    gone("table.runtime.typeutils.SqlTimestampSerializer$", (1, 10), BLINK),
];

/// Names in 1.x and in 2.x, without [`FLINK`].
#[rustfmt::skip]
const MOVED: &[(&str, &str)] = &[
    ("api.scala.typeutils.NothingSerializerSnapshot", "table.api.typeutils.NothingSerializerSnapshot"),
    ("api.scala.typeutils.ScalaCaseClassSerializerSnapshot", "table.api.typeutils.ScalaCaseClassSerializerSnapshot"),
    ("api.scala.typeutils.ScalaEitherSerializerSnapshot", "table.api.typeutils.ScalaEitherSerializerSnapshot"),
    ("api.scala.typeutils.ScalaEnumSerializerSnapshot", "table.api.typeutils.ScalaEnumSerializerSnapshot"),
    ("api.scala.typeutils.ScalaOptionSerializerSnapshot", "table.api.typeutils.ScalaOptionSerializerSnapshot"),
    ("api.scala.typeutils.ScalaTrySerializerSnapshot", "table.api.typeutils.ScalaTrySerializerSnapshot"),
    ("api.scala.typeutils.TraversableSerializerSnapshot", "table.api.typeutils.TraversableSerializerSnapshot"),
    ("api.scala.typeutils.Tuple2CaseClassSerializerSnapshot", "table.api.typeutils.Tuple2CaseClassSerializerSnapshot"),
    ("api.scala.typeutils.UnitSerializer$UnitSerializerSnapshot", "table.api.typeutils.UnitSerializer$UnitSerializerSnapshot"),
    (
        "streaming.api.functions.sink.TwoPhaseCommitSinkFunction$StateSerializerSnapshot",
        "streaming.api.functions.sink.legacy.TwoPhaseCommitSinkFunction$StateSerializerSnapshot",
    ),
];

/// The name of a class in a release; `None` if it is the same.
pub(super) fn moved(class: &str, release: FlinkVersion) -> Option<String> {
    let name = class.strip_prefix(FLINK)?;
    let moved = MOVED.iter().find_map(|(one, two)| match release.is_flink_2() {
        true => (name == *one).then_some(two),
        false => (name == *two).then_some(one),
    });
    moved.map(|name| format!("{FLINK}{name}"))
}

/// Why a release does not have a class of Flink's; `None` if it has it, or if nobody knows.
pub(super) fn absent(class: &str, release: FlinkVersion) -> Option<String> {
    let name = class.strip_prefix(FLINK)?;
    let span = SPANS.iter().find(|span| name.starts_with(span.prefix))?;
    let ((a, b), (c, d)) = (span.first, span.last);
    if !release.since(a, b) {
        return Some(super::came(a, b));
    }
    let later = release.since(c, d + 1);
    later.then(|| format!("Flink {c}.{d} is the last that has it: {}", span.why))
}
