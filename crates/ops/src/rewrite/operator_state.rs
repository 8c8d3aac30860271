//! Operator state that is written anew.

mod redistribute;

use std::collections::BTreeMap;

use statetool_backend::InFile;
use statetool_backend::operator::OperatorWriter;
use statetool_format::metadata::{DistributionMode, OperatorStateHandle, StreamHandle};
use statetool_format::state::{OperatorHeader, StateMetaInfo};
use statetool_format::{Put, Reader};
use statetool_snapshot::{
    Entry, Flow, Layout, Operator, Part, Result, Snapshot, SnapshotWriter, State, StateKind,
};

use super::account::{Accounts, StateAccount, StateName};
use super::plan::StatePlans;
use super::rule::{Applied, Rules};

/// Where operator state comes from and goes to.
pub(super) struct Site<'s> {
    pub(super) snapshot: &'s Snapshot,
    /// What writes it; nothing where that is only rehearsed.
    pub(super) writer: Option<&'s SnapshotWriter>,
}

/// Handles by subtask, and what became of the entries by state.
type Written = (BTreeMap<u32, OperatorStateHandle>, Accounts);

/// Writes the operator state of all subtasks.
pub(super) fn write(site: &Site<'_>, operator: &Operator<'_>, plans: &StatePlans) -> Result<Written> {
    match plans.scale {
        Some(scale) if scale.parallelism != operator.state.parallelism => {
            redistribute::write(site, plans, scale.parallelism)
        }
        _ => as_divided(site, plans),
    }
}

/// Each subtask keeps what it had.
fn as_divided(site: &Site<'_>, plans: &StatePlans) -> Result<Written> {
    let (mut handles, mut accounts) = Written::default();
    let mut reader = Elements::new(site, plans);
    for part in &plans.loaded.parts {
        let Layout::Operator { lists, .. } = &part.layout else {
            continue;
        };
        let metas = |broadcast: bool| {
            let states = part.states().iter().enumerate();
            let wanted = states.filter(|(index, _)| (*index >= *lists) == broadcast);
            wanted.filter_map(|(_, state)| renamed(state, plans)).collect()
        };
        let (version, compressed) = form(part, plans)?;
        let header = OperatorHeader {
            version,
            compressed,
            lists: metas(false),
            broadcasts: metas(true),
        };
        let mut writer = OperatorWriter::new(&header);
        for state in part.states() {
            let account = accounts.entry(StateName::of(state)).or_default();
            let meta = renamed(state, plans);
            if let Some(meta) = &meta {
                writer.state(&meta.name, mode(state));
            }
            let mut block = Block::default();
            reader.read(part, state, account, &mut |map_key, value| match map_key {
                Some(map_key) => block.push(map_key, value),
                None => writer.partition(value),
            })?;
            if meta.is_some() && state.kind == StateKind::Broadcast {
                writer.partition(&block.finish());
            }
        }
        handles.insert(part.subtask, finish(site, writer)?);
    }
    Ok((handles, accounts))
}

/// The version of a new stream, and whether it is compressed: as that of a part, or as the target has it.
fn form(part: &Part, plans: &StatePlans) -> Result<(i32, bool)> {
    let Layout::Operator { source, .. } = &part.layout else {
        return Ok((0, false));
    };
    let bytes = source.read_at(0, 4)?;
    let version = Reader::new(&bytes).i32("version").in_file(source.name())?;
    let compressed = part.header.compressed;
    Ok(match plans.target {
        Some(target) => target.operator_stream(version, compressed),
        None => (version, compressed),
    })
}

fn mode(state: &State) -> DistributionMode {
    match state.kind {
        StateKind::OperatorListUnion => DistributionMode::Union,
        StateKind::OperatorListSplit => DistributionMode::SplitDistribute,
        _ => DistributionMode::Broadcast,
    }
}

fn renamed(state: &State, plans: &StatePlans) -> Option<StateMetaInfo> {
    Some(StateMetaInfo {
        name: plans.stored_name(state)?,
        ..(*state.meta).clone()
    })
}

fn finish(site: &Site<'_>, writer: OperatorWriter) -> Result<OperatorStateHandle> {
    let (bytes, states) = writer.finish();
    let delegate = match site.writer {
        Some(writer) => {
            let mut file = writer.create()?;
            file.write(bytes)?;
            file.finish()?
        }
        None => StreamHandle::EmptySegment,
    };
    Ok(OperatorStateHandle {
        states,
        merged: None,
        delegate,
    })
}

/// All entries of a broadcast state, behind their number.
#[derive(Default)]
struct Block {
    count: usize,
    entries: Vec<u8>,
}

impl Block {
    fn push(&mut self, map_key: &[u8], value: &[u8]) {
        self.count += 1;
        self.entries.put(map_key);
        self.entries.put(value);
    }

    fn finish(self) -> Vec<u8> {
        let mut partition = Vec::with_capacity(4 + self.entries.len());
        partition.put_count(self.count);
        partition.put(&self.entries);
        partition
    }
}

/// Takes the map key, if it has one, and the value of an entry.
type Take<'t> = dyn FnMut(Option<&[u8]>, &[u8]) + 't;

/// Reads what stays of the entries.
struct Elements<'r> {
    site: &'r Site<'r>,
    plans: &'r StatePlans,
    rules: Rules<'r>,
}

impl<'r> Elements<'r> {
    fn new(site: &'r Site<'r>, plans: &'r StatePlans) -> Self {
        Self {
            site,
            plans,
            rules: Rules::new(&plans.rules),
        }
    }

    /// Gives map key and value of each entry of a state of a part that stays to `take`.
    fn read(
        &mut self,
        part: &Part,
        state: &State,
        account: &mut StateAccount,
        take: &mut Take<'_>,
    ) -> Result<()> {
        let stays = self.plans.new_name(&state.name).is_some();
        let concerning = self.rules.concerning(state);
        let mut visit = |entry: &Entry<'_>| -> Result<Flow> {
            let bytes = entry.bytes();
            account.read.count(bytes);
            if !stays {
                account.drop("drop-state", bytes);
                return Ok(Flow::Continue(()));
            }
            match self.rules.apply(&concerning, entry)? {
                Applied::Dropped(rule) => account.drop(rule, bytes),
                Applied::Kept { entry, changed } => {
                    for rule in changed {
                        account.change(rule, bytes);
                    }
                    account.written.count(entry.bytes());
                    take(entry.map_key().in_file(&state.name)?, entry.value.bytes());
                }
            }
            Ok(Flow::Continue(()))
        };
        let wanted = |other: &State| other.name == state.name && other.kind == state.kind;
        let files = self.site.snapshot.files();
        let _ = part.scan(files, part.range, &wanted, &mut visit)?;
        Ok(())
    }
}
