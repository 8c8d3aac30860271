//! What `compact` refuses, and what it says then.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests may panic"
)]

use std::sync::Arc;

use statetool_ops::compact::{By, CompactOptions, Expiry, Lifetime, WindowsBefore, duration};
use statetool_snapshot::ErrorKind;
use statetool_testkit::compacting::compact;
use statetool_testkit::opened::{metadata_of, open};
use statetool_testkit::rewriting::scratch;

#[test]
fn what_is_refused() {
    let duration = |text: &str| duration::duration(text).unwrap();
    let ttl = |text: &str| CompactOptions {
        ttl: vec![Lifetime::parse(text).unwrap()],
        ..CompactOptions::default()
    };
    let windows = |text: &str| CompactOptions {
        windows_before: vec![WindowsBefore::parse(text).unwrap()],
        ..CompactOptions::default()
    };
    let expire = |state: &str, millis: i64, by: &str| CompactOptions {
        expire: vec![Expiry {
            state: state.to_owned(),
            millis,
            by: Arc::new(By::parse(by).unwrap()),
        }],
        at: i64::MAX,
        ..CompactOptions::default()
    };
    let both = |a: &str, b: &str| CompactOptions {
        ttl: [a, b].map(|text| Lifetime::parse(text).unwrap()).into(),
        ..CompactOptions::default()
    };
    let keyed = "1.20/keyed-states/hashmap-canonical";
    let expiring = "1.20/ttl/hashmap-canonical";
    let (day, usage, refused) = (duration("1d"), ErrorKind::Usage, ErrorKind::Refused);
    let cases = [
        (
            keyed,
            ttl("uid:all-states/sum=7d"),
            usage,
            "/sum` has no TTL: nothing says",
            "/sum=7d --by value.FIELD",
        ),
        (
            keyed,
            ttl("uid:all-states/_timer_state/event_user-timers=7d"),
            usage,
            "has no TTL",
            "name a state with a TTL",
        ),
        (keyed, ttl("uid:all-states/*=7d"), usage, "has no TTL", "--expire"),
        (
            keyed,
            ttl("uid:all-states/none=7d"),
            usage,
            "no state `none`",
            "there are: ",
        ),
        (keyed, ttl("uid:nobody/sum=7d"), usage, "no operator `nobody`", ""),
        (
            expiring,
            ttl("0s"),
            usage,
            "a duration is longer than nothing",
            "--drop-state",
        ),
        (
            expiring,
            both("1d", "2d"),
            usage,
            "two times to live for state `",
            "OPERATOR/STATE=DURATION",
        ),
        (
            expiring,
            both("*/sum=1d", "*/sum=2d"),
            usage,
            "two times to live for state `",
            "",
        ),
        (
            expiring,
            expire("uid:expiring/sum", day, "value"),
            usage,
            "has a TTL, by which its entries expire",
            "--ttl",
        ),
        (
            keyed,
            expire("uid:all-states/_timer_state/event_user-timers", day, "key"),
            usage,
            "is timer state, of which nothing expires",
            "--windows-before",
        ),
        (
            keyed,
            expire("uid:all-states/last", day, "value.none"),
            usage,
            "a long has no field `none`",
            "`statetool schema`",
        ),
        (
            keyed,
            expire("uid:all-states/average", day, "value.f7"),
            usage,
            "there is no field `f7`; there are: f0, f1",
            "",
        ),
        (
            keyed,
            expire("uid:all-states/notes", day, "value"),
            usage,
            "a time has to be epoch milliseconds, a date, or text",
            "",
        ),
        (
            keyed,
            expire("uid:all-states/sum", day, "mapKey"),
            usage,
            "reducing state has no `mapKey`",
            "",
        ),
        (
            keyed,
            windows("2024-01-01T00:00:00Z"),
            usage,
            "no operator of the snapshot has time windows",
            "TimeWindow",
        ),
        (
            keyed,
            windows("uid:all-states=2024-01-01T00:00:00Z"),
            usage,
            "has no time windows",
            "TimeWindow",
        ),
        (
            "1.20/windows/hashmap-canonical",
            windows("watermark"),
            refused,
            "it has stored no watermark",
            "TIME",
        ),
        (
            "1.20/sql/hashmap-canonical",
            windows("2024-01-01T00:00:00Z"),
            refused,
            "state `window-aggs` is that of a SQL window",
            "--windows-before OPERATOR=TIME",
        ),
        (
            "1.20/sql/hashmap-canonical",
            windows("uid:27_global-window-aggregate=watermark"),
            refused,
            "state `window-aggs`",
            "",
        ),
    ];
    for (name, options, kind, message, hint) in cases {
        let snapshot = open(&metadata_of(name).unwrap()).unwrap();
        let folder = scratch();
        let out = folder.path().join("new");
        let error = compact(&snapshot, &options, &out).unwrap_err();
        assert_eq!(error.kind(), kind, "{message}: {error}");
        assert!(error.to_string().contains(message), "{message}: {error}");
        assert!(
            error.help().unwrap_or_default().contains(hint),
            "{message}: {:?}",
            error.help()
        );
        assert!(!out.join("_metadata").exists());
    }
}
