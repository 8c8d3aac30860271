//! The states of Flink's own operators: timers, windows, joins, sinks, CEP, Kafka.

use super::simple::{list, present};
use super::{Field, FieldName, PrimitiveKind, RecordType, StringLayout, TaggedType, Type};

const INT: PrimitiveKind = PrimitiveKind::Int;
const LONG: PrimitiveKind = PrimitiveKind::Long;
const BOOLEAN: PrimitiveKind = PrimitiveKind::Boolean;

fn record<const N: usize>(name: &'static str, fields: [(&str, Type); N], length: Option<usize>) -> Type {
    let fields = fields
        .into_iter()
        .map(|(name, ty)| Field::new(name, ty))
        .collect();
    Type::Record(Box::new(RecordType { name, fields, length }))
}

fn string() -> Type {
    Type::String(StringLayout::Nullable)
}

fn utf() -> Type {
    Type::String(StringLayout::Utf)
}

/// Records whose snapshot has no content.
pub(super) fn simple(name: &str) -> Option<Type> {
    Some(match name {
        "CountWindow" => record("CountWindow", [("id", LONG.into())], Some(8)),
        "EventId" => event_id(),
        "DeweyNumber" => dewey_number(),
        "TransactionState" => kafka_transaction(),
        "ContextState" => record(
            "KafkaTransactionContext",
            [("transactionalIds", list(utf()))],
            None,
        ),
        "NextTransactionalIdHint" => record(
            "NextTransactionalIdHint",
            [
                ("nextFreeTransactionalId", LONG.into()),
                ("lastParallelism", INT.into()),
            ],
            Some(12),
        ),
        "SortedLong" => PrimitiveKind::SortedLong.into(),
        "LongValueWithProperHashCode" => Type::Primitive(super::Primitive {
            kind: LONG,
            mutable: true,
        }),
        _ => return None,
    })
}

fn kafka_transaction() -> Type {
    record(
        "KafkaTransactionState",
        [
            ("transactionalId", present(utf())),
            ("producerId", LONG.into()),
            ("epoch", PrimitiveKind::Short.into()),
        ],
        None,
    )
}

fn event_id() -> Type {
    record(
        "EventId",
        [("id", INT.into()), ("timestamp", LONG.into())],
        Some(12),
    )
}

fn dewey_number() -> Type {
    list(INT.into())
}

/// `TimerSerializer`.
pub(super) fn timer(key: Type, namespace: Type) -> Type {
    let length = key
        .declared_length()
        .zip(namespace.declared_length())
        .map(|(key, ns)| 8 + key + ns);
    let timestamp = PrimitiveKind::SortedLong.into();
    record(
        "Timer",
        [("timestamp", timestamp), ("key", key), ("namespace", namespace)],
        length,
    )
}

/// `IntervalJoinOperator.BufferEntrySerializer`.
pub(super) fn buffer_entry(element: Type) -> Type {
    record(
        "BufferEntry",
        [("hasBeenJoined", BOOLEAN.into()), ("element", element)],
        None,
    )
}

/// `CRowSerializer` of the old planner.
pub(super) fn crow(row: Type) -> Type {
    record("CRow", [("row", row), ("change", BOOLEAN.into())], None)
}

/// `WindowKeySerializer`.
pub(super) fn window_key(key: Type) -> Type {
    record("WindowKey", [("window", LONG.into()), ("key", key)], None)
}

/// `TwoPhaseCommitSinkFunction.StateSerializer`.
pub(super) fn two_phase_commit(transaction: Type, context: Type, null_transactions: bool) -> Type {
    let holder = record(
        "TransactionHolder",
        [("transaction", transaction), ("startTime", LONG.into())],
        None,
    );
    let pending = if null_transactions {
        present(holder.clone())
    } else {
        holder.clone()
    };
    record(
        "TwoPhaseCommitState",
        [
            ("pendingTransaction", pending),
            ("pendingCommitTransactions", list(holder)),
            ("context", present(context)),
        ],
        None,
    )
}

