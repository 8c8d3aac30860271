//! Types as an indented tree, in Flink's own names.

use crate::logical::{LogicalKind, LogicalType};
use crate::types::{EnumType, PojoType, Type};

/// A type as indented text: its short form in the first line, and below it the fields and
/// parts that the short form leaves out.
pub fn tree(ty: &Type) -> String {
    let mut out = format!("{ty}\n");
    below(ty, 1, &mut out);
    out
}

fn line(name: &str, ty: &Type, depth: usize, out: &mut String) {
    push(&format!("{name}: {ty}"), depth, out);
    below(ty, depth + 1, out);
}

fn push(text: &str, depth: usize, out: &mut String) {
    out.extend(std::iter::repeat_n("  ", depth));
    out.push_str(text);
    out.push('\n');
}

/// The lines below that of the type itself.
fn below(ty: &Type, depth: usize, out: &mut String) {
    match ty {
        Type::Pojo(pojo) => pojo_lines(pojo, depth, out),
        Type::Record(record) => {
            record
                .fields
                .iter()
                .for_each(|field| line(field.name.as_str(), &field.ty, depth, out));
        }
        Type::Tuple(tuple) => positions(&tuple.fields, depth, out),
        Type::Row(row) => positions(&row.fields, depth, out),
        Type::Tagged(tagged) => {
            tagged
                .cases
                .iter()
                .for_each(|(_, name, ty)| line(name.as_str(), ty, depth, out));
        }
        Type::Enum(e) => enum_line(e, depth, out),
        Type::List(list) => part("element", &list.element, depth, out),
        Type::Map(map) => {
            part("key", &map.key, depth, out);
            part("value", &map.value, depth, out);
        }
        Type::Either(either) => {
            part("left", &either.left, depth, out);
            part("right", &either.right, depth, out);
        }
        Type::Optional(optional) => below(&optional.inner, depth, out),
        Type::Framed(framed) => below(&framed.inner, depth, out),
        Type::Ttl(inner) => below(inner, depth, out),
        Type::Avro(avro) => {
            let schema = serde_json::to_string(avro.schema()).unwrap_or_default();
            push(&format!("schema: {schema}"), depth, out);
        }
        Type::RowData(columns) => {
            columns
                .iter()
                .enumerate()
                .for_each(|(i, column)| logical(&format!("f{i}"), column, depth, out));
        }
        Type::Opaque(opaque) => push(&format!("not interpretable: {}", opaque.reason), depth, out),
        _ => {}
    }
}

fn pojo_lines(pojo: &PojoType, depth: usize, out: &mut String) {
    pojo.fields
        .iter()
        .for_each(|field| line(field.name.as_str(), &field.ty, depth, out));
    pojo.registered
        .iter()
        .for_each(|(class, ty)| line(&format!("subclass {class}"), ty, depth, out));
    let others = pojo.non_registered.iter();
    others.for_each(|(class, ty)| line(&format!("subclass {class}, not registered"), ty, depth, out));
}

fn positions(fields: &[Type], depth: usize, out: &mut String) {
    fields
        .iter()
        .enumerate()
        .for_each(|(i, ty)| line(&format!("f{i}"), ty, depth, out));
}

fn enum_line(e: &EnumType, depth: usize, out: &mut String) {
    let names: Vec<&str> = e.constants.iter().map(|(name, _)| name.as_str()).collect();
    push(&names.join(", "), depth, out);
}

/// A part that the short form of the whole shows already, for what lies below it.
fn part(name: &str, ty: &Type, depth: usize, out: &mut String) {
    let before = out.len();
    line(name, ty, depth, out);
    if out.get(before..).is_some_and(|lines| lines.lines().count() < 2) {
        out.truncate(before);
    }
}

fn logical(name: &str, ty: &LogicalType, depth: usize, out: &mut String) {
    match &ty.kind {
        LogicalKind::Row(class, fields) => {
            let class = class.as_deref().unwrap_or("ROW");
            let null = if ty.nullable { "" } else { " NOT NULL" };
            push(&format!("{name}: {class}{null}"), depth, out);
            fields
                .iter()
                .for_each(|(name, ty)| logical(name.as_str(), ty, depth + 1, out));
        }
        LogicalKind::Raw(inner) => {
            push(&format!("{name}: {ty}"), depth, out);
            below(inner, depth + 1, out);
        }
        _ => push(&format!("{name}: {ty}"), depth, out),
    }
}
