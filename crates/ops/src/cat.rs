//! `cat`: the entries of states as rows.

mod nothing;

use std::sync::Arc;

use statetool_format::KeyGroupRange;
use statetool_snapshot::{
    Entry, Error, ErrorKind, Flow, LoadedOperator, Operator, Result, Snapshot, State, StateSelector,
    StoredKey,
};
use statetool_values::JsonOptions;

use crate::batch::Batch;
use crate::key::Key;
use crate::namespace::Namespace;
use crate::pipeline::{self, Feed, Spare};
use crate::progress::Progress;
use crate::row::{RowWriter, Spans};
use crate::work::{self, WorkItem};

/// Which rows are wanted.
#[derive(Debug, Clone)]
pub struct CatOptions {
    /// Which states.
    pub selector: StateSelector,
    /// Only this key: JSON or a bare word.
    pub key: Option<String>,
    /// Only these key groups.
    pub key_groups: Option<KeyGroupRange>,
    /// Only this namespace: JSON, a bare word, or a window's start.
    pub namespace: Option<String>,
    /// At most so many rows.
    pub limit: Option<u64>,
    /// Only about one of so many entries, chosen by a hash of its key.
    pub sample: Option<u64>,
    /// How values are written.
    pub json: JsonOptions,
    /// Whether errors may show keys and values.
    pub show_data: bool,
    /// How many threads work.
    pub threads: usize,
    /// Where to count what has been read.
    pub progress: Arc<Progress>,
}

impl Default for CatOptions {
    /// All rows of all states, written by one thread.
    fn default() -> Self {
        Self {
            selector: StateSelector::all(),
            key: None,
            key_groups: None,
            namespace: None,
            limit: None,
            sample: None,
            json: JsonOptions::default(),
            show_data: false,
            threads: 1,
            progress: Arc::default(),
        }
    }
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
    /// Whether something behind the rows could not be listed.
    hidden: bool,
    /// Why there are no more.
    failed: Option<Error>,
}

/// What a run of `cat` met besides rows.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct CatSummary {
    /// Rows handed out.
    pub rows: u64,
    /// What could not be interpreted; each once.
    pub warnings: Vec<String>,
    /// Whether there are entries that could not be listed.
    pub hidden: bool,
    /// The states that were looked into.
    looked_into: Vec<LookedInto>,
}

/// A state in which rows were looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
struct LookedInto {
    /// `OPERATOR/STATE`.
    name: String,
    /// The wanted key's key group, if a key is wanted and its group is known.
    key_group: Option<u32>,
}

/// How much of a scan is made rows of at once.
const BATCH_BYTES: usize = 256 << 10;

/// Hands the wanted rows to `consume` in snapshot order.
///
/// `with_spans` says whether chunks should tell where the fields lie.
///
/// # Errors
/// An operator or state that is not there, with a list of what is; damage; a key that is not
/// of the state's key type; key groups that there are none of.
pub fn cat(
    snapshot: &Snapshot,
    options: &CatOptions,
    with_spans: bool,
    mut consume: impl FnMut(&Chunk) -> Result<Flow>,
) -> Result<CatSummary> {
    let mut summary = CatSummary::default();
    let (mut known, mut fits, mut refused) = (false, false, None);
    let mut groups = nothing::GroupsOutside::default();
    let operators = options.selector.operators(snapshot)?;
    for operator in &operators {
        let loaded = snapshot.load_operator(operator)?;
        known |= loaded
            .states
            .iter()
            .any(|state| options.selector.wants(&state.name));
        groups.check(operator, &loaded, options);
        for unreadable in loaded
            .unreadable
            .iter()
            .filter(|unreadable| unreadable.state.is_none())
        {
            summary.hidden = true;
            let label = operator.short_label();
            summary.warn(format!("operator `{label}`: {}", unreadable.reason));
        }
        let flow = match cat_operator(
            snapshot,
            operator,
            &loaded,
            options,
            with_spans,
            &mut summary,
            &mut consume,
        ) {
            // Only one of several operators may have keys of this type.
            Err(error) if error.kind() == ErrorKind::Usage && options.selector.operator.is_none() => {
                refused.get_or_insert(error);
                continue;
            }
            flow => flow?,
        };
        fits |= loaded
            .states
            .iter()
            .any(|state| state.kind.is_keyed() && options.selector.wants(&state.name));
        if flow.is_break() {
            return Ok(summary);
        }
    }
    if let (Some(error), false) = (refused, fits) {
        return Err(error);
    }
    match (&options.selector.state, known) {
        (Some(state), false) => Err(unknown_state(snapshot, &operators, state)),
        (Some(state), true) if !fits && options.wants_keyed_only() => Err(Error::usage(format!(
            "state `{state}` has no keys, key groups or namespaces: it is operator state"
        ))),
        _ => groups.refuse().map_or(Ok(summary), Err),
    }
}

