//! Entries become tables of a database: for each state its own, over all key groups of an item.

use statetool_backend::rocksdb::{ManifestWriter, TableWriter};
use statetool_snapshot::{Flow, Result};

use super::item::Item;
use super::output::Output;
use super::sink::{PIECE, Piece};

use crate::pipeline::Feed;
use crate::sorter::Sorter;

/// The column families that some key groups are written to.
pub(super) struct Families {
    output: usize,
    /// The number of the first family's table; the others follow.
    first_table: u64,
    families: Vec<Family>,
}

/// One state.
struct Family {
    /// The entries of the current key group.
    group: Sorter,
    table: Option<TableWriter>,
}

impl Families {
    pub(super) fn new(output: &Output<'_>, item: &Item<'_>) -> Self {
        let states = output.header.states.len();
        let family = || Family {
            group: Sorter::sharing(states),
            table: None,
        };
        let families: Vec<Family> = std::iter::repeat_with(family).take(states).collect();
        Self {
            output: item.output,
            first_table: ManifestWriter::FIRST_TABLE + (item.number * families.len()) as u64,
            families,
        }
    }

    pub(super) fn add(&mut self, state: u16, key: &[u8], value: &[u8]) -> Result<()> {
        match self.families.get_mut(usize::from(state)) {
            Some(family) => family.group.push(key, value),
            None => Ok(()),
        }
    }

    /// Writes the entries of a key group, sorted.
    pub(super) fn end_group(&mut self, output: &Output<'_>, feed: &Feed<'_, Piece, Piece>) -> Result<Flow> {
        let mut flow = Flow::Continue(());
        for ((state, family), number) in output
            .header
            .states
            .iter()
            .zip(&mut self.families)
            .zip(self.first_table..)
        {
            if family.group.is_empty() {
                continue;
            }
            let id = (number - self.first_table + 1) as u32;
            let new = || TableWriter::new(number, (id, &state.name.to_str()), true);
            let table = family.table.get_or_insert_with(new);
            let mut piece = Piece::of_table(self.output, number);
            family.group.drain(|key, value| {
                table.add(key, value)?;
                table.take(&mut piece.bytes);
                if piece.bytes.len() >= PIECE && flow.is_continue() {
                    flow = feed.hand_over(std::mem::replace(
                        &mut piece,
                        Piece::of_table(self.output, number),
                    ));
                }
                Ok(())
            })?;
            if flow.is_continue() && !piece.bytes.is_empty() {
                flow = feed.hand_over(piece);
            }
        }
        Ok(flow)
    }

    /// Ends all tables.
    pub(super) fn end(self, feed: &Feed<'_, Piece, Piece>) {
        for (family, number) in self.families.into_iter().zip(self.first_table..) {
            let Some(table) = family.table else { continue };
            let mut piece = Piece::of_table(self.output, number);
            piece.end = table.finish(&mut piece.bytes);
            if feed.hand_over(piece).is_break() {
                return;
            }
        }
    }
}

impl Piece {
    fn of_table(output: usize, number: u64) -> Self {
        Self {
            output,
            table: Some(number),
            ..Self::default()
        }
    }
}
