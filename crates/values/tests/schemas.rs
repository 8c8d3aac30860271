//! One type in all languages of `schema`.

mod common;

use common::{composite, java, pojo, simple, snapshot, subclass, type_of};
use statetool_format::serializer::{Content, Outer};
use statetool_values::{Type, schema};

fn total() -> Type {
    let class = "org.apache.flink.api.java.typeutils.runtime.PojoSerializerSnapshot";
    let string = || simple("String");
    let colour = Content::Enum {
        class: java("com.acme.Colour"),
        constants: vec![java("RED"), java("BLUE")],
    };
    let colour = snapshot(
        "org.apache.flink.api.common.typeutils.base.EnumSerializer$EnumSerializerSnapshot",
        colour,
    );
    let mut content = pojo(
        "com.acme.Total",
        vec![
            ("at", simple("Instant")),
            (
                "by-name",
                composite("Map", Outer::None, vec![string(), simple("Long")]),
            ),
            (
                "by_id",
                composite("Map", Outer::None, vec![simple("LocalDate"), simple("Double")]),
            ),
            ("colour", colour),
            (
                "pairs",
                composite(
                    "List",
                    Outer::None,
                    vec![composite("List", Outer::None, vec![simple("Int")])],
                ),
            ),
            ("what", snapshot("com.acme.Cart", Content::Simple)),
        ],
    );
    let gift = snapshot(
        class,
        Content::Pojo(pojo("com.acme.Gift", vec![("to", string())])),
    );
    content.registered = vec![subclass("com.acme.Gift", gift)];
    type_of(&snapshot(class, Content::Pojo(content)))
}

#[test]
fn tree_shows_fields_and_subclasses() {
    assert_eq!(
        schema::tree(&total()),
        "Pojo<com.acme.Total>
  at: Instant
  by-name: Map<String, Long>
  by_id: Map<LocalDate, Double>
  colour: Enum<com.acme.Colour>
    RED, BLUE
  pairs: List<List<Int>>
  what: Opaque<com.acme.Cart>
    not interpretable: not one of Flink's serializers
  subclass com.acme.Gift: Pojo<com.acme.Gift>
    to: String
"
    );
}

#[test]
fn avro_has_unions_for_nulls_and_subclasses() {
    let expected = serde_json::json!([
        {"type": "record", "name": "Total", "fields": [
            {"name": "at", "type": ["null", {"type": "long", "logicalType": "timestamp-nanos"}], "default": null},
            {"name": "by_name", "type": ["null", {"type": "map", "values": ["null", "long"]}], "default": null},
            {"name": "by_id", "type": ["null", {"type": "array", "items": {"type": "record", "name": "Total_by_id_entry", "fields": [
                {"name": "key", "type": {"type": "int", "logicalType": "date"}},
                {"name": "value", "type": ["null", "double"], "default": null}]}}], "default": null},
            {"name": "colour", "type": ["null", {"type": "enum", "name": "Colour", "symbols": ["RED", "BLUE"]}], "default": null},
            {"name": "pairs", "type": ["null", {"type": "array", "items": {"type": "array", "items": "int"}}], "default": null},
            {"name": "what", "type": ["null", "bytes"], "default": null}]},
        {"type": "record", "name": "Gift", "fields": [{"name": "to", "type": ["null", "string"], "default": null}]}
    ]);
    let avro = schema::avro(&total(), "value");
    assert_eq!(avro, expected);
    // What is written is a schema that the own parser takes.
    statetool_values::avro::AvroType::parse(None, &avro.to_string()).unwrap();
}

#[test]
fn proto_is_one_file_with_the_whole_first() {
    assert_eq!(
        schema::proto(
            "totals",
            &[("key", &type_of(&simple("String"))), ("value", &total())]
        ),
        r#"syntax = "proto3";

import "google/protobuf/timestamp.proto";

message totals {
  string key = 1;
  Total_any value = 2;
}

enum Colour {
  COLOUR_UNSPECIFIED = 0;
  COLOUR_RED = 1;
  COLOUR_BLUE = 2;
}

message Total_pairs_element {
  repeated int32 value = 1;
}

message Total {
  google.protobuf.Timestamp at = 1;
  map<string, int64> by_name = 2 [json_name = "by-name"];
  map<string, double> by_id = 3;
  optional Colour colour = 4;
  repeated Total_pairs_element pairs = 5;
  optional bytes what = 6;
}

message Gift {
  optional string to = 1;
}

message Total_any {
  oneof value {
    Total total = 1;
    Gift gift = 2;
  }
}
"#
    );
}

#[test]
fn json_schema_describes_what_cat_writes() {
    let schema = schema::json_schema(&type_of(&composite(
        "Row",
        Outer::Flag(true),
        vec![
            simple("Int"),
            composite(
                "JavaEither",
                Outer::None,
                vec![simple("Boolean"), simple("BytePrimitiveArray")],
            ),
        ],
    )));
    let fields = serde_json::json!({"type": "array", "minItems": 2, "items": false, "prefixItems": [
        {"type": ["integer", "null"], "minimum": i32::MIN, "maximum": i32::MAX},
        {"anyOf": [
            {"oneOf": [
                {"type": "object", "properties": {"left": {"type": "boolean"}}, "required": ["left"], "additionalProperties": false},
                {"type": "object", "properties": {"right": {"type": "object",
                    "properties": {"@bytes": {"type": "string", "contentEncoding": "base64"}},
                    "required": ["@bytes"], "additionalProperties": false}}, "required": ["right"], "additionalProperties": false}]},
            {"type": "null"}]}]});
    assert_eq!(
        schema,
        serde_json::json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": "Row<Int, Either<Boolean, byte[]>>",
            "anyOf": [fields, {"type": "object", "required": ["@kind", "fields"], "additionalProperties": false,
                "properties": {"@kind": {"enum": ["UPDATE_BEFORE", "UPDATE_AFTER", "DELETE"]}, "fields": fields}}]})
    );
}

#[test]
fn avro_records_may_contain_themselves() {
    let text = |text: &str| statetool_format::serializer::Text(text.encode_utf16().collect());
    let node = r#"{"type":"record","name":"Node","namespace":"a","fields":[{"name":"next","type":["null","Node"]}]}"#;
    let content = Content::Avro {
        runtime_class: None,
        schema: text(node),
    };
    let ty = type_of(&snapshot(
        "org.apache.flink.formats.avro.typeutils.AvroSerializerSnapshot",
        content,
    ));
    assert_eq!(
        schema::avro(&ty, "x").to_string(),
        serde_json::from_str::<serde_json::Value>(node)
            .unwrap()
            .to_string()
    );
    assert_eq!(
        schema::json_schema(&ty)["$defs"]["a.Node"]["properties"]["next"],
        serde_json::json!({"anyOf": [{"type": "null"}, {"$ref": "#/$defs/a.Node"}]})
    );
    let proto = schema::proto("list", &[("value", &ty)]);
    assert!(proto.contains("message Node {\n  Node next = 1;\n}\n"), "{proto}");
}
