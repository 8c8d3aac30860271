//! How fast values are skipped and written as JSON: a POJO of two strings, a long, an int and
//! a double; and how fast keys are hashed.

#![allow(missing_docs, reason = "the macros make public items")]
#![allow(clippy::unwrap_used, reason = "a bench may stop")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use statetool_format::Reader;
use statetool_values::types::{Field, PojoType, PrimitiveKind, StringLayout};
use statetool_values::{Framing, JsonOptions, JsonWriter, Skip, Type, Value, decode_java_hash, encode, walk};

fn order() -> Type {
    let string = || Type::String(StringLayout::Nullable);
    let fields = vec![
        Field::new("amount", PrimitiveKind::Double.into()),
        Field::new("cents", PrimitiveKind::Long.into()),
        Field::new("country", string()),
        Field::new("customer", string()),
        Field::new("n", PrimitiveKind::Int.into()),
    ];
    let (registered, non_registered) = (vec![], vec![]);
    Type::Pojo(Box::new(PojoType {
        class: "com.acme.Order".into(),
        fields,
        registered,
        non_registered,
    }))
}

fn push_order(out: &mut Vec<u8>, i: u32) {
    out.extend([2, 0]);
    out.extend((f64::from(i) * 1.25).to_be_bytes());
    out.push(0);
    out.extend((i64::from(i) * 1_000_003).to_be_bytes());
    for text in ["Germany".to_owned(), format!("customer-{:08}", i % 100_000)] {
        out.push(0);
        out.push(text.len() as u8 + 1);
        out.extend(text.bytes());
    }
    out.push(0);
    out.extend(i.to_be_bytes());
}

fn decode(c: &mut Criterion) {
    const COUNT: u32 = 10_000;
    let ty = order();
    let mut bytes = Vec::new();
    (0..COUNT).for_each(|i| push_order(&mut bytes, i));
    let mut group = c.benchmark_group("pojo of five fields");
    group.throughput(Throughput::Bytes(bytes.len() as u64));
    group.bench_function("skip", |b| {
        b.iter(|| {
            let mut r = Reader::new(&bytes);
            while !r.is_empty() {
                let _ = walk(&ty, &mut r, Framing::Unframed, &mut Skip).unwrap();
            }
        });
    });
    let mut out = Vec::new();
    group.throughput(Throughput::Elements(COUNT.into()));
    group.bench_function("json", |b| {
        b.iter(|| {
            out.clear();
            let mut r = Reader::new(&bytes);
            while !r.is_empty() {
                let mut writer = JsonWriter::new(&mut out, JsonOptions::default());
                let _ = walk(&ty, &mut r, Framing::Framed, &mut writer).unwrap();
                out.push(b'\n');
            }
        });
    });
}

fn hash(c: &mut Criterion) {
    const COUNT: u32 = 10_000;
    let keys = |text: &dyn Fn(u32) -> String| {
        let mut bytes = Vec::new();
        for i in 0..COUNT {
            encode(
                &Type::String(StringLayout::Nullable),
                &Value::String(text(i).as_str().into()),
                &mut bytes,
            )
            .unwrap();
        }
        bytes
    };
    let ty = Type::String(StringLayout::Nullable);
    let mut group = c.benchmark_group("hash of a key");
    group.throughput(Throughput::Elements(COUNT.into()));
    for (name, bytes) in [
        ("ASCII", keys(&|i| format!("order-{i:010}"))),
        ("other text", keys(&|i| format!("größe-{i:010}"))),
    ] {
        group.bench_function(name, |b| {
            b.iter(|| {
                let mut r = Reader::new(&bytes);
                while !r.is_empty() {
                    let _ = black_box(decode_java_hash(&ty, &mut r, Framing::Unframed).unwrap());
                }
            });
        });
    }
}

criterion_group!(benches, decode, hash);
criterion_main!(benches);
