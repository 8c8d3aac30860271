use super::*;
use crate::encode::Encode;
use crate::java::{FieldType, Graph, Slot};

fn class(name: &str, content: Content) -> SerializerSnapshot {
    SerializerSnapshot {
        class: JavaString::new(&format!("org.apache.flink.{name}")).unwrap(),
        version: 3,
        content,
    }
}

fn composite(name: &str, version: i32, outer: Outer, nested: Vec<SerializerSnapshot>) -> SerializerSnapshot {
    let content = Content::Composite {
        outer_version: Some(version),
        outer,
        nested,
    };
    class(name, content)
}

fn long() -> SerializerSnapshot {
    class(
        "api.common.typeutils.base.LongSerializer$LongSerializerSnapshot",
        Content::Simple,
    )
}

fn fit(snapshot: &SerializerSnapshot, release: &str) -> std::result::Result<SerializerSnapshot, String> {
    let target = Target {
        release: release.parse().unwrap(),
        other_kryo: false,
    };
    target.fitted(snapshot).map_err(|misfit| misfit.to_string())
}

/// Class, outer version and flag of what becomes of a composite.
fn outcome(
    snapshot: &SerializerSnapshot,
    release: &str,
) -> std::result::Result<(String, i32, Outer), String> {
    let fitted = fit(snapshot, release)?;
    let Content::Composite {
        outer_version, outer, ..
    } = fitted.content
    else {
        return Err("no composite".to_owned());
    };
    let name = fitted.class.to_str().replace("org.apache.flink.", "");
    Ok((name, outer_version.unwrap(), outer))
}

#[test]
fn flags_become_versions_where_a_release_does_not_read_them() {
    let row = "api.java.typeutils.runtime.RowSerializer$RowSerializerSnapshot";
    let list = "table.runtime.typeutils.LinkedListSerializer$LinkedListSerializerSnapshot";
    let commit = "streaming.api.functions.sink.TwoPhaseCommitSinkFunction$StateSerializerSnapshot";
    let nfa = "cep.nfa.NFAStateSerializerSnapshot";
    let cases = [
        (row, 4, true, "1.13", Some(3)),
        (row, 4, false, "1.14", Some(2)),
        (row, 4, false, "1.15", None),
        (list, 3, true, "1.13", Some(2)),
        (list, 3, false, "1.14", Some(1)),
        (list, 3, true, "2.3", None),
        (commit, 4, true, "1.14", Some(3)),
        (commit, 4, false, "1.13", Some(2)),
        (commit, 4, true, "1.15", None),
        (nfa, 2, false, "1.15", Some(1)),
        (nfa, 2, true, "1.16", None),
    ];
    for (name, version, flag, release, expected) in cases {
        let snapshot = composite(name, version, Outer::Flag(flag), vec![]);
        let fitted = match expected {
            Some(version) => (name.to_owned(), version, Outer::None),
            None => (name.to_owned(), version, Outer::Flag(flag)),
        };
        assert_eq!(outcome(&snapshot, release), Ok(fitted), "{name} for {release}");
    }
    for (name, version, release, since) in [(commit, 4, "1.13", "1.14"), (nfa, 2, "1.15", "1.16")] {
        let error = outcome(&composite(name, version, Outer::Flag(true), vec![]), release).unwrap_err();
        let why =
            format!("`org.apache.flink.{name}`: its values hold what only Flink {since} and later read");
        assert_eq!(error, why);
    }
}

#[test]
fn classes_have_the_names_of_the_release() {
    let scala = "api.scala.typeutils.ScalaOptionSerializerSnapshot";
    let table = "table.api.typeutils.ScalaOptionSerializerSnapshot";
    let old = composite(scala, 2, Outer::None, vec![long()]);
    let new = composite(table, 2, Outer::None, vec![long()]);
    for (release, expected) in [("1.13", &old), ("1.20", &old), ("2.0", &new), ("2.3", &new)] {
        for snapshot in [&old, &new] {
            assert_eq!(fit(snapshot, release).as_ref(), Ok(expected), "{release}");
        }
    }
    let nested = composite(
        "api.common.typeutils.base.ListSerializerSnapshot",
        1,
        Outer::None,
        vec![old],
    );
    let fitted = fit(&nested, "2.1").unwrap();
    assert_eq!(fitted.nested(), [&new]);
}

#[test]
fn what_1_7_wrote_has_successors() {
    let mut either = composite(
        "api.java.typeutils.runtime.EitherSerializerSnapshot",
        1,
        Outer::None,
        vec![long(), long()],
    );
    let Content::Composite { outer_version, .. } = &mut either.content else {
        unreachable!()
    };
    *outer_version = None;
    either.version = 2;
    assert_eq!(fit(&either, "1.20").as_ref(), Ok(&either));
    let successor = composite(
        "api.java.typeutils.runtime.JavaEitherSerializerSnapshot",
        1,
        Outer::None,
        vec![long(), long()],
    );
    assert_eq!(fit(&either, "2.0"), Ok(successor));
}

#[test]
fn ttl_is_unwrapped_where_no_backend_knows_of_it() {
    let wrapped = SerializerSnapshot {
        version: 1,
        ..class(
            "runtime.state.ttl.TtlAwareSerializerSnapshot",
            Content::TtlAware {
                enabled: true,
                inner: Box::new(long()),
            },
        )
    };
    for (release, expected) in [("1.20", long()), ("2.0", long()), ("2.1", wrapped.clone())] {
        assert_eq!(fit(&wrapped, release), Ok(expected), "{release}");
    }
}

