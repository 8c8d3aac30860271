//! What a compaction has left out, or would leave out.

use std::collections::BTreeMap;

use serde::Serialize;

use super::duration::in_words;
use super::ledger::Tally;
use super::options::{Before, CompactOptions, Orphans};
use super::{ALGORITHM, Compaction, Digest, Rewritten};
use crate::rewrite::{Amount, ByRule, StateAccount, StateName, Superfluous};
use crate::time::{TimeReport, rfc3339};

/// What became of a snapshot.
#[derive(Debug, Clone, Serialize)]
pub struct CompactReport {
    /// The form of this document.
    pub schema: &'static str,
    /// The snapshot that was read.
    pub input: String,
    /// The snapshot that was written; nothing if none was.
    pub output: Option<String>,
    /// Id of the checkpoint, that of the input.
    pub checkpoint_id: i64,
    /// The instant by which something is expired.
    pub at: String,
    /// What was asked for.
    pub rules: Vec<RuleReport>,
    /// The operators, in the order of the file.
    pub operators: Vec<OperatorReport>,
    /// All states together.
    pub totals: Totals,
    /// What proves which keys were left out.
    pub evidence: Option<Evidence>,
    /// What should be known besides.
    pub notes: Vec<String>,
}

/// Something that was asked for.
#[derive(Debug, Clone, Serialize)]
pub struct RuleReport {
    /// Under which name entries are accounted for.
    pub rule: &'static str,
    /// For which states or operators; all if it is not said.
    pub selector: Option<String>,
    /// How long, or up to when.
    pub value: Option<String>,
}

/// What became of an operator.
#[derive(Debug, Clone, Serialize)]
pub struct OperatorReport {
    /// Its id.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// What is done with its keyed state.
    pub treatment: Treatment,
    /// Bytes of all its streams in the input.
    pub old_bytes: u64,
    /// Bytes of all its streams in the output; nothing if none was written.
    pub new_bytes: Option<u64>,
    /// Its states, as far as they were gone through.
    pub states: Vec<StateReport>,
}

/// What is done with an operator's keyed state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Treatment {
    /// It is copied as it is.
    Copied,
    /// It is written without what is left out.
    WrittenAnew,
}

/// What became of a state.
#[derive(Debug, Clone, Serialize)]
pub struct StateReport {
    /// Its name.
    pub name: String,
    /// Whether its entries carry the time of their last access.
    pub ttl: bool,
    /// How long its entries are kept, in milliseconds; nothing if that was not said.
    pub kept_millis: Option<i64>,
    /// Its entries.
    #[serde(flatten)]
    pub account: StateAccount,
    /// What could be left out, and was not, by rule.
    pub found: BTreeMap<&'static str, Amount>,
    /// Elements of lists, where rules went through them.
    pub elements: Option<Elements>,
    /// The times of its entries or elements.
    pub times: Option<Times>,
    /// Digest of what was left out of it.
    pub digest: Option<String>,
}

/// Elements of lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Elements {
    /// How many there were.
    pub read: u64,
    /// How many of them were left out.
    pub dropped: u64,
}

/// Times of entries or elements.
#[derive(Debug, Clone, Serialize)]
pub struct Times {
    /// How many lie behind the instant.
    pub in_future: u64,
    /// How many entries or elements have none.
    pub without: u64,
    /// How many there are from when on.
    pub histogram: Option<TimeReport>,
}

/// All states together.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Totals {
    /// What was read.
    pub read: Amount,
    /// What was written.
    pub written: Amount,
    /// What was left out, by rule.
    pub dropped: ByRule,
    /// Entries that were written with another value, by rule.
    pub changed: ByRule,
    /// What databases held besides their entries.
    pub superfluous: Superfluous,
    /// Maps without entries, which are in nothing that is written anew.
    pub empty_maps: Amount,
    /// Bytes of all streams in the input.
    pub old_bytes: u64,
    /// Bytes of all streams in the output; nothing if none was written.
    pub new_bytes: Option<u64>,
}

/// What proves which keys were left out.
#[derive(Debug, Clone, Serialize)]
pub struct Evidence {
    /// How the digest is made.
    pub algorithm: &'static str,
    /// How many entries and elements of lists were left out.
    pub dropped: u64,
    /// The digest of all of them.
    pub digest: String,
}

