//! Operator state that is written anew.

use std::collections::BTreeMap;

use statetool_backend::InFile;
use statetool_backend::operator::OperatorWriter;
use statetool_format::metadata::{DistributionMode, OperatorStateHandle};
use statetool_format::state::{OperatorHeader, StateMetaInfo};
use statetool_format::{Put, Reader};
use statetool_snapshot::{Entry, Flow, Layout, Part, Result, State, StateKind};

use super::account::{Accounts, StateAccount, StateName};
use super::keyed::Run;
use super::plan::StatePlans;

/// Handles by subtask, and what became of the entries by state.
type Written = (BTreeMap<u32, OperatorStateHandle>, Accounts);

/// Writes the operator state of all subtasks without the states that are left out.
pub(super) fn write(run: &Run<'_>, plans: &StatePlans) -> Result<Written> {
    let (mut handles, mut accounts) = Written::default();
    for part in &plans.loaded.parts {
        let Layout::Operator { source, lists, .. } = &part.layout else {
            continue;
        };
        let version = Reader::new(&source.read_at(0, 4)?)
            .i32("version")
            .in_file(source.name())?;
        let compressed = part.header.compressed;
        let (version, compressed) = match plans.target {
            Some(target) => target.operator_stream(version, compressed),
            None => (version, compressed),
        };
        let metas = |broadcast: bool| {
            let states = part.states().iter().enumerate();
            let wanted = states.filter(|(index, _)| (*index >= *lists) == broadcast);
            wanted.filter_map(|(_, state)| renamed(state, plans)).collect()
        };
        let header = OperatorHeader {
            version,
            compressed,
            lists: metas(false),
            broadcasts: metas(true),
        };
        let mut writer = OperatorWriter::new(&header);
        for state in part.states() {
            let account = accounts.entry(StateName::of(state)).or_default();
            write_state(run, part, state, plans, &mut writer, account)?;
        }
        let (bytes, states) = writer.finish();
        let mut file = run.writer.create()?;
        file.write(bytes)?;
        let handle = OperatorStateHandle {
            states,
            merged: None,
            delegate: file.finish()?,
        };
        handles.insert(part.subtask, handle);
    }
    Ok((handles, accounts))
}

fn renamed(state: &State, plans: &StatePlans) -> Option<StateMetaInfo> {
    Some(StateMetaInfo {
        name: plans.stored_name(state)?,
        ..(*state.meta).clone()
    })
}

fn write_state(
    run: &Run<'_>,
    part: &Part,
    state: &State,
    plans: &StatePlans,
    writer: &mut OperatorWriter,
    account: &mut StateAccount,
) -> Result<()> {
    let meta = renamed(state, plans);
    if let Some(meta) = &meta {
        let mode = match state.kind {
            StateKind::OperatorListUnion => DistributionMode::Union,
            StateKind::OperatorListSplit => DistributionMode::SplitDistribute,
            _ => DistributionMode::Broadcast,
        };
        writer.state(&meta.name, mode);
    }
    let (mut broadcast, mut count) = (Vec::new(), 0_usize);
    let mut visit = |entry: &Entry<'_>| -> Result<Flow> {
        let bytes = entry.bytes();
        account.read.count(bytes);
        if meta.is_none() {
            account
                .dropped
                .entry("drop-state".into())
                .or_default()
                .count(bytes);
            return Ok(Flow::Continue(()));
        }
        account.written.count(bytes);
        match entry.map_key().in_file(&state.name)? {
            Some(map_key) => {
                count += 1;
                broadcast.put(map_key);
                broadcast.put(entry.value.bytes());
            }
            None => writer.partition(entry.value.bytes()),
        }
        Ok(Flow::Continue(()))
    };
    let wanted = |other: &State| other.name == state.name && other.kind == state.kind;
    let _ = part.scan(run.snapshot.files(), part.range, &wanted, &mut visit)?;
    if meta.is_some() && state.kind == StateKind::Broadcast {
        let mut partition = Vec::with_capacity(4 + broadcast.len());
        partition.put_count(count);
        partition.put(&broadcast);
        writer.partition(&partition);
    }
    Ok(())
}
