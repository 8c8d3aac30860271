//! Writes timers as raw keyed state, which lie beside a database.

use statetool_format::{Encode, Put};

use super::{MARKER, TimerDomain, TimerService, VERSION};

/// Collects the timers of one key group, and writes its block.
///
/// A block counts its timers in front of them, so it is collected in memory, as the heap timers are that
/// Flink makes of it.
#[derive(Debug)]
pub struct TimersWriter {
    services: Vec<(TimerService, Queue, Queue)>,
}

/// The timers of one domain.
#[derive(Debug, Default)]
struct Queue {
    count: usize,
    bytes: Vec<u8>,
}

impl Queue {
    fn write(&mut self, out: &mut Vec<u8>) {
        out.put_count(std::mem::take(&mut self.count));
        out.put(&self.bytes);
        self.bytes.clear();
    }
}

impl TimersWriter {
    /// A writer for the timers of some services.
    pub fn new(services: Vec<TimerService>) -> Self {
        let services = services.into_iter();
        Self {
            services: services
                .map(|service| (service, Queue::default(), Queue::default()))
                .collect(),
        }
    }

    /// A writer for the same services.
    #[must_use]
    pub fn without_timers(&self) -> Self {
        Self::new(
            self.services
                .iter()
                .map(|(service, ..)| service.clone())
                .collect(),
        )
    }

    /// Adds a timer of a service, which is counted from 0 on: its serialized key and namespace, and when it
    /// fires. Timers of services that there are not are not taken.
    pub fn timer(
        &mut self,
        service: usize,
        domain: TimerDomain,
        (key, namespace): (&[u8], &[u8]),
        timestamp: i64,
    ) {
        let Some((_, event, processing)) = self.services.get_mut(service) else {
            return;
        };
        let queue = match domain {
            TimerDomain::Event => event,
            TimerDomain::Processing => processing,
        };
        queue.count += 1;
        queue.bytes.put(key);
        queue.bytes.put(namespace);
        queue.bytes.put_i64(timestamp);
    }

    /// Appends the block of the key group; what comes then belongs to another one. All services are named,
    /// also those without timers.
    pub fn end_group(&mut self, out: &mut Vec<u8>) {
        out.put_i32(MARKER);
        out.put_i32(VERSION);
        out.put_count(self.services.len());
        for (service, event, processing) in &mut self.services {
            out.put_utf(service.name.as_text());
            service.key.encode(out);
            service.namespace.encode(out);
            event.write(out);
            processing.write(out);
        }
    }
}
