//! The properties of a checkpoint: the object at the end of a `_metadata` file.

use super::graph::{ClassId, Field, FieldType, Graph, NodeId, Slot};
use super::{JavaStream, View};
use crate::encode::Encode;
use crate::error::{Error, Fault, Result};
use crate::text::JavaString;

const WHAT: &str = "checkpoint properties";
const CHECKPOINT: &str = "org.apache.flink.runtime.checkpoint.";
const FORMAT_TYPE: &str = "org.apache.flink.core.execution.SavepointFormatType";

/// Flink's `CheckpointProperties` (1.15 and later): which snapshot this is, and when Flink
/// may delete it by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CheckpointProperties {
    /// Taken on request rather than by the checkpoint interval.
    pub forced: bool,
    /// Not owned by any job.
    pub unclaimed: bool,
    /// When Flink discards it.
    pub discard: Discard,
    /// Savepoint or checkpoint.
    pub snapshot: SnapshotType,
}

/// When Flink discards a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Discard {
    /// When the job is cancelled.
    pub cancelled: bool,
    /// When the job fails.
    pub failed: bool,
    /// When the job finishes.
    pub finished: bool,
    /// When newer checkpoints replace it.
    pub subsumed: bool,
    /// When the job is suspended.
    pub suspended: bool,
}

/// Flink's `SnapshotType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SnapshotType {
    /// A `SavepointType`.
    Savepoint {
        /// Layout of the state in it.
        format: SavepointFormat,
        /// What the job did after it.
        action: PostCheckpointAction,
    },
    /// A `CheckpointType`.
    Checkpoint {
        /// Whether it was forced to hold all files, none shared with older checkpoints.
        full: bool,
    },
}

/// Flink's `SavepointFormatType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SavepointFormat {
    /// Common to all state backends.
    Canonical,
    /// That of the state backend.
    Native,
}

/// Flink's `SavepointType$PostCheckpointAction`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PostCheckpointAction {
    /// The job went on.
    None,
    /// The job was stopped.
    Suspend,
    /// The job was stopped after draining its sources.
    Terminate,
}

/// Names, as Flink writes them, of the constants of one of the enums here.
trait Named: Copy + PartialEq + 'static {
    const ALL: &'static [(Self, &'static str)];

    fn name(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(value, _)| *value == self)
            .map_or("", |(_, name)| name)
    }

    fn read(view: Option<View<'_>>, what: &str) -> Result<Self> {
        let name = view.and_then(View::enum_constant).unwrap_or_default();
        let known = Self::ALL
            .iter()
            .find(|(_, n)| *n == name)
            .map(|(value, _)| *value);
        known.ok_or_else(|| invalid(format!("unknown {what} `{name}`")))
    }
}

impl Named for SavepointFormat {
    const ALL: &'static [(Self, &'static str)] = &[(Self::Canonical, "CANONICAL"), (Self::Native, "NATIVE")];
}

impl Named for PostCheckpointAction {
    const ALL: &'static [(Self, &'static str)] = &[
        (Self::None, "NONE"),
        (Self::Suspend, "SUSPEND"),
        (Self::Terminate, "TERMINATE"),
    ];
}

impl CheckpointProperties {
    /// What Flink writes for a savepoint of a job with aligned checkpoints.
    pub fn savepoint(format: SavepointFormat) -> Self {
        let snapshot = SnapshotType::Savepoint {
            format,
            action: PostCheckpointAction::None,
        };
        Self {
            forced: true,
            unclaimed: false,
            discard: Discard::default(),
            snapshot,
        }
    }

    /// What Flink writes for a checkpoint that is kept when its job is cancelled.
    pub fn retained_checkpoint() -> Self {
        Self {
            forced: false,
            unclaimed: false,
            discard: Discard {
                finished: true,
                subsumed: true,
                ..Discard::default()
            },
            snapshot: SnapshotType::Checkpoint { full: false },
        }
    }

    /// Reads the properties; `None` for the null that some writers put there.
    ///
    /// # Errors
    /// Other objects, and malformed streams.
    pub fn decode(stream: &JavaStream) -> Result<Option<Self>> {
        let graph = stream.parse()?;
        let root = graph.root();
        if root.is_null() {
            return Ok(None);
        }
        let class = root.class_name().unwrap_or_default();
        if class.strip_prefix(CHECKPOINT) != Some("CheckpointProperties") {
            return Err(invalid(format!(
                "an object of `{class}` where CheckpointProperties belong"
            )));
        }
        Ok(Some(Self {
            forced: flag(root, "forced")?,
            unclaimed: flag(root, "unclaimed")?,
            discard: Discard {
                cancelled: flag(root, "discardCancelled")?,
                failed: flag(root, "discardFailed")?,
                finished: flag(root, "discardFinished")?,
                subsumed: flag(root, "discardSubsumed")?,
                suspended: flag(root, "discardSuspended")?,
            },
            snapshot: snapshot_type(root.field("checkpointType"))?,
        }))
    }

