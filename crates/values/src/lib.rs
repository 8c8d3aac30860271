//! Raw bytes ↔ one `Value`/`Type` model, for every serializer that Flink writes into state.

mod java_str;
mod value;

pub use value::{JavaStr, LocalDate, Value};
