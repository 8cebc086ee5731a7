//! What a workspace holds, at one glance: for the first screen, and for lists of words that questions can use.

use std::collections::BTreeMap;

use diptych_event::spec::ProfileOf;
use diptych_event::time::format_instant;
use diptych_event::timeline::ColumnKind;
use diptych_store::StoreError;
use diptych_store::timelines::Timelines;
use schemars::JsonSchema;
use serde::Serialize;

use crate::{EngineError, Workbench};

/// File that a simulated workspace has.
const SIMULATED: &str = "simulated.txt";

/// What a workspace holds.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Overview {
    /// Name of the business.
    pub name: String,
    /// Whether the data is simulated.
    pub simulated: bool,
    /// IANA zone of days.
    pub zone: String,
    /// ISO 4217 code of money.
    pub currency: Option<String>,
    /// Events; 0 before the first import.
    pub events: u64,
    /// Actors of the user panel.
    pub users: u64,
    /// First instant in the data.
    pub observed_from: Option<String>,
    /// End of observation.
    pub observed_until: Option<String>,
    /// Changes whenever an answer may change by new data; empty before the first import.
    pub generation: String,
    /// Event names, the most frequent first.
    pub names: Vec<NameCount>,
    /// Columns that questions can name.
    pub columns: Vec<ColumnCard>,
    /// Stages in order.
    pub stages: Vec<String>,
    /// Tasks.
    pub tasks: Vec<String>,
    /// Frictions.
    pub frictions: Vec<String>,
    /// Channels in order.
    pub channels: Vec<String>,
    /// What there is to ask about.
    pub has: Has,
    /// Named conditions for `where`.
    pub segments: BTreeMap<String, String>,
    /// Address of a session's recording, with places to fill in.
    pub replay_url: Option<String>,
    /// Pictures of pages: page, and file in the workspace.
    pub screens: BTreeMap<String, String>,
}

/// An event name and how often it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct NameCount {
    /// The name.
    pub name: String,
    /// Events.
    pub n: u64,
}

/// A column that questions can name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ColumnCard {
    /// The name.
    pub name: String,
    /// `text`, `integer`, `number` or `time`.
    pub kind: &'static str,
    /// For a dated attribute: of a `user` or an `account`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub of: Option<&'static str>,
}

/// What there is to ask about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[expect(clippy::struct_excessive_bools, reason = "each says whether the spec has one kind of thing")]
pub struct Has {
    /// Accounts that are more than their one user.
    pub accounts: bool,
    /// Stages.
    pub stages: bool,
    /// Tasks.
    pub tasks: bool,
    /// Frictions.
    pub frictions: bool,
    /// Channels.
    pub channels: bool,
    /// Money.
    pub money: bool,
    /// A survey.
    pub survey: bool,
}

impl Workbench {
    /// Tells what the workspace holds. O(events), a few milliseconds per million.
    pub fn overview(&self) -> Result<Overview, EngineError> {
        let timelines = match self.timelines() {
            Ok((timelines, _)) => Some(timelines),
            Err(EngineError::Store(StoreError::NotAWorkspace { .. })) => None,
            Err(error) => return Err(error),
        };
        let spec = self.spec();
        let (mut names, mut users) = (Vec::new(), 0);
        if let Some(timelines) = &timelines {
            (names, users) = count(timelines)?;
        }
        let span = timelines.as_ref().filter(|timelines| timelines.span_us.is_some()).map(|timelines| self.catalog(timelines));
        Ok(Overview {
            name: spec.name.clone(),
            simulated: self.root().join(SIMULATED).exists(),
            zone: spec.zone.text.clone(),
            currency: spec.currency.as_ref().map(|currency| currency.text.clone()),
            events: timelines.as_ref().map_or(0, |timelines| timelines.n_rows),
            users,
            observed_from: span.as_ref().map(|catalog| format_instant(catalog.first_us)),
            observed_until: span.as_ref().map(|catalog| format_instant(catalog.observed_until_us)),
            generation: timelines.map_or_else(String::new, |timelines| crate::fingerprint(timelines.generation.as_bytes())),
            names,
            columns: self.column_cards(),
            stages: spec.stages.iter().map(|stage| stage.name.text.clone()).collect(),
            tasks: spec.tasks.keys().cloned().collect(),
            frictions: spec.frictions.keys().cloned().collect(),
            channels: spec.channels.iter().map(|channel| channel.name.text.clone()).collect(),
            has: Has {
                accounts: self.maps(&["customer"]) || spec.sources.values().any(|source| !source.memberships.is_empty()),
                stages: !spec.stages.is_empty(),
                tasks: !spec.tasks.is_empty(),
                frictions: !spec.frictions.is_empty(),
                channels: !spec.channels.is_empty(),
                money: self.maps(&["value", "value_cents"]),
                survey: spec.surveys.nps.is_some(),
            },
            segments: spec.segments.iter().map(|(name, condition)| (name.clone(), condition.text.clone())).collect(),
            replay_url: spec.replay_url.as_ref().map(|url| url.text.clone()),
            screens: spec.screens.clone(),
        })
    }

    /// Lists the columns that questions can name.
    fn column_cards(&self) -> Vec<ColumnCard> {
        let card = |name: &str, kind, of| ColumnCard { name: name.to_owned(), kind, of };
        let mut cards = vec![card("name", "text", None), card("time", "time", None), card("actor", "text", None)];
        cards.extend(self.timeline_columns().iter().map(|column| {
            let kind = match column.kind {
                ColumnKind::Text => "text",
                ColumnKind::Integer => "integer",
                ColumnKind::Number => "number",
            };
            card(&column.name, kind, None)
        }));
        cards.extend(self.spec().profiles.iter().map(|(name, profile)| {
            let of = match profile.of {
                ProfileOf::User => "user",
                ProfileOf::Account => "account",
            };
            card(name, "text", Some(of))
        }));
        cards
    }
}

/// Counts events by name, and actors.
fn count(timelines: &Timelines) -> Result<(Vec<NameCount>, u64), EngineError> {
    let (mut counts, mut n_actors) = (vec![0_u64; timelines.names.len()], 0);
    for shard_idx in 0..timelines.n_shards() {
        for part in timelines.parts(shard_idx)? {
            part.with(|shard| {
                n_actors += shard.n_actors() as u64;
                shard.owned_rows().for_each(|row| counts[shard.name.get(row) as usize] += 1);
            });
        }
    }
    let mut names: Vec<NameCount> =
        timelines.names.iter().zip(counts).filter(|(_, n)| *n > 0).map(|(name, n)| NameCount { name: name.to_owned(), n }).collect();
    names.sort_by(|a, b| b.n.cmp(&a.n).then_with(|| a.name.cmp(&b.name)));
    Ok((names, n_actors))
}
