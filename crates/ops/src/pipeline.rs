//! Items that are scanned by some threads and finished by any, and whose results come in order.
//!
//! A scan cannot be divided: where an entry begins is known only behind the one before. What is done
//! with the entries can be, so a scan hands its entries over in batches, and every thread that has no
//! item to scan, or whose own item has run far enough ahead, finishes batches of whatever item.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use statetool_snapshot::{Flow, Result};

/// How many batches may be on their way for each thread, and how many of an item whatever the others have.
const BATCHES_AHEAD: usize = 4;
/// How many batches may be on their way at least: few threads wait for each other more often.
const MIN_ROOM: usize = 24;

/// Runs `scan` for every item on `threads` threads, makes results of the batches it hands over with
/// `finish`, and gives these to `consume` in the order of items and batches, whatever the number of
/// threads.
///
/// # Errors
/// The first error by that order, after all results before it; and what `consume` returns.
/// `consume` ends everything with `Break`.
pub fn in_order<I: Sync, B: Send, T: Send>(
    items: &[I],
    threads: usize,
    scan: impl Fn(&I, &Feed<'_, B, T>) -> Result<()> + Sync,
    finish: impl Fn(B) -> Result<T> + Sync,
    consume: impl FnMut(T) -> Result<Flow>,
) -> Result<Flow> {
    run(Order::OfItems, items, threads, scan, finish, consume)
}

/// As [`in_order`], but results of several items come mixed, those of each in its order: no item waits
/// for another.
///
/// # Errors
/// As [`in_order`], the first by the order in which they come.
pub fn mixed<I: Sync, B: Send, T: Send>(
    items: &[I],
    threads: usize,
    scan: impl Fn(&I, &Feed<'_, B, T>) -> Result<()> + Sync,
    finish: impl Fn(B) -> Result<T> + Sync,
    consume: impl FnMut(T) -> Result<Flow>,
) -> Result<Flow> {
    run(Order::Mixed, items, threads, scan, finish, consume)
}

/// In which order results are given away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    OfItems,
    Mixed,
}

fn run<I: Sync, B: Send, T: Send>(
    order: Order,
    items: &[I],
    threads: usize,
    scan: impl Fn(&I, &Feed<'_, B, T>) -> Result<()> + Sync,
    finish: impl Fn(B) -> Result<T> + Sync,
    mut consume: impl FnMut(T) -> Result<Flow>,
) -> Result<Flow> {
    let threads = threads.max(1);
    let room = MIN_ROOM.max(BATCHES_AHEAD * threads);
    let shared = Shared {
        board: Mutex::new(Board::new(order, items.len(), room)),
        work: Condvar::new(),
        results: Condvar::new(),
        finish: &finish,
    };
    let stop = |is_consumer| Stop {
        shared: &shared,
        is_consumer,
    };
    std::thread::scope(|scope| {
        let _stop = stop(true);
        for _ in 0..threads {
            scope.spawn(|| {
                let _stop = stop(false);
                shared.work(items, &scan);
            });
        }
        while let Some(result) = shared.next_result() {
            if consume(result?)?.is_break() {
                return Ok(Flow::Break(()));
            }
        }
        Ok(Flow::Continue(()))
    })
}

/// Buffers to be used again: as many as there once were at the same time.
pub struct Spare<T>(Mutex<Vec<T>>);

impl<T> Default for Spare<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Default> Spare<T> {
    /// A used buffer, or a new one.
    pub fn take(&self) -> T {
        let used = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        used.unwrap_or_default()
    }

    /// Keeps a buffer, which the caller has emptied.
    pub fn keep(&self, buffer: T) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(buffer);
    }
}

/// Where the scan of one item hands over its batches.
pub struct Feed<'s, B, T> {
    shared: &'s Shared<'s, B, T>,
    item: usize,
}

impl<B, T> Feed<'_, B, T> {
    /// Hands over a batch; says `Break` once nobody wants more.
    pub fn hand_over(&self, batch: B) -> Flow {
        let mut board = self.shared.lock();
        loop {
            if board.stopped {
                return Flow::Break(());
            }
            if board.has_room(self.item) {
                board.add(self.item, batch);
                self.shared.tell(&board);
                return Flow::Continue(());
            }
            // Far enough ahead: there are other things to do.
            board = match board.waiting.pop_first() {
                Some((place, other)) => {
                    drop(board);
                    self.shared.finish(place, other);
                    self.shared.lock()
                }
                None => self.shared.wait(board),
            };
        }
    }
}

