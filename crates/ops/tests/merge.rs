//! Operators of several snapshots in one.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests may panic, and tell what they counted"
)]

use statetool_ops::rewrite::{Edits, RewriteReport};
use statetool_snapshot::{ErrorKind, Result, Snapshot, SnapshotKind};
use statetool_testkit::opened::{metadata_of, open};
use statetool_testkit::rewriting::{edits, findings, merge, opened, rewrite, rows, scratch};

fn fixture(name: &str) -> Snapshot {
    open(&metadata_of(name).unwrap()).unwrap()
}

/// What became of some fixtures, opened.
fn merged(names: &[&str], wanted: &Edits) -> Result<(RewriteReport, Snapshot)> {
    let snapshots: Vec<Snapshot> = names.iter().map(|name| fixture(name)).collect();
    let folder = scratch();
    let report = merge(
        &snapshots.iter().collect::<Vec<_>>(),
        wanted,
        &folder.path().join("new"),
    )?;
    let written = opened(&folder.keep().join("new"));
    Ok((report, written))
}

/// The rows of snapshots, sorted.
fn all_rows<'s>(snapshots: impl IntoIterator<Item = &'s Snapshot>) -> Vec<String> {
    let mut all = Vec::new();
    for snapshot in snapshots {
        let (rows, end) = rows(snapshot);
        assert_eq!(end, None, "{}", snapshot.location());
        all.extend(rows);
    }
    all.sort();
    all
}

