//! The work: outputs in order, and of each the key groups in order.

use statetool_format::KeyGroupRange;
use statetool_snapshot::{Layout, Part};

use super::output::{Output, Stored};
use crate::rewrite::edits::KeyedLayout;
use crate::work;

/// Some key groups of one output; a single one where several parts hold it.
pub(super) struct Item<'p> {
    pub(super) output: usize,
    /// Its number among the items of the output.
    pub(super) number: usize,
    /// Where its entries come from.
    pub(super) from: From<'p>,
    /// The key groups that have entries.
    pub(super) range: KeyGroupRange,
    /// These and the ones around them that have none.
    pub(super) covers: KeyGroupRange,
}

/// Where entries come from.
pub(super) enum From<'p> {
    /// Parts of the old snapshot, one after the other.
    Parts(Vec<&'p Part>),
    /// A partition of a shuffle, by number.
    Shuffle(usize),
}

/// How many pieces go into one table of each state: tables of some 64 MB, as Flink's are.
const PIECES_A_TABLE: usize = 8;

/// Items that take their entries from the old snapshot's parts.
pub(super) fn items<'p>(outputs: &[Output<'p>]) -> Vec<Item<'p>> {
    let mut items = Vec::new();
    for (index, output) in outputs.iter().enumerate() {
        let mut pieces = pieces(output);
        if output.stored == Stored::Managed(KeyedLayout::RocksDb) {
            pieces = pieces.chunks(PIECES_A_TABLE).filter_map(together).collect();
        }
        if pieces.is_empty() {
            pieces.push((output.range, Vec::new()));
        }
        let next = pieces.iter().skip(1).map(|(range, _)| range.start);
        let ends: Vec<u32> = next.chain([output.range.end()]).collect();
        let mut start = output.range.start;
        for (number, ((range, parts), end)) in pieces.into_iter().zip(ends).enumerate() {
            items.push(Item {
                output: index,
                number,
                from: From::Parts(parts),
                range,
                covers: KeyGroupRange::new(start, end),
            });
            start = end;
        }
    }
    items
}

/// Items that go through what is to get to other key groups, and one for what is added in these.
pub(super) fn before_rehash<'p>(outputs: &[Output<'p>], max_parallelism: u32) -> Vec<Item<'p>> {
    let none = KeyGroupRange::new(0, 0);
    let item = |from, range, covers| Item {
        output: 0,
        number: 0,
        from: From::Parts(from),
        range,
        covers,
    };
    let parts = outputs.first().map_or(&[][..], |output| &output.parts);
    let pieces = parts.iter().flat_map(|part| work::items_of(part, part.range));
    let mut items: Vec<_> = pieces
        .map(|piece| item(vec![piece.part], piece.range, none))
        .collect();
    items.push(item(Vec::new(), none, KeyGroupRange::new(0, max_parallelism)));
    items
}

type Piece<'p> = (KeyGroupRange, Vec<&'p Part>);

/// The key groups of an output, in pieces of some size, and the parts that hold them.
fn pieces<'p>(output: &Output<'p>) -> Vec<Piece<'p>> {
    let mut parts = output.parts.clone();
    parts.sort_by_key(|part| part.range.start);
    let apart = parts
        .windows(2)
        .all(|pair| matches!(pair, [a, b] if a.range.end() <= b.range.start));
    if apart {
        let pieces = parts.iter().flat_map(|part| {
            let items = work::items_of(part, part.range.intersect(&output.range));
            items.into_iter().map(|item| (item.range, vec![*part]))
        });
        return pieces.collect();
    }
    // What several parts hold of a key group comes together.
    let single = |group| {
        let parts = output.parts.iter().filter(|part| part.range.contains(group));
        (KeyGroupRange::new(group, group + 1), parts.copied().collect())
    };
    output.range.groups().map(single).collect()
}

/// Consecutive pieces as one.
fn together<'p>(pieces: &[Piece<'p>]) -> Option<Piece<'p>> {
    let (first, last) = pieces.first().zip(pieces.last())?;
    let mut parts: Vec<&Part> = Vec::new();
    for part in pieces.iter().flat_map(|(_, parts)| parts) {
        if !parts.iter().any(|known| std::ptr::eq(*known, *part)) {
            parts.push(part);
        }
    }
    Some((KeyGroupRange::new(first.0.start, last.0.end()), parts))
}

/// Bytes that will be read, as far as that is known.
pub(super) fn bytes(items: &[Item<'_>]) -> u64 {
    let mut total = 0;
    for item in items {
        let From::Parts(parts) = &item.from else { continue };
        for part in parts {
            if let Layout::Canonical { handle, source } = &part.layout {
                total += part.canonical_groups(handle, source, item.range).bytes();
            }
        }
    }
    total
}
