//! What a long run reports besides its result: its progress, and the log of a device that has failed.
//!
//! The library writes to nobody's terminal: a caller that wants progress sets a [`Watcher`] around the call.

use std::cell::RefCell;
use std::rc::Rc;

/// Called after each row of a run, by whichever thread has done it; dropped when the run ends.
pub type RowDone = Box<dyn Fn() + Send + Sync>;

/// Receiver of progress.
pub trait Watcher {
    /// Called where a run of `rows` rows begins, which `task` names; gives the closure to call after each of
    /// them.
    fn begin(&self, task: &'static str, rows: usize) -> RowDone;

    /// Called with each line of the log of a device that has failed, and with what a long run will cost.
    fn note(&self, line: &str);
}

thread_local! {
    static WATCHER: RefCell<Option<Rc<dyn Watcher>>> = const { RefCell::new(None) };
}

/// The result of `work`, with `watcher` receiving the progress of runs that this thread begins in it;
/// afterwards the watcher before is set again, also after a panic. Other threads have watchers of their own.
pub fn watched<T>(watcher: impl Watcher + 'static, work: impl FnOnce() -> T) -> T {
    let _before = Before(WATCHER.replace(Some(Rc::new(watcher))));
    work()
}

/// The watcher before, which is set again when this is dropped.
struct Before(Option<Rc<dyn Watcher>>);

impl Drop for Before {
    /// Sets the watcher before again, on this thread.
    fn drop(&mut self) {
        WATCHER.set(self.0.take());
    }
}

/// The closure to call after each row of a run of `rows` rows that begins now and that `task` names: that of
/// this thread's watcher; without a watcher it does nothing.
pub(crate) fn begin(task: &'static str, rows: usize) -> RowDone {
    match current() {
        Some(watcher) => watcher.begin(task, rows),
        None => Box::new(|| {}),
    }
}

/// Passes a line to the watcher of this thread; nothing without one.
pub(crate) fn note(line: &str) {
    if let Some(watcher) = current() {
        watcher.note(line);
    }
}

/// The watcher of this thread; `None` where none is set.
fn current() -> Option<Rc<dyn Watcher>> {
    WATCHER.with_borrow(Option::clone)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    struct Counts(Arc<AtomicUsize>);

    impl Watcher for Counts {
        fn begin(&self, _: &'static str, _: usize) -> RowDone {
            let count = self.0.clone();
            Box::new(move || {
                count.fetch_add(1, Ordering::Relaxed);
            })
        }

        fn note(&self, _: &str) {
            self.0.fetch_add(100, Ordering::Relaxed);
        }
    }

    #[test]
    fn only_the_work_of_this_thread_is_told_of() {
        let count = Arc::new(AtomicUsize::new(0));
        watched(Counts(count.clone()), || {
            let step = begin("rows", 2);
            std::thread::scope(|scope| drop(scope.spawn(|| begin("others", 1)())));
            std::thread::scope(|scope| drop(scope.spawn(&step)));
            step();
            note("line");
        });
        begin("later", 1)();
        note("later");
        assert_eq!(count.load(Ordering::Relaxed), 102);
    }

    #[test]
    fn who_watched_before_watches_again() {
        let counts = [Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0))];
        let [outer, inner] = counts.clone().map(Counts);
        watched(outer, || {
            watched(inner, || note("inner"));
            note("outer");
        });
        assert_eq!(counts.map(|count| count.load(Ordering::Relaxed)), [100, 100]);
    }
}
