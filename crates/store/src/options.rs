//! How remote systems are reached: time limits, parallelism, end points, credentials.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::error::{Error, ErrorKind, Result};

/// Settings of a [`Store`](crate::Store); the default suits most, and all files are local.
///
/// Credentials and end points come from where each system's own tools look for them (see
/// [the crate](crate)); what is [`set`](Self::set) here goes first.
#[derive(Clone)]
#[non_exhaustive]
pub struct StoreOptions {
    /// How long a connection may take to open.
    pub connect_timeout: Duration,
    /// How long a server may be silent in the middle of an answer.
    pub read_timeout: Duration,
    /// How long a failing request is repeated.
    pub retry_timeout: Duration,
    /// How often a failing request is repeated.
    pub max_retries: usize,
    /// How many bytes of a remote object are asked for at once.
    pub chunk_size: u64,
    /// How many chunks of one object are fetched at the same time.
    pub parallelism: usize,
    /// How many bytes may be fetched ahead of scans, in all remote objects together; none for 0.
    pub read_ahead: u64,
    /// How many bytes of local copies a [`FileCache`](crate::FileCache) may hold.
    pub cache_size: u64,
    /// How many entries a directory may have.
    pub max_entries: usize,
    settings: BTreeMap<String, String>,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            read_timeout: Duration::from_secs(15),
            retry_timeout: Duration::from_secs(30),
            max_retries: 6,
            chunk_size: 8 << 20,
            parallelism: 4,
            read_ahead: 48 << 20,
            cache_size: 8 << 30,
            max_entries: 1 << 20,
            settings: BTreeMap::new(),
        }
    }
}

/// The settings that [`StoreOptions::set`] takes, in the order of the help text.
const KEYS: &[&str] = &[
    "s3.endpoint",
    "s3.region",
    "s3.path-style-access",
    "s3.access-key",
    "s3.secret-key",
    "s3.session-token",
    "s3.anonymous",
    "gs.endpoint",
    "gs.service-account-key-file",
    "gs.anonymous",
    "azure.endpoint",
    "azure.account-key",
    "azure.sas-token",
    "azure.anonymous",
    "hdfs.conf-dir",
    "hdfs.user",
    "connect-timeout",
    "read-timeout",
    "retry-timeout",
    "max-retries",
    "chunk-size",
    "parallelism",
    "read-ahead",
    "cache.dir",
    "cache.size",
];

/// Prefixes under which Flink's and Hadoop's configurations know the S3 settings.
const S3_PREFIXES: &[&str] = &["fs.s3a.", "fs.s3.", "presto.s3.", "s3a."];

/// Other names of settings, after `-` and `_` became `.`: Flink's, Hadoop's, Presto's.
const ALIASES: &[(&str, &str)] = &[
    ("s3.path.style", "s3.path-style-access"),
    ("s3.path.style.access", "s3.path-style-access"),
    ("s3.access.key", "s3.access-key"),
    ("s3.secret.key", "s3.secret-key"),
    ("s3.session.token", "s3.session-token"),
    ("s3.endpoint.region", "s3.region"),
    ("gs.storage.root.url", "gs.endpoint"),
    ("fs.gs.storage.root.url", "gs.endpoint"),
];

impl StoreOptions {
    /// Sets one option by name, as from `--store-option key=value` or a Flink configuration.
    ///
    /// Besides the names in the list that the error message shows, S3's settings go by
    /// Flink's names too (`s3.path.style.access`, `fs.s3a.endpoint`, …), and every Hadoop
    /// setting (`dfs.…`, `hadoop.…`, `fs.defaultFS`) is handed to the HDFS client.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for an unknown name and for a value of the wrong type.
    pub fn set(&mut self, key: &str, value: &str) -> Result<()> {
        let key = canonical(key.trim()).ok_or_else(|| {
            Error::named(
                ErrorKind::Invalid,
                key,
                format!("unknown store option, expected one of {}", KEYS.join(", ")),
            )
        })?;
        let value = value.trim();
        match key.as_str() {
            "connect-timeout" => self.connect_timeout = duration(&key, value)?,
            "read-timeout" => self.read_timeout = duration(&key, value)?,
            "retry-timeout" => self.retry_timeout = duration(&key, value)?,
            "max-retries" => self.max_retries = number(&key, value, 0)?,
            "chunk-size" => self.chunk_size = size(&key, value, 4096..=1 << 30)?,
            "read-ahead" => self.read_ahead = size(&key, value, 0..=1 << 40)?,
            "cache.size" => self.cache_size = size(&key, value, 0..=u64::MAX)?,
            "parallelism" => self.parallelism = number(&key, value, 1)?,
            "s3.path-style-access" | "s3.anonymous" | "gs.anonymous" | "azure.anonymous" => {
                let value = boolean(&key, value)?;
                self.settings.insert(key, value.to_string());
            }
            _ => {
                self.settings.insert(key, value.to_owned());
            }
        }
        Ok(())
    }