#[test]
fn classes_that_a_release_does_not_have_are_named() {
    let cases = [
        (
            "api.common.typeutils.base.VariantSerializer$VariantSerializerSnapshot",
            "2.0",
            "it came with Flink 2.1",
        ),
        (
            "api.common.typeutils.base.BitmapSerializer$BitmapSerializerSnapshot",
            "2.2",
            "it came with Flink 2.3",
        ),
        (
            "table.runtime.typeutils.BaseRowSerializer$BaseRowSerializerSnapshot",
            "1.13",
            "Flink 1.10 is the last that has it: the types of SQL were renamed in 1.11",
        ),
        (
            "streaming.connectors.kafka.FlinkKafkaProducer$ContextStateSerializer$ContextStateSerializerSnapshot",
            "2.0",
            "Flink 1.20 is the last that has it: the connectors of later releases have no FlinkKafkaProducer",
        ),
        (
            "cep.nfa.NFA$MigratedNFASerializerSnapshot",
            "2.0",
            "Flink 1.20 is the last that has it: later releases store the same in another form, and only the job can make it anew",
        ),
        (
            "api.common.typeutils.base.NoSuchSerializerSnapshot",
            "2.3",
            "no release up to 2.3 has this class",
        ),
    ];
    for (name, release, why) in cases {
        let error = fit(&class(name, Content::Simple), release).unwrap_err();
        assert_eq!(error, format!("`org.apache.flink.{name}`: {why}"));
    }
    for (name, release) in [
        ("cep.nfa.NFA$MigratedNFASerializerSnapshot", "1.20"),
        (
            "streaming.connectors.kafka.FlinkKafkaProducer$ContextStateSerializer$ContextStateSerializerSnapshot",
            "1.20",
        ),
        ("connector.of.Others$Snapshot", "2.3"),
    ] {
        let snapshot = class(name, Content::Simple);
        assert_eq!(fit(&snapshot, release), Ok(snapshot), "{name}");
    }
}

fn stream(name: &str, uid: i64) -> JavaStream {
    let mut graph = Graph::new();
    let fields = vec![crate::java::Field {
        ty: FieldType::Int,
        name: JavaString::new("n").unwrap(),
        signature: None,
    }];
    let class = graph.add_class(JavaString::new(name).unwrap(), uid, 2, fields, None);
    let object = graph.add_object(class, vec![Slot::Int(7)]);
    graph.set_root(Slot::Node(object));
    JavaStream(graph.to_bytes())
}

fn of_stream(stream: JavaStream, release: &str, other_kryo: bool) -> std::result::Result<JavaStream, String> {
    let rows = class(
        "table.runtime.typeutils.RowDataSerializer$RowDataSerializerSnapshot",
        Content::RowData {
            types: vec![stream],
            nested: vec![],
        },
    );
    let target = Target {
        release: release.parse().unwrap(),
        other_kryo,
    };
    let fitted = target.fitted(&rows).map_err(|misfit| misfit.to_string())?;
    match fitted.content {
        Content::RowData { mut types, .. } => Ok(types.remove(0)),
        _ => Err("no rows".to_owned()),
    }
}

#[test]
fn objects_have_the_numbers_that_the_release_gives_to_their_classes() {
    let data_type = "org.apache.flink.table.types.DataType";
    let (old, new) = (8_776_225_708_497_159_288, -4_138_822_262_654_336_147);
    for (uid, release, expected) in [
        (old, "1.13", old),
        (old, "1.14", old),
        (old, "1.15", new),
        (new, "2.3", new),
        (new, "1.14", old),
        (5, "1.14", 5),
    ] {
        let fitted = of_stream(stream(data_type, uid), release, false);
        assert_eq!(fitted, Ok(stream(data_type, expected)), "{uid} for {release}");
    }
}

#[test]
fn objects_of_classes_that_a_release_does_not_have_are_refused() {
    let kryo = "org.apache.flink.api.java.typeutils.runtime.kryo.KryoSerializer";
    let comparator = "org.apache.flink.table.runtime.generated.GeneratedRecordComparator";
    let cases = [
        (
            "org.apache.flink.table.types.logical.VariantType",
            1,
            "2.0",
            false,
            "it came with Flink 2.1",
        ),
        (
            "org.apache.flink.api.scala.typeutils.OptionSerializer",
            1,
            "2.0",
            false,
            "only Flink 1.x has it",
        ),
        (
            "org.apache.flink.table.api.typeutils.OptionSerializer",
            1,
            "1.20",
            false,
            "only Flink 2.x has it",
        ),
        (
            comparator,
            2,
            "1.13",
            false,
            "the code that was generated for it is not the same before and since Flink 1.14",
        ),
        (kryo, 3, "2.0", true, OTHER_KRYO),
    ];
    for (name, uid, release, other_kryo, why) in cases {
        let error = of_stream(stream(name, uid), release, other_kryo).unwrap_err();
        assert_eq!(error, format!("`{name}`: {why}"));
    }
    assert_eq!(of_stream(stream(kryo, 3), "1.20", false), Ok(stream(kryo, 3)));
}
