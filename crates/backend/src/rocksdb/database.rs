//! A database: its column families, and which files they consist of.

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::edit::LiveFile;
use super::files::Files;
use super::key::KeyRange;
use super::manifest::Manifest;
use super::properties::Properties;
use super::scan::Scan;
use super::table::Table;
use super::verify::{self, FileReport};
use crate::error::{Error, Result};
use crate::source::Source;

/// How many bytes of data blocks are read at once, unless told otherwise.
pub const DEFAULT_READ_AHEAD: usize = 256 << 10;

/// An open database; clones share it.
#[derive(Clone)]
pub struct Database {
    shared: Arc<Shared>,
    read_ahead: usize,
}

/// What scans need of a database.
pub(super) struct Shared {
    files: Box<dyn Files>,
    manifest: String,
    last_sequence: u64,
    families: Vec<Family>,
    missing: Vec<String>,
    unread_logs: Vec<String>,
}

/// A column family: a state, or timers of one service, or the empty `default`.
#[derive(Debug)]
pub struct Family {
    id: u32,
    name: String,
    pub(super) files: Vec<Arc<TableFile>>,
}

impl Family {
    /// The family's number.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// The family's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The family's files by level and number.
    pub fn files(&self) -> impl Iterator<Item = &LiveFile> {
        self.files.iter().map(|file| &file.live)
    }
}

/// A live file and its table, which stays open as long as some scan is in it.
#[derive(Debug)]
pub(super) struct TableFile {
    pub live: LiveFile,
    name: Arc<str>,
    table: Mutex<Weak<Table>>,
}

impl TableFile {
    fn new(live: LiveFile) -> Self {
        Self {
            name: live.name().into(),
            live,
            table: Mutex::new(Weak::new()),
        }
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database")
            .field("manifest", &self.shared.manifest)
            .field("families", &self.shared.families)
            .finish_non_exhaustive()
    }
}

impl Database {
    /// Reads `CURRENT` and the manifest it names; without `CURRENT`, the only manifest there is.
    ///
    /// Tables are not opened, and may be missing: [`missing_files`](Self::missing_files) tells.
    ///
    /// # Errors
    /// Files that cannot be read, damaged manifests, keys in another order than that of their bytes.
    pub fn open(files: impl Files + 'static) -> Result<Self> {
        let names: BTreeSet<String> = files.names()?.into_iter().collect();
        let manifest = manifest_name(&files, &names)?;
        let source = files
            .open(&manifest)?
            .ok_or_else(|| missing(&manifest, "CURRENT names it"))?;
        let contents = Manifest::read(&manifest, &*source)?;
        let families = families(&contents, &manifest)?;
        let live = families.iter().flat_map(|family| &family.files);
        let missing = live
            .map(|file| file.live.name())
            .filter(|name| !names.contains(name))
            .collect();
        let unread_logs = unread_logs(&files, &names, contents.first_log())?;
        let last_sequence = contents.last_sequence;
        let shared = Shared {
            files: Box::new(files),
            manifest,
            last_sequence,
            families,
            missing,
            unread_logs,
        };
        Ok(Self {
            shared: Arc::new(shared),
            read_ahead: DEFAULT_READ_AHEAD,
        })
    }

    /// The same database, which reads `bytes` of data blocks at once: more where each read is slow to begin.
    #[must_use]
    pub fn with_read_ahead(mut self, bytes: usize) -> Self {
        self.read_ahead = bytes;
        self
    }

    /// Name of the manifest.
    pub fn manifest(&self) -> &str {
        &self.shared.manifest
    }

    /// The newest sequence number.
    pub fn last_sequence(&self) -> u64 {
        self.shared.last_sequence
    }

    /// The column families by number.
    pub fn families(&self) -> &[Family] {
        &self.shared.families
    }

    /// The column family of that name.
    pub fn family(&self, name: &str) -> Option<&Family> {
        self.shared.families.iter().find(|family| family.name == name)
    }

    /// Names of live files that are not there.
    pub fn missing_files(&self) -> &[String] {
        &self.shared.missing
    }

    /// Names of write-ahead logs that may hold entries which no table has; checkpoints have none.
    pub fn unread_logs(&self) -> &[String] {
        &self.shared.unread_logs
    }

    /// Goes through the entries of a family in a range of keys.
    ///
    /// # Errors
    /// An unknown family, and tables that cannot be opened.
    pub fn scan(&self, family: &str, range: KeyRange) -> Result<Scan> {
        let family = self.family(family).ok_or_else(|| {
            missing(
                &self.shared.manifest,
                &format!("it has no column family called `{family}`"),
            )
        })?;
        Scan::open(self.shared.clone(), family, range, self.read_ahead)
    }

