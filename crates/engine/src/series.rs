//! Totals per day without persons, and dated facts: drawn with the answers.

use std::collections::{BTreeMap, BTreeSet};

use diptych_store::StoreError;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::{EngineError, Workbench};

/// What is known besides journeys.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct Context {
    /// Totals per day.
    pub series: Vec<Series>,
    /// Dated facts, in order of time.
    pub notes: Vec<Note>,
}

/// One measure in one channel and place.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Series {
    /// The measure: impressions, footfall, spend.
    pub name: String,
    /// Channel, where the totals are of one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// Place, where the totals are of one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// Instant (RFC 3339) and total, in order of time.
    pub points: Vec<(String, f64)>,
}

/// A dated fact.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct Note {
    /// From when it holds (RFC 3339).
    pub from: String,
    /// Until when; none for a moment, or for good.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// The kind of fact: price list, campaign, holiday, outage.
    pub name: String,
    /// What there is to say.
    pub text: String,
    /// Channel that it concerns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// Place that it concerns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
}

/// Measure, channel and place.
type Of = (String, Option<String>, Option<String>);

impl Workbench {
    /// Reads the series and the notes of the log.
    pub fn context(&self) -> Result<Context, EngineError> {
        let query = "select kind, source, event_id, time, valid_to, name, text, amount, channel, place, withdrawn from log \
                     where kind in ('series', 'note') order by time, source, event_id";
        let rows = match self.sql(query) {
            Ok(rows) => rows.values()?,
            Err(EngineError::Store(StoreError::NotAWorkspace { .. })) => return Ok(Context::default()),
            Err(error) => return Err(error),
        };
        let text = |row: &[Value], column: usize| row[column].as_str().map(str::to_owned);
        let withdraws = |row: &[Value]| row[10].as_bool() == Some(true);
        let withdrawn: BTreeSet<(Option<String>, String)> = rows
            .iter()
            .filter(|row| withdraws(row))
            .map(|row| (text(row, 1), text(row, 2).unwrap_or_default().replacen(" withdrawn:", ":", 1)))
            .collect();
        let mut series: BTreeMap<Of, Vec<(String, f64)>> = BTreeMap::new();
        let mut notes = Vec::new();
        for row in rows.iter().filter(|row| !withdraws(row)) {
            if withdrawn.contains(&(text(row, 1), text(row, 2).unwrap_or_default())) {
                continue;
            }
            let (time, name) = (text(row, 3).unwrap_or_default(), text(row, 5).unwrap_or_default());
            let (channel, place) = (text(row, 8), text(row, 9));
            if row[0] == "series" {
                let amount = row[7].as_f64().unwrap_or_default();
                series.entry((name, channel, place)).or_default().push((time, amount));
            } else {
                notes.push(Note { from: time, to: text(row, 4), name, text: text(row, 6).unwrap_or_default(), channel, place });
            }
        }
        notes.sort();
        let series = series.into_iter().map(|((name, channel, place), points)| Series { name, channel, place, points });
        Ok(Context { series: series.collect(), notes })
    }
}
