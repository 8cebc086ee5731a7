//! Progress on a terminal: rate and remaining time; silent in a pipe.

use std::time::Duration;

use diptych_engine::import::Progress;
use diptych_engine::{Answer, EngineError, Watch};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar that follows an import.
pub struct ImportBar {
    bar: ProgressBar,
    of_timelines: bool,
}

impl ImportBar {
    /// Makes a bar that shows once work takes a moment.
    pub fn new() -> Self {
        Self { bar: ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr()), of_timelines: false }
    }

    /// Shows what an import tells.
    pub fn show(&mut self, progress: Progress) {
        match progress {
            Progress::File { path, bytes_total } => {
                self.bar.set_length(bytes_total);
                self.bar.set_position(0);
                self.bar.reset_eta();
                self.bar.set_style(style("{prefix} {bar:30} {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec} {msg} {eta} left"));
                self.bar.set_prefix(path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default());
                self.of_timelines = false;
            }
            Progress::Read { bytes, rows_committed } => {
                self.bar.set_position(bytes);
                self.bar.set_message(format!("{rows_committed} rows saved"));
            }
            Progress::Timelines { rows, rows_total } => {
                if !self.of_timelines {
                    self.bar.set_style(style("timelines {bar:30} {pos}/{len} rows {per_sec} {eta} left"));
                    self.bar.set_position(0);
                    self.bar.reset_eta();
                    self.of_timelines = true;
                }
                self.bar.set_length(rows_total);
                self.bar.set_position(rows);
            }
        }
    }

    /// Takes the bar away.
    pub fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

/// A bar that follows a question through the shards.
pub struct QuestionBar(ProgressBar);

impl QuestionBar {
    /// Makes a bar that shows once work takes a moment.
    pub fn new() -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        bar.set_style(style("counting {bar:30} {pos}/{len} parts, {eta} left"));
        Self(bar)
    }

    /// Takes the bar away.
    pub fn clear(&self) {
        self.0.finish_and_clear();
    }
}

impl Watch for QuestionBar {
    fn counted(&self, done: usize, of: usize) -> Result<(), EngineError> {
        // Short questions are answered before anybody could read a bar.
        if self.0.elapsed() > Duration::from_secs(2) {
            self.0.set_length(of as u64);
            self.0.set_position(done as u64);
        }
        Ok(())
    }

    fn wants_partial(&self, _done: usize, _of: usize) -> bool {
        false
    }

    fn partial(&self, _done: usize, _of: usize, _answer: Answer) {}
}

/// Makes a bar that counts rows.
pub fn rows_bar(what: &'static str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
    bar.set_style(style("{prefix} {bar:30} {pos}/{len} {per_sec} {eta} left"));
    bar.set_prefix(what);
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the templates of this file are right")
}
