//! `rewrite`: a new snapshot made of an old one.
//!
//! [`plan`] resolves what a user asks for, [`execute`] does it. Everything that no edit touches
//! is copied as it is; `_metadata` is written last, and only if every entry is accounted for.

mod account;
mod copy;
mod delete;
mod edits;
mod execute;
mod keyed;
mod merge;
mod operator_state;
mod plan;
mod read_back;
mod report;
mod rule;
mod scale;
mod script_rule;
mod set;
mod target;
pub(crate) mod timer_names;

use std::sync::{Mutex, MutexGuard, PoisonError};

use statetool_format::metadata::StreamHandle;

pub use account::{Amount, ByRule, StateAccount, StateName, Superfluous};
pub use delete::{DeleteKey, DeleteKeys};
pub use edits::{Backend, Compression, Edits, Format, KeyedLayout, Rename};
pub use execute::{ExecuteOptions, Rehearsal, execute, execute_all, rehearse, rehearse_all};
pub use merge::{Keep, OnCollision, plan_all};
pub use plan::{
    KeyedTarget, OperatorPlan, Plan, PlanOptions, Planned, PlannedOperator, PlannedState, StatePlans,
    describe, plan, plan_with,
};
pub use report::{OperatorReport, RewriteReport, StateReport};
pub use rule::{Apply, Fate, Form, Rule};
pub use scale::{Scale, ScaleTo};
pub use script_rule::{Expression, ScriptFile};
pub use set::SetValue;
pub use target::FlinkTarget;

/// A text that no other stream of the snapshot has: the name of its file.
fn id(stream: &StreamHandle) -> String {
    match stream {
        StreamHandle::RelativeFile { path, .. } => path.to_str().into_owned(),
        _ => String::new(),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
