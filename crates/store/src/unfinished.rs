//! What must not outlast a process that is ended.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crate::error::{Error, ErrorKind, Result};

/// Something of a process, such as half a snapshot, that has to go when the process is ended
/// before it is done.
pub trait Unfinished: Send + Sync {
    /// Takes away what there is of it, and sees to it that nothing comes to be any more.
    ///
    /// Called while the threads of the process go on.
    fn take_away(&self);
}

/// All that is unfinished; none once the process is about to end.
static ALL: Mutex<Option<Vec<Weak<dyn Unfinished>>>> = Mutex::new(Some(Vec::new()));

/// Enters something that [`take_away_unfinished`] will take away, as long as it is there.
///
/// # Errors
/// When the process is about to end.
pub fn register_unfinished<T: Unfinished + 'static>(thing: &Arc<T>) -> Result<()> {
    let weak = Arc::downgrade(thing);
    match all().as_mut() {
        Some(all) => {
            all.retain(|thing| thing.strong_count() > 0);
            all.push(weak);
            Ok(())
        }
        None => {
            let why = "nothing is begun while it is about to end";
            Err(Error::named(ErrorKind::Unavailable, "this process", why))
        }
    }
}

/// Takes away all that is unfinished, for a process that is about to end without dropping it.
/// From then on nothing can be entered.
pub fn take_away_unfinished() {
    let taken = all().take();
    for thing in taken.into_iter().flatten() {
        if let Some(thing) = thing.upgrade() {
            thing.take_away();
        }
    }
}

fn all() -> MutexGuard<'static, Option<Vec<Weak<dyn Unfinished>>>> {
    ALL.lock().unwrap_or_else(PoisonError::into_inner)
}