struct Shared<'f, B, T> {
    board: Mutex<Board<B, T>>,
    /// There may be something to do.
    work: Condvar,
    /// The next result may be there.
    results: Condvar,
    finish: &'f (dyn Fn(B) -> Result<T> + Sync),
}

/// Number of an item, and of a batch of it.
type Place = (usize, usize);

/// Who does what.
struct Board<B, T> {
    order: Order,
    items: usize,
    /// The item that is to be scanned next.
    next: usize,
    /// Items that are being scanned or whose results have not all been given away; the first is number `first`.
    lanes: VecDeque<Lane<T>>,
    first: usize,
    /// How many batches may be on their way.
    room: usize,
    /// Batches that nobody has taken up.
    waiting: BTreeMap<Place, B>,
    /// Threads that have nothing to do.
    idle: usize,
    stopped: bool,
}

/// The results of one item.
struct Lane<T> {
    /// Results that have not been given away; nothing where a batch is not finished.
    results: VecDeque<Option<Result<T>>>,
    /// How many have been given away.
    gone: usize,
    scanned: bool,
}

enum Task<B> {
    Finish(Place, B),
    Scan(usize),
    Wait,
    End,
}

impl<B, T> Board<B, T> {
    fn new(order: Order, items: usize, room: usize) -> Self {
        Self {
            order,
            items,
            next: 0,
            lanes: VecDeque::new(),
            first: 0,
            room,
            waiting: BTreeMap::new(),
            idle: 0,
            stopped: false,
        }
    }

    /// What a thread does that has nothing to do: what is needed first comes first.
    fn task(&mut self) -> Task<B> {
        if self.stopped {
            return Task::End;
        }
        if let Some((place, batch)) = self.waiting.pop_first() {
            return Task::Finish(place, batch);
        }
        if self.next == self.items {
            return match self.lanes.iter().all(|lane| lane.scanned) {
                true => Task::End,
                false => Task::Wait,
            };
        }
        if self.taken() >= self.room {
            return Task::Wait;
        }
        self.next += 1;
        self.lanes.push_back(Lane {
            results: VecDeque::new(),
            gone: 0,
            scanned: false,
        });
        Task::Scan(self.next - 1)
    }

    fn lane(&mut self, item: usize) -> Option<&mut Lane<T>> {
        self.lanes.get_mut(item.checked_sub(self.first)?)
    }

    /// How many batches are on their way.
    fn taken(&self) -> usize {
        self.lanes.iter().map(|lane| lane.results.len()).sum()
    }

    /// Whether one more batch of an item may be on its way. An item whose turn it is always has room
    /// once its own results are given away, or nothing would ever go on.
    fn has_room(&self, item: usize) -> bool {
        let own = item.checked_sub(self.first).and_then(|at| self.lanes.get(at));
        self.taken() < self.room
            || self.is_due(item) && own.is_some_and(|lane| lane.results.len() < BATCHES_AHEAD)
    }

    /// Whether results of an item may be given away.
    fn is_due(&self, item: usize) -> bool {
        item == self.first || self.order == Order::Mixed
    }

    fn add(&mut self, item: usize, batch: B) {
        if let Some(lane) = self.lane(item) {
            let place = (item, lane.gone + lane.results.len());
            lane.results.push_back(None);
            self.waiting.insert(place, batch);
        }
    }

    /// Puts a result in its place; says whether it is the next.
    fn put(&mut self, (item, batch): Place, result: Result<T>) -> bool {
        let is_due = self.is_due(item);
        let Some(lane) = self.lane(item) else {
            return false;
        };
        let Some(at) = batch.checked_sub(lane.gone) else {
            return false;
        };
        if let Some(place) = lane.results.get_mut(at) {
            *place = Some(result);
        }
        at == 0 && is_due
    }

    fn end(&mut self, item: usize, outcome: Result<()>) {
        if let Some(lane) = self.lane(item) {
            lane.results.extend(outcome.err().map(|error| Some(Err(error))));
            lane.scanned = true;
        }
    }

