//! What is asked for, in the words of the command line.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;

use super::by::By;
use super::duration::{duration, instant};

use crate::rewrite::{Backend, Compression, Edits, Format};

/// What to compact, and how.
#[derive(Default)]
pub struct CompactOptions {
    /// The kind of savepoint; the layouts of the old snapshot if there is none.
    pub format: Option<Format>,
    /// The state backend of a native savepoint; that of the old snapshot if there is none.
    pub backend: Option<Backend>,
    /// How key groups are compressed; as they were if it is not said.
    pub compression: Option<Compression>,
    /// How long state with a TTL lives.
    pub ttl: Vec<Lifetime>,
    /// How long other state is kept.
    pub expire: Vec<Expiry>,
    /// The instant by which something is expired, in epoch milliseconds.
    pub at: i64,
    /// Up to when windows have ended.
    pub windows_before: Vec<WindowsBefore>,
    /// How long windows wait for late data, in milliseconds.
    pub lateness: i64,
    /// What becomes of timers and lists that nobody needs.
    pub orphans: Orphans,
    /// Whether there is to be a digest of what is left out.
    pub evidence: bool,
    /// Whether errors may show keys and values.
    pub show_data: bool,
}

impl CompactOptions {
    /// What is asked for of the layout.
    pub(super) fn edits(&self) -> Edits {
        Edits {
            format: self.format,
            backend: self.backend,
            compression: self.compression,
            ..Edits::default()
        }
    }
}

/// How long state with a TTL lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lifetime {
    /// The states: a selector; all that have no other if there is none.
    pub state: Option<String>,
    /// Milliseconds since the last access.
    pub millis: i64,
}

impl Lifetime {
    /// Reads `DURATION` or `OPERATOR/STATE=DURATION`.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (state, millis) = match text.rsplit_once('=') {
            Some(("", _)) => return Err("write DURATION or OPERATOR/STATE=DURATION".to_owned()),
            Some((state, millis)) => (Some(state.to_owned()), millis),
            None => (None, text),
        };
        Ok(Self {
            state,
            millis: duration(millis)?,
        })
    }

    /// Reads a file of durations: `ttl` for all states with a TTL, and `states` by their selectors.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn from_toml(text: &str) -> Result<Vec<Self>, String> {
        let file: File = toml::from_str(text).map_err(|error| error.to_string())?;
        let all = file.ttl.iter().map(|ttl| (None, ttl));
        let named = file.states.iter().map(|(state, ttl)| (Some(state.clone()), ttl));
        all.chain(named)
            .map(|(state, ttl)| {
                Ok(Self {
                    state,
                    millis: duration(ttl)?,
                })
            })
            .collect()
    }
}

/// The form of a file of durations.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    ttl: Option<String>,
    #[serde(default)]
    states: BTreeMap<String, String>,
}

/// How long state without a TTL is kept, and from when on.
#[derive(Debug, Clone)]
pub struct Expiry {
    /// The states: a selector.
    pub state: String,
    /// Milliseconds after its time at which an entry goes.
    pub millis: i64,
    /// Where the time of an entry stands.
    pub by: Arc<By>,
}

/// Up to when windows have ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WindowsBefore {
    /// The operator: a selector; all that have no other if there is none.
    pub operator: Option<String>,
    /// Up to when.
    pub before: Before,
}

/// A time up to which windows have ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Before {
    /// Epoch milliseconds.
    Time(i64),
    /// The watermark that the operator itself has stored.
    Watermark,
}

impl WindowsBefore {
    /// Reads `TIME`, `watermark`, `OPERATOR=TIME` or `OPERATOR=watermark`.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (operator, before) = match text.rsplit_once('=') {
            Some(("", _)) => return Err("write TIME or OPERATOR=TIME".to_owned()),
            Some((operator, before)) => (Some(operator.to_owned()), before),
            None => (None, text),
        };
        let before = match before {
            "watermark" => Before::Watermark,
            time => Before::Time(instant(time).map_err(|why| format!("{why}; or `watermark`"))?),
        };
        Ok(Self { operator, before })
    }
}

/// What becomes of timers and lists that nobody needs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Orphans {
    /// Nobody asks.
    #[default]
    Ignored,
    /// They are counted.
    Reported,
    /// They are left out.
    Dropped,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_may_be_for_some_states() {
        let lifetime = |state: Option<&str>, millis| {
            Ok(Lifetime {
                state: state.map(str::to_owned),
                millis,
            })
        };
        assert_eq!(Lifetime::parse("7d"), lifetime(None, 604_800_000));
        assert_eq!(Lifetime::parse("a=b/c=90s"), lifetime(Some("a=b/c"), 90_000));
        assert!(Lifetime::parse("=7d").is_err() && Lifetime::parse("a/b=7").is_err());
    }

    #[test]
    fn files_of_durations_hold_nothing_else() {
        let text = "ttl = \"7d\"\n[states]\n\"a/b\" = \"36h\"\n";
        let found = Lifetime::from_toml(text).unwrap();
        let expected = ["7d", "a/b=36h"].map(|text| Lifetime::parse(text).unwrap());
        assert_eq!(found, expected);
        assert_eq!(Lifetime::from_toml(""), Ok(Vec::new()));
        for (text, why) in [
            ("ttls = \"7d\"", "unknown field `ttls`"),
            ("ttl = 7", "invalid type: integer"),
            ("[states]\n\"a/b\" = \"7\"", "`7` is no duration"),
        ] {
            let error = Lifetime::from_toml(text).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn windows_end_at_a_time_or_at_the_watermark() {
        let before = |operator: Option<&str>, before| {
            Ok(WindowsBefore {
                operator: operator.map(str::to_owned),
                before,
            })
        };
        assert_eq!(WindowsBefore::parse("watermark"), before(None, Before::Watermark));
        assert_eq!(
            WindowsBefore::parse("uid:a=1970-01-01T00:00:01Z"),
            before(Some("uid:a"), Before::Time(1000))
        );
        assert!(WindowsBefore::parse("=watermark").is_err() && WindowsBefore::parse("now").is_err());
    }
}
