//! The work: key groups of both snapshots that hold the same keys, and the operator state.

use statetool_format::KeyGroupRange;
use statetool_snapshot::{Entry, Flow, Layout, LoadedOperator, Operator, Part, Result, Snapshot, State};

use super::pairs::{Form, StatePairs};

/// Parts of both snapshots in which each entry's partner must be, if it has one.
pub(super) struct Item<'p> {
    pub(super) a: Vec<Piece<'p>>,
    pub(super) b: Vec<Piece<'p>>,
    /// Whether both sides come in the order of the same key groups.
    pub(super) by_group: bool,
}

/// Some key groups of a part, or all of its operator state.
pub(super) struct Piece<'p> {
    part: &'p Part,
    range: KeyGroupRange,
    /// States that all subtasks hold, and that another subtask is asked for.
    told: Vec<&'p str>,
}

impl Piece<'_> {
    /// Visits the entries of all states that are compared.
    pub(super) fn scan(
        &self,
        snapshot: &Snapshot,
        pairs: &StatePairs,
        visit: &mut dyn FnMut(&Entry<'_>) -> Result<Flow>,
    ) -> Result<Flow> {
        let is_told = |state: &State| is_repeated(state) && self.told.contains(&state.name.as_str());
        let wanted = |state: &State| pairs.wants(state) && !is_told(state);
        let place = || format!("`{}`, subtask {}", snapshot.location(), self.part.subtask);
        let scanned = self.part.scan(snapshot.files(), self.range, &wanted, visit);
        scanned.map_err(|error| error.within(place()))
    }
}

fn is_repeated(state: &State) -> bool {
    Form::of(state.kind).is_repeated()
}

/// An operator of one snapshot.
#[derive(Clone, Copy)]
pub(super) struct Half<'p> {
    pub(super) operator: &'p Operator<'p>,
    pub(super) loaded: &'p LoadedOperator,
}

/// How many bytes of files go into an item, about, and how many items there are at most: each reads the indexes
/// of all database files that it needs.
const ITEM_BYTES: u64 = 32 << 20;
const MAX_ITEMS: u64 = 64;
/// Each scan of a changelog sorts all of its log.
const MAX_ITEMS_OF_LOGS: u64 = 8;
/// What several parts hold of a key group waits until all of them have been read.
const MIN_ITEMS_OF_MANY: u64 = 256;

/// Cuts an operator's state into items; the same ones whatever the number of threads.
pub(super) fn items<'p>(a: Option<Half<'p>>, b: Option<Half<'p>>, pairs: &StatePairs) -> Vec<Item<'p>> {
    let mut items = Vec::new();
    let operator_state = Item {
        a: operator_pieces(a),
        b: operator_pieces(b),
        by_group: false,
    };
    if !operator_state.a.is_empty() || !operator_state.b.is_empty() {
        items.push(operator_state);
    }
    let (parts_a, parts_b) = (keyed_parts(a), keyed_parts(b));
    if parts_a.is_empty() && parts_b.is_empty() {
        return items;
    }
    let max = |half: Option<Half<'_>>| half.map(|half| half.operator.state.max_parallelism);
    let (max_a, max_b) = match (max(a), max(b)) {
        (Some(a), Some(b)) => (a, b),
        (Some(one), None) | (None, Some(one)) => (one, one),
        (None, None) => return items,
    };
    if max_a == max_b && pairs.same_hashes() {
        let bytes = [a, b].into_iter().flatten();
        let bytes = bytes.map(|half| half.operator.recorded_bytes()).sum();
        by_ranges(&parts_a, &parts_b, max_a, bytes, &mut items);
    } else {
        let classes = match pairs.same_hashes() {
            true => common_divisor(max_a, max_b),
            false => 1,
        };
        items.extend((0..classes).map(|class| Item {
            a: class_pieces(&parts_a, class, classes, max_a),
            b: class_pieces(&parts_b, class, classes, max_b),
            by_group: false,
        }));
    }
    items
}