    /// The stream that Flink would write.
    pub fn encode(&self) -> JavaStream {
        let mut graph = Graph::new();
        let signature = signature(&mut graph, &p("SnapshotType"));
        let mut fields: Vec<Field> = [
            "discardCancelled",
            "discardFailed",
            "discardFinished",
            "discardSubsumed",
            "discardSuspended",
            "forced",
            "unclaimed",
        ]
        .iter()
        .map(|name| Field {
            ty: FieldType::Boolean,
            name: java(name),
            signature: None,
        })
        .collect();
        fields.push(object_field("checkpointType", signature));
        let class = graph.add_class(java(&p("CheckpointProperties")), 2, 2, fields, None);
        let snapshot = match self.snapshot {
            SnapshotType::Savepoint { format, action } => savepoint(&mut graph, format, action),
            SnapshotType::Checkpoint { full } => checkpoint(&mut graph, full),
        };
        let Discard {
            cancelled,
            failed,
            finished,
            subsumed,
            suspended,
        } = self.discard;
        let flags = [
            cancelled,
            failed,
            finished,
            subsumed,
            suspended,
            self.forced,
            self.unclaimed,
        ];
        let values = flags
            .into_iter()
            .map(Slot::Boolean)
            .chain([Slot::Node(snapshot)])
            .collect();
        let root = graph.add_object(class, values);
        graph.set_root(Slot::Node(root));
        JavaStream(graph.to_bytes())
    }
}

fn snapshot_type(view: Option<View<'_>>) -> Result<SnapshotType> {
    let view = view.ok_or_else(|| invalid("without a snapshot type".into()))?;
    let class = view.class_name().unwrap_or_default();
    match class.strip_prefix(CHECKPOINT) {
        Some("SavepointType") => Ok(SnapshotType::Savepoint {
            format: SavepointFormat::read(view.field("formatType"), "savepoint format")?,
            action: PostCheckpointAction::read(
                view.field("postCheckpointAction"),
                "action after the savepoint",
            )?,
        }),
        Some("CheckpointType") => match view
            .field("sharingFilesStrategy")
            .and_then(View::enum_constant)
            .as_deref()
        {
            Some("FORWARD_BACKWARD") => Ok(SnapshotType::Checkpoint { full: false }),
            Some("FORWARD") => Ok(SnapshotType::Checkpoint { full: true }),
            other => Err(invalid(format!(
                "unknown strategy of sharing files `{}`",
                other.unwrap_or_default()
            ))),
        },
        _ => Err(invalid(format!("unknown snapshot type `{class}`"))),
    }
}

fn savepoint(graph: &mut Graph, format: SavepointFormat, action: PostCheckpointAction) -> NodeId {
    let action_class = p("SavepointType$PostCheckpointAction");
    let fields = vec![
        object_field("formatType", signature(graph, FORMAT_TYPE)),
        object_field("name", signature(graph, "java.lang.String")),
        object_field("postCheckpointAction", signature(graph, &action_class)),
    ];
    let class = graph.add_class(
        java(&p("SavepointType")),
        0xa087_d308_a458_14b8_u64 as i64,
        2,
        fields,
        None,
    );
    let base = enum_base(graph);
    let format = enum_constant(graph, base, FORMAT_TYPE, format.name());
    let name = match action {
        PostCheckpointAction::None => "Savepoint",
        PostCheckpointAction::Suspend => "Suspend Savepoint",
        PostCheckpointAction::Terminate => "Terminate Savepoint",
    };
    let name = graph.add_string(name);
    let action = enum_constant(graph, base, &action_class, action.name());
    graph.add_object(
        class,
        vec![Slot::Node(format), Slot::Node(name), Slot::Node(action)],
    )
}

fn checkpoint(graph: &mut Graph, full: bool) -> NodeId {
    let strategy_class = p("SnapshotType$SharingFilesStrategy");
    let fields = vec![
        object_field("name", signature(graph, "java.lang.String")),
        object_field("sharingFilesStrategy", signature(graph, &strategy_class)),
    ];
    let class = graph.add_class(
        java(&p("CheckpointType")),
        0xd6de_4f03_05ae_1d3a_u64 as i64,
        2,
        fields,
        None,
    );
    let (name, strategy) = if full {
        ("Full Checkpoint", "FORWARD")
    } else {
        ("Checkpoint", "FORWARD_BACKWARD")
    };
    let name = graph.add_string(name);
    let base = enum_base(graph);
    let strategy = enum_constant(graph, base, &strategy_class, strategy);
    graph.add_object(class, vec![Slot::Node(name), Slot::Node(strategy)])
}

const ENUM_FLAGS: u8 = 0x12;

fn enum_base(graph: &mut Graph) -> ClassId {
    graph.add_class(java("java.lang.Enum"), 0, ENUM_FLAGS, Vec::new(), None)
}

fn enum_constant(graph: &mut Graph, base: ClassId, class: &str, constant: &str) -> NodeId {
    let class = graph.add_class(java(class), 0, ENUM_FLAGS, Vec::new(), Some(base));
    let constant = graph.add_string(constant);
    graph.add_enum(class, constant)
}

fn p(name: &str) -> String {
    format!("{CHECKPOINT}{name}")
}

fn signature(graph: &mut Graph, class: &str) -> NodeId {
    graph.add_string(&format!("L{};", class.replace('.', "/")))
}

fn object_field(name: &str, signature: NodeId) -> Field {
    Field {
        ty: FieldType::Object,
        name: java(name),
        signature: Some(signature),
    }
}

/// One of the short names above.
fn java(name: &str) -> JavaString {
    JavaString::new(name).unwrap_or_default()
}

fn flag(view: View<'_>, name: &str) -> Result<bool> {
    let flag = view.field(name).and_then(View::bool);
    flag.ok_or_else(|| invalid(format!("without the flag `{name}`")))
}

fn invalid(why: String) -> Error {
    Error::new(0, WHAT, Fault::Invalid(why))
}
