//! Hadoop's XML files, as far as they say where name nodes are.

use std::collections::HashMap;
use std::env;
use std::path::{Path, PathBuf};

use crate::error::{Error, ErrorKind, Result, plain};
use crate::options::StoreOptions;

/// What `core-site.xml` and `hdfs-site.xml` say, and what was set by options.
#[derive(Debug, Default)]
pub(crate) struct HadoopConfig {
    settings: HashMap<String, String>,
    /// Where the files were looked for.
    directory: Option<PathBuf>,
}

/// One name node of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NameNodeEntry {
    /// Its id in the configuration, such as `nn1`.
    pub(crate) id: String,
    /// Host and port.
    pub(crate) address: String,
}

/// How large a file may be: it is kept in memory.
const MAX_FILE: u64 = 16 << 20;

impl HadoopConfig {
    /// Reads the files in the directory that the option `hdfs.conf-dir`, `HADOOP_CONF_DIR` or
    /// `HADOOP_HOME` names; a file that is missing says nothing.
    pub(crate) fn load(options: &StoreOptions) -> Result<Self> {
        let directory = options
            .get("hdfs.conf-dir")
            .map(PathBuf::from)
            .or_else(|| env::var_os("HADOOP_CONF_DIR").map(PathBuf::from))
            .or_else(|| env::var_os("HADOOP_HOME").map(|home| Path::new(&home).join("etc/hadoop")));
        let mut settings = HashMap::new();
        for file in ["core-site.xml", "hdfs-site.xml"] {
            if let Some(path) = directory.as_ref().map(|directory| directory.join(file))
                && let Some(text) = read(&path)?
            {
                let wrong = |why: String| Error::named(ErrorKind::Invalid, path.display().to_string(), why);
                settings.extend(parse(&text).map_err(wrong)?);
            }
        }
        let set = options
            .hadoop()
            .map(|(key, value)| (key.to_owned(), value.to_owned()));
        settings.extend(set);
        Ok(Self { settings, directory })
    }

    fn get(&self, key: &str) -> Option<&str> {
        self.settings.get(key).map(|value| value.trim())
    }

    /// The file system of URLs without an authority: `hdfs://service`.
    pub(crate) fn default_fs(&self) -> Option<&str> {
        self.get("fs.defaultFS").or_else(|| self.get("fs.default.name"))
    }

    /// The name nodes of a service; none if the configuration knows no service of that name.
    pub(crate) fn name_nodes(&self, service: &str) -> Vec<NameNodeEntry> {
        let ids = self
            .get(&format!("dfs.ha.namenodes.{service}"))
            .unwrap_or_default();
        let ids = ids.split(',').map(str::trim).filter(|id| !id.is_empty());
        let entry = |id: &str| {
            let address = self.get(&format!("dfs.namenode.rpc-address.{service}.{id}"))?;
            let (id, address) = (id.to_owned(), address.to_owned());
            Some(NameNodeEntry { id, address })
        };
        ids.filter_map(entry).collect()
    }

    /// Where the configuration came from, for messages.
    pub(crate) fn origin(&self) -> String {
        match &self.directory {
            Some(directory) => format!("Hadoop's configuration in `{}`", directory.display()),
            None => {
                "Hadoop's configuration (neither `HADOOP_CONF_DIR` nor the option `hdfs.conf-dir` is set)"
                    .to_owned()
            }
        }
    }
}

fn read(path: &Path) -> Result<Option<String>> {
    let named = |why: String| Error::named(ErrorKind::Invalid, path.display().to_string(), why);
    match std::fs::metadata(path) {
        Err(_) => return Ok(None),
        Ok(metadata) if metadata.len() > MAX_FILE => {
            return Err(named(format!("larger than {MAX_FILE} bytes")));
        }
        Ok(_) => {}
    }
    let text = std::fs::read_to_string(path);
    text.map(Some)
        .map_err(|error| named(format!("cannot be read: {}", plain(&error))))
}

/// The properties of one file.
fn parse(text: &str) -> Result<Vec<(String, String)>, String> {
    let options = roxmltree::ParsingOptions {
        allow_dtd: true,
        ..Default::default()
    };
    let document = roxmltree::Document::parse_with_options(text, options)
        .map_err(|error| format!("no XML that Hadoop would read: {error}"))?;
    let properties = document
        .root_element()
        .children()
        .filter(|node| node.has_tag_name("property"));
    let text_of = |property: roxmltree::Node<'_, '_>, name: &str| {
        let child = property.children().find(|node| node.has_tag_name(name))?;
        Some(child.text().unwrap_or_default().trim().to_owned())
    };
    Ok(properties
        .filter_map(|property| Some((text_of(property, "name")?, text_of(property, "value")?)))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(files: &[(&str, &str)]) -> Result<HadoopConfig> {
        let directory = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(directory.path().join(name), text).unwrap();
        }
        let mut options = StoreOptions::default();
        options
            .set("hdfs.conf-dir", directory.path().to_str().unwrap())
            .unwrap();
        options
            .set("dfs.namenode.rpc-address.prod.nn3", "c:8020")
            .unwrap();
        HadoopConfig::load(&options)
    }

    #[test]
    fn name_nodes_of_a_service_come_from_the_files_and_the_options() {
        let core = "<?xml version='1.0'?><!-- <property/> --><configuration><property>
            <name> fs.defaultFS </name><value>hdfs://prod</value><final>true</final></property></configuration>";
        let hdfs = "<configuration>
            <property><name>dfs.nameservices</name><value>prod</value></property>
            <property><name>dfs.ha.namenodes.prod</name><value>nn1, nn2 ,nn3,nn4</value></property>
            <property><name>dfs.namenode.rpc-address.prod.nn1</name><value> a:9000 </value></property>
            <property><name>dfs.namenode.rpc-address.prod.nn2</name><value>b:8020</value></property>
            <property><name>no.value</name></property><property><value>x</value></property></configuration>";
        let config = load(&[("core-site.xml", core), ("hdfs-site.xml", hdfs)]).unwrap();
        assert_eq!(config.default_fs(), Some("hdfs://prod"));
        let nodes: Vec<_> = config.name_nodes("prod").into_iter().map(|n| n.address).collect();
        assert_eq!(nodes, ["a:9000", "b:8020", "c:8020"]);
        assert!(config.name_nodes("other").is_empty());
    }

    #[test]
    fn a_damaged_file_is_named() {
        let error = load(&[("hdfs-site.xml", "<configuration><property>")]).unwrap_err();
        assert!(error.location().ends_with("/hdfs-site.xml"), "{error}");
        assert!(
            error.why().starts_with("no XML that Hadoop would read: "),
            "{error}"
        );
        assert!(load(&[]).unwrap().default_fs().is_none());
    }
}