/// What is asked for, in words.
pub(super) fn rules(options: &CompactOptions) -> Vec<RuleReport> {
    let rule = |rule, selector: Option<&String>, value| RuleReport {
        rule,
        selector: selector.cloned(),
        value,
    };
    let mut rules = Vec::new();
    for ttl in &options.ttl {
        rules.push(rule(super::TTL, ttl.state.as_ref(), Some(in_words(ttl.millis))));
    }
    for expire in &options.expire {
        rules.push(rule(
            super::EXPIRE,
            Some(&expire.state),
            Some(in_words(expire.millis)),
        ));
    }
    for windows in &options.windows_before {
        let mut value = match windows.before {
            Before::Time(time) => rfc3339(time),
            Before::Watermark => "watermark".to_owned(),
        };
        if options.lateness > 0 {
            value = format!("{value}, {} late", in_words(options.lateness));
        }
        rules.push(rule(super::WINDOWS, windows.operator.as_ref(), Some(value)));
    }
    if options.orphans == Orphans::Dropped {
        rules.extend([super::EMPTY_LISTS, super::ORPHAN_TIMERS].map(|name| rule(name, None, None)));
    }
    rules
}

impl Compaction<'_> {
    /// Puts together what was written, what was looked at, and what the rules remember.
    pub(super) fn report(
        self,
        output: Option<String>,
        written: Vec<Rewritten>,
        looked: Vec<Rewritten>,
        notes: Vec<String>,
    ) -> CompactReport {
        let has_evidence = self.ledger.has_evidence();
        let mut tallies = self.ledger.take();
        let mut digest = Digest::default();
        let mut totals = Totals {
            new_bytes: output.as_ref().map(|_| 0),
            ..Totals::default()
        };
        let mut operators = Vec::new();
        for ((planned, operator), wanted) in self.plan.operators.iter().zip(written).zip(&self.wanted) {
            let anew = planned
                .states
                .as_ref()
                .is_some_and(|states| states.keyed.is_some());
            let seen = looked.iter().find(|looked| looked.id == operator.id).cloned();
            let states = seen.map_or(operator.states, |seen| seen.states);
            let mut report = OperatorReport {
                id: operator.id,
                name: operator.name,
                treatment: match anew {
                    true => Treatment::WrittenAnew,
                    false => Treatment::Copied,
                },
                old_bytes: operator.old_bytes,
                new_bytes: operator.new_bytes,
                states: Vec::new(),
            };
            for state in states {
                let name = StateName {
                    name: state.name.clone(),
                    keyed: state.keyed,
                };
                let tally = tallies
                    .remove(&(planned.operator.index, name))
                    .unwrap_or_default();
                digest.merge(&tally.digest);
                let lifetime = wanted.lifetimes.get(&state.name).filter(|_| state.keyed);
                let kept = wanted.expire.get(&state.name).map(|keeping| keeping.after);
                totals.add(&state.account);
                report.states.push(StateReport {
                    ttl: lifetime.is_some(),
                    kept_millis: lifetime.copied().flatten().or(kept),
                    name: state.name,
                    account: state.account,
                    elements: tally.elements(),
                    times: tally.times(),
                    digest: (has_evidence && tally.digest.count > 0).then(|| tally.digest.to_string()),
                    found: tally.found,
                });
            }
            totals.old_bytes += report.old_bytes;
            totals.new_bytes = totals
                .new_bytes
                .zip(report.new_bytes)
                .map(|(sum, more)| sum + more);
            operators.push(report);
        }
        CompactReport {
            schema: "statetool.compact.v1",
            input: self.plan.snapshot.location().to_string(),
            output,
            checkpoint_id: self.plan.snapshot.metadata().checkpoint_id,
            at: rfc3339(self.at),
            rules: self.rules,
            operators,
            totals,
            evidence: has_evidence.then(|| Evidence {
                algorithm: ALGORITHM,
                dropped: digest.count,
                digest: digest.to_string(),
            }),
            notes,
        }
    }
}

impl Totals {
    fn add(&mut self, account: &StateAccount) {
        self.read.add(account.read);
        self.written.add(account.written);
        self.superfluous.add(account.superfluous);
        self.empty_maps.add(account.empty_maps);
        for (sums, amounts) in [
            (&mut self.dropped, &account.dropped),
            (&mut self.changed, &account.changed),
        ] {
            for (rule, amount) in amounts {
                sums.entry(rule.clone()).or_default().add(*amount);
            }
        }
    }
}

impl Tally {
    fn elements(&self) -> Option<Elements> {
        (self.elements > 0).then_some(Elements {
            read: self.elements,
            dropped: self.dropped_elements,
        })
    }

    fn times(&self) -> Option<Times> {
        let histogram = self.times.report();
        (histogram.is_some() || self.timeless > 0).then_some(Times {
            in_future: self.in_future,
            without: self.timeless,
            histogram,
        })
    }
}
