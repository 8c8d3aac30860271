//! Objects that are written as strings and numbers.

use statetool_format::Result;

use super::decoder::Decoder;
use crate::temporal;
use crate::value::Value;

impl Decoder<'_, '_, '_> {
    pub(super) fn text_object(&mut self, class: &str, field: &'static str) -> Result<Value> {
        let text = self.input.string("Kryo text")?.map_or(Value::Null, Value::String);
        Ok(temporal::object(class, [(field, text)]))
    }

    pub(super) fn pattern(&mut self) -> Result<Value> {
        let pattern = self.string_value("Kryo Pattern")?;
        let flags = self.input.varint("flags of a Kryo Pattern")?;
        Ok(temporal::object(
            "java.util.regex.Pattern",
            [("pattern", pattern), ("flags", Value::Int(flags))],
        ))
    }

    pub(super) fn socket_address(&mut self) -> Result<Value> {
        let host = self.string_value("Kryo InetSocketAddress")?;
        let port = self.input.varint("port of a Kryo InetSocketAddress")?;
        Ok(temporal::object(
            "java.net.InetSocketAddress",
            [("host", host), ("port", Value::Int(port))],
        ))
    }

    pub(super) fn locale(&mut self) -> Result<Value> {
        const WHAT: &str = "Kryo Locale";
        let (language, country) = (self.string_value(WHAT)?, self.string_value(WHAT)?);
        let parts = [
            ("language", language),
            ("country", country),
            ("variant", self.string_value(WHAT)?),
        ];
        Ok(temporal::object("java.util.Locale", parts))
    }

    pub(super) fn calendar(&mut self, class: &str) -> Result<Value> {
        const WHAT: &str = "Kryo Calendar";
        let parts = [
            ("zone", self.string_value(WHAT)?),
            ("time", temporal::millis(self.input.varlong(WHAT)?)),
            ("lenient", Value::Boolean(self.input.bool(WHAT)?)),
            ("firstDayOfWeek", Value::Int(self.input.varint(WHAT)?)),
            ("minimalDaysInFirstWeek", Value::Int(self.input.varint(WHAT)?)),
            ("gregorianChange", Value::Long(self.input.svarlong(WHAT)?)),
        ];
        Ok(temporal::object(class, parts))
    }

    /// An `org.joda.time.DateTime` of `de.javakaffee`'s serializer.
    pub(super) fn joda(&mut self, class: &str) -> Result<Value> {
        const WHAT: &str = "Kryo Joda time";
        let parts = [
            ("time", temporal::millis(self.input.varlong(WHAT)?)),
            ("chronology", self.string_value(WHAT)?),
            ("zone", self.string_value(WHAT)?),
        ];
        Ok(temporal::object(class, parts))
    }
}
