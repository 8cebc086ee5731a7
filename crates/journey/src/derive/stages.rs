//! Where an account stands in the relationship: its stages as a dated history.
//!
//! Rows are one account's rows in time order (`diptych_event::account`), the rules are those of the spec, in its order.
//!
//! - A row that `enter`s a stage begins a stay there when the account is in no stage (never was, or is lost) or in an
//!   earlier stage. Where a row enters several stages, the last of them counts. An `enter` of the current or an earlier
//!   stage changes nothing: nobody goes back while the relationship lives.
//! - A row that `leave`s the current stage ends the stay: the account is lost. A row that also leads on to a later stage
//!   leads on. The row that ends a relationship does not begin another.
//! - An account whose stage has `lost_after` is lost when that time has passed since it entered or since the last `renew`
//!   row; what happens at exactly that instant is still in time. Where observation ends before that instant, the stay is
//!   open: neither moved nor lost.
//! - A lost account begins again with any `enter` (won back), as if it had never been there.
//!
//! Observation ends at the earliest end among the sources that have events of the stages; later rows are ignored.
//! Source: METRICS 2.1 (dated interval history); DECISIONS 21.

use std::ops::Range;

use diptych_event::suggest;
use diptych_event::time::parse_duration;

use crate::seam::{AskError, Context, Matcher, View};

/// The stages of the spec, ready to be looked for in rows.
#[derive(Debug, Clone)]
pub struct Rules {
    names: Vec<String>,
    stages: Vec<Stage>,
    /// Names that any rule reads, shape `[names]`.
    read: Vec<bool>,
    observed_until_us: i64,
}

/// The rules of one stage.
#[derive(Debug, Clone)]
struct Stage {
    enter: Matcher,
    leave: Option<Matcher>,
    renew: Option<Matcher>,
    lost_after_us: Option<i64>,
    is_final: bool,
}

/// One unbroken time of an account in one stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stay {
    /// Position of the stage in the spec.
    pub stage: usize,
    /// Row with which it began.
    pub entered_row: usize,
    /// Instant of that row in microseconds.
    pub entered_us: i64,
    /// Row with which it ended; `None` for [`End::Lapsed`] and [`End::Open`].
    pub ended_row: Option<usize>,
    /// Instant at which it ended in microseconds; the end of observation where it is open.
    pub ended_us: i64,
    /// How it ended.
    pub end: End,
}

/// How a stay ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Into a later stage, by its position.
    Moved(usize),
    /// Lost by a `leave` row.
    Left,
    /// Lost because `lost_after` passed.
    Lapsed,
    /// Not ended when observation ended.
    Open,
}

impl End {
    /// Tells whether the account was lost.
    pub fn is_lost(self) -> bool {
        matches!(self, End::Left | End::Lapsed)
    }
}

impl Rules {
    /// Finds what the spec's stages mean in the data; an error where the spec has none.
    pub fn compile(context: &mut Context) -> Result<Self, AskError> {
        let spec = context.catalog.spec.clone();
        if spec.stages.is_empty() {
            let what = "the spec has no stages; list them under `stages:`, from first contact on, each with the events that `enter` it";
            return Err(AskError::parameter("stages", what));
        }
        let mut read = vec![false; context.catalog.names.len()];
        let mut matcher = |meant| {
            let matcher = context.matcher(meant);
            matcher.codes().for_each(|code| read[code as usize] = true);
            matcher
        };
        let mut stages = Vec::with_capacity(spec.stages.len());
        for stage in &spec.stages {
            let lost_after = stage.lost_after.as_ref().map(|text| parse_duration(&text.text)).transpose();
            stages.push(Stage {
                enter: matcher(&stage.enter),
                leave: stage.leave.as_ref().map(&mut matcher),
                renew: stage.renew.as_ref().map(&mut matcher),
                lost_after_us: lost_after.map_err(|what| AskError::parameter("lost_after", what))?,
                is_final: stage.is_final,
            });
        }
        let codes = (0..).zip(&read).filter(|(_, read)| **read).map(|(code, _)| code);
        let observed_until_us = context.observed_until_us(codes);
        let names = spec.stages.iter().map(|stage| stage.name.text.clone()).collect();
        Ok(Self { names, stages, read, observed_until_us })
    }

