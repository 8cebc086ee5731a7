//! `diptych check`: the spec against the data.

use std::collections::BTreeMap;
use std::path::Path;

use diptych_event::account::{SESSION_STARTED, TOUCHPOINT, is_derived, task_started};
use diptych_event::spec::{Match, Text};
use diptych_event::time::{format_duration, format_instant, parse_duration};
use diptych_event::timeline::{NO_CODE, Values};
use diptych_event::{Names, suggest};
use diptych_store::StoreError;
use diptych_store::relations::{Membership, Relations};
use diptych_store::timelines::Timelines;
use schemars::JsonSchema;
use serde::Serialize;

use crate::accounts::Rows;
use crate::expressions::Compiler;
use crate::modifiers::RowColumns;
use crate::watch::Unwatched;
use crate::{EngineError, Workbench};

/// Something in the spec that the data does not bear out, or the other way round.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct Finding {
    /// What it is about: `task order`, `stage loyalty`.
    pub about: String,
    /// What is the matter, and what to do.
    pub what: String,
}

impl Workbench {
    /// Reads a spec that is not yet that of the workspace and compares it with the data, without writing anything.
    ///
    /// What would need new timelines (tasks nobody starts, stages nobody enters) is found by [`Workbench::check_spec`]
    /// once the spec is in use.
    pub fn check_text(root: &Path, text: &str) -> Result<Vec<Finding>, EngineError> {
        let bench = Self::with_text(root, text.to_owned())?;
        let users = match bench.store() {
            Ok(store) => Timelines::open(&store, bench.kept())?,
            Err(EngineError::Store(StoreError::NotAWorkspace { .. })) => None,
            Err(error) => return Err(error),
        };
        let mut findings = Vec::new();
        let mut find = |about: String, what: String| findings.push(Finding { about, what });
        if let Some(users) = &users {
            bench.find_unknown_events(users, &mut find);
            bench.find_wrong_sql(users, &mut find);
            bench.find_short_history(users, &mut find);
        }
        findings.sort();
        findings.dedup();
        Ok(findings)
    }

    /// Finds conditions that cannot be read, or that name columns which timelines do not have.
    fn find_wrong_sql(&self, users: &Timelines, find: &mut impl FnMut(String, String)) {
        let columns = self.timeline_columns();
        let dictionaries = vec![Names::default(); columns.len()];
        let rows = RowColumns::new(&users.names, &dictionaries, &columns, self.spec().time_zone());
        let compiler = Compiler;
        let spec = self.spec();
        let mut each = |about: String, text: &Text, is_condition: bool| {
            let checked = match is_condition {
                true => rows.condition(&compiler, &about, &text.text).map(|_| ()),
                false => rows.expression(&compiler, &about, &text.text).map(|_| ()),
            };
            if let Err(error) = checked {
                find(about, format!("line {}: {}", text.line, error.to_string().lines().next().unwrap_or_default()));
            }
        };
        for (name, condition) in &spec.segments {
            each(format!("segment {name}"), condition, true);
        }
        for channel in &spec.channels {
            each(format!("channel {}", channel.name.text), &channel.condition, true);
        }
        for meant in spec.journey_matches() {
            meant.condition.iter().for_each(|condition| each("a condition".into(), condition, true));
        }
        spec.money.margin.iter().for_each(|margin| each("margin".into(), margin, false));
    }

    /// Compares the spec with the data; no finding means that they fit together.
    pub fn check_spec(&self) -> Result<Vec<Finding>, EngineError> {
        let (users, _) = self.timelines()?;
        let relations = self.relations()?;
        let mut findings = Vec::new();
        let mut find = |about: String, what: String| findings.push(Finding { about, what });
        self.find_unknown_events(&users, &mut find);
        let rows = self.rows_of_accounts(&users, &relations)?;
        self.find_empty(&rows, &mut find);
        find_overlaps(&relations.memberships, &mut find);
        self.find_short_history(&users, &mut find);
        findings.sort();
        findings.dedup();
        Ok(findings)
    }

    /// Finds names in the spec that no event has.
    fn find_unknown_events(&self, users: &Timelines, find: &mut impl FnMut(String, String)) {
        let spec = self.spec();
        let mut each = |about: String, meant: &Match| {
            for event in meant.events.iter().filter(|event| *event != "*" && users.names.code(event).is_none() && !is_derived(event)) {
                let near = suggest::did_you_mean(event, users.names.iter());
                find(about.clone(), format!("line {}: no event is called \"{event}\"{near}", meant.at.line));
            }
        };
        for (name, task) in &spec.tasks {
            let optional = [&task.abort, &task.fail, &task.error].into_iter().flatten();
            [&task.start, &task.success]
                .into_iter()
                .chain(&task.steps)
                .chain(optional)
                .for_each(|meant| each(format!("task {name}"), meant));
        }
        for (name, friction) in &spec.frictions {
            friction.matches().chain(&friction.opportunity).for_each(|meant| each(format!("friction {name}"), meant));
        }
        for stage in &spec.stages {
            let name = format!("stage {}", stage.name.text);
            std::iter::once(&stage.enter)
                .chain(&stage.leave)
                .chain(&stage.renew)
                .chain(&stage.path)
                .for_each(|meant| each(name.clone(), meant));
        }
        if let Some(nps) = &spec.surveys.nps {
            std::iter::once(&nps.answer).chain(&nps.asked).for_each(|meant| each("survey nps".into(), meant));
        }
    }

