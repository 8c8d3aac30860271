//! Object graphs of Kryo and of Java serialization.

use super::is_json;
use statetool_format::java::{Graph, JavaStream};
use statetool_format::{Encode, Reader};
use statetool_values::kryo::{self, KryoClass, KryoConfig, KryoField, KryoGeneration};
use statetool_values::{JsonOptions, Value, java_value};

/// A value of Kryo 2.24 (Flink 1.x).
pub fn kryo_2(input: &[u8]) {
    kryo_value(input, KryoGeneration::V2);
}

/// A value of Kryo 5 (Flink 2.x).
pub fn kryo_5(input: &[u8]) {
    kryo_value(input, KryoGeneration::V5);
}

fn kryo_value(input: &[u8], generation: KryoGeneration) {
    if let Ok(value) = kryo::decode(&config(generation), &mut Reader::new(input)) {
        check_json(&value);
    }
}

/// The classes that the vectors of `crates/values/tests` were made with.
fn config(generation: KryoGeneration) -> KryoConfig {
    let class = |fields: &[(&str, KryoField)]| {
        let fields = fields
            .iter()
            .map(|(name, field)| ((*name).to_owned(), field.clone()));
        KryoClass::Fields(fields.collect())
    };
    let last = |class: &str| KryoField::Final(class.to_owned());
    let names = |names: &[&str]| KryoClass::Enum(names.iter().map(|&name| name.to_owned()).collect());
    KryoConfig::of_class("java.lang.Object", generation)
        .with_class(
            "Vectors$A",
            class(&[
                ("big", KryoField::Long),
                ("boxed", last("java.lang.Integer")),
                ("n", KryoField::Int),
                ("o", KryoField::Open),
                ("s", last("java.lang.String")),
                ("t", last("java.lang.String")),
            ]),
        )
        .with_class("Vectors$Color", names(&["RED", "GREEN"]))
}

/// A stream that is understood is written so that it says the same, and has a value.
pub fn java(input: &[u8]) {
    let mut r = Reader::new(input);
    if let Ok(graph) = Graph::read(&mut r) {
        let written = graph.to_bytes();
        let again = JavaStream(written.clone()).parse();
        assert!(again.is_ok(), "what was written cannot be read: {again:?}");
        if let Ok(again) = again {
            assert_eq!(again.to_bytes(), written, "writing what was written changes it");
        }
    }
    if let Ok(value) = java_value::decode(&mut Reader::new(input)) {
        check_json(&value);
    }
}

fn check_json(value: &Value) {
    let json = value.to_json(JsonOptions::default());
    assert!(is_json(json.as_bytes()), "no JSON: {json}");
}