/// The error for a state that is not there: lists what is, nearest first.
pub fn unknown_state(snapshot: &Snapshot, operators: &[Operator<'_>], wanted: &str) -> Error {
    let mut there: Vec<(usize, String)> = Vec::new();
    let mut unread = None;
    for operator in operators {
        let Ok(loaded) = snapshot.load_operator(operator) else {
            continue;
        };
        let hidden = loaded
            .unreadable
            .iter()
            .find(|unreadable| unreadable.state.is_none());
        if let Some(hidden) = hidden.filter(|_| unread.is_none()) {
            unread = Some(format!("operator `{}`: {}", operator.label(), hidden.reason));
        }
        for state in &loaded.states {
            let distance = statetool_snapshot::distance(wanted, &state.name);
            there.push((distance, format!("{}/{}", operator.label(), state.name)));
        }
    }
    there.sort();
    let list: Vec<String> = there.into_iter().map(|(_, name)| name).collect();
    if let Some(why) = unread {
        return Error::not_interpretable(format!("no state `{wanted}` among those that can be read: {why}"));
    }
    let error = Error::usage(format!("no state `{wanted}`"));
    match list.is_empty() {
        true => error.hint("there are no states"),
        false => error.hint(format!("there are: {}", statetool_snapshot::first_of(list))),
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
    let namespaces = namespaces(options, loaded)?;
    summary.looks_into(operator, loaded, options, &keys);
    let wanted = |state: &State| options.wants(state);
    let range = match (keys.range(), options.key_groups) {
        (Some(one), Some(other)) => Some(one.intersect(&other)),
        (one, other) => one.or(other),
    };
    let items = work::items(loaded, range);
    options.progress.expect(operator.recorded_bytes());
    let spare = Buffers::new();
    let scan = |item: &WorkItem<'_>, feed: &Feed<'_, Found, Chunk>| {
        let mut batch = spare.batches.take();
        let mut ticker = options.progress.ticker();
        let mut visit = |entry: &Entry<'_>| -> Result<Flow> {
            ticker.tick(entry.bytes());
            if keys.wants(entry)? && options.samples(entry) {
                batch.push(entry);
            }
            if batch.size() < BATCH_BYTES {
                return Ok(Flow::Continue(()));
            }
            let full = std::mem::replace(&mut batch, spare.batches.take());
            Ok(feed.hand_over(Found::from(full)))
        };
        let scanned = item.part.scan(snapshot.files(), item.range, &wanted, &mut visit);
        let place = || format!("operator `{}`, subtask {}", operator.label(), item.part.subtask);
        let mut found = Found::from(batch);
        let outcome = match scanned {
            Err(error) if error.kind() == ErrorKind::NotInterpretable => {
                found.warning = Some(format!("{}: the rest cannot be listed: {error}", place()));
                Ok(())
            }
            scanned => scanned.map(|_| ()).map_err(|error| error.within(place())),
        };
        // Where nobody wants more, there is nothing left to do anyway.
        let _ = feed.hand_over(found);
        outcome
    };
    let rows = |found: Found| {
        let mut chunk = Chunk {
            text: spare.texts.take(),
            ..Chunk::default()
        };
        let namespaces = namespaces.as_deref();
        chunk.fill(&found, operator, options, with_spans, namespaces);
        spare.keep_batch(found.entries);
        Ok(chunk)
    };
    pipeline::in_order(&items, options.threads, scan, rows, |mut chunk: Chunk| {
        let flow = chunk.hand_out(options, summary, consume);
        spare.keep_text(chunk.text);
        flow
    })
}

/// Memory that goes round: to ask the system for it each time would cost more than the rows.
struct Buffers {
    batches: Spare<Batch>,
    texts: Spare<Vec<u8>>,
}

/// What is larger than this, because of an entry that is, goes back to the system.
const MAX_KEPT: usize = 8 * BATCH_BYTES;

impl Buffers {
    fn new() -> Self {
        Self {
            batches: Spare::default(),
            texts: Spare::default(),
        }
    }

    fn keep_batch(&self, mut batch: Batch) {
        if batch.size() <= MAX_KEPT {
            batch.clear();
            self.batches.keep(batch);
        }
    }

    fn keep_text(&self, mut text: Vec<u8>) {
        if text.capacity() <= MAX_KEPT {
            text.clear();
            self.texts.keep(text);
        }
    }
}

/// What a scan has found.
struct Found {
    entries: Batch,
    warning: Option<String>,
}

impl From<Batch> for Found {
    fn from(entries: Batch) -> Self {
        Self {
            entries,
            warning: None,
        }
    }
}

impl CatSummary {
    fn warn(&mut self, warning: String) {
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }
}

impl Chunk {
    /// Adds the rows of some entries, up to the first that cannot be decoded.
    fn fill(
        &mut self,
        found: &Found,
        operator: &Operator<'_>,
        options: &CatOptions,
        with_spans: bool,
        namespaces: Option<&[Namespace]>,
    ) {
        let mut writer = RowWriter::new(operator, options.json).show_data(options.show_data);
        for entry in found.entries.entries() {
            if let Err(error) = self.add(&entry, &mut writer, namespaces, with_spans) {
                let place = format!("operator `{}`, subtask {}", operator.label(), entry.subtask);
                self.failed = Some(error.within(place));
                break;
            }
        }
        self.hidden |= found.warning.is_some();
        self.warnings.extend(found.warning.clone());
        for (state, reason) in writer.opaque() {
            self.warnings
                .push(format!("state `{}/{state}`: {reason}", operator.short_label()));
        }
    }

    /// Adds the rows of an entry; before an error, those that could be written.
    fn add(
        &mut self,
        entry: &Entry<'_>,
        writer: &mut RowWriter,
        namespaces: Option<&[Namespace]>,
        with_spans: bool,
    ) -> Result<()> {
        let start = self.text.len();
        let (mut end, mut count) = (start, 0);
        let (text, rows) = (&mut self.text, &mut self.rows);
        let written = writer.write(entry, text, |out, spans| {
            out.push(b'\n');
            (end, count) = (out.len(), count + 1);
            if with_spans || namespaces.is_some() {
                rows.push(spans.clone());
            }
            Ok(Flow::Continue(()))
        });
        if namespaces.is_some_and(|wanted| !self.has_namespace(wanted, count)) {
            self.rows.truncate(self.rows.len().saturating_sub(count));
            (end, count) = (start, 0);
        }
        self.text.truncate(end);
        self.count += count as u64;
        written.map(|_| ())
    }

    /// Whether the last `count` rows, all of one entry, are of a wanted namespace.
    fn has_namespace(&self, wanted: &[Namespace], count: usize) -> bool {
        const NAMESPACE: usize = 6;
        let first = self.rows.len().checked_sub(count);
        let spans = first.and_then(|first| self.rows.get(first)?.get(NAMESPACE));
        let text = spans.and_then(|span| self.text.get(span.clone()));
        let found: Option<serde_json::Value> = text.and_then(|text| serde_json::from_slice(text).ok());
        found.is_some_and(|found| wanted.iter().any(|wanted| wanted.is(&found)))
    }

    /// Hands the rows to the consumer, no more than are wanted.
    fn hand_out(
        &mut self,
        options: &CatOptions,
        summary: &mut CatSummary,
        consume: &mut impl FnMut(&Self) -> Result<Flow>,
    ) -> Result<Flow> {
        for warning in std::mem::take(&mut self.warnings) {
            summary.warn(warning);
        }
        summary.hidden |= self.hidden;
        let failed = self.failed.take();
        let left = options
            .limit
            .map_or(u64::MAX, |limit| limit.saturating_sub(summary.rows));
        self.keep_first_rows(left);
        summary.rows += self.count;
        if self.count > 0 && consume(self)?.is_break() {
            return Ok(Flow::Break(()));
        }
        match failed {
            _ if options.limit.is_some_and(|limit| summary.rows >= limit) => Ok(Flow::Break(())),
            Some(error) => Err(error),
            None => Ok(Flow::Continue(())),
        }
    }

    /// Drops all but the first `limit` rows.
    fn keep_first_rows(&mut self, limit: u64) {
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
    }
}

impl CatOptions {
    /// Whether rows of a state can be meant.
    fn wants(&self, state: &State) -> bool {
        self.selector.wants(&state.name) && (state.kind.is_keyed() || !self.wants_keyed_only())
    }

    /// Whether only rows of keyed state can be meant.
    fn wants_keyed_only(&self) -> bool {
        self.key.is_some() || self.key_groups.is_some() || self.namespace.is_some()
    }

    fn samples(&self, entry: &Entry<'_>) -> bool {
        let Some(every) = self.sample.filter(|every| *every > 1) else {
            return true;
        };
        let bytes = match entry.key {
            StoredKey::Composite(bytes) => bytes,
            StoredKey::Split { key, .. } => key,
            StoredKey::Element { .. } | StoredKey::Broadcast { .. } => entry.value.bytes(),
        };
        // FNV-1a: the same entries are chosen in every run and on every machine.
        let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        });
        (hash ^ hash >> 32).is_multiple_of(every)
    }
}

/// The wanted namespace, which may be of another type from state to state, if one is wanted.
fn namespaces(options: &CatOptions, loaded: &LoadedOperator) -> Result<Option<Vec<Namespace>>> {
    let Some(text) = &options.namespace else {
        return Ok(None);
    };
    let (mut wanted, mut refused) = (Vec::new(), Vec::new());
    for state in loaded.states.iter().filter(|state| options.wants(state)) {
        match Namespace::parse(text, state) {
            Ok(namespace) if wanted.contains(&namespace) => {}
            Ok(namespace) => wanted.push(namespace),
            // Of a type that says more than that a state has none.
            Err(error) if error.help().is_some() => refused.insert(0, error),
            Err(error) => refused.push(error),
        }
    }
    match refused.into_iter().next() {
        Some(error) if wanted.is_empty() => Err(error),
        _ => Ok(Some(wanted)),
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

    /// The key group of the wanted key, if it is known and the same in all states.
    fn key_group(&self) -> Option<u32> {
        match self.wanted.as_deref()? {
            [key] => key.key_group,
            _ => None,
        }
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
        Ok(parts.is_some_and(|parts| wanted.iter().any(|key| key.is(entry.state, parts.key))))
    }
}