    /// Returns the names of the stages, in order.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Returns the number of stages, at least 1.
    #[expect(clippy::len_without_is_empty, reason = "there is always a stage")]
    pub fn len(&self) -> usize {
        self.stages.len()
    }

    /// Finds a stage that a parameter names.
    pub fn find(&self, parameter: &str, name: &str) -> Result<usize, AskError> {
        self.names.iter().position(|known| known == name).ok_or_else(|| {
            let near = suggest::did_you_mean(name, self.names.iter().map(String::as_str));
            AskError::parameter(parameter, format!("no stage is called \"{name}\"{near}; stages: {}", self.names.join(", ")))
        })
    }

    /// Tells whether the relationship can rest in a stage: accounts in it are not at risk of a drop-off.
    pub fn is_final(&self, stage: usize) -> bool {
        self.stages[stage].is_final
    }

    /// Tells whether an account can be lost from a stage, by leaving or by time.
    pub fn can_lose(&self, stage: usize) -> bool {
        self.stages[stage].leave.is_some() || self.stages[stage].lost_after_us.is_some()
    }

    /// Returns the time after which an account in a stage is lost, in microseconds; `None` where time alone loses nobody.
    pub fn lost_after_us(&self, stage: usize) -> Option<i64> {
        self.stages[stage].lost_after_us
    }

    /// Returns the end of observation of the stages in microseconds.
    pub fn observed_until_us(&self) -> i64 {
        self.observed_until_us
    }

    /// Gives the stays of one account to `emit`, in time order; only the last one may be open.
    ///
    /// O(rows + rows that a rule reads × stages).
    pub fn history(&self, view: &View, rows: Range<usize>, emit: &mut impl FnMut(Stay)) {
        let (time_us, name) = (view.shard.time_us, view.shard.name);
        let mut current: Option<Current> = None;
        for row in rows.take_while(|row| time_us[*row] <= self.observed_until_us).filter(|row| self.read[name.get(*row) as usize]) {
            let now_us = time_us[row];
            if let Some(lapsed) = current.as_ref().and_then(|stay| self.lapsed(stay, now_us - 1)) {
                emit(lapsed);
                current = None;
            }
            let entered = self.stages.iter().rposition(|stage| stage.enter.holds(view, row));
            let holds = |matcher: &Option<Matcher>| matcher.as_ref().is_some_and(|matcher| matcher.holds(view, row));
            let begun = |stage: usize| Current { stage, entered_row: row, entered_us: now_us, clock_us: now_us };
            match (&mut current, entered) {
                (None, entered) => current = entered.map(begun),
                (Some(stay), Some(later)) if later > stay.stage => {
                    emit(stay.ended(Some(row), now_us, End::Moved(later)));
                    current = Some(begun(later));
                }
                (Some(stay), _) if holds(&self.stages[stay.stage].leave) => {
                    emit(stay.ended(Some(row), now_us, End::Left));
                    current = None;
                }
                (Some(stay), _) if holds(&self.stages[stay.stage].renew) => stay.clock_us = now_us,
                (Some(_), _) => {}
            }
        }
        if let Some(stay) = current {
            let open = || stay.ended(None, self.observed_until_us, End::Open);
            emit(self.lapsed(&stay, self.observed_until_us).unwrap_or_else(open));
        }
    }

    /// Returns the stay as it lapsed, where its time had passed at the end of `until_us`.
    fn lapsed(&self, stay: &Current, until_us: i64) -> Option<Stay> {
        let lost_us = stay.clock_us.saturating_add(self.stages[stay.stage].lost_after_us?);
        (lost_us <= until_us).then(|| stay.ended(None, lost_us, End::Lapsed))
    }
}

/// The stay that an account is in.
struct Current {
    stage: usize,
    entered_row: usize,
    entered_us: i64,
    /// Entry or last renewal: what `lost_after` counts from.
    clock_us: i64,
}

