//! Timers beside a database: queues of the new snapshot as services and domains.

use statetool_backend::raw_timers::{TimerDomain, TimerService};
use statetool_format::JavaString;
use statetool_format::serializer::{Content, SerializerSnapshot};
use statetool_format::state::{SerializerKey, StateMetaInfo};
use statetool_snapshot::{Error, Result};

use crate::rewrite::timer_names::{EVENT, PROCESSING};

/// The services of some queues, and where each queue is among them.
pub(super) struct Services {
    pub(super) services: Vec<TimerService>,
    /// By the place of the queue's state in the header.
    pub(super) places: Vec<(usize, TimerDomain)>,
}

impl Services {
    /// Those of the states of a header.
    ///
    /// # Errors
    /// Names that no service has.
    pub(super) fn of(states: &[StateMetaInfo]) -> Result<Self> {
        let mut known = Self {
            services: Vec::new(),
            places: Vec::new(),
        };
        for state in states {
            let name = state.name.to_str();
            let place = match (name.strip_prefix(EVENT), name.strip_prefix(PROCESSING)) {
                (Some(service), _) => Some((service, TimerDomain::Event)),
                (_, Some(service)) => Some((service, TimerDomain::Processing)),
                (None, None) => None,
            };
            let service = place
                .zip(serializers(state))
                .and_then(|((name, domain), (key, namespace))| {
                    let service = TimerService {
                        name: JavaString::new(name)?,
                        key: key.clone(),
                        namespace: namespace.clone(),
                    };
                    Some((service, domain))
                });
            let Some((service, domain)) = service else {
                return Err(Error::refused(format!(
                    "state `{name}`: timers that lie beside RocksDB have names that begin with `{EVENT}` or `{PROCESSING}`"
                ))
                .hint("write a canonical savepoint: --type canonical"));
            };
            let index = match known.services.iter().position(|other| other.name == service.name) {
                Some(index) => index,
                None => {
                    known.services.push(service);
                    known.services.len() - 1
                }
            };
            known.places.push((index, domain));
        }
        Ok(known)
    }
}

/// The serializers of keys and namespaces in that of a queue.
fn serializers(state: &StateMetaInfo) -> Option<(&SerializerSnapshot, &SerializerSnapshot)> {
    match &state.serializer(SerializerKey::Value)?.content {
        Content::Composite { nested, .. } => match nested.as_slice() {
            [key, namespace] => Some((key, namespace)),
            _ => None,
        },
        _ => None,
    }
}