#[test]
fn what_all_hold_is_in_the_new_one() {
    let scenarios = ["keyed-states", "windows", "ttl", "sql", "operator-states"];
    let mut count = 0;
    for release in ["1.13", "1.20", "2.3"] {
        for (at, first) in scenarios.iter().enumerate() {
            for second in scenarios.iter().skip(at + 1) {
                for (from, into) in [
                    ("hashmap-canonical", "{}"),
                    ("hashmap-canonical", r#"{"backend": "rocksdb"}"#),
                    ("hashmap-checkpoint", "{}"),
                    ("hashmap-checkpoint", r#"{"type": "canonical"}"#),
                ] {
                    let names = [first, second].map(|scenario| format!("{release}/{scenario}/{from}"));
                    if names.iter().any(|name| metadata_of(name).is_none()) {
                        continue;
                    }
                    let [a, b] = names.each_ref().map(|name| fixture(name));
                    let folder = scratch();
                    let place = folder.path().join("new");
                    let what = format!("{names:?} {into}");
                    match merge(&[&a, &b], &edits(into), &place) {
                        Ok(report) => assert_eq!(report.merged.len(), 1, "{what}"),
                        // Operators without uid of two queries are called alike.
                        Err(error) if error.to_string().contains(" is in ") => continue,
                        Err(error) => panic!("{what}: {error}"),
                    }
                    let written = opened(&place);
                    assert_eq!(all_rows([&a, &b]), all_rows([&written]), "{what}");
                    assert_eq!(findings(&written), Vec::<String>::new(), "{what}");
                    count += 1;
                }
            }
        }
    }
    println!("{count} pairs");
    assert!(count > 80, "{count}");
}

#[test]
fn files_of_one_name_stay_apart() {
    let names = [
        "1.20/keyed-states/rocksdb-incremental-checkpoint",
        "1.20/many-files/rocksdb-incremental-checkpoint",
    ];
    let [a, b] = names.map(fixture);
    let (report, written) = merged(&names, &Edits::default()).unwrap();
    assert_eq!(written.kind(), SnapshotKind::Checkpoint);
    let ids = [&a, &b].map(|snapshot| snapshot.metadata().checkpoint_id);
    assert_eq!(Some(report.checkpoint_id), ids.into_iter().max());
    assert_eq!(all_rows([&a, &b]), all_rows([&written]));
    assert_eq!(findings(&written), Vec::<String>::new());
}

#[test]
fn different_kinds_of_one_backend_become_a_savepoint() {
    let names = [
        "1.20/keyed-states/rocksdb-incremental-checkpoint",
        "1.20/windows/rocksdb-native",
    ];
    let (_, written) = merged(&names, &Edits::default()).unwrap();
    assert_eq!(written.kind(), SnapshotKind::NativeSavepoint);
    assert_eq!(all_rows(&names.map(fixture)), all_rows([&written]));
}

#[test]
fn an_edit_is_for_those_that_have_what_it_names() {
    let names = [
        "1.20/keyed-states/hashmap-canonical",
        "1.20/windows/hashmap-canonical",
    ];
    let wanted = edits(
        r#"{"rename-state": [{"from": "*/latest", "to": "newest"}, {"from": "uid:all-states/sum", "to": "total"}],
            "drop-operator": ["uid:tumbling-list"], "where": [{"state": "all-states/notes", "expression": "false"}],
            "max-parallelism": [{"to": 64}]}"#,
    );
    let (report, written) = merged(&names, &wanted).unwrap();
    let count = |old: &str| {
        all_rows(&names.map(fixture))
            .iter()
            .filter(|row| row.contains(old))
            .count()
    };
    let [latest, sums, notes] = [r#""state":"latest""#, r#""state":"sum""#, r#""state":"notes""#].map(count);
    assert!(latest > 0 && sums > 0 && notes > 0);
    let text = all_rows([&written]).join("\n");
    let has = |name: &str| text.matches(&format!(r#""state":"{name}""#)).count();
    assert_eq!(
        (has("latest"), has("sum"), has("notes"), has("total")),
        (0, 0, 0, sums)
    );
    assert!(has("newest") > 0 && has("newest") < latest);
    assert!(
        written
            .operators()
            .all(|operator| operator.state.max_parallelism == 64)
    );
    let place = fixture(names[1]).location().to_string();
    let id = statetool_format::OperatorId::from_uid("tumbling-list");
    assert!(
        report.dropped_operators.contains(&format!("{id} of {place}")),
        "{report:?}"
    );
}

#[test]
fn operators_that_are_not_kept_are_left_out_everywhere() {
    let names = [
        "1.20/keyed-states/hashmap-canonical",
        "1.20/windows/hashmap-canonical",
    ];
    let wanted = edits(r#"{"keep-operator": ["uid:tumbling-list"]}"#);
    let (_, written) = merged(&names, &wanted).unwrap();
    assert_eq!(written.operators().len(), 1);
}

#[test]
fn of_operators_that_collide_one_stays() {
    let names = [
        "1.20/keyed-states/hashmap-canonical",
        "1.20/keyed-states/rocksdb-canonical",
    ];
    let folder = scratch();
    let changed = folder.path().join("changed");
    let wanted = edits(r#"{"drop-state": ["uid:all-states/notes"]}"#);
    rewrite(&fixture(names[1]), &wanted, &changed).unwrap();
    let (first, last) = (fixture(names[0]), opened(&changed));
    for (number, (rules, stays)) in [
        (r#"[{"keep": "first"}]"#, &first),
        (r#"[{"keep": "last"}]"#, &last),
        (
            r#"[{"keep": "last"}, {"operator": "uid:all-states", "keep": "first"}]"#,
            &first,
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let wanted = edits(&format!(r#"{{"on-collision": {rules}}}"#));
        let place = folder.path().join(number.to_string());
        let report = merge(&[&first, &last], &wanted, &place).unwrap();
        assert_eq!(all_rows([&opened(&place)]), all_rows([stays]), "{rules}");
        assert_eq!(report.dropped_operators.len(), 1, "{rules}");
    }
}

#[test]
fn what_does_not_go_together_is_refused() {
    let canonical = "1.20/keyed-states/hashmap-canonical";
    let other = "1.20/windows/hashmap-canonical";
    let (a, b) = (
        fixture(canonical).location().to_string(),
        fixture(other).location().to_string(),
    );
    let id = statetool_format::OperatorId::from_uid("all-states");
    for (names, wanted, kind, message) in [
        (
            vec![canonical, "1.20/keyed-states/rocksdb-canonical"],
            "{}",
            ErrorKind::Usage,
            format!("operator `{id}` is in `{a}` and in `"),
        ),
        (
            vec![canonical, canonical],
            r#"{"on-collision": [{"keep": "first"}, {"keep": "last"}]}"#,
            ErrorKind::Usage,
            format!("two rules for operator `{id}`: the first is to stay, and the last"),
        ),
        (
            vec![canonical, other],
            r#"{"on-collision": [{"operator": "uid:nobody", "keep": "first"}]}"#,
            ErrorKind::Usage,
            "no operator `nobody`".to_owned(),
        ),
        (
            vec![canonical],
            r#"{"on-collision": [{"keep": "first"}]}"#,
            ErrorKind::Usage,
            "there is no other snapshot to collide with".to_owned(),
        ),
        (
            vec![canonical, "1.20/windows/rocksdb-native"],
            "{}",
            ErrorKind::Refused,
            format!("`{a}` holds state in the canonical layout, and `"),
        ),
        (
            vec!["1.20/keyed-states/hashmap-native", "1.20/windows/rocksdb-native"],
            "{}",
            ErrorKind::Refused,
            "in that of the HashMap backend, and `".to_owned(),
        ),
        (
            vec![canonical, other],
            r#"{"drop-state": ["*/nowhere"]}"#,
            ErrorKind::Usage,
            "no state `nowhere`".to_owned(),
        ),
        (
            vec![canonical, other],
            r#"{"drop-operator": ["uid:nobody"]}"#,
            ErrorKind::Usage,
            "no operator `nobody`".to_owned(),
        ),
        (
            vec![canonical, other],
            r#"{"rename-operator": [{"from": "uid:all-states", "to": "uid:tumbling-list"}]}"#,
            ErrorKind::Usage,
            format!("operator `{id}` is in `{a}` and in `{b}`"),
        ),
    ] {
        let error = merged(&names, &edits(wanted)).map(|_| ()).unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(&message), "{error}");
    }
}

#[test]
fn nothing_is_written_into_any_of_the_inputs() {
    let [a, b] = [
        "1.20/keyed-states/hashmap-canonical",
        "1.20/windows/hashmap-canonical",
    ]
    .map(fixture);
    let folder = scratch();
    let copy = folder.path().join("copy");
    rewrite(&b, &Edits::default(), &copy).unwrap();
    let error = merge(&[&a, &opened(&copy)], &Edits::default(), &copy.join("inside")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
}

#[test]
fn what_other_releases_wrote_is_told() {
    let names = [
        "1.20/keyed-states/hashmap-canonical",
        "2.3/windows/hashmap-canonical",
    ];
    let error = merged(&names, &Edits::default()).map(|_| ()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(
        error
            .to_string()
            .contains(" one of Flink 2, for which some state is written otherwise"),
        "{error}"
    );
    assert_eq!(
        error.help(),
        Some("say for which release the new one is, such as --flink 2.3")
    );
    let (report, written) = merged(&names, &edits(r#"{"flink": "2.3"}"#)).unwrap();
    assert_eq!(report.notes, Vec::<String>::new());
    assert_eq!(all_rows(&names.map(fixture)), all_rows([&written]));
    let older = [
        "1.13/keyed-states/hashmap-canonical",
        "1.20/windows/hashmap-canonical",
    ];
    let (report, written) = merged(&older, &Edits::default()).unwrap();
    assert!(
        report.notes.iter().any(|note| note.contains("or later")),
        "{report:?}"
    );
    assert_eq!(all_rows(&older.map(fixture)), all_rows([&written]));
    let (report, written) = merged(&names, &edits(r#"{"flink": "1.20"}"#)).unwrap();
    let without = "Flink 1.20 has no place for uids and names of operators in a snapshot";
    assert!(
        matches!(&report.notes[..], [note] if note.starts_with(without)),
        "{report:?}"
    );
    assert!(!written.metadata().version.is_flink_2());
}