    /// The next result if it is there; `None` in its place if there will be none.
    fn take(&mut self) -> Option<Option<Result<T>>> {
        if self.stopped {
            return Some(None);
        }
        while self.lanes.front().is_some_and(Lane::has_ended) {
            self.lanes.pop_front();
            self.first += 1;
        }
        if self.lanes.is_empty() {
            return (self.next == self.items).then_some(None);
        }
        let due = match self.order {
            Order::OfItems => 1,
            Order::Mixed => self.lanes.len(),
        };
        self.lanes.iter_mut().take(due).find_map(Lane::take).map(Some)
    }
}

impl<T> Lane<T> {
    fn has_ended(&self) -> bool {
        self.scanned && self.results.is_empty()
    }

    /// Its next result if it is there.
    fn take(&mut self) -> Option<Result<T>> {
        let result = self.results.front_mut()?.take()?;
        self.results.pop_front();
        self.gone += 1;
        Some(result)
    }
}

impl<B, T> Shared<'_, B, T> {
    fn lock(&self) -> MutexGuard<'_, Board<B, T>> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until there may be something to do.
    fn wait<'b>(&self, mut board: MutexGuard<'b, Board<B, T>>) -> MutexGuard<'b, Board<B, T>> {
        board.idle += 1;
        let mut board = self.work.wait(board).unwrap_or_else(PoisonError::into_inner);
        board.idle -= 1;
        board
    }

    /// Tells the threads that wait for it that there may be something to do.
    fn tell(&self, board: &Board<B, T>) {
        if board.idle > 0 {
            self.work.notify_all();
        }
    }

    fn work<I>(&self, items: &[I], scan: &(impl Fn(&I, &Feed<'_, B, T>) -> Result<()> + Sync)) {
        let mut board = self.lock();
        loop {
            board = match board.task() {
                Task::End => return,
                Task::Wait => self.wait(board),
                Task::Finish(place, batch) => {
                    drop(board);
                    self.finish(place, batch);
                    self.lock()
                }
                Task::Scan(index) => {
                    drop(board);
                    let feed = Feed {
                        shared: self,
                        item: index,
                    };
                    let outcome = items.get(index).map_or(Ok(()), |item| scan(item, &feed));
                    let mut board = self.lock();
                    board.end(index, outcome);
                    self.tell(&board);
                    self.results.notify_one();
                    board
                }
            };
        }
    }

    fn finish(&self, place: Place, batch: B) {
        let result = (self.finish)(batch);
        if self.lock().put(place, result) {
            self.results.notify_one();
        }
    }

    /// Waits for the next result; `None` after the last.
    fn next_result(&self) -> Option<Result<T>> {
        let mut board = self.lock();
        loop {
            let first = board.first;
            let taken = board.take();
            // There is room for one more batch, or another item comes first.
            if taken.is_some() || board.first > first {
                self.tell(&board);
            }
            match taken {
                Some(result) => return result,
                None => board = self.results.wait(board).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }
}

/// Ends everything when the consumer has ended, whatever the reason, and when a thread panics.
struct Stop<'s, B, T> {
    shared: &'s Shared<'s, B, T>,
    is_consumer: bool,
}

impl<B, T> Drop for Stop<'_, B, T> {
    fn drop(&mut self) {
        if self.is_consumer || std::thread::panicking() {
            self.shared.lock().stopped = true;
            self.shared.work.notify_all();
            self.shared.results.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use statetool_snapshot::Error;

    use super::*;

    /// Hands over `item * 100 + 0..20`, one number a batch, and adds nothing to them.
    fn numbers(
        items: &[u32],
        threads: usize,
        end: u32,
        consume: impl FnMut(u32) -> Result<Flow>,
    ) -> Result<Flow> {
        let scan = |item: &u32, feed: &Feed<'_, u32, u32>| {
            for i in 0..20 {
                if feed.hand_over(item * 100 + i).is_break() {
                    break;
                }
            }
            Ok(())
        };
        let finish = |number: u32| match number >= end {
            true => Err(Error::input(format!("number {number}"))),
            false => Ok(number),
        };
        in_order(items, threads, scan, finish, consume)
    }

    #[test]
    fn results_come_in_the_order_of_items_and_batches() {
        let items: Vec<u32> = (0..100).collect();
        for threads in [1, 2, 7] {
            let mut got = Vec::new();
            let flow = numbers(&items, threads, u32::MAX, |number| {
                got.push(number);
                Ok(Flow::Continue(()))
            });
            assert!(flow.unwrap().is_continue());
            let expected: Vec<u32> = (0..100)
                .flat_map(|item| (0..20).map(move |i| item * 100 + i))
                .collect();
            assert_eq!(got, expected);
        }
        assert!(numbers(&[], 3, 0, |_| Ok(Flow::Break(()))).unwrap().is_continue());
    }

    #[test]
    fn the_consumer_ends_everything() {
        let items: Vec<u32> = (0..100).collect();
        for threads in [1, 2, 7] {
            let mut count = 0;
            let flow = numbers(&items, threads, u32::MAX, |number| {
                count += 1;
                Ok(match number {
                    719 => Flow::Break(()),
                    _ => Flow::Continue(()),
                })
            });
            assert!(flow.unwrap().is_break());
            assert_eq!(count, 160);
            let failed = numbers(&items, threads, u32::MAX, |_| Err(Error::input("full")));
            assert_eq!(failed.unwrap_err().to_string(), "full");
        }
    }

    #[test]
    fn the_first_error_in_order_comes_after_what_is_before_it() {
        let items: Vec<u32> = (0..50).collect();
        for threads in [1, 4] {
            let mut count = 0;
            let counted = |_| {
                count += 1;
                Ok(Flow::Continue(()))
            };
            let error = numbers(&items, threads, 3005, counted).unwrap_err();
            assert_eq!((error.to_string(), count), ("number 3005".to_owned(), 605));
            let scan = |item: &u32, feed: &Feed<'_, u32, u32>| {
                let _ = feed.hand_over(*item);
                match item {
                    30.. => Err(Error::input(format!("item {item}"))),
                    _ => Ok(()),
                }
            };
            let mut got = Vec::new();
            let error = in_order(&items, threads, scan, Ok, |number| {
                got.push(number);
                Ok(Flow::Continue(()))
            });
            assert_eq!(error.unwrap_err().to_string(), "item 30");
            assert_eq!(got, (0..=30).collect::<Vec<_>>());
        }
    }

    #[test]
    fn mixed_results_wait_for_no_other_item() {
        use std::sync::mpsc;
        use std::time::Duration;
        let (others_are_through, wait) = mpsc::channel();
        let wait = Mutex::new(wait);
        let scan = |item: &u32, feed: &Feed<'_, u32, u32>| {
            if *item == 0 {
                let wait = wait.lock().unwrap().recv_timeout(Duration::from_secs(60));
                wait.map_err(|_| Error::input("the others have waited"))?;
            }
            let batches = (0..100).map(|i| item * 100 + i);
            batches.map(|batch| feed.hand_over(batch)).for_each(drop);
            Ok(())
        };
        let mut got: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        let flow = mixed(&[0, 1, 2], 2, scan, Ok, |number| {
            got.entry(number / 100).or_default().push(number);
            if number == 299 {
                others_are_through.send(()).unwrap();
            }
            Ok(Flow::Continue(()))
        });
        assert!(flow.unwrap().is_continue());
        for item in 0..3 {
            assert_eq!(got[&item], (item * 100..item * 100 + 100).collect::<Vec<_>>());
        }
    }

    #[test]
    fn one_long_item_keeps_all_threads_busy() {
        use std::collections::HashSet;
        use std::time::Duration;
        let scan = |_: &(), feed: &Feed<'_, u32, std::thread::ThreadId>| {
            (0..64).for_each(|i| {
                let _ = feed.hand_over(i);
            });
            Ok(())
        };
        let finish = |_| {
            std::thread::sleep(Duration::from_millis(2));
            Ok(std::thread::current().id())
        };
        let mut threads = HashSet::new();
        let flow = in_order(&[()], 3, scan, finish, |thread| {
            threads.insert(thread);
            Ok(Flow::Continue(()))
        });
        assert!(flow.unwrap().is_continue());
        assert_eq!(threads.len(), 3);
    }
}