    /// The value that was set for a name of the list.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.settings.get(key).map(String::as_str)
    }

    /// What was set for Hadoop's client.
    #[cfg(feature = "hdfs")]
    pub(crate) fn hadoop(&self) -> impl Iterator<Item = (&str, &str)> {
        let settings = self
            .settings
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()));
        settings.filter(|(key, _)| is_hadoop(key))
    }
}

fn is_hadoop(key: &str) -> bool {
    ["dfs.", "hadoop.", "fs.viewfs."]
        .iter()
        .any(|prefix| key.starts_with(prefix))
        || key == "fs.defaultFS"
}

/// The name of a setting in the list.
fn canonical(key: &str) -> Option<String> {
    if is_hadoop(key) {
        return Some(key.to_owned());
    }
    if key.starts_with("fs.azure.account.key.") {
        return Some("azure.account-key".to_owned());
    }
    let s3 = S3_PREFIXES.iter().find_map(|prefix| key.strip_prefix(prefix));
    let key = s3
        .map_or(key.to_owned(), |key| format!("s3.{key}"))
        .to_ascii_lowercase();
    let dotted = key.replace(['-', '_'], ".");
    let alias = ALIASES
        .iter()
        .find(|(alias, _)| *alias == dotted)
        .map(|(_, key)| *key);
    let known = KEYS
        .iter()
        .find(|known| known.replace('-', ".") == dotted)
        .copied();
    alias.or(known).map(str::to_owned)
}

fn wrong(key: &str, value: &str, expected: &str) -> Error {
    Error::named(ErrorKind::Invalid, key, format!("`{value}` is not {expected}"))
}

fn boolean(key: &str, value: &str) -> Result<bool> {
    match value.to_ascii_lowercase().as_str() {
        "true" | "yes" | "1" => Ok(true),
        "false" | "no" | "0" => Ok(false),
        _ => Err(wrong(key, value, "`true` or `false`")),
    }
}

fn number(key: &str, value: &str, min: usize) -> Result<usize> {
    let parsed = value.parse().ok().filter(|n| (min..=1 << 30).contains(n));
    parsed.ok_or_else(|| wrong(key, value, &format!("a number from {min} to {}", 1 << 30)))
}

/// `64MiB`, `1GB`, or a number of bytes.
fn size(key: &str, value: &str, range: RangeInclusive<u64>) -> Result<u64> {
    let unit = value.trim_start_matches(|c: char| c.is_ascii_digit());
    let digits = value.strip_suffix(unit).unwrap_or_default();
    let factor: Option<u64> = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => Some(1),
        "k" | "kib" => Some(1 << 10),
        "m" | "mib" => Some(1 << 20),
        "g" | "gib" => Some(1 << 30),
        "t" | "tib" => Some(1 << 40),
        "kb" => Some(1_000),
        "mb" => Some(1_000_000),
        "gb" => Some(1_000_000_000),
        "tb" => Some(1_000_000_000_000),
        _ => None,
    };
    let parsed = digits.parse::<u64>().ok().zip(factor);
    let bytes = parsed.and_then(|(n, factor)| n.checked_mul(factor));
    bytes.filter(|bytes| range.contains(bytes)).ok_or_else(|| {
        let expected = match (*range.start(), *range.end()) {
            (0, u64::MAX) => "a size such as `64MiB`".to_owned(),
            (min, max) => format!("a size such as `64MiB`, from {min} to {max} bytes"),
        };
        wrong(key, value, &expected)
    })
}

/// `30s`, `500ms`, `2min`, or a number of seconds.
fn duration(key: &str, value: &str) -> Result<Duration> {
    let unit = value.trim_start_matches(|c: char| c.is_ascii_digit());
    let digits = value.strip_suffix(unit).unwrap_or_default();
    let milliseconds = match unit.trim() {
        "ms" => Some(1),
        "" | "s" | "sec" => Some(1_000),
        "m" | "min" => Some(60_000),
        _ => None,
    };
    let parsed = digits.parse::<u32>().ok().filter(|n| *n > 0);
    let product = parsed
        .zip(milliseconds)
        .map(|(n, unit)| Duration::from_millis(u64::from(n) * unit));
    product.ok_or_else(|| wrong(key, value, "a time such as `30s` or `500ms`"))
}

