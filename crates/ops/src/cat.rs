//! `cat`: the entries of states as rows.

use std::sync::Arc;

use statetool_format::KeyGroupRange;
use statetool_snapshot::{
    Entry, Error, ErrorKind, Flow, LoadedOperator, Operator, Result, Snapshot, State, StateSelector,
};
use statetool_values::JsonOptions;

use crate::key::Key;
use crate::progress::Progress;
use crate::row::{RowWriter, Spans};
use crate::work;

/// Which rows are wanted.
#[derive(Debug, Clone)]
pub struct CatOptions {
    /// Which states.
    pub selector: StateSelector,
    /// Only this key: JSON or a bare word.
    pub key: Option<String>,
    /// Only these key groups.
    pub key_groups: Option<KeyGroupRange>,
    /// Only this namespace, as its row shows it.
    pub namespace: Option<serde_json::Value>,
    /// At most so many rows.
    pub limit: Option<u64>,
    /// Only about one of so many entries, chosen by a hash of its key.
    pub sample: Option<u64>,
    /// How values are written.
    pub json: JsonOptions,
    /// How many threads work.
    pub threads: usize,
    /// Where to count what has been read.
    pub progress: Arc<Progress>,
}

/// Rows, one after the other: their text without line ends, and where each row's fields lie.
#[derive(Debug, Default)]
pub struct Chunk {
    /// The rows, each ended by a newline.
    pub text: Vec<u8>,
    /// Where the fields of each row lie; filled only if asked for.
    pub rows: Vec<Spans>,
    /// Number of rows.
    pub count: u64,
    warnings: Vec<String>,
}

/// What a run of `cat` met besides rows.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct CatSummary {
    /// Rows handed out.
    pub rows: u64,
    /// What could not be interpreted; each once.
    pub warnings: Vec<String>,
}

/// About how large a chunk is.
const CHUNK_BYTES: usize = 128 << 10;

/// Hands the wanted rows to `consume` in snapshot order.
///
/// `with_spans` says whether chunks should tell where the fields lie.
///
/// # Errors
/// An operator or state that is not there, with a list of what is; damage; a key that is not
/// of the state's key type.
pub fn cat(
    snapshot: &Snapshot,
    options: &CatOptions,
    with_spans: bool,
    mut consume: impl FnMut(&Chunk) -> Result<Flow>,
) -> Result<CatSummary> {
    let mut summary = CatSummary::default();
    let mut known = false;
    let operators = options.selector.operators(snapshot)?;
    for operator in &operators {
        let loaded = snapshot.load_operator(operator)?;
        known |= loaded
            .states
            .iter()
            .any(|state| options.selector.wants(&state.name));
        for unreadable in loaded
            .unreadable
            .iter()
            .filter(|unreadable| unreadable.state.is_none())
        {
            summary.warn(format!("operator `{}`: {}", operator.label(), unreadable.reason));
        }
        let flow = cat_operator(
            snapshot,
            operator,
            &loaded,
            options,
            with_spans,
            &mut summary,
            &mut consume,
        )?;
        if flow.is_break() {
            return Ok(summary);
        }
    }
    match (&options.selector.state, known) {
        (Some(state), false) => Err(unknown_state(snapshot, &operators, state)),
        _ => Ok(summary),
    }
}

/// The error for a state that is not there: lists what is, nearest first.
pub fn unknown_state(snapshot: &Snapshot, operators: &[Operator<'_>], wanted: &str) -> Error {
    let mut there: Vec<(usize, String)> = Vec::new();
    for operator in operators {
        let Ok(loaded) = snapshot.load_operator(operator) else {
            continue;
        };
        for state in &loaded.states {
            let distance = statetool_snapshot::distance(wanted, &state.name);
            there.push((distance, format!("{}/{}", operator.label(), state.name)));
        }
    }
    there.sort();
    let list: Vec<String> = there.into_iter().take(12).map(|(_, name)| name).collect();
    let error = Error::usage(format!("no state `{wanted}`"));
    match list.len() {
        0 => error.hint("there are no states"),
        _ => error.hint(format!("there are: {}", list.join(", "))),
    }
}

fn cat_operator(
    snapshot: &Snapshot,
    operator: &Operator<'_>,
    loaded: &LoadedOperator,
    options: &CatOptions,
    with_spans: bool,
    summary: &mut CatSummary,
    consume: &mut impl FnMut(&Chunk) -> Result<Flow>,
) -> Result<Flow> {
    let keys = Keys::parse(options, loaded, operator.state.max_parallelism)?;
    let wanted = |state: &State| {
        options.selector.wants(&state.name) && (state.kind.is_keyed() || !options.wants_keyed_only())
    };
    let range = match (keys.range(), options.key_groups) {
        (Some(one), Some(other)) => Some(one.intersect(&other)),
        (one, other) => one.or(other),
    };
    let items = work::items(loaded, range);
    options.progress.expect(operator.recorded_bytes());
    let produce = |item: &work::WorkItem<'_>, sender: &work::Sender<Chunk>| {
        let mut writer = RowWriter::new(operator, options.json);
        let mut chunk = Chunk::default();
        let mut ticker = options.progress.ticker();
        let mut visit = |entry: &Entry<'_>| -> Result<Flow> {
            ticker.tick(entry.bytes());
            if !keys.wants(entry)? || !options.samples(entry) {
                return Ok(Flow::Continue(()));
            }
            let start = chunk.text.len();
            let mut rows = std::mem::take(&mut chunk.rows);
            let mut count = 0;
            // The rows of one entry stay together, so this never breaks off.
            let _ = writer.write(entry, &mut chunk.text, |out, spans| {
                out.push(b'\n');
                count += 1;
                if with_spans || options.namespace.is_some() {
                    rows.push(spans.clone());
                }
                Ok(Flow::Continue(()))
            })?;
            chunk.rows = rows;
            if !options.wants_namespace(&chunk, count) {
                chunk.text.truncate(start);
                chunk.rows.truncate(chunk.rows.len().saturating_sub(count));
                count = 0;
            }
            chunk.count += count as u64;
            if chunk.text.len() < CHUNK_BYTES {
                return Ok(Flow::Continue(()));
            }
            Ok(sender.send(std::mem::take(&mut chunk)))
        };
        let scanned = item.part.scan(snapshot.files(), item.range, &wanted, &mut visit);
        let place = || format!("operator `{}`, subtask {}", operator.label(), item.part.subtask);
        match scanned {
            Err(error) if error.kind() == ErrorKind::NotInterpretable => {
                chunk
                    .warnings
                    .push(format!("{}: the rest cannot be listed: {error}", place()));
            }
            Err(error) => {
                let _ = sender.send(chunk);
                return Err(error.within(place()));
            }
            Ok(_) => {}
        }
        for (state, reason) in writer.opaque() {
            chunk
                .warnings
                .push(format!("state `{}/{state}`: {reason}", operator.label()));
        }
        let _ = sender.send(chunk);
        Ok(())
    };
    work::in_order(&items, options.threads, produce, |chunk: Chunk| {
        for warning in &chunk.warnings {
            summary.warn(warning.clone());
        }
        let left = options
            .limit
            .map_or(u64::MAX, |limit| limit.saturating_sub(summary.rows));
        let chunk = chunk.first_rows(left);
        summary.rows += chunk.count;
        let flow = if chunk.count > 0 {
            consume(&chunk)?
        } else {
            Flow::Continue(())
        };
        Ok(if options.limit.is_some_and(|limit| summary.rows >= limit) {
            Flow::Break(())
        } else {
            flow
        })
    })
}

