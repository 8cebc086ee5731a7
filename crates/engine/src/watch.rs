//! Looking on while a question is answered: progress, what was counted so far, and stopping it.

use crate::{Answer, EngineError};

/// Looks on while a question is answered. Called from several threads, one at a time per round of counting.
pub trait Watch: Sync {
    /// `done` of `of` shards are read; an error, such as [`EngineError::Cancelled`], ends the question with it.
    ///
    /// Questions about accounts that are derived first, and operators that count in several rounds, start again from few.
    fn counted(&self, done: usize, of: usize) -> Result<(), EngineError>;

    /// Tells whether the answer of the `done` shards that are counted is wanted now.
    fn wants_partial(&self, done: usize, of: usize) -> bool;

    /// Takes the answer of `done` of `of` shards: actors are spread over shards by a hash of their id,
    /// so its shares are those of a sample, and its counts are too small.
    fn partial(&self, done: usize, of: usize, answer: Answer);
}

/// Nobody looks on.
pub struct Unwatched;

impl Watch for Unwatched {
    fn counted(&self, _done: usize, _of: usize) -> Result<(), EngineError> {
        Ok(())
    }

    fn wants_partial(&self, _done: usize, _of: usize) -> bool {
        false
    }

    fn partial(&self, _done: usize, _of: usize, _answer: Answer) {}
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::import::{Options, import};
    use crate::{Question, Workbench};

    /// Keeps every partial answer, and stops where it is told to.
    struct Keeper {
        stop_at: usize,
        partials: Mutex<Vec<(usize, Answer)>>,
    }

    impl Watch for Keeper {
        fn counted(&self, done: usize, _of: usize) -> Result<(), EngineError> {
            if done == self.stop_at { Err(EngineError::Cancelled) } else { Ok(()) }
        }

        fn wants_partial(&self, _done: usize, _of: usize) -> bool {
            true
        }

        fn partial(&self, done: usize, of: usize, answer: Answer) {
            assert_eq!(of, 8);
            self.partials.lock().unwrap().push((done, answer));
        }
    }

    fn people(answer: &Answer) -> u64 {
        answer.cells.iter().find(|cell| cell.id == "sessions").expect("the operator counts them").people
    }

    #[test]
    fn what_is_counted_so_far_grows_to_the_answer_and_a_question_can_be_stopped() {
        let folder = std::env::temp_dir().join(format!("diptych-watch-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        let rows: String = (0..200).map(|idx| format!("u{idx},2025-01-01 10:00:{:02},view\n", idx % 60)).collect();
        std::fs::write(folder.join("events.csv"), format!("user,time,name\n{rows}")).unwrap();
        let spec =
            "format: 1\nsources:\n  web:\n    files: [events.csv]\n    each: { time: time, user: user }\n    events: [{ name: name }]\n";
        std::fs::write(folder.join("diptych.yaml"), spec).unwrap();
        diptych_store::Workspace::create_with_shards(&folder, Some(8)).unwrap();
        let bench = Workbench::open(&folder).unwrap();
        import(&bench, &[folder.join("events.csv")], &Options { source: None, now_us: i64::MAX }, &mut |_| {}).unwrap();

        let question = Question { operator: "sessions".into(), ..Question::default() };
        let watch = Keeper { stop_at: usize::MAX, partials: Mutex::default() };
        let answer = bench.ask_watched(&question, &watch).unwrap();
        assert_eq!(people(&answer), 200);
        assert_eq!(answer.to_json(), bench.ask(&question).unwrap().to_json());
        let partials = watch.partials.into_inner().unwrap();
        assert_eq!(partials.iter().map(|(done, _)| *done).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6, 7]);
        let counts: Vec<u64> = partials.iter().map(|(_, answer)| people(answer)).collect();
        // What another thread has just counted may be in a shard before it is announced.
        assert!(counts.is_sorted() && counts[0] > 0 && counts[0] < 200, "{counts:?}");

        let stopped = bench.ask_watched(&question, &Keeper { stop_at: 3, partials: Mutex::default() });
        assert!(matches!(stopped, Err(EngineError::Cancelled)));
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