/// `StreamElementSerializer`, the queue of the asynchronous wait operator.
pub(super) fn stream_element(value: Type) -> Type {
    let latency = [
        ("markedTime", LONG.into()),
        ("operatorIdLower", LONG.into()),
        ("operatorIdUpper", LONG.into()),
        ("subtask", INT.into()),
    ];
    let timestamped = record(
        "StreamRecord",
        [("timestamp", LONG.into()), ("value", value.clone())],
        None,
    );
    let cases = [
        (0, "record", timestamped),
        (1, "record", record("StreamRecord", [("value", value)], None)),
        (2, "watermark", LONG.into()),
        (3, "latencyMarker", record("LatencyMarker", latency, None)),
        (4, "watermarkStatus", INT.into()),
        (
            5,
            "recordAttributes",
            record("RecordAttributes", [("backlog", BOOLEAN.into())], None),
        ),
        (
            6,
            "internalWatermark",
            record(
                "InternalWatermark",
                [("subpartition", INT.into()), ("watermark", LONG.into())],
                None,
            ),
        ),
    ];
    let cases = cases
        .into_iter()
        .map(|(tag, name, ty)| (tag, FieldName::new(name), ty))
        .collect();
    Type::Tagged(Box::new(TaggedType {
        name: "StreamElement",
        cases,
    }))
}

/// `NodeId.NodeIdSerializer` of CEP.
pub(super) fn node_id(event_id: Type) -> Type {
    present(record(
        "NodeId",
        [("eventId", event_id), ("pageName", string())],
        None,
    ))
}

/// `SharedBufferEdge.SharedBufferEdgeSerializer` of CEP.
pub(super) fn shared_buffer_edge(target: Type, version: Type) -> Type {
    record(
        "SharedBufferEdge",
        [("target", target), ("deweyNumber", version)],
        None,
    )
}

/// `Lockable.LockableTypeSerializer` of CEP.
pub(super) fn lockable(element: Type) -> Type {
    record("Lockable", [("refCount", INT.into()), ("element", element)], None)
}

/// `NFAStateSerializer` of CEP.
pub(super) fn nfa_state(version: Type, node: Type, event_id: Type, previous_timestamp: bool) -> Type {
    let mut fields = vec![
        Field::new("stateName", string()),
        Field::new("previousBufferEntry", node),
        Field::new("version", version),
        Field::new("startTimestamp", LONG.into()),
    ];
    if previous_timestamp {
        fields.push(Field::new("previousTimestamp", LONG.into()));
    }
    fields.push(Field::new("startEventId", present(event_id)));
    let state = Type::Record(Box::new(RecordType {
        name: "ComputationState",
        fields,
        length: None,
    }));
    record(
        "NFAState",
        [
            ("partialMatches", list(state.clone())),
            ("completedMatches", list(state)),
        ],
        None,
    )
}

/// `MetaSqnInfoSerializer` of sequenced multisets (2.2 and later).
pub(super) fn meta_sqn_info() -> Type {
    record(
        "MetaSqnInfo",
        [("highSqn", LONG.into()), ("size", LONG.into())],
        None,
    )
}

/// `RowSqnInfoSerializer` of sequenced multisets (2.2 and later).
pub(super) fn row_sqn_info() -> Type {
    record(
        "RowSqnInfo",
        [("firstSqn", LONG.into()), ("lastSqn", LONG.into())],
        None,
    )
}

/// `NodeSerializer` of sequenced multisets (2.2 and later).
pub(super) fn sequenced_node<const N: usize>(nested: [Type; N]) -> Type {
    const NAMES: [&str; 6] = [
        "row",
        "sqn",
        "prevSqn",
        "nextSqn",
        "nextSqnForRecord",
        "timestamp",
    ];
    let fields = NAMES
        .iter()
        .zip(nested)
        .map(|(name, ty)| Field::new(name, ty))
        .collect();
    Type::Record(Box::new(RecordType {
        name: "Node",
        fields,
        length: None,
    }))
}
