//! Serializer snapshots, and values of the types they describe.

use statetool_format::serializer::SerializerSnapshot;
use statetool_format::{Reader, Result};
use statetool_values::{
    Extent, Framing, JsonOptions, JsonWriter, KryoGeneration, Skip, Type, Value, encode, java_hash, schema,
    walk,
};

use super::is_json;

/// A snapshot that is understood is written back with the same bytes, and has a type and schemas.
pub fn serializer_snapshot(input: &[u8]) {
    let mut r = Reader::new(input);
    let start = r.clone();
    let Ok(snapshot) = SerializerSnapshot::decode_proxied(&mut r) else {
        return;
    };
    let mut written = Vec::new();
    snapshot.encode_proxied(&mut written);
    assert_eq!(
        written,
        r.since(&start),
        "a snapshot is not written back as it was"
    );
    for generation in [KryoGeneration::V2, KryoGeneration::V5] {
        let ty = Type::of(&snapshot, generation);
        let _ = schema::tree(&ty);
        let _ = schema::avro(&ty, "Value");
        let _ = schema::json_schema(&ty);
        let _ = schema::proto("Value", &[("value", &ty)]);
    }
}

/// All sinks see the same value; what can be encoded decodes to what it was.
pub fn values(input: &[u8]) {
    let Some((settings, rest)) = input.split_first() else {
        return;
    };
    let generation = match settings & 1 {
        0 => KryoGeneration::V2,
        _ => KryoGeneration::V5,
    };
    let framing = match settings & 2 {
        0 => Framing::Framed,
        _ => Framing::Unframed,
    };
    let mut r = Reader::new(rest);
    if let Ok(snapshot) = SerializerSnapshot::decode_proxied(&mut r) {
        value(&Type::of(&snapshot, generation), r.rest(), framing);
    }
}

/// Where a value ended.
type Ended = Result<(Extent, usize)>;

fn value(ty: &Type, bytes: &[u8], framing: Framing) {
    let ended = |extent: Result<Extent>, r: &Reader<'_>| extent.map(|extent| (extent, r.left()));
    let mut r = Reader::new(bytes);
    let extent = walk(ty, &mut r, framing, &mut Skip);
    let skipped: Ended = ended(extent, &r);

    let mut json = Vec::new();
    let mut r = Reader::new(bytes);
    let extent = walk(
        ty,
        &mut r,
        framing,
        &mut JsonWriter::new(&mut json, JsonOptions::default()),
    );
    assert_eq!(
        ended(extent, &r),
        skipped,
        "JSON and nothing end at different places"
    );

    let mut r = Reader::new(bytes);
    let built = Value::decode(ty, &mut r, framing);
    let extent = built.as_ref().map(|(_, extent)| *extent).map_err(Clone::clone);
    assert_eq!(
        ended(extent, &r),
        skipped,
        "a value and nothing end at different places"
    );

    if let Ok((value, _)) = built {
        assert!(is_json(&json), "no JSON: {}", String::from_utf8_lossy(&json));
        if let Ok(parsed) = serde_json::from_slice(&json) {
            let _ = Value::from_json(ty, &parsed);
        }
        let _ = java_hash(ty, &value);
        check_encoding(ty, &value);
    }
}

/// What is encoded decodes to something that is encoded alike.
fn check_encoding(ty: &Type, value: &Value) {
    let mut once = Vec::new();
    if encode(ty, value, &mut once).is_err() {
        return;
    }
    let mut r = Reader::new(&once);
    let again = Value::decode(ty, &mut r, Framing::Framed);
    assert!(
        again.is_ok(),
        "cannot decode {once:02x?}, which is {value:?} of type {ty}: {again:?}"
    );
    let Ok((again, _)) = again else { return };
    assert!(
        r.is_empty(),
        "{} bytes are left of {once:02x?}, which is {value:?}",
        r.left()
    );
    let mut twice = Vec::new();
    let encoded = encode(ty, &again, &mut twice);
    assert!(
        encoded.is_ok(),
        "{again:?} was {value:?} and cannot be encoded: {encoded:?}"
    );
    assert_eq!(once, twice, "{value:?} became {again:?}");
}