impl CatSummary {
    fn warn(&mut self, warning: String) {
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }
}

impl Chunk {
    /// The first `limit` rows.
    fn first_rows(mut self, limit: u64) -> Self {
        if self.count > limit {
            let ends = self
                .text
                .iter()
                .enumerate()
                .filter(|(_, byte)| **byte == b'\n')
                .map(|(at, _)| at + 1);
            // Line ends within strings are escaped, so each newline ends a row.
            let len = limit
                .checked_sub(1)
                .and_then(|last| ends.clone().nth(last as usize))
                .unwrap_or(0);
            self.text.truncate(len);
            self.rows.truncate(limit as usize);
            self.count = limit;
        }
        self
    }
}

impl CatOptions {
    /// Whether only rows of keyed state can be meant.
    fn wants_keyed_only(&self) -> bool {
        self.key.is_some() || self.key_groups.is_some() || self.namespace.is_some()
    }

    fn samples(&self, entry: &Entry<'_>) -> bool {
        let Some(every) = self.sample.filter(|every| *every > 1) else {
            return true;
        };
        let bytes = match entry.key {
            statetool_snapshot::StoredKey::Composite(bytes) => bytes,
            statetool_snapshot::StoredKey::Split { key, .. } => key,
            statetool_snapshot::StoredKey::None { .. } => entry.value.bytes(),
        };
        // FNV-1a: the same entries are chosen in every run and on every machine.
        let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        });
        (hash ^ hash >> 32).is_multiple_of(every)
    }

    /// Whether the last `count` rows, all of one entry, are of the wanted namespace.
    fn wants_namespace(&self, chunk: &Chunk, count: usize) -> bool {
        const NAMESPACE: usize = 6;
        let Some(wanted) = &self.namespace else {
            return true;
        };
        let rows = chunk
            .rows
            .len()
            .checked_sub(count)
            .and_then(|first| chunk.rows.get(first));
        let text = rows.and_then(|spans| chunk.text.get(spans.get(NAMESPACE)?.clone()));
        let found: Option<serde_json::Value> = text.and_then(|text| serde_json::from_slice(text).ok());
        found.is_some_and(|found| {
            found == *wanted || matches!((&found, wanted), (serde_json::Value::Object(found), serde_json::Value::Object(wanted))
                if wanted.iter().all(|(key, value)| found.get(key) == Some(value)))
        })
    }
}

/// The wanted key, which may be of another type from state to state.
struct Keys {
    wanted: Option<Vec<Key>>,
}

impl Keys {
    fn parse(options: &CatOptions, loaded: &LoadedOperator, max_parallelism: u32) -> Result<Self> {
        let Some(text) = &options.key else {
            return Ok(Self { wanted: None });
        };
        let mut keys: Vec<Key> = Vec::new();
        let states = loaded
            .states
            .iter()
            .filter(|state| state.kind.is_keyed() && options.selector.wants(&state.name));
        for state in states {
            let key = Key::parse(text, state, max_parallelism)?;
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
        Ok(Self { wanted: Some(keys) })
    }

    /// The key groups to read, if that is less than all.
    fn range(&self) -> Option<KeyGroupRange> {
        match self.wanted.as_deref()? {
            [] => Some(KeyGroupRange::new(0, 0)),
            [key] => key.range(),
            _ => None,
        }
    }

    fn wants(&self, entry: &Entry<'_>) -> Result<bool> {
        let Some(wanted) = &self.wanted else {
            return Ok(true);
        };
        let parts = entry
            .key_parts()
            .map_err(|error| Error::input(format!("state `{}`: {error}", entry.state.name)))?;
        Ok(parts.is_some_and(|parts| wanted.iter().any(|key| key.bytes == parts.key)))
    }
}