    /// The value of one key.
    ///
    /// # Errors
    /// As [`scan`](Self::scan), and damaged tables.
    pub fn get(&self, family: &str, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let mut scan = self.scan(family, KeyRange::one(key))?;
        Ok(scan.next()?.map(|entry| entry.value.to_vec()))
    }

    /// What a live file says about itself.
    ///
    /// # Errors
    /// A file that is not live, or cannot be opened.
    pub fn properties(&self, number: u64) -> Result<Properties> {
        Ok(self.shared.table(self.file(number)?)?.properties.clone())
    }

    /// Reads a live file from end to end and checks its structure: checksums of all blocks, the order of its
    /// keys and whether they lie where index and manifest say, and how many entries of which kind there are.
    ///
    /// # Errors
    /// Whatever is not as it should be.
    pub fn verify_file(&self, number: u64) -> Result<FileReport> {
        let file = self.file(number)?;
        verify::verify(&self.shared.table(file)?, &file.live, self.read_ahead)
    }

    fn file(&self, number: u64) -> Result<&TableFile> {
        let mut files = self.shared.families.iter().flat_map(|family| &family.files);
        let found = files.find(|file| file.live.number == number);
        found
            .map(|file| &**file)
            .ok_or_else(|| missing(&format!("{number:06}.sst"), "the manifest does not list it"))
    }
}

impl Shared {
    /// The table of a file, which several scans may share.
    pub(super) fn table(&self, file: &TableFile) -> Result<Arc<Table>> {
        let mut shared = file.table.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(table) = shared.upgrade() {
            return Ok(table);
        }
        let source = self.files.open(&file.name)?;
        let source = source.ok_or_else(|| missing(&file.name, "the manifest lists it"))?;
        check_size(&file.live, &source)?;
        let table = Arc::new(Table::open(&file.name, source, file.live.largest_sequence)?);
        *shared = Arc::downgrade(&table);
        Ok(table)
    }
}

fn check_size(live: &LiveFile, source: &Source) -> Result<()> {
    if live.size == source.len() {
        return Ok(());
    }
    let why = format!(
        "the manifest says {} bytes, and the file has {}",
        live.size,
        source.len()
    );
    Err(Error::invalid(&live.name(), 0, "table", why))
}

#[cold]
fn missing(name: &str, why: &str) -> Error {
    Error::io(
        name,
        io::Error::new(io::ErrorKind::NotFound, format!("not found; {why}")),
    )
}

fn manifest_name(files: &dyn Files, names: &BTreeSet<String>) -> Result<String> {
    let Some(current) = files.open("CURRENT")? else {
        let mut manifests = names.iter().filter(|name| is_manifest(name));
        return match (manifests.next(), manifests.next()) {
            (Some(only), None) => Ok(only.clone()),
            (None, _) => Err(missing("CURRENT", "and there is no manifest either")),
            (Some(_), Some(_)) => Err(missing("CURRENT", "and there are several manifests")),
        };
    };
    let bytes = current.read_at(0, current.len().min(64) as usize)?;
    let name = bytes
        .strip_suffix(b"\n")
        .and_then(|name| std::str::from_utf8(name).ok());
    name.filter(|name| is_manifest(name))
        .map(str::to_owned)
        .ok_or_else(|| {
            let why = "it should hold the name of a manifest and a line feed";
            Error::invalid("CURRENT", 0, "name of the manifest", why)
        })
}

fn is_manifest(name: &str) -> bool {
    name.strip_prefix("MANIFEST-").is_some_and(is_number)
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Logs from number `first` on that are not empty: what they hold may not have reached a table.
fn unread_logs(files: &dyn Files, names: &BTreeSet<String>, first: u64) -> Result<Vec<String>> {
    let mut unread = Vec::new();
    for name in names {
        let number = name
            .strip_suffix(".log")
            .and_then(|number| number.parse::<u64>().ok());
        if number.is_some_and(|number| number >= first)
            && files.open(name)?.is_some_and(|log| !log.is_empty())
        {
            unread.push(name.clone());
        }
    }
    Ok(unread)
}

fn families(manifest: &Manifest, name: &str) -> Result<Vec<Family>> {
    let mut numbers = BTreeSet::new();
    let mut families = Vec::new();
    for (&id, family) in &manifest.families {
        if let Some(twice) = family.files.values().find(|file| !numbers.insert(file.number)) {
            return Err(Error::invalid(
                name,
                0,
                "live files",
                format!("{} is live twice", twice.name()),
            ));
        }
        let files = family
            .files
            .values()
            .cloned()
            .map(|live| Arc::new(TableFile::new(live)))
            .collect();
        families.push(Family {
            id,
            name: family.name.clone(),
            files,
        });
    }
    Ok(families)
}
