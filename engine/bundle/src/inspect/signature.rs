//! The type of an exported function as WIT text with every name spelled out, to compare and to show.

use std::fmt::Write as _;

use wasmparser::{
    component_types::{ComponentDefinedType, ComponentFuncTypeId, ComponentValType},
    types::TypesRef,
};

/// `process` of the world `processor`.
pub(super) const PROCESS: &str = "func(message: record { id: string, kind: string, key: string, \
    headers: list<tuple<string, string>>, body: list<u8> }) -> result<record { verdict: variant { next, \
    term(string), jump(string) }, body: option<list<u8>>, headers: option<list<tuple<string, string>>> }, \
    variant { retry(string), reject(string) }>";

/// `process-batch` of the world `batch-processor`.
pub(super) const PROCESS_BATCH: &str = "func(messages: record { arena: list<u8>, table: list<u32> }) \
    -> record { arena: list<u8>, table: list<u32> }";

/// `configure` of the worlds `configurable-processor` and `batch-processor`.
pub(super) const CONFIGURE: &str = "func() -> result<_, string>";

/// `reads` of the world `batch-processor`.
pub(super) const READS: &str = "func() -> list<string>";

/// Longer signatures are given up: types may refer to themselves often enough to fill the memory.
const LENGTH_MAX: usize = 2_000;

/// The signature, or `None` where it is longer than anyone would read.
pub(super) fn of(types: TypesRef<'_>, id: ComponentFuncTypeId) -> Option<String> {
    let function = types.get(id)?;
    let mut text = Text { types, out: String::from(if function.async_ { "async func(" } else { "func(" }) };
    text.list(function.params.iter(), |text, (name, ty)| {
        text.push(&format!("{name}: "))?;
        text.value(*ty)
    })?;
    text.push(")")?;
    if let Some(result) = function.result {
        text.push(" -> ")?;
        text.value(result)?;
    }
    Some(text.out)
}

struct Text<'a> {
    types: TypesRef<'a>,
    out: String,
}

impl Text<'_> {
    fn push(&mut self, part: &str) -> Option<()> {
        self.out.push_str(part);
        (self.out.len() <= LENGTH_MAX).then_some(())
    }

    fn list<T>(
        &mut self,
        items: impl Iterator<Item = T>,
        mut each: impl FnMut(&mut Self, T) -> Option<()>,
    ) -> Option<()> {
        for (position, item) in items.enumerate() {
            if position > 0 {
                self.push(", ")?;
            }
            each(self, item)?;
        }
        Some(())
    }

    fn around(&mut self, open: &str, inner: impl FnOnce(&mut Self) -> Option<()>, close: &str) -> Option<()> {
        self.push(open)?;
        inner(self)?;
        self.push(close)
    }

    fn value(&mut self, ty: ComponentValType) -> Option<()> {
        let id = match ty {
            ComponentValType::Primitive(primitive) => {
                write!(self.out, "{primitive}").ok()?;
                return self.push("");
            }
            ComponentValType::Type(id) => id,
        };
        let types = self.types;
        match types.get(id)? {
            ComponentDefinedType::Primitive(primitive) => self.value(ComponentValType::Primitive(*primitive)),
            ComponentDefinedType::Record(record) => self.around(
                "record { ",
                |text| {
                    text.list(record.fields.iter(), |text, (name, ty)| {
                        text.push(&format!("{name}: "))?;
                        text.value(*ty)
                    })
                },
                " }",
            ),
            ComponentDefinedType::Variant(variant) => self.around(
                "variant { ",
                |text| {
                    text.list(variant.cases.iter(), |text, (name, case)| {
                        text.push(name)?;
                        case.ty.map_or(Some(()), |ty| text.around("(", |text| text.value(ty), ")"))
                    })
                },
                " }",
            ),
            ComponentDefinedType::List { element, .. } => {
                self.around("list<", |text| text.value(*element), ">")
            }
            ComponentDefinedType::Tuple(tuple) => {
                self.around("tuple<", |text| text.list(tuple.types.iter(), |text, ty| text.value(*ty)), ">")
            }
            ComponentDefinedType::Option { ty, .. } => self.around("option<", |text| text.value(*ty), ">"),
            ComponentDefinedType::Result { ok: None, err: None, .. } => self.push("result"),
            ComponentDefinedType::Result { ok, err, .. } => {
                self.push("result<")?;
                match ok {
                    Some(ok) => self.value(*ok)?,
                    None => self.push("_")?,
                }
                if let Some(err) = err {
                    self.push(", ")?;
                    self.value(*err)?;
                }
                self.push(">")
            }
            ComponentDefinedType::Flags(names) => {
                self.around("flags { ", |text| text.list(names.iter(), |text, name| text.push(name)), " }")
            }
            ComponentDefinedType::Enum(names) => {
                self.around("enum { ", |text| text.list(names.iter(), |text, name| text.push(name)), " }")
            }
            // Handles, streams and the rest: no processor has them, their name is enough for people.
            _ => self.push("handle"),
        }
    }
}
