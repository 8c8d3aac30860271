//! Finds the partner of each entry, whatever the order in which they come.
//!
//! The first snapshot is read ahead while the second is scanned. As long as both come in the same order, partners
//! meet at once, and nothing is kept. What does not meet its partner waits: in memory, then in temporary files,
//! until the key group has ended on both sides; then all that waits is sorted, and partners stand side by side.

use std::cmp::Ordering;

use statetool_snapshot::{Entry, Error, Flow, Payload, Result};

use super::ahead::Ahead;
use super::found::{Counts, Finder};
use super::pairs::{Form, StatePair, StatePairs};
use super::record::{self, Met, Record, joined, key_of};
use super::shown_key::{shown, shown_key};
use super::values::{Comparison, decode};
use crate::row::undecodable;
use crate::sorter::Sorter;

/// How entries are compared.
#[derive(Clone, Copy)]
pub(super) struct Rules<'r> {
    pub(super) pairs: &'r StatePairs,
    pub(super) ignore_ttl: bool,
    pub(super) show_data: bool,
    /// How many bytes may wait in memory.
    pub(super) memory: usize,
}

/// The snapshot that an entry is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum From {
    A,
    B,
}

/// The states of both snapshots that have been met.
type Mets<'m> = [&'m Met; 2];

/// Goes through the entries of an item.
pub(super) struct Matching<'m, 'p> {
    ahead: Ahead,
    met: Met,
    space: Vec<u8>,
    rest: Rest<'m, 'p>,
}

impl<'m, 'p> Matching<'m, 'p> {
    /// Entries of the first snapshot come in `ahead`; `by_group` says that both sides come in the order of the
    /// same key groups.
    pub(super) fn new(rules: Rules<'m>, finder: Finder<'m, 'p>, ahead: Ahead, by_group: bool) -> Self {
        let meets = |pair: &StatePair| {
            let is_list = matches!(pair.form, Form::OperatorList | Form::OperatorBroadcastList);
            pair.is_pair() && pair.same_keys && !is_list
        };
        Self {
            ahead,
            met: Met::default(),
            space: Vec::new(),
            rest: Rest {
                meets: rules.pairs.0.iter().map(meets).collect(),
                rules,
                finder,
                by_group,
                group: 0,
                waiting: Sorter::new(rules.memory),
                key: Vec::new(),
                value: Vec::new(),
            },
        }
    }

    /// Takes an entry of the second snapshot.
    pub(super) fn visit(&mut self, entry: &Entry<'_>) -> Result<Flow> {
        let Self {
            ahead,
            met,
            space,
            rest,
        } = self;
        let pairs = rest.rules.pairs;
        let state = met.number(entry.state, || pairs.rank(entry.state).unwrap_or(usize::MAX));
        let b = Record {
            rank: met.rank(state),
            state,
            entry: joined(entry, space),
        };
        rest.finder.count(b.rank, |counts| counts.in_b += 1);
        while ahead.fill()? {
            let Some((a, len)) = ahead.head() else { break };
            let order = rest.order(&a, &b);
            let mets = [&ahead.met, &*met];
            match order {
                Ordering::Greater => break,
                Ordering::Less => rest.alone(From::A, &a, mets)?,
                Ordering::Equal => rest.together(&a, &b, mets)?,
            }
            rest.finder.count(a.rank, |counts| counts.in_a += 1);
            ahead.advance(len);
            if order.is_eq() {
                return Ok(rest.finder.flow());
            }
        }
        rest.alone(From::B, &b, [&ahead.met, met])?;
        Ok(rest.finder.flow())
    }

    /// Takes the remaining entries of the first snapshot, and matches what waits.
    pub(super) fn end(mut self) -> Result<Ended> {
        while self.ahead.fill()? {
            let Some((a, len)) = self.ahead.head() else { break };
            self.rest.finder.count(a.rank, |counts| counts.in_a += 1);
            self.rest.alone(From::A, &a, [&self.ahead.met, &self.met])?;
            self.ahead.advance(len);
            if self.rest.finder.flow().is_break() {
                break;
            }
        }
        self.rest.match_waiting([&self.ahead.met, &self.met])?;
        self.rest.finder.hand_over();
        Ok(Ended {
            counts: self.rest.finder.counts,
            hidden_in_a: self.ahead.hidden,
        })
    }
}

/// What an item has come to.
pub(super) struct Ended {
    pub(super) counts: Vec<Counts>,
    /// Why some entries of the first snapshot cannot be read.
    pub(super) hidden_in_a: Option<Error>,
}

