//! Timelines of one panel as the spec's rules see them, outside of questions: for tables, and for the pages of people.

use std::ops::Range;

use diptych_event::Shard;
use diptych_journey::seam::{ALL_TIME, Mask, View};
use diptych_journey::{AskError, Catalog, Context};
use diptych_store::hash::shard_of;
use diptych_store::timelines::Timelines;

use crate::EngineError;
use crate::accounts;
use crate::expressions::Compiler;
use crate::modifiers::{RowColumns, RowCondition};
use crate::workspace::Workbench;

/// Timelines of one panel, and what is known about them.
pub struct Reading<'a> {
    /// The timelines.
    pub timelines: &'a Timelines,
    /// What operators may know of them.
    pub catalog: Catalog,
    /// Where a row of users' timelines tells that it names no user (docs/accounts.md).
    own_rows: Option<(usize, u32)>,
}

/// Rules of the spec, ready to read timelines.
struct Ruled<R> {
    rules: R,
    columns: RowColumns,
    conditions: Vec<RowCondition>,
}

impl<'a> Reading<'a> {
    /// Reads users' timelines.
    pub fn of_users(bench: &Workbench, users: &'a Timelines) -> Self {
        Self { timelines: users, catalog: bench.catalog(users), own_rows: accounts::own_rows(users) }
    }

    /// Reads accounts' timelines, which were made from `users`.
    pub fn of_accounts(bench: &Workbench, users: &Timelines, accounts: &'a Timelines) -> Self {
        Self { timelines: accounts, catalog: accounts::catalog(bench, users, accounts), own_rows: None }
    }

    /// Calls `look` with the rows of every actor, and rules whose conditions are evaluated.
    pub fn each_actor<R>(
        &self,
        compile: impl FnOnce(&mut Context) -> Result<R, AskError>,
        mut look: impl FnMut(&R, &str, &View, Range<usize>),
    ) -> Result<(), EngineError> {
        self.each_view(compile, |rules, view| {
            view.journeys().for_each(|(actor_idx, rows)| look(rules, view.shard.actors.get(actor_idx), view, rows));
        })
    }

    /// Calls `look` with the rows of every shard, and rules whose conditions are evaluated.
    pub fn each_view<R>(
        &self,
        compile: impl FnOnce(&mut Context) -> Result<R, AskError>,
        mut look: impl FnMut(&R, &View),
    ) -> Result<(), EngineError> {
        let ruled = self.compile(compile)?;
        for shard_idx in 0..self.timelines.n_shards() {
            for part in self.timelines.parts(shard_idx)? {
                part.with(|shard| self.view(&ruled, shard, |view| look(&ruled.rules, view)))?;
            }
        }
        Ok(())
    }

    /// Calls `look` with the rows of one actor, and rules whose conditions are evaluated; `None` where nobody has the id.
    pub fn one_actor<R, T>(
        &self,
        actor: &str,
        compile: impl FnOnce(&mut Context) -> Result<R, AskError>,
        look: impl FnOnce(&R, &View, Range<usize>) -> T,
    ) -> Result<Option<T>, EngineError> {
        let ruled = self.compile(compile)?;
        let parts = self.timelines.parts(shard_of(actor, self.timelines.n_shards()))?;
        let Some(part) = parts.iter().find(|part| part.with(|shard| rows_of(shard, actor).is_some())) else { return Ok(None) };
        part.with(|shard| {
            let Some(rows) = rows_of(shard, actor) else { return Ok(None) };
            self.view(&ruled, shard, |view| look(&ruled.rules, view, rows)).map(Some)
        })
    }

    fn compile<R>(&self, compile: impl FnOnce(&mut Context) -> Result<R, AskError>) -> Result<Ruled<R>, EngineError> {
        let mut context = Context::new(&self.catalog);
        let rules = compile(&mut context)?;
        let timelines = self.timelines;
        let columns = RowColumns::of_timelines(timelines, self.catalog.zone);
        let compiler = Compiler;
        let condition = |sql: &String| columns.condition(&compiler, "a condition of diptych.yaml", sql);
        let conditions = context.masks.iter().map(condition).collect::<Result<_, EngineError>>()?;
        Ok(Ruled { rules, columns, conditions })
    }

    fn view<R, T>(&self, ruled: &Ruled<R>, shard: &Shard, look: impl FnOnce(&View) -> T) -> Result<T, EngineError> {
        let masks = ruled.conditions.iter().map(|condition| condition.holds(&ruled.columns, shard));
        let masks: Vec<Mask> = masks.collect::<Result<_, _>>()?;
        // What only the account did (a purchase at the till) is no activity of the user.
        let interactive = self.own_rows.map(|own_rows| accounts::activity(shard, own_rows));
        let shard = Shard { interactive: interactive.as_deref().or(shard.interactive), ..*shard };
        Ok(look(&View { shard, actors: None, admitted: None, period_us: ALL_TIME, groups: None, masks: &masks, texts: &[] }))
    }
}

/// Finds the rows of an actor. O(log actors).
fn rows_of(shard: &Shard, actor: &str) -> Option<Range<usize>> {
    let (mut low, mut high) = (0, shard.n_actors());
    while low < high {
        let middle = low + (high - low) / 2;
        match shard.actors.get(middle).cmp(actor) {
            std::cmp::Ordering::Less => low = middle + 1,
            std::cmp::Ordering::Greater => high = middle,
            std::cmp::Ordering::Equal => return Some(shard.rows(middle)),
        }
    }
    None
}
