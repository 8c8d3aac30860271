//! Entries become tables of a database: for each state its own, over all key groups of an item.

use statetool_backend::rocksdb::{ManifestWriter, TableWriter};
use statetool_snapshot::{Flow, Result};

use super::item::Item;
use super::output::Output;
use super::sink::{PIECE, Piece};

use crate::pipeline::Feed;
use crate::sorter::Sorters;

/// The column families that some key groups are written to.
pub(super) struct Families {
    output: usize,
    /// The number of the first family's table; the others follow.
    first_table: u64,
    /// By state.
    tables: Vec<Option<TableWriter>>,
    /// The entries of the current key group, by state.
    group: Sorters,
}

impl Families {
    pub(super) fn new(output: &Output<'_>, item: &Item<'_>) -> Self {
        let states = output.header.states.len();
        Self {
            output: item.output,
            first_table: ManifestWriter::FIRST_TABLE + (item.number * states) as u64,
            tables: std::iter::repeat_with(|| None).take(states).collect(),
            group: Sorters::new(states),
        }
    }

    pub(super) fn add(&mut self, state: u16, key: &[u8], value: &[u8]) -> Result<()> {
        self.group.push(usize::from(state), key, value)
    }

    /// Writes the entries of a key group, sorted.
    pub(super) fn end_group(&mut self, output: &Output<'_>, feed: &Feed<'_, Piece, Piece>) -> Result<Flow> {
        let mut flow = Flow::Continue(());
        let states = output.header.states.iter().zip(&mut self.tables);
        for (index, ((state, table), number)) in states.zip(self.first_table..).enumerate() {
            let new = || TableWriter::new(number, (index as u32 + 1, &state.name.to_str()), true);
            let mut piece = Piece::of_table(self.output, number);
            self.group.drain(index, |key, value| {
                let table = table.get_or_insert_with(new);
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
        for (table, number) in self.tables.into_iter().zip(self.first_table..) {
            let Some(table) = table else { continue };
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