    /// Counts rows of accounts by name and by channel.
    fn rows_of_accounts(&self, users: &Timelines, relations: &Relations) -> Result<Counted, EngineError> {
        let accounts = self.accounts(users, relations, Rows::Named, &Unwatched)?;
        let touchpoint = accounts.columns.iter().position(|column| column.name == TOUCHPOINT);
        let (mut names, mut channels) = (vec![0_u64; accounts.names.len()], BTreeMap::new());
        for shard_idx in 0..accounts.n_shards() {
            for part in accounts.parts(shard_idx)? {
                part.with(|shard| {
                    shard.owned_rows().for_each(|row| names[shard.name.get(row) as usize] += 1);
                    if let Some(Values::Text(codes)) = touchpoint.map(|column| shard.columns[column].values) {
                        let known = shard.owned_rows().map(|row| codes.get(row)).filter(|code| *code != NO_CODE);
                        known.for_each(|code| *channels.entry(code).or_default() += 1);
                    }
                });
            }
        }
        let text = |code: u32| touchpoint.map_or("", |column| accounts.dictionaries[column].text(code)).to_owned();
        Ok(Counted {
            names: accounts.names.iter().map(str::to_owned).zip(names).collect(),
            channels: channels.into_iter().map(|(code, n): (u32, u64)| (text(code), n)).collect(),
        })
    }

    /// Finds tasks that nobody starts, stages that nobody enters, channels without a touchpoint.
    fn find_empty(&self, rows: &Counted, find: &mut impl FnMut(String, String)) {
        let spec = self.spec();
        let n = |name: &str| rows.names.get(name).copied().unwrap_or(0);
        for name in spec.tasks.keys().filter(|name| n(&task_started(name)) == 0) {
            find(format!("task {name}"), "nobody ever started it; look at `start`".into());
        }
        for stage in spec.stages.iter().filter(|stage| !stage.enter.events.iter().any(|event| event == "*" || n(event) > 0)) {
            find(format!("stage {}", stage.name.text), "nobody ever enters it; look at `enter`".into());
        }
        for channel in spec.channels.iter().filter(|channel| !rows.channels.contains_key(&channel.name.text)) {
            let what = "no row is a touchpoint of it; look at `where`, or a channel above it takes its rows";
            find(format!("channel {}", channel.name.text), what.into());
        }
        if self.names_users() && n(SESSION_STARTED) == 0 && !rows.names.is_empty() {
            find("accounts".into(), "no session counts for any account; look at `accounts: own:` and the memberships".into());
        }
    }

    /// Finds stages whose `lost_after` is longer than what was observed.
    fn find_short_history(&self, users: &Timelines, find: &mut impl FnMut(String, String)) {
        let Some((first_us, last_us)) = users.span_us else { return };
        for stage in &self.spec().stages {
            let Some(lost_after_us) = stage.lost_after.as_ref().and_then(|text| parse_duration(&text.text).ok()) else { continue };
            if last_us - first_us < 2 * lost_after_us {
                find(
                    format!("stage {}", stage.name.text),
                    format!(
                        "lost_after is {}, and the data covers {} ({} to {}): few accounts can be told lost from open",
                        format_duration(lost_after_us),
                        format_duration((last_us - first_us) / 3_600_000_000 * 3_600_000_000),
                        format_instant(first_us),
                        format_instant(last_us)
                    ),
                );
            }
        }
    }
}

/// Rows of accounts.
struct Counted {
    names: BTreeMap<String, u64>,
    channels: BTreeMap<String, u64>,
}

/// Finds users who belong to one account twice at a time, or to several.
fn find_overlaps(memberships: &[Membership], find: &mut impl FnMut(String, String)) {
    let mut by_user: BTreeMap<&str, Vec<&Membership>> = BTreeMap::new();
    memberships.iter().for_each(|membership| by_user.entry(&membership.user).or_default().push(membership));
    for (user, of_user) in by_user {
        for (idx, one) in of_user.iter().enumerate() {
            for other in of_user[idx + 1..].iter().filter(|other| one.from_us < other.to_us && other.from_us < one.to_us) {
                let what = match one.account == other.account {
                    true => format!("is recorded twice in {} for the same time; it counts once", one.account),
                    false => format!(
                        "belongs to {} and {} at the same time; rows that name no account count for both",
                        one.account, other.account
                    ),
                };
                find(format!("membership of {user}"), what);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memberships_that_overlap_are_found_and_changes_of_employer_are_not() {
        let membership = |user: &str, account: &str, from_us, to_us| Membership {
            user: user.into(),
            account: account.into(),
            from_us,
            to_us,
            role: String::new(),
        };
        let memberships = [
            membership("ana", "acme", 0, 10),
            membership("ana", "bolt", 10, 20),
            membership("bob", "acme", 0, 10),
            membership("bob", "bolt", 5, i64::MAX),
        ];
        let mut found = Vec::new();
        find_overlaps(&memberships, &mut |about, what| found.push((about, what)));
        assert_eq!(found.len(), 1);
        assert!(found[0].0.contains("bob") && found[0].1.contains("acme and bolt"));
    }
}
