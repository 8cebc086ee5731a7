//! Threads that count side by side, kept from question to question: a new one has to ask for all its memory, and begins on the
//! core of whoever made it.

use std::sync::{LazyLock, Mutex, MutexGuard};

use rayon::{ThreadPool, ThreadPoolBuilder};

/// Threads that no question has now. Each question has threads of its own, so that the system shares the cores among questions.
static IDLE: Mutex<Vec<ThreadPool>> = Mutex::new(Vec::new());

/// The most threads that are kept: more do not count at the same time.
static KEPT_MAX: LazyLock<usize> = LazyLock::new(|| std::thread::available_parallelism().map_or(1, usize::from));

const NO_PANIC: &str = "nothing panics while a lock of the crew is held";

/// Calls `work` with each number below `n_threads`, all at the same time and 0 in the calling thread; returns what each returned,
/// shape `[threads]`.
pub(crate) fn side_by_side<R: Send>(n_threads: usize, work: impl Fn(usize) -> R + Sync) -> Vec<R> {
    if n_threads == 1 {
        return vec![work(0)];
    }
    let others = with_threads(n_threads - 1);
    let done: Vec<Mutex<Option<R>>> = (0..n_threads).map(|_| Mutex::new(None)).collect();
    let work_as = |number: usize| {
        let result = work(number);
        *done[number].lock().expect(NO_PANIC) = Some(result);
    };
    others.in_place_scope(|scope| {
        scope.spawn_broadcast(|_, thread| work_as(1 + thread.index()));
        work_as(0);
    });
    keep(others);
    done.into_iter().map(|result| result.into_inner().expect(NO_PANIC).expect("all have worked")).collect()
}

fn idle() -> MutexGuard<'static, Vec<ThreadPool>> {
    IDLE.lock().expect(NO_PANIC)
}

/// Keeps threads that have nothing to do, in the place of those that were kept longest where they are too many.
fn keep(threads: ThreadPool) {
    let mut idle = idle();
    idle.push(threads);
    while idle.len() > 1 && idle.iter().map(ThreadPool::current_num_threads).sum::<usize>() > *KEPT_MAX {
        idle.remove(0);
    }
}

/// Takes idle threads, so many, or begins them.
fn with_threads(n_threads: usize) -> ThreadPool {
    let mut idle = idle();
    let found = idle.iter().position(|threads| threads.current_num_threads() == n_threads);
    let kept = found.map(|position| idle.remove(position));
    drop(idle);
    kept.unwrap_or_else(|| ThreadPoolBuilder::new().num_threads(n_threads).build().expect("the system begins threads"))
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::*;

    #[test]
    fn everybody_works_at_the_same_time_and_results_are_in_order() {
        for n_threads in [1, 2, 5, 2] {
            let all_are_here = Barrier::new(n_threads);
            let squares = side_by_side(n_threads, |number| {
                all_are_here.wait();
                number * number
            });
            assert_eq!(squares, (0..n_threads).map(|number| number * number).collect::<Vec<_>>());
        }
    }

    #[test]
    fn no_more_threads_are_kept_than_can_count() {
        for n_threads in [2, 3, 2, 9, 4, 2] {
            side_by_side(n_threads, |_| ());
            let kept: Vec<usize> = idle().iter().map(ThreadPool::current_num_threads).collect();
            assert_eq!(kept.last(), Some(&(n_threads - 1)), "those that were used last are kept");
            assert!(kept.len() == 1 || kept.iter().sum::<usize>() <= *KEPT_MAX, "{kept:?}");
        }
    }

    #[test]
    fn questions_do_not_wait_for_each_other() {
        let both_are_here = Barrier::new(6);
        let count = || side_by_side(3, |number| (both_are_here.wait(), number).1);
        std::thread::scope(|scope| {
            let other = scope.spawn(count);
            assert_eq!((count(), other.join().unwrap()), (vec![0, 1, 2], vec![0, 1, 2]));
        });
    }
}
