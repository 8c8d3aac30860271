//! What Flink says two fixtures hold, and how that differs: worked out from their files of rows alone.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value as Json};
use statetool_ops::diff::DiffReport;
use statetool_snapshot::{OpenOptions, Relocation, Snapshot};
use statetool_store::{Location, Store};

/// The uid, or else the id, of an operator, and the name of a state.
type StateName = (String, String);

/// What tells an entry from others, and for elements of operator lists what they are.
type Address = (StateName, String);

/// A variant of a scenario.
pub(crate) struct Fixture {
    folder: PathBuf,
    said: Json,
    pub(crate) release: String,
    pub(crate) scenario: String,
    /// The file of rows. Variants that hold the same share it.
    pub(crate) expected: String,
}

impl Fixture {
    pub(crate) fn read(folder: &Path) -> Self {
        let said = std::fs::read(folder.join("fixture.json")).unwrap();
        let said: Json = serde_json::from_slice(&said).unwrap();
        let text = |field: &str| said[field].as_str().unwrap().to_owned();
        Self {
            folder: folder.to_owned(),
            release: text("release"),
            scenario: text("scenario"),
            expected: text("expected"),
            said,
        }
    }

    pub(crate) fn name(&self) -> String {
        format!(
            "{}/{}/{}",
            self.release,
            self.scenario,
            self.said["variant"].as_str().unwrap()
        )
    }

    pub(crate) fn open(&self) -> Snapshot {
        let uids = self.said["uids"].as_array().unwrap().iter();
        let moved = Relocation {
            from: Location::parse(self.said["written_to"].as_str().unwrap()).unwrap(),
            to: Location::from_path(&self.folder.join("snapshot")).unwrap(),
        };
        let options = OpenOptions {
            relocations: vec![moved],
            uids: uids.map(|uid| uid.as_str().unwrap().to_owned()).collect(),
            ..OpenOptions::default()
        };
        let place = self.folder.join(self.said["snapshot"].as_str().unwrap());
        Snapshot::open(&Store::default(), &place.to_string_lossy(), options).unwrap()
    }

    /// The states that the rows are about, without those of which rows lack a part.
    pub(crate) fn states(&self) -> BTreeSet<StateName> {
        let stated = self.said["states"].as_array().unwrap().iter();
        let names = stated.map(|state| {
            let text = |field: &str| state[field].as_str().unwrap().to_owned();
            (text("uid"), text("name"))
        });
        let not_listed: Vec<&str> = (self.said["not_listed"].as_array().unwrap().iter())
            .map(|name| name.as_str().unwrap())
            .collect();
        names
            .filter(|(uid, name)| !not_listed.contains(&format!("{uid}/{name}").as_str()))
            .collect()
    }

    /// The values by address: of a list all elements, of an operator list how often each occurs.
    fn contents(&self, states: &BTreeSet<StateName>) -> BTreeMap<Address, Vec<Json>> {
        let text = std::fs::read_to_string(self.folder.join(&self.expected)).unwrap();
        let rows = text
            .lines()
            .map(|line| serde_json::from_str::<Json>(line).unwrap());
        let mut rows: Vec<Json> = rows.filter(|row| states.contains(&state_of(row))).collect();
        rows.sort_by_key(|row| (row["subtask"].as_u64(), row["index"].as_u64()));
        let mut contents: BTreeMap<Address, Vec<Json>> = BTreeMap::new();
        for row in rows {
            let values = contents.entry(address(&row, &row["value"])).or_default();
            // All subtasks hold the same.
            if row["kind"] != "broadcast" || values.is_empty() {
                values.push(in_order(&row["value"]));
            }
        }
        contents
    }
}

fn state_of(row: &Json) -> StateName {
    let label = row["uid"].as_str().or(row["operator"].as_str()).unwrap();
    (label.to_owned(), row["state"].as_str().unwrap().to_owned())
}

fn address(row: &Json, value: &Json) -> Address {
    let mut fields = Map::new();
    for field in ["key", "namespace", "map_key", "timestamp"] {
        fields.insert(field.to_owned(), in_order(row.get(field).unwrap_or(&Json::Null)));
    }
    if row["kind"].as_str().unwrap().starts_with("operator-list") {
        fields.insert("element".to_owned(), in_order(value));
    }
    (state_of(row), Json::Object(fields).to_string())
}

/// A value with the fields of objects in order, and floats next to zero as the shortest text for them.
fn in_order(value: &Json) -> Json {
    match value {
        Json::Object(fields) => {
            let fields: BTreeMap<&String, Json> = fields
                .iter()
                .map(|(name, value)| (name, in_order(value)))
                .collect();
            Json::Object(
                fields
                    .into_iter()
                    .map(|(name, value)| (name.clone(), value))
                    .collect(),
            )
        }
        Json::Array(items) => Json::Array(items.iter().map(in_order).collect()),
        Json::Number(number) => match number.as_f64().map(|float| float as f32) {
            // Java writes more digits than tell it from its neighbours.
            Some(float) if float.is_subnormal() => Json::from(float),
            _ => value.clone(),
        },
        other => other.clone(),
    }
}

