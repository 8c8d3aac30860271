//! What scripts see of an entry.

/// Something of an entry that a script sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Name {
    Key,
    Namespace,
    MapKey,
    Value,
    KeyGroup,
    Timestamp,
    Operator,
    Uid,
    State,
    Subtask,
    Index,
}

/// All of it, by the names that scripts use.
pub(super) const NAMES: [(Name, &str); 11] = [
    (Name::Key, "key"),
    (Name::Namespace, "namespace"),
    (Name::MapKey, "mapKey"),
    (Name::Value, "value"),
    (Name::KeyGroup, "keyGroup"),
    (Name::Timestamp, "timestamp"),
    (Name::Operator, "operator"),
    (Name::Uid, "uid"),
    (Name::State, "state"),
    (Name::Subtask, "subtask"),
    (Name::Index, "index"),
];

/// The names that occur in a source text, were it in a comment: the others need not be decoded.
pub(super) fn mentioned(source: &str) -> Vec<(Name, &'static str)> {
    let words: Vec<&str> = source
        .split(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '$')))
        .collect();
    let names = NAMES.iter().filter(|(_, name)| words.contains(name));
    names.copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_words_are_names() {
        for (source, expected) in [
            ("value.n > 3", &["value"][..]),
            ("values + $value + mapKeys", &[]),
            ("`${value}-${key}`", &["key", "value"]),
            ("({...value, n: index}) // state", &["value", "state", "index"]),
        ] {
            let found: Vec<&str> = mentioned(source).iter().map(|(_, name)| *name).collect();
            assert_eq!(found, expected, "{source}");
        }
    }
}
