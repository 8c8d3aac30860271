//! From the class of a snapshot to the serializer that it stands for.

use std::borrow::Cow;

/// The name of the serializer of a snapshot class or of a serializer class, without
/// packages, outer classes and the endings `Snapshot`, `Config` and `Serializer`: `Long` for
/// `…LongSerializer$LongSerializerSnapshot`.
///
/// Packages moved between releases and do not tell serializers apart.
pub(super) fn short_name(class: &str) -> Cow<'_, str> {
    let mut segments = class.rsplit(['.', '$']);
    let last = segments.next().unwrap_or(class);
    let outer = segments.next().unwrap_or_default();
    match last {
        // Serializers called just that, inside the class of their values.
        "Serializer" => Cow::Borrowed(outer),
        // The only one of the old composites that got into states.
        "ConfigSnapshot" if outer == "CompositeSerializer" => Cow::Borrowed("Ttl"),
        _ => {
            let name = last.strip_suffix("Snapshot").unwrap_or(last);
            let name = name.strip_suffix("Config").unwrap_or(name);
            Cow::Borrowed(name.strip_suffix("Serializer").unwrap_or(name))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_the_serializer() {
        for (class, name) in [
            (
                "org.apache.flink.api.common.typeutils.base.LongSerializer$LongSerializerSnapshot",
                "Long",
            ),
            (
                "org.apache.flink.api.java.typeutils.runtime.TupleSerializerConfigSnapshot",
                "Tuple",
            ),
            (
                "org.apache.flink.streaming.api.windowing.windows.TimeWindow.Serializer",
                "TimeWindow",
            ),
            (
                "org.apache.flink.api.common.typeutils.CompositeSerializer$ConfigSnapshot",
                "Ttl",
            ),
            (
                "org.apache.flink.cep.SharedBufferNodeSerializerSnapshotV2",
                "SharedBufferNodeSerializerSnapshotV2",
            ),
        ] {
            assert_eq!(short_name(class), name);
        }
    }
}
