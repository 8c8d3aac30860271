//! Entries that nobody can list or count are never told as none.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests may panic")]

use std::sync::Arc;

use statetool_backend::{Memory, Source};
use statetool_ops::cat::{CatOptions, CatSummary, cat};
use statetool_ops::inspect::{InspectOptions, inspect};
use statetool_ops::progress::Progress;
use statetool_ops::rewrite::{Edits, plan};
use statetool_ops::verify::{VerifyOptions, verify};
use statetool_snapshot::{ErrorKind, Flow, Result, Snapshot, StateSelector};
use statetool_testkit::opened::{metadata_of, open};

fn fixture(name: &str) -> Snapshot {
    open(&metadata_of(name).unwrap()).unwrap()
}

/// A changelog whose log names a class that no release has, since a letter of it was damaged.
fn with_damaged_name() -> Snapshot {
    const NAME: &[u8] = b"$StringSerializerSnapshot";
    fixture("2.3/keyed-states/hashmap-changelog").with_sources(|source| -> Source {
        let mut bytes = source.read_at(0, source.len() as usize).unwrap().to_vec();
        match bytes.windows(NAME.len()).position(|window| window == NAME) {
            None => source,
            Some(at) => {
                bytes[at + 1] = b'R';
                Arc::new(Memory::new(source.name(), bytes))
            }
        }
    })
}

fn listed(snapshot: &Snapshot, selector: &str) -> Result<(CatSummary, CatOptions)> {
    let options = CatOptions {
        selector: StateSelector::parse(selector, snapshot),
        ..CatOptions::default()
    };
    let summary = cat(snapshot, &options, false, |_| Ok(Flow::Continue(())))?;
    Ok((summary, options))
}

#[test]
fn a_damaged_class_name_is_a_finding_and_hides_what_it_hides() {
    let snapshot = with_damaged_name();
    let options = VerifyOptions {
        deep: true,
        ..VerifyOptions::default()
    };
    let report = verify(&snapshot, &options);
    let found = |text: &str| {
        report
            .findings
            .iter()
            .any(|finding| finding.message.contains(text))
    };
    assert!(
        found("StringSerializer$RtringSerializerSnapshot`: no release of Flink has such a class"),
        "{:?}",
        report.findings
    );
    assert!(report.checked.incomplete > 0);

    let (summary, options) = listed(&snapshot, "*").unwrap();
    assert!(summary.hidden);
    assert_eq!(
        summary.nothing_found(&options).unwrap(),
        "no entry that can be listed"
    );
    let error = listed(&snapshot, "uid:all-states/last").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotInterpretable);
    let text = error.to_string();
    assert!(
        text.contains("no state `last` among those that can be read"),
        "{text}"
    );
}

#[test]
fn what_cannot_be_read_is_not_written_anew() {
    let snapshot = with_damaged_name();
    for edits in [
        r#"{"type": "canonical"}"#,
        r#"{"backend": "rocksdb"}"#,
        r#"{"compression": "snappy", "type": "canonical"}"#,
    ] {
        let Err(error) = plan(&snapshot, &serde_json::from_str(edits).unwrap()) else {
            panic!("{edits} would lose state");
        };
        assert_eq!(error.kind(), ErrorKind::NotInterpretable, "{error}");
        let text = error.to_string();
        assert!(
            text.contains("subtask 0") && text.contains("RtringSerializerSnapshot"),
            "{text}"
        );
    }
    let copied = plan(&snapshot, &Edits::default()).unwrap();
    assert!(copied.operators.iter().all(|operator| operator.states.is_none()));
}

#[test]
fn states_with_entries_behind_an_unknown_value_are_not_counted() {
    let snapshot = fixture("1.20/value-types/hashmap-checkpoint");
    let report = inspect(&snapshot, &stats_options()).unwrap();
    let whole = |operator: &statetool_ops::inspect::OperatorReport| {
        let hidden = report.unreadable.iter().any(|unreadable| {
            unreadable.operator == operator.id && unreadable.reason.contains("not all entries")
        });
        !hidden
    };
    let (mut counted, mut hidden) = (0, 0);
    for operator in &report.operators {
        for state in &operator.states {
            assert_eq!(state.entries.is_some(), whole(operator), "{}", state.name);
            assert_eq!(state.bytes.is_some(), whole(operator), "{}", state.name);
            counted += usize::from(state.entries.is_some());
            hidden += usize::from(state.entries.is_none());
        }
    }
    assert!(counted > 20 && hidden > 3, "{counted} and {hidden}");
}

fn stats_options() -> InspectOptions {
    InspectOptions {
        selector: StateSelector::all(),
        stats: true,
        threads: 1,
        progress: Arc::new(Progress::default()),
    }
}
