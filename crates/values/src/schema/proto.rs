//! Types as Protobuf messages (proto3).

use super::{MULTISET_COUNT, Names, Record, identifier, may_be_null, simple_identifier};
use crate::avro::{AvroId, AvroNode, AvroType};
use crate::logical::{LogicalKind, LogicalType};
use crate::types::{EitherType, EnumType, PojoType, PrimitiveKind, TimeLayout, Type};

/// Types as the fields of one Protobuf message, in a file of its own.
///
/// Dates and times without a zone and numbers of any size are strings, moments are
/// `google.protobuf.Timestamp`, and what cannot be interpreted is `bytes`.
pub fn proto(name: &str, parts: &[(&'static str, &Type)]) -> String {
    proto_records(&[Record {
        name: name.to_owned(),
        doc: String::new(),
        fields: parts.to_vec(),
    }])
}

/// Records as the messages of one Protobuf file, each before what only it needs.
pub fn proto_records(records: &[Record<'_>]) -> String {
    let mut file = File::default();
    let names: Vec<String> = records
        .iter()
        .map(|record| file.names.fresh(&simple_identifier(&record.name)))
        .collect();
    for (record, name) in records.iter().zip(&names) {
        let slot = file.messages.len();
        let fields = record.fields.iter().map(|(part, ty)| {
            let field = file.of(ty, &format!("{name}_{}", identifier(part)));
            ((*part).to_owned(), field)
        });
        let fields = fields.collect();
        file.message(name, fields);
        // The message of the whole comes first.
        if let Some(messages) = file.messages.get_mut(slot..) {
            messages.rotate_right(1);
        }
        if let Some(message) = file.messages.get_mut(slot).filter(|_| !record.doc.is_empty()) {
            let doc = record.doc.replace(char::is_control, " ");
            message.insert_str(0, &format!("// {doc}\n"));
        }
    }
    let mut text = "syntax = \"proto3\";\n".to_owned();
    if file.timestamps {
        text.push_str("\nimport \"google/protobuf/timestamp.proto\";\n");
    }
    for message in file.messages {
        text.push('\n');
        text.push_str(&message);
    }
    text
}

/// What a field holds.
#[derive(Clone)]
enum Shape {
    /// One value of a type; `true` for scalars, whose absence needs a word.
    Single(String, bool),
    /// A value that may be absent.
    Optional(String, bool),
    /// Any number of them.
    Repeated(String),
    /// A map.
    Map(String, String),
    /// Nothing worth a field.
    Nothing,
}

#[derive(Default)]
struct File<'t> {
    messages: Vec<String>,
    names: Names,
    avro: Vec<(String, String)>,
    /// Types that have a name of their own, and what they are called here.
    defined: Vec<(&'t Type, Shape)>,
    timestamps: bool,
}

/// The name that Protobuf gives to a field in JSON.
fn camel_case(label: &str) -> String {
    let mut after_underscore = false;
    let mut name = String::new();
    for c in label.chars() {
        match (c, std::mem::replace(&mut after_underscore, c == '_')) {
            ('_', _) => {}
            (c, true) => name.push(c.to_ascii_uppercase()),
            (c, false) => name.push(c),
        }
    }
    name
}

fn scalar(name: &str) -> Shape {
    Shape::Single(name.to_owned(), true)
}

fn message(name: String) -> Shape {
    Shape::Single(name, false)
}

fn optional(shape: Shape) -> Shape {
    match shape {
        Shape::Single(ty, scalar) => Shape::Optional(ty, scalar),
        other => other,
    }
}

impl<'t> File<'t> {
    /// The shape of a type; one that has a name of its own is defined once.
    fn of(&mut self, ty: &'t Type, name: &str) -> Shape {
        let is_named = matches!(
            ty,
            Type::Pojo(_) | Type::Enum(_) | Type::Record(_) | Type::Tagged(_) | Type::TimeWindow
        );
        if let Some((_, shape)) = self.defined.iter().find(|(known, _)| is_named && *known == ty) {
            return shape.clone();
        }
        let shape = self.define(ty, name);
        if is_named {
            self.defined.push((ty, shape.clone()));
        }
        shape
    }

    fn define(&mut self, ty: &'t Type, name: &str) -> Shape {
        match ty {
            Type::Constant(_) => Shape::Nothing,
            Type::Primitive(primitive) => scalar(primitive_name(primitive.kind)),
            Type::Time(layout) => self.time(*layout),
            Type::List(list) => {
                let element = self.of(&list.element, name);
                self.repeated(element, name)
            }
            Type::Map(map) => {
                let key = self.of(&map.key, &format!("{name}_key"));
                let value = self.of(&map.value, &format!("{name}_value"));
                self.map(key, value, name)
            }
            Type::Optional(inner) => optional(self.of(&inner.inner, name)),
            Type::Either(either) => self.either(either, name),
            Type::Tuple(tuple) => self.positions(&tuple.fields, name, false),
            Type::Row(row) => self.positions(&row.fields, name, true),
            Type::Record(record) => {
                let fields: Vec<(&str, &Type)> =
                    record.fields.iter().map(|f| (f.name.as_str(), &f.ty)).collect();
                message(self.fields(record.name, &fields, false))
            }
            Type::Tagged(tagged) => {
                let fields: Vec<(&str, &Type)> = tagged
                    .cases
                    .iter()
                    .map(|(_, name, ty)| (name.as_str(), ty))
                    .collect();
                message(self.fields(tagged.name, &fields, true))
            }
            Type::Pojo(pojo) => message(self.pojo(pojo)),
            Type::Enum(e) => self.constants(&e.class, e),
            Type::Avro(avro) => self.avro(avro, avro.root(), name),
            Type::Framed(framed) => self.of(&framed.inner, name),
            Type::Ttl(inner) => self.of(inner, name),
            Type::TimeWindow => {
                let name = self.names.fresh("TimeWindow");
                self.message(
                    &name,
                    vec![("start".into(), scalar("int64")), ("end".into(), scalar("int64"))],
                );
                message(name)
            }
            Type::RowData(columns) => {
                let fields = columns
                    .iter()
                    .enumerate()
                    .map(|(i, ty)| (format!("f{i}"), ty))
                    .collect::<Vec<_>>();
                self.row(name, &fields)
            }
            Type::ArrayData(element) => {
                let element = self.logical(element, name);
                self.repeated(element, name)
            }
            Type::MapData(entry) => self.logical_map(&entry.0, &entry.1, name),
            Type::String(_)
            | Type::BigInteger
            | Type::BigDecimal
            | Type::DecimalData { .. }
            | Type::TimestampData { .. }
            | Type::Uuid
            | Type::Variant => scalar("string"),
            Type::Protobuf(_)
            | Type::Bytes(_)
            | Type::BinaryRow { .. }
            | Type::Kryo(_)
            | Type::JavaObject
            | Type::Opaque(_) => scalar("bytes"),
        }
    }

    fn message(&mut self, name: &str, fields: Vec<(String, Shape)>) {
        let mut text = format!("message {name} {{\n");
        let (mut taken, mut jsons) = (Names::default(), Names::default());
        for (number, (field, shape)) in (1..).zip(fields) {
            let label = taken.fresh(&identifier(&field));
            let ty = match shape {
                Shape::Nothing => continue,
                Shape::Single(ty, _) | Shape::Optional(ty, false) => ty,
                Shape::Optional(ty, true) => format!("optional {ty}"),
                Shape::Repeated(ty) => format!("repeated {ty}"),
                Shape::Map(key, value) => format!("map<{key}, {value}>"),
            };
            let usual = camel_case(&label);
            let json = jsons.fresh(if label == field { &usual } else { &field });
            let options = match json == usual {
                true => String::new(),
                false => format!(" [json_name = {json:?}]"),
            };
            // Numbers from 19000 to 19999 belong to Protobuf itself.
            let number = if number < 19_000 { number } else { number + 1000 };
            text.push_str(&format!("  {ty} {label} = {number}{options};\n"));
        }
        text.push_str("}\n");
        self.messages.push(text);
    }

    fn fields(&mut self, class: &str, fields: &[(&str, &'t Type)], nulls: bool) -> String {
        let name = self.names.fresh(&simple_identifier(class));
        let field = |(field, ty): &(&str, &'t Type)| {
            let shape = self.of(ty, &format!("{name}_{}", identifier(field)));
            (
                (*field).to_owned(),
                if nulls || may_be_null(ty) {
                    optional(shape)
                } else {
                    shape
                },
            )
        };
        let fields = fields.iter().map(field).collect();
        self.message(&name, fields);
        name
    }

    fn positions(&mut self, fields: &'t [Type], name: &str, nulls: bool) -> Shape {
        let labels: Vec<String> = (0..fields.len()).map(|i| format!("f{i}")).collect();
        let fields: Vec<(&str, &Type)> = labels.iter().map(String::as_str).zip(fields).collect();
        message(self.fields(name, &fields, nulls))
    }

    /// A message, or with subclasses a choice of messages.
    fn pojo(&mut self, pojo: &'t PojoType) -> String {
        let fields: Vec<(&str, &Type)> = pojo.fields.iter().map(|f| (f.name.as_str(), &f.ty)).collect();
        let base = self.fields(&pojo.class, &fields, true);
        let subclasses: Vec<_> = pojo.registered.iter().chain(&pojo.non_registered).collect();
        if subclasses.is_empty() {
            return base;
        }
        let name = self.names.fresh(&format!("{base}_any"));
        let mut cases = vec![(base.clone(), message(base))];
        for (class, ty) in subclasses {
            cases.push((simple_identifier(class), self.of(ty, &simple_identifier(class))));
        }
        self.choice(&name, cases);
        name
    }

    /// A message with one `oneof`; parts that cannot be in one get a message of their own.
    fn choice(&mut self, name: &str, cases: Vec<(String, Shape)>) {
        let mut text = format!("message {name} {{\n  oneof value {{\n");
        let mut taken = Names::default();
        for (number, (case, shape)) in (1..).zip(cases) {
            let ty = self.single(shape, &format!("{name}_{case}"));
            text.push_str(&format!(
                "    {ty} {} = {number};\n",
                taken.fresh(&identifier(&case.to_ascii_lowercase()))
            ));
        }
        text.push_str("  }\n}\n");
        self.messages.push(text);
    }

    fn either(&mut self, either: &'t EitherType, name: &str) -> Shape {
        let name = self.names.fresh(&simple_identifier(name));
        let left = self.of(&either.left, &format!("{name}_left"));
        let right = self.of(&either.right, &format!("{name}_right"));
        self.choice(&name, vec![("left".into(), left), ("right".into(), right)]);
        message(name)
    }

    /// The type of exactly one value, in a message of its own where there is no other way.
    fn single(&mut self, shape: Shape, name: &str) -> String {
        match shape {
            Shape::Single(ty, _) => ty,
            other => {
                let name = self.names.fresh(&simple_identifier(name));
                self.message(&name, vec![("value".into(), other)]);
                name
            }
        }
    }

    fn repeated(&mut self, element: Shape, name: &str) -> Shape {
        Shape::Repeated(self.single(element, &format!("{name}_element")))
    }

    /// A map where Protobuf has such keys, else entries.
    fn map(&mut self, key: Shape, value: Shape, name: &str) -> Shape {
        const KEYS: [&str; 4] = ["string", "int32", "int64", "bool"];
        match key {
            Shape::Single(key, true) if KEYS.contains(&key.as_str()) => {
                Shape::Map(key, self.single(value, &format!("{name}_value")))
            }
            key => {
                let name = self.names.fresh(&format!("{}_entry", simple_identifier(name)));
                self.message(
                    &name,
                    vec![("key".into(), key), ("value".into(), optional(value))],
                );
                Shape::Repeated(name)
            }
        }
    }

    /// Constants share one scope in Protobuf, so their names begin with that of the enum.
    fn constants(&mut self, class: &str, e: &EnumType) -> Shape {
        let name = self.names.fresh(&simple_identifier(class));
        let prefix = name.to_ascii_uppercase();
        let mut taken = Names::default();
        let mut text = format!(
            "enum {name} {{\n  {} = 0;\n",
            taken.fresh(&format!("{prefix}_UNSPECIFIED"))
        );
        for (number, (constant, _)) in (1..).zip(&e.constants) {
            let constant = taken.fresh(&format!("{prefix}_{}", identifier(constant)));
            text.push_str(&format!("  {constant} = {number};\n"));
        }
        text.push_str("}\n");
        self.messages.push(text);
        scalar(&name)
    }

    fn time(&mut self, layout: TimeLayout) -> Shape {
        match layout {
            TimeLayout::LocalDate | TimeLayout::LocalTime | TimeLayout::LocalDateTime => scalar("string"),
            _ => self.timestamp(),
        }
    }

    fn timestamp(&mut self) -> Shape {
        self.timestamps = true;
        message("google.protobuf.Timestamp".to_owned())
    }

    fn avro(&mut self, avro: &'t AvroType, id: AvroId, name: &str) -> Shape {
        match avro.node(id) {
            AvroNode::Null => Shape::Nothing,
            AvroNode::Boolean => scalar("bool"),
            AvroNode::Int => scalar("int32"),
            AvroNode::Long => scalar("int64"),
            AvroNode::Float => scalar("float"),
            AvroNode::Double => scalar("double"),
            AvroNode::Bytes | AvroNode::Fixed(..) => scalar("bytes"),
            AvroNode::String => scalar("string"),
            AvroNode::Enum(class, symbols) => {
                if let Some((_, known)) = self.avro.iter().find(|(known, _)| known == class) {
                    return scalar(known);
                }
                let constants = symbols.iter().cloned().zip(0..).collect();
                let shape = self.constants(
                    class,
                    &EnumType {
                        class: class.clone(),
                        constants,
                    },
                );
                if let Shape::Single(name, _) = &shape {
                    self.avro.push((class.clone(), name.clone()));
                }
                shape
            }
            AvroNode::Array(item) => {
                let item = self.avro(avro, *item, name);
                self.repeated(item, name)
            }
            AvroNode::Map(values) => {
                let values = self.avro(avro, *values, name);
                self.map(scalar("string"), values, name)
            }
            AvroNode::Union(branches) => {
                let cases: Vec<AvroId> = branches
                    .iter()
                    .copied()
                    .filter(|branch| *avro.node(*branch) != AvroNode::Null)
                    .collect();
                if let [only] = cases.as_slice() {
                    return optional(self.avro(avro, *only, name));
                }
                let name = self.names.fresh(&simple_identifier(name));
                let case = |(i, branch): (usize, &AvroId)| {
                    (
                        format!("case{i}"),
                        self.avro(avro, *branch, &format!("{name}_case{i}")),
                    )
                };
                let cases = cases.iter().enumerate().map(case).collect();
                self.choice(&name, cases);
                message(name)
            }
            AvroNode::Record(class, fields) => {
                // Known before its fields are, so that it may refer to itself.
                if let Some((_, known)) = self.avro.iter().find(|(known, _)| known == class) {
                    return message(known.clone());
                }
                let name = self.names.fresh(&simple_identifier(class));
                self.avro.push((class.clone(), name.clone()));
                let field = |field: &crate::avro::AvroField| {
                    let label = field.name.as_str();
                    (
                        label.to_owned(),
                        self.avro(avro, field.schema, &format!("{name}_{}", identifier(label))),
                    )
                };
                let fields = fields.iter().map(field).collect();
                self.message(&name, fields);
                message(name)
            }
        }
    }

    fn row(&mut self, name: &str, fields: &[(String, &'t LogicalType)]) -> Shape {
        let name = self.names.fresh(&simple_identifier(name));
        let field = |(field, ty): &(String, &'t LogicalType)| {
            (
                field.clone(),
                self.logical(ty, &format!("{name}_{}", identifier(field))),
            )
        };
        let fields = fields.iter().map(field).collect();
        self.message(&name, fields);
        message(name)
    }

    fn logical(&mut self, ty: &'t LogicalType, name: &str) -> Shape {
        let shape = match &ty.kind {
            LogicalKind::Boolean => scalar("bool"),
            LogicalKind::TinyInt
            | LogicalKind::SmallInt
            | LogicalKind::Integer
            | LogicalKind::YearMonthInterval => scalar("int32"),
            LogicalKind::BigInt | LogicalKind::DayTimeInterval => scalar("int64"),
            LogicalKind::Float => scalar("float"),
            LogicalKind::Double => scalar("double"),
            LogicalKind::Date
            | LogicalKind::Time
            | LogicalKind::Timestamp(_)
            | LogicalKind::Char(..)
            | LogicalKind::Decimal(..)
            | LogicalKind::Variant => scalar("string"),
            LogicalKind::TimestampLtz(_) => self.timestamp(),
            LogicalKind::Binary(..) | LogicalKind::Bitmap | LogicalKind::Unknown(_) => scalar("bytes"),
            LogicalKind::Array(element) => {
                let element = self.logical(element, name);
                self.repeated(element, name)
            }
            LogicalKind::Map(entry) => self.logical_map(&entry.0, &entry.1, name),
            LogicalKind::Multiset(element) => self.logical_map(element, &MULTISET_COUNT, name),
            LogicalKind::Row(class, fields) => {
                let fields: Vec<_> = fields
                    .iter()
                    .map(|(name, ty)| (name.as_str().to_owned(), ty))
                    .collect();
                self.row(class.as_deref().unwrap_or(name), &fields)
            }
            LogicalKind::Raw(inner) => self.of(inner, name),
        };
        if ty.nullable { optional(shape) } else { shape }
    }

    fn logical_map(&mut self, key: &'t LogicalType, value: &'t LogicalType, name: &str) -> Shape {
        let key = self.logical(key, &format!("{name}_key"));
        let value = self.logical(value, &format!("{name}_value"));
        self.map(key, value, name)
    }
}

fn primitive_name(kind: PrimitiveKind) -> &'static str {
    match kind {
        PrimitiveKind::Boolean => "bool",
        PrimitiveKind::Byte | PrimitiveKind::Short | PrimitiveKind::Int => "int32",
        PrimitiveKind::Char => "string",
        PrimitiveKind::Long | PrimitiveKind::SortedLong => "int64",
        PrimitiveKind::Float => "float",
        PrimitiveKind::Double => "double",
    }
}
