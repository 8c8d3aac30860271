//! Looking at, and replacing, the types inside a type.

use super::{OpaqueType, Type};

impl Type {
    /// All parts that cannot be interpreted.
    pub fn opaque_parts(&self) -> Vec<&OpaqueType> {
        let mut found = Vec::new();
        self.visit(&mut |ty| {
            if let Self::Opaque(opaque) = ty {
                found.push(&**opaque);
            }
        });
        found
    }

    /// Calls `f` with this type and all types inside it, outermost first.
    pub fn visit<'t>(&'t self, f: &mut impl FnMut(&'t Type)) {
        f(self);
        match self {
            Self::List(list) => list.element.visit(f),
            Self::Map(map) => {
                map.key.visit(f);
                map.value.visit(f);
            }
            Self::Optional(optional) => optional.inner.visit(f),
            Self::Either(either) => {
                either.left.visit(f);
                either.right.visit(f);
            }
            Self::Tuple(tuple) => tuple.fields.iter().for_each(|ty| ty.visit(f)),
            Self::Row(row) => row.fields.iter().for_each(|ty| ty.visit(f)),
            Self::Record(record) => record.fields.iter().for_each(|field| field.ty.visit(f)),
            Self::Tagged(tagged) => tagged.cases.iter().for_each(|case| case.2.visit(f)),
            Self::Pojo(pojo) => {
                pojo.fields.iter().for_each(|field| field.ty.visit(f));
                pojo.registered
                    .iter()
                    .chain(&pojo.non_registered)
                    .for_each(|(_, ty)| ty.visit(f));
            }
            Self::Framed(framed) => framed.inner.visit(f),
            Self::Ttl(inner) => inner.visit(f),
            Self::RowData(columns) => columns.iter().for_each(|column| column.visit_raw(f)),
            Self::ArrayData(element) => element.visit_raw(f),
            Self::MapData(entry) => {
                entry.0.visit_raw(f);
                entry.1.visit_raw(f);
            }
            _ => {}
        }
    }

    /// The same type in which all values of the unknown `class` are `length` bytes long.
    #[must_use]
    pub fn with_opaque_length(&self, class: &str, length: usize) -> Self {
        let mut changed = self.clone();
        changed.visit_mut(&mut |ty| {
            if let Self::Opaque(opaque) = ty
                && opaque.class == class
            {
                opaque.length = Some(length);
            }
        });
        changed
    }

    /// Calls `f` with this type and all types inside it, outermost first; columns of SQL rows
    /// are left out.
    fn visit_mut(&mut self, f: &mut impl FnMut(&mut Type)) {
        f(self);
        match self {
            Self::List(list) => list.element.visit_mut(f),
            Self::Map(map) => {
                map.key.visit_mut(f);
                map.value.visit_mut(f);
            }
            Self::Optional(optional) => optional.inner.visit_mut(f),
            Self::Either(either) => {
                either.left.visit_mut(f);
                either.right.visit_mut(f);
            }
            Self::Tuple(tuple) => tuple.fields.iter_mut().for_each(|ty| ty.visit_mut(f)),
            Self::Row(row) => row.fields.iter_mut().for_each(|ty| ty.visit_mut(f)),
            Self::Record(record) => record.fields.iter_mut().for_each(|field| field.ty.visit_mut(f)),
            Self::Tagged(tagged) => tagged.cases.iter_mut().for_each(|case| case.2.visit_mut(f)),
            Self::Pojo(pojo) => {
                pojo.fields.iter_mut().for_each(|field| field.ty.visit_mut(f));
                let subclasses = pojo.registered.iter_mut().chain(&mut pojo.non_registered);
                subclasses.for_each(|(_, ty)| ty.visit_mut(f));
            }
            Self::Framed(framed) => framed.inner.visit_mut(f),
            Self::Ttl(inner) => inner.visit_mut(f),
            _ => {}
        }
    }
}