/// All but the entries that are read ahead.
struct Rest<'m, 'p> {
    rules: Rules<'m>,
    /// Of which states partners can meet without waiting.
    meets: Vec<bool>,
    finder: Finder<'m, 'p>,
    by_group: bool,
    /// The key group that is being compared.
    group: u32,
    waiting: Sorter,
    key: Vec<u8>,
    value: Vec<u8>,
}

impl<'m> Rest<'m, '_> {
    /// Which of two entries is to be taken first, or both of them together.
    #[inline]
    fn order(&self, a: &Record<'_>, b: &Record<'_>) -> Ordering {
        if self.by_group && a.entry.key_group != b.entry.key_group {
            return a.entry.key_group.cmp(&b.entry.key_group);
        }
        let meets = |rank: usize| self.meets.get(rank).is_some_and(|meets| *meets);
        match (meets(a.rank), meets(b.rank)) {
            (false, _) => Ordering::Less,
            (_, false) => Ordering::Greater,
            _ => (a.rank.cmp(&b.rank)).then_with(|| key_of(&a.entry).cmp(key_of(&b.entry))),
        }
    }

    fn pair(&self, rank: usize) -> Option<&'m StatePair> {
        self.rules.pairs.0.get(rank)
    }

    /// Compares partners.
    #[inline]
    fn together(&mut self, a: &Record<'_>, b: &Record<'_>, mets: Mets<'_>) -> Result<()> {
        self.enter(a, mets)?;
        if let Some(pair) = self.pair(a.rank)
            && !same(self.rules, pair, &a.entry, &b.entry)?
        {
            self.finder.changed(a.rank, &a.entry, &b.entry);
        }
        Ok(())
    }

    /// Lets an entry wait whose partner has not come, if there can be one.
    fn alone(&mut self, from: From, record: &Record<'_>, mets: Mets<'_>) -> Result<()> {
        self.enter(record, mets)?;
        let Some(pair) = self.pair(record.rank) else {
            return Ok(());
        };
        if !pair.is_pair() {
            match from {
                From::A => self.finder.removed(record.rank, &record.entry),
                From::B => self.finder.added(record.rank, &record.entry),
            }
            return Ok(());
        }
        self.key.clear();
        self.key.extend_from_slice(&(record.rank as u32).to_be_bytes());
        put_match(pair, &record.entry, &mut self.key)
            .map_err(|error| undecodable(&record.entry, &error, self.rules.show_data))?;
        self.value.clear();
        self.value.push(from as u8);
        record::put(record.state, &record.entry, &mut self.value);
        self.waiting.push(&self.key, &self.value)
    }

    /// Begins the key group of an entry; what waits for partners in the one before has none left to wait for.
    #[inline]
    fn enter(&mut self, record: &Record<'_>, mets: Mets<'_>) -> Result<()> {
        let group = record.entry.key_group.unwrap_or_default();
        if !self.by_group || group == self.group {
            return Ok(());
        }
        if group < self.group {
            let last = self.group;
            return Err(Error::input(format!(
                "entries of key group {group} come behind those of key group {last}"
            )));
        }
        self.group = group;
        self.match_waiting(mets)
    }

    /// Brings together what waits.
    fn match_waiting(&mut self, mets: Mets<'_>) -> Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let (rules, finder) = (self.rules, &mut self.finder);
        let mut partners = Partners::default();
        self.waiting.drain(|key, value| {
            if partners.key != key {
                partners.part(finder, mets);
                partners.key.clear();
                partners.key.extend_from_slice(key);
            }
            partners.meet(value, rules, finder, mets)
        })?;
        partners.part(finder, mets);
        Ok(())
    }
}

/// What an entry is matched by within its state.
fn put_match(pair: &StatePair, entry: &Entry<'_>, out: &mut Vec<u8>) -> Result<(), statetool_format::Error> {
    match pair.form {
        Form::OperatorList | Form::OperatorBroadcastList if pair.same_values => {
            out.extend_from_slice(entry.value.bytes());
        }
        Form::OperatorList | Form::OperatorBroadcastList => {
            shown(Some(&entry.state.value), entry.value.bytes(), out)?;
        }
        _ if pair.same_keys => out.extend_from_slice(key_of(entry)),
        _ => shown_key(entry, out)?,
    }
    Ok(())
}