impl Current {
    fn ended(&self, ended_row: Option<usize>, ended_us: i64, end: End) -> Stay {
        Stay { stage: self.stage, entered_row: self.entered_row, entered_us: self.entered_us, ended_row, ended_us, end }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use diptych_event::Spec;
    use diptych_event::time::{Zone, format_duration};
    use diptych_testkit::{START_US, World, parse_moment};

    use super::*;
    use crate::seam::{ALL_TIME, Catalog, Mask};

    const STAGES: &str = "format: 1
stages:
  - { name: aware, enter: visit | ad, lost_after: 10d }
  - { name: trial, enter: signup, leave: cancel, lost_after: 5d, renew: use }
  - { name: paid, enter: buy where plan = 'pro', leave: cancel, final: true }
";

    fn catalog(world: &World, spec: &str, until: &str) -> Catalog {
        Catalog {
            names: world.names().clone(),
            columns: world.columns(),
            zone: Zone::UTC,
            session_gap_us: 0,
            first_us: world.first_us(),
            observed_until_us: parse_moment(until).unwrap(),
            ends_us: Vec::new(),
            spec: Arc::new(Spec::parse(spec).unwrap()),
        }
    }

    /// Writes the stays of a world's first account: `aware 0s-1d paid`, where the last word is the next stage or how it ended.
    fn history_of(world: &World, catalog: &Catalog) -> Vec<String> {
        let mut context = Context::new(catalog);
        let rules = Rules::compile(&mut context).unwrap();
        let shard = &world.shards(1)[0];
        let masks: Vec<Mask> = context.masks.iter().map(|sql| world.mask(shard, sql).unwrap().into()).collect();
        let shard = shard.shard();
        let view = View { shard, actors: None, admitted: None, period_us: ALL_TIME, groups: None, masks: &masks, texts: &[] };
        let mut stays = Vec::new();
        rules.history(&view, shard.rows(0), &mut |stay| {
            assert_eq!(shard.time_us[stay.entered_row], stay.entered_us);
            assert!(stay.ended_row.is_none_or(|row| shard.time_us[row] == stay.ended_us));
            assert_eq!(stay.ended_row.is_some(), matches!(stay.end, End::Moved(_) | End::Left));
            let end = match stay.end {
                End::Moved(stage) => rules.names()[stage].clone(),
                end => format!("{end:?}").to_lowercase(),
            };
            let at = |time_us: i64| format_duration(time_us - START_US);
            stays.push(format!("{} {}-{} {end}", rules.names()[stay.stage], at(stay.entered_us), at(stay.ended_us)));
        });
        stays
    }

    /// Draws one account, and another who has the property that the conditions need.
    fn draw(rows: &str) -> World {
        World::parse(&format!("ana: {rows}\nzoe: visit@0s{{plan=none}}")).unwrap()
    }

    /// Checks the history of one account that is observed for 30 days.
    #[track_caller]
    fn check(rows: &str, expected: &[&str]) {
        let world = draw(rows);
        assert_eq!(history_of(&world, &catalog(&world, STAGES, "30d")), expected);
    }

    #[test]
    fn accounts_move_on_and_never_back() {
        check("look@0s", &[]);
        check("ad@0s signup@1d buy@2d{plan=pro}", &["aware 0s-1d trial", "trial 1d-2d paid", "paid 2d-30d open"]);
        check("visit@0s buy@2d{plan=pro} signup@3d visit@4d", &["aware 0s-2d paid", "paid 2d-30d open"]);
        check("signup@28d visit@29d", &["trial 28d-30d open"]);
    }

    #[test]
    fn conditions_decide_which_rows_enter() {
        check("signup@26d buy@27d buy@28d{plan=free} buy@29d{plan=pro}", &["trial 26d-29d paid", "paid 29d-30d open"]);
    }

    #[test]
    fn leaving_ends_a_relationship_and_any_entry_begins_another() {
        check(
            "buy@0s{plan=pro} cancel@1d cancel@2d visit@3d signup@4d cancel@5d",
            &["paid 0s-1d left", "aware 3d-4d trial", "trial 4d-5d left"],
        );
        check("visit@25d cancel@26d", &["aware 25d-30d open"]);
    }

    #[test]
    fn time_loses_accounts_that_do_not_go_on() {
        check("visit@0s signup@10d buy@15d{plan=pro}", &["aware 0s-10d trial", "trial 10d-15d paid", "paid 15d-30d open"]);
        check("visit@0s signup@10d1ms", &["aware 0s-10d lapsed", "trial 10d1ms-15d1ms lapsed"]);
        check("visit@0s visit@9d visit@12d", &["aware 0s-10d lapsed", "aware 12d-22d lapsed"]);
        check("visit@20d", &["aware 20d-30d lapsed"]);
        check("visit@20d1ms", &["aware 20d1ms-30d open"]);
    }

    #[test]
    fn renewals_start_the_clock_again_and_entries_do_not() {
        check("signup@0s use@4d use@9d", &["trial 0s-14d lapsed"]);
        check("signup@0s signup@4d", &["trial 0s-5d lapsed"]);
        check("signup@0s use@5d1ms signup@6d", &["trial 0s-5d lapsed", "trial 6d-11d lapsed"]);
        check("visit@0s use@9d", &["aware 0s-10d lapsed"]);
    }

    #[test]
    fn simultaneous_rows_count_in_their_order() {
        check("visit@29d signup@29d", &["aware 29d-29d trial", "trial 29d-30d open"]);
        check("signup@29d visit@29d", &["trial 29d-30d open"]);
        check("signup@29d cancel@29d visit@29d", &["trial 29d-29d left", "aware 29d-30d open"]);
    }

    #[test]
    fn a_row_with_several_meanings_leads_on() {
        let spec = "format: 1
stages:
  - { name: one, enter: a | both, leave: both | end, lost_after: 9d, renew: end }
  - { name: two, enter: both | end, leave: both }
";
        let world = draw("both@0s both@1d a@2d both@3d both@4d");
        let stays = history_of(&world, &catalog(&world, spec, "30d"));
        assert_eq!(stays, ["two 0s-1d left", "one 2d-3d two", "two 3d-4d left"], "leaving does not enter");
    }

    #[test]
    fn rows_after_the_end_of_observation_are_ignored() {
        let world = draw("visit@0s signup@3d use@9d");
        let mut catalog = catalog(&world, STAGES, "2d");
        assert_eq!(history_of(&world, &catalog), ["aware 0s-2d open"]);
        // The earliest end among the events of the stages counts; `look` is none of them.
        catalog.ends_us = vec![parse_moment("9d").unwrap(), parse_moment("4d").unwrap(), parse_moment("9d").unwrap()];
        assert_eq!(history_of(&world, &catalog), ["aware 0s-3d trial", "trial 3d-4d open"]);
    }

    #[test]
    fn stages_are_found_by_name_or_refused_with_advice() {
        let world = draw("visit@0s");
        let none = catalog(&world, "format: 1\nstages: [{ name: here, enter: visit }]", "1d");
        assert!(!Rules::compile(&mut Context::new(&none)).unwrap().can_lose(0));
        let none = catalog(&world, "format: 1", "1d");
        assert!(Rules::compile(&mut Context::new(&none)).unwrap_err().to_string().contains("`stages:`"));
        let catalog = catalog(&world, STAGES, "1d");
        let mut context = Context::new(&catalog);
        let rules = Rules::compile(&mut context).unwrap();
        assert_eq!((rules.len(), rules.find("from", "trial"), rules.is_final(2), rules.lost_after_us(2)), (3, Ok(1), true, None));
        assert!(rules.can_lose(0) && rules.can_lose(2));
        assert!(rules.find("from", "trail").unwrap_err().to_string().contains("did you mean \"trial\"?"));
        assert!(context.notes.iter().any(|note| note.contains("signup")), "names that nobody has are told");
    }
}