/// The operator state of all subtasks.
fn operator_pieces(half: Option<Half<'_>>) -> Vec<Piece<'_>> {
    let parts = half.into_iter().flat_map(|half| &half.loaded.parts);
    let mut told: Vec<&str> = Vec::new();
    let mut pieces = Vec::new();
    for part in parts.filter(|part| matches!(part.layout, Layout::Operator { .. })) {
        pieces.push(Piece {
            part,
            range: part.range,
            told: told.clone(),
        });
        let repeated = part.states().iter().filter(|state| is_repeated(state));
        for state in repeated {
            if !told.contains(&state.name.as_str()) {
                told.push(&state.name);
            }
        }
    }
    pieces
}

/// The parts with keyed state, by their key groups.
fn keyed_parts(half: Option<Half<'_>>) -> Vec<&Part> {
    let parts = half.into_iter().flat_map(|half| &half.loaded.parts);
    let is_keyed = |part: &&Part| {
        !matches!(
            part.layout,
            Layout::Operator { .. } | Layout::RawKeyed { .. } | Layout::RawOperator { .. }
        ) && !part.range.is_empty()
    };
    let mut parts: Vec<&Part> = parts.filter(is_keyed).collect();
    parts.sort_by_key(|part| (part.range, part.subtask));
    parts
}

/// Items of consecutive key groups, which both snapshots cut the same way.
fn by_ranges<'p>(a: &[&'p Part], b: &[&'p Part], max: u32, bytes: u64, items: &mut Vec<Item<'p>>) {
    let by_group = is_ascending(a) && is_ascending(b);
    let mut count = bytes.div_ceil(ITEM_BYTES).clamp(1, MAX_ITEMS);
    if a.iter()
        .chain(b)
        .any(|part| matches!(part.layout, Layout::Changelog { .. }))
    {
        count = count.min(MAX_ITEMS_OF_LOGS);
    } else if !by_group {
        count = MIN_ITEMS_OF_MANY;
    }
    let step = max.div_ceil(count as u32).max(1);
    for start in (0..max).step_by(step as usize) {
        let range = KeyGroupRange::new(start, (start + step).min(max));
        items.push(Item {
            a: pieces_in(a, range).collect(),
            b: pieces_in(b, range).collect(),
            by_group,
        });
    }
}

/// Whether parts, scanned one after the other, give ascending key groups.
fn is_ascending(parts: &[&Part]) -> bool {
    let is_disjoint = parts
        .windows(2)
        .all(|pair| matches!(pair, [one, next] if one.range.end() <= next.range.start));
    is_disjoint
        && parts.iter().all(|part| match &part.layout {
            Layout::Changelog { base, .. } => {
                let mut base: Vec<&Part> = base.iter().collect();
                base.sort_by_key(|part| part.range);
                is_ascending(&base)
            }
            _ => true,
        })
}

fn pieces_in<'p>(parts: &[&'p Part], range: KeyGroupRange) -> impl Iterator<Item = Piece<'p>> {
    let pieces = parts.iter().map(move |part| Piece {
        part,
        range: part.range.intersect(&range),
        told: Vec::new(),
    });
    pieces.filter(|piece| !piece.range.is_empty())
}

/// The key groups of one class. A key whose hash is h is of group h mod N with N key groups, so its groups with N
/// and with M are the same modulo each common divisor of N and M.
fn class_pieces<'p>(parts: &[&'p Part], class: u32, classes: u32, max: u32) -> Vec<Piece<'p>> {
    if classes == 1 {
        return pieces_in(parts, KeyGroupRange::new(0, max)).collect();
    }
    let groups = (class..max).step_by(classes as usize);
    let pieces = groups.flat_map(|group| pieces_in(parts, KeyGroupRange::new(group, group + 1)));
    pieces.collect()
}

fn common_divisor(a: u32, b: u32) -> u32 {
    match b {
        0 => a.max(1),
        _ => common_divisor(b, a % b),
    }
}

#[cfg(test)]
mod tests {
    use statetool_format::key_group::key_group_of_hash;

    use super::*;

    #[test]
    fn a_key_is_of_one_class_with_both_numbers_of_key_groups() {
        for (a, b, classes) in [
            (128, 256, 128),
            (128, 1000, 8),
            (16, 1000, 8),
            (7, 9, 1),
            (32_768, 128, 128),
        ] {
            assert_eq!(common_divisor(a, b), classes);
            for hash in (-70_000..70_000).step_by(997) {
                let class = |max| key_group_of_hash(hash, max) % classes;
                assert_eq!(class(a), class(b), "{hash} {a} {b}");
            }
        }
    }
}