impl fmt::Debug for StoreOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let settings = self.settings.iter().map(|(key, value)| {
            let secret = ["key", "secret", "token", "password"]
                .iter()
                .any(|word| key.contains(word));
            (key, if secret { "***" } else { value })
        });
        f.debug_struct("StoreOptions")
            .field("connect_timeout", &self.connect_timeout)
            .field("read_timeout", &self.read_timeout)
            .field("retry_timeout", &self.retry_timeout)
            .field("max_retries", &self.max_retries)
            .field("chunk_size", &self.chunk_size)
            .field("parallelism", &self.parallelism)
            .field("read_ahead", &self.read_ahead)
            .field("cache_size", &self.cache_size)
            .field("max_entries", &self.max_entries)
            .field("settings", &settings.collect::<BTreeMap<_, _>>())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(key: &str, value: &str) -> StoreOptions {
        let mut options = StoreOptions::default();
        options.set(key, value).unwrap();
        options
    }

    #[test]
    fn names_of_flink_hadoop_and_presto_mean_the_same() {
        let cases = [
            ("s3.endpoint", "s3.endpoint"),
            ("fs.s3a.endpoint", "s3.endpoint"),
            ("s3a.endpoint", "s3.endpoint"),
            ("s3.access-key", "s3.access-key"),
            ("s3.access.key", "s3.access-key"),
            ("fs.s3a.access.key", "s3.access-key"),
            ("presto.s3.access-key", "s3.access-key"),
            ("s3.secret_key", "s3.secret-key"),
            ("fs.s3a.session.token", "s3.session-token"),
            ("s3.endpoint.region", "s3.region"),
            ("gs.storage.root.url", "gs.endpoint"),
            (
                "fs.azure.account.key.acc.blob.core.windows.net",
                "azure.account-key",
            ),
            ("HDFS.User", "hdfs.user"),
            (
                "dfs.client.use.datanode.hostname",
                "dfs.client.use.datanode.hostname",
            ),
            ("fs.defaultFS", "fs.defaultFS"),
        ];
        for (key, name) in cases {
            assert_eq!(set(key, " x ").get(name), Some("x"), "{key}");
        }
        for key in [
            "s3.path.style.access",
            "s3.path-style-access",
            "fs.s3a.path.style.access",
            "s3.path_style",
        ] {
            assert_eq!(set(key, "yes").get("s3.path-style-access"), Some("true"), "{key}");
        }
    }

    #[test]
    fn limits_are_typed() {
        assert_eq!(
            set("connect-timeout", "500 ms").connect_timeout,
            Duration::from_millis(500)
        );
        assert_eq!(
            set("retry-timeout", "2min").retry_timeout,
            Duration::from_secs(120)
        );
        assert_eq!(set("read_timeout", "7").read_timeout, Duration::from_secs(7));
        assert_eq!(set("max-retries", "0").max_retries, 0);
        assert_eq!(set("chunk-size", "65536").chunk_size, 65_536);
        assert_eq!(set("chunk-size", "8MiB").chunk_size, 8 << 20);
        assert_eq!(set("cache.size", "2 GB").cache_size, 2_000_000_000);
        assert_eq!(set("cache_size", "0").cache_size, 0);
        assert_eq!(set("read-ahead", "64k").read_ahead, 65_536);
        assert_eq!(
            set("cache.dir", "/big disk/x").get("cache.dir"),
            Some("/big disk/x")
        );
        assert_eq!(set("parallelism", "9").parallelism, 9);
    }

    #[test]
    fn unknown_names_and_wrong_values_are_refused() {
        let refused =
            |key: &str, value: &str| StoreOptions::default().set(key, value).unwrap_err().to_string();
        let message = refused("s3.end-point", "x");
        assert!(
            message.starts_with(
                "`s3.end-point`: unknown store option, expected one of s3.endpoint, s3.region, "
            ),
            "{message}"
        );
        assert_eq!(
            refused("s3.anonymous", "maybe"),
            "`s3.anonymous`: `maybe` is not `true` or `false`"
        );
        assert_eq!(
            refused("parallelism", "0"),
            "`parallelism`: `0` is not a number from 1 to 1073741824"
        );
        assert_eq!(
            refused("chunk-size", "2GiB"),
            "`chunk-size`: `2GiB` is not a size such as `64MiB`, from 4096 to 1073741824 bytes"
        );
        for value in ["", "MiB", "-1", "1.5GiB", "99999999999TiB", "8 parsecs"] {
            let expected = format!("`cache.size`: `{value}` is not a size such as `64MiB`");
            assert_eq!(refused("cache.size", value), expected);
        }
        for value in ["", "s", "0s", "-1s", "5h", "99999999999s", "5é"] {
            let expected = format!("`read-timeout`: `{value}` is not a time such as `30s` or `500ms`");
            assert_eq!(refused("read-timeout", value), expected);
        }
    }

    #[test]
    fn secrets_are_not_shown() {
        let mut options = set("s3.secret-key", "hush");
        options.set("azure.sas-token", "hush").unwrap();
        options.set("s3.region", "eu-west-1").unwrap();
        let shown = format!("{options:?}");
        assert!(shown.contains("eu-west-1") && !shown.contains("hush"), "{shown}");
    }
}