/// Differences: of which entry, what became of it, and the values.
type Differences = BTreeMap<Address, (&'static str, usize, Json, Json)>;

/// How two fixtures differ by their rows.
pub(crate) struct Expected {
    pub(crate) differences: Differences,
    /// How many entries are the same.
    pub(crate) equal: usize,
}

impl Expected {
    pub(crate) fn new(one: &Fixture, other: &Fixture) -> Self {
        let states: BTreeSet<StateName> = one.states().intersection(&other.states()).cloned().collect();
        let (before, after) = (one.contents(&states), other.contents(&states));
        let addresses: BTreeSet<&Address> = before.keys().chain(after.keys()).collect();
        let (mut differences, mut equal) = (Differences::new(), 0);
        for address in addresses {
            let none = Vec::new();
            let sides = [&before, &after].map(|side| side.get(address).unwrap_or(&none));
            let [a, b] = sides;
            let is_element = address.1.contains("\"element\":");
            let difference = match (a.len(), b.len()) {
                (a_len, b_len) if is_element && a_len != b_len => {
                    let value = a.first().or(b.first()).unwrap().clone();
                    match a_len > b_len {
                        true => ("removed", a_len - b_len, value, Json::Null),
                        false => ("added", b_len - a_len, Json::Null, value),
                    }
                }
                _ if a == b => {
                    equal += 1;
                    continue;
                }
                (_, 0) => ("removed", 1, Json::from(a.clone()), Json::Null),
                (0, _) => ("added", 1, Json::Null, Json::from(b.clone())),
                _ => ("changed", 1, Json::from(a.clone()), Json::from(b.clone())),
            };
            differences.insert(address.clone(), difference);
        }
        Self { differences, equal }
    }

    /// Leaves out of both sides what is compared by bytes, since only the job has the classes; says how much.
    pub(crate) fn leave_out_opaque(&mut self, found: &mut Found, report: &DiffReport) -> usize {
        let hidden: BTreeSet<&str> = (report.unreadable.iter().filter(|part| !part.compared))
            .map(|part| part.uid.as_deref().unwrap_or(&part.operator))
            .collect();
        let before = self.differences.len();
        let is_left_out = |address: &Address| {
            hidden.contains(address.0.0.as_str())
                || found.opaque_states.contains(&address.0)
                || found.opaque.contains(address)
        };
        self.differences.retain(|address, _| !is_left_out(address));
        found.differences.retain(|address, _| {
            !hidden.contains(address.0.0.as_str())
                && !found.opaque_states.contains(&address.0)
                && !found.opaque.contains(address)
        });
        before - self.differences.len()
    }
}

/// How two fixtures differ by the rows of the tool.
pub(crate) struct Found {
    pub(crate) differences: Differences,
    opaque: BTreeSet<Address>,
    opaque_states: BTreeSet<StateName>,
}

impl Found {
    pub(crate) fn new(rows: &[Json], one: &Fixture, other: &Fixture) -> Self {
        let states: BTreeSet<StateName> = one.states().intersection(&other.states()).cloned().collect();
        let mut found = Self {
            differences: Differences::new(),
            opaque: BTreeSet::new(),
            opaque_states: BTreeSet::new(),
        };
        for row in rows.iter().filter(|row| states.contains(&state_of(row))) {
            found.add(row);
        }
        found
    }

    fn add(&mut self, row: &Json) {
        let change = match row["change"].as_str().unwrap() {
            "added" => "added",
            "removed" => "removed",
            "changed" => "changed",
            other => panic!("{other}"),
        };
        let kind = row["kind"].as_str().unwrap();
        let (before, after) = (&row["before"], &row["after"]);
        let address = address(row, if change == "added" { after } else { before });
        if has_opaque(&row["key"]) || has_opaque(&row["namespace"]) || has_opaque(&row["map_key"]) {
            self.opaque_states.insert(address.0.clone());
        }
        if has_opaque(before) || has_opaque(after) {
            self.opaque.insert(address.clone());
        }
        assert_eq!(
            change == "changed",
            !row["paths"].as_array().unwrap().is_empty(),
            "{row}"
        );
        let is_element = kind.starts_with("operator-list");
        let shown = |value: &Json, is_there: bool| match (is_there, kind) {
            (false, _) => Json::Null,
            (true, "list") => in_order(value),
            (true, _) if is_element => in_order(value),
            (true, _) => Json::Array(vec![in_order(value)]),
        };
        let difference = (
            change,
            1,
            shown(before, change != "added"),
            shown(after, change != "removed"),
        );
        self.differences
            .entry(address)
            .and_modify(|(_, count, ..)| *count += 1)
            .or_insert(difference);
    }
}

fn has_opaque(value: &Json) -> bool {
    match value {
        Json::Object(fields) => fields.contains_key("@opaque") || fields.values().any(has_opaque),
        Json::Array(items) => items.iter().any(has_opaque),
        _ => false,
    }
}