/// Entries of one key; more than one of a snapshot only in lists of operators, which may hold an element often.
#[derive(Default)]
struct Partners {
    key: Vec<u8>,
    /// Of which snapshot they are.
    from: u8,
    /// Those that have no partner yet, and how many there are of each.
    waiting: Vec<(Vec<u8>, u64)>,
}

impl Partners {
    /// Takes an entry: it meets a partner, or waits.
    fn meet(
        &mut self,
        entry: &[u8],
        rules: Rules<'_>,
        finder: &mut Finder<'_, '_>,
        mets: Mets<'_>,
    ) -> Result<()> {
        let Some((from, bytes)) = entry.split_first() else {
            return Ok(());
        };
        if self.waiting.is_empty() {
            self.from = *from;
        }
        if self.from != *from
            && let Some((other, count)) = self.waiting.last_mut()
        {
            compare_stored(*from, bytes, other, rules, finder, mets)?;
            *count -= 1;
            if *count == 0 {
                self.waiting.pop();
            }
            return Ok(());
        }
        match self.waiting.last_mut() {
            Some((last, count)) if last == bytes => *count += 1,
            _ => self.waiting.push((bytes.to_vec(), 1)),
        }
        Ok(())
    }

    /// Gives up on those that still wait.
    fn part(&mut self, finder: &mut Finder<'_, '_>, mets: Mets<'_>) {
        let [met_a, met_b] = mets;
        let is_a = self.from == From::A as u8;
        for (bytes, count) in self.waiting.drain(..) {
            let met = if is_a { met_a } else { met_b };
            let Some((record, _)) = record::first(&bytes, met) else {
                continue;
            };
            for _ in 0..count {
                match is_a {
                    true => finder.removed(record.rank, &record.entry),
                    false => finder.added(record.rank, &record.entry),
                }
            }
        }
    }
}

/// Compares two entries that waited, one of each snapshot.
fn compare_stored(
    from: u8,
    one: &[u8],
    other: &[u8],
    rules: Rules<'_>,
    finder: &mut Finder<'_, '_>,
    [met_a, met_b]: Mets<'_>,
) -> Result<()> {
    let (a, b) = if from == From::A as u8 {
        (one, other)
    } else {
        (other, one)
    };
    let (Some((a, _)), Some((b, _))) = (record::first(a, met_a), record::first(b, met_b)) else {
        return Ok(());
    };
    if let Some(pair) = rules.pairs.0.get(a.rank)
        && !same(rules, pair, &a.entry, &b.entry)?
    {
        finder.changed(a.rank, &a.entry, &b.entry);
    }
    Ok(())
}

/// Whether two entries of the same key hold the same: by their bytes, else by what rows show.
#[inline]
fn same(rules: Rules<'_>, pair: &StatePair, a: &Entry<'_>, b: &Entry<'_>) -> Result<bool> {
    if pair.same_values {
        let same = match (a.value, b.value) {
            (Payload::None, Payload::None) | (Payload::Null(_), Payload::Null(_)) => true,
            (Payload::Value(a), Payload::Value(b))
            | (Payload::Delimited(a), Payload::Delimited(b))
            | (Payload::Counted(a), Payload::Counted(b)) => a == b,
            (Payload::Delimited(_), Payload::Counted(_)) | (Payload::Counted(_), Payload::Delimited(_)) => {
                same_elements(rules, a, b)?
            }
            _ => false,
        };
        if same {
            return Ok(true);
        }
    }
    same_values(rules, a, b)
}

/// Whether the elements of two lists in different forms have the same bytes.
fn same_elements(rules: Rules<'_>, a: &Entry<'_>, b: &Entry<'_>) -> Result<bool> {
    let (mut elements_a, mut elements_b) = (a.elements(), b.elements());
    loop {
        let next_a = elements_a.next_element();
        let next_a = next_a.map_err(|error| undecodable(a, &error, rules.show_data))?;
        let next_b = elements_b.next_element();
        let next_b = next_b.map_err(|error| undecodable(b, &error, rules.show_data))?;
        match (next_a, next_b) {
            (None, None) => return Ok(true),
            (one, other) if one == other => {}
            _ => return Ok(false),
        }
    }
}

#[cold]
fn same_values(rules: Rules<'_>, a: &Entry<'_>, b: &Entry<'_>) -> Result<bool> {
    let decoded = |entry| decode(entry).map_err(|error| undecodable(entry, &error, rules.show_data));
    Ok(Comparison::same(&decoded(a)?, &decoded(b)?, rules.ignore_ttl))
}
