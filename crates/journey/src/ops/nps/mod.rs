//! Would people recommend us: the net promoter score of their latest answers.

mod kernel;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ops::Range;

use diptych_event::account::MEMBER;
use diptych_event::time::{Calendar, format_day, month_start};
use diptych_event::timeline::ColumnKind;
use diptych_event::{Names, Values};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::anchors;
use crate::seam::{About, AskError, Cell, Chart, Context, Evidence, Groups, Matcher, Operator, Panel, TextId, Unit, View};
use kernel::{Kind, adjusted_wald};

/// Says that the interval treats respondents of one account as independent (METRICS C6).
const CLUSTERED: &str = "clustered";

/// The operator.
pub struct Nps;

/// Parameters of nps.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// Also the score per local month, from the latest answer of each respondent in it.
    #[serde(default)]
    pub trend: Option<Trend>,
}

/// Length of the periods of a trend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Trend {
    /// Calendar months.
    Month,
}

/// A checked question.
pub struct Plan {
    answer: Matcher,
    asked: Option<Matcher>,
    /// Position of the column that holds the score.
    score: usize,
    /// Who answered; `None` where no row has a member.
    member: Option<TextId>,
    /// Calendar of the trend, where one is wanted.
    months: Option<Calendar>,
    names: Names,
}

/// Answers of some accounts.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Partial {
    /// Latest answers.
    all: Wave,
    /// Latest answers in each local month, by its first day.
    months: BTreeMap<i32, Wave>,
    /// Answers without a whole score from 0 to 10, and accounts that have one.
    invalid: u64,
    invalid_accounts: u64,
    /// Respondents who were asked.
    asked: u64,
    /// Those of them who answered, and accounts that have one.
    responded: u64,
    responded_accounts: u64,
}

/// One answer per respondent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
struct Wave {
    respondents: u64,
    promoters: u64,
    passives: u64,
    detractors: u64,
    /// Accounts with a respondent.
    accounts: u64,
    /// Accounts with a promoter, a passive, a detractor.
    promoter_accounts: u64,
    passive_accounts: u64,
    detractor_accounts: u64,
}

impl Operator for Nps {
    type Params = Params;
    type Plan = Plan;
    type Partial = Partial;

    const ABOUT: About = About {
        id: "nps",
        panel: Panel::Customer,
        title: "Net promoter score",
        question: "Would people recommend us, and how many answer at all?",
        anchor: "a respondent (a member of an account, or the account itself), at an answer; for the response rate at a question",
        counting: "Counts the latest answer of each respondent: the share of promoters (9, 10) minus that of detractors (0 to 6); who did not answer is not in it.",
        sources: &["METRICS 2.7", "Reichheld 2003, The One Number You Need to Grow", "Rocks 2016: adjusted Wald interval"],
        chart: Chart::Score,
        samples: &[r#"{}"#, r#"{"trend":"month"}"#, r#"{"trend":null}"#],
        spec: include_str!("spec.md"),
    };

    fn plan(&self, params: &Params, context: &mut Context) -> Result<Plan, AskError> {
        let spec = context.catalog.spec.clone();
        let nps = spec.surveys.nps.as_ref().ok_or_else(|| {
            let what = "the spec knows no such survey; write in diptych.yaml: \
                        surveys: { nps: { answer: EVENT, score: PROPERTY, asked: EVENT } }, with the score from 0 to 10 as a declared \
                        property; `asked` may be left out, and then there is no response rate";
            AskError::parameter("surveys.nps", what)
        })?;
        let score = context.column("surveys.nps.score", &nps.score.text)?;
        let columns = &context.catalog.columns;
        if columns[score].1 == ColumnKind::Text {
            let name = &nps.score.text;
            let what = format!("the property \"{name}\" is text; write in diptych.yaml: properties: {{ {name}: {{ type: integer }} }}");
            return Err(AskError::parameter("surveys.nps.score", what));
        }
        let has_members = columns.iter().any(|column| *column == (MEMBER.into(), ColumnKind::Text));
        let plan = Plan {
            answer: context.matcher(&nps.answer),
            asked: nps.asked.as_ref().map(|asked| context.matcher(asked)),
            score,
            member: has_members.then(|| context.text(MEMBER)),
            months: params.trend.map(|Trend::Month| context.calendar()),
            names: context.catalog.names.clone(),
        };
        context.notes.push("the score is that of the people who answered; those who did not may think otherwise".into());
        if plan.asked.is_none() {
            context.notes.push("there is no response rate: surveys.nps.asked of the spec does not say which event asks".into());
        }
        Ok(plan)
    }

    fn empty(&self, _plan: &Plan) -> Partial {
        Partial::default()
    }

    fn scan(&self, plan: &Plan, view: &View, out: &mut Groups<Partial>) {
        let survey = Survey { plan, view };
        for (_, rows) in view.journeys() {
            anchors::each(view, rows.clone(), out, |partial, anchors| partial.add(&survey.look(anchors, &rows)));
        }
    }

    fn merge(&self, _plan: &Plan, total: &mut Partial, other: Partial) {
        total.merge(other);
    }

    fn finish(&self, plan: &Plan, total: Partial) -> Vec<Cell> {
        let wave = total.all;
        let share = |id: &str, label: &str, x: u64, accounts: u64| {
            let cell = Cell::share(id, label, Unit::Event, x, wave.respondents, accounts);
            if wave.respondents > wave.accounts { cell.flagged(CLUSTERED) } else { cell }
        };
        let mut cells = vec![
            score("score", "net promoter score, −1 to 1 (usually shown × 100)".into(), &wave),
            Cell::count("respondents", "respondents, with their latest answer", Unit::Event, wave.respondents, wave.accounts),
            share("promoters", "promoters (9 or 10)", wave.promoters, wave.promoter_accounts),
            share("passives", "passives (7 or 8)", wave.passives, wave.passive_accounts),
            share("detractors", "detractors (0 to 6)", wave.detractors, wave.detractor_accounts),
            Cell::count("invalid", "answers left out: no whole score from 0 to 10", Unit::Event, total.invalid, total.invalid_accounts),
        ];
        let label = match plan.asked {
            Some(_) => "answered, of the respondents who were asked",
            None => "answered (the spec does not say who was asked)",
        };
        cells.push(Cell::share("response", label, Unit::Event, total.responded, total.asked, total.responded_accounts));
        if let Some((first, last)) = total.months.first_key_value().zip(total.months.last_key_value()) {
            let (mut month, last) = (*first.0, *last.0);
            while month <= last {
                let wave = total.months.get(&month).copied().unwrap_or_default();
                let day = format_day(month);
                cells.push(score(format!("month:{day}"), format!("net promoter score, month of {day}"), &wave));
                month = month_start(month + 31);
            }
        }
        cells
    }

    fn who(&self, plan: &Plan, view: &View, cell: &str, sink: &mut Evidence) -> bool {
        let Some(wanted) = Wanted::parse(plan, cell) else { return false };
        let survey = Survey { plan, view };
        for (actor_idx, rows) in view.journeys() {
            let anchors = anchors::admitted(view, rows.clone());
            for rows in wanted.units(&survey.look(&anchors, &rows)) {
                sink.add(view, &plan.names, actor_idx, &rows);
            }
        }
        true
    }

    fn size_bytes(&self, partial: &Partial) -> usize {
        size_of::<Partial>() + (32 + size_of::<Wave>()) * partial.months.len()
    }
}

/// Makes the cell of a score from −1 to 1.
fn score(id: impl Into<String>, label: String, wave: &Wave) -> Cell {
    let mut cell = Cell::count(id, label, Unit::Event, wave.respondents, wave.accounts);
    let net = wave.promoters as f64 - wave.detractors as f64;
    cell.value = (wave.respondents > 0).then(|| net / wave.respondents as f64);
    cell = cell.with_interval(adjusted_wald(wave.promoters, wave.detractors, wave.respondents), "adjusted wald");
    cell = match wave.respondents {
        0 => cell.flagged("no_data"),
        1..30 => cell.flagged("low_n"),
        _ => cell,
    };
    if wave.respondents > wave.accounts { cell.flagged(CLUSTERED) } else { cell }
}

/// The survey in one shard.
struct Survey<'a> {
    plan: &'a Plan,
    view: &'a View<'a>,
}

/// What one account says.
#[derive(Debug, Default)]
struct Voices {
    /// Latest answer of each respondent.
    latest: Vec<(usize, Kind)>,
    /// Latest answer of each respondent in each local month.
    of_months: BTreeMap<i32, Vec<(usize, Kind)>>,
    /// Answers without a whole score from 0 to 10.
    invalid: Vec<usize>,
    /// First question of each respondent, and their first answer from then on.
    asked: Vec<(usize, Option<usize>)>,
}

impl Survey<'_> {
    /// Reads one account at those of its rows that are anchors. O(anchors · log respondents + asked respondents · rows).
    fn look(&self, anchors: &[usize], rows: &Range<usize>) -> Voices {
        let mut voices = Voices::default();
        let mut latest: BTreeMap<&str, (usize, Kind)> = BTreeMap::new();
        let mut of_months: BTreeMap<i32, BTreeMap<&str, (usize, Kind)>> = BTreeMap::new();
        let mut asked: BTreeMap<&str, usize> = BTreeMap::new();
        for row in anchors.iter().copied() {
            if self.plan.asked.as_ref().is_some_and(|asked| asked.holds(self.view, row)) {
                asked.entry(self.respondent(row)).or_insert(row);
            }
            if !self.plan.answer.holds(self.view, row) {
                continue;
            }
            let Some(kind) = self.kind(row) else {
                voices.invalid.push(row);
                continue;
            };
            latest.insert(self.respondent(row), (row, kind));
            if let Some(calendar) = &self.plan.months {
                let month = month_start(calendar.day(self.view.shard.time_us[row]));
                of_months.entry(month).or_default().insert(self.respondent(row), (row, kind));
            }
        }
        voices.latest = latest.into_values().collect();
        voices.of_months = of_months.into_iter().map(|(month, latest)| (month, latest.into_values().collect())).collect();
        voices.asked = asked.into_iter().map(|(respondent, row)| (row, self.response(respondent, row, rows))).collect();
        voices
    }

    /// Finds the first answer of a respondent at the instant of a question or later, whatever the question admits.
    fn response(&self, respondent: &str, asked: usize, rows: &Range<usize>) -> Option<usize> {
        let time_us = self.view.shard.time_us;
        // A survey tool may write question and answer at one instant, in any order; these rows stand right before.
        let start = (rows.start..asked).rev().take_while(|row| time_us[*row] == time_us[asked]).last().unwrap_or(asked);
        let answers =
            |row: &usize| self.plan.answer.holds(self.view, *row) && self.respondent(*row) == respondent && self.kind(*row).is_some();
        (start..rows.end).find(answers)
    }

    /// Returns who a row is by; nothing for the account's own rows.
    fn respondent(&self, row: usize) -> &str {
        self.plan.member.and_then(|member| self.view.texts[member.0].get(row)).unwrap_or("")
    }

    /// Returns what the score of a row says; `None` without a whole one from 0 to 10.
    fn kind(&self, row: usize) -> Option<Kind> {
        match self.view.shard.columns[self.plan.score].values {
            Values::Integer(scores) => scores.get(row).and_then(Kind::of),
            Values::Number(scores) if scores[row].fract() == 0.0 => Kind::of(scores[row] as i64),
            Values::Number(_) | Values::Text(_) => None,
        }
    }
}

impl Partial {
    fn add(&mut self, voices: &Voices) {
        self.all.add(&voices.latest);
        voices.of_months.iter().for_each(|(month, latest)| self.months.entry(*month).or_default().add(latest));
        let responded = voices.asked.iter().filter(|(_, answer)| answer.is_some()).count() as u64;
        self.invalid += voices.invalid.len() as u64;
        self.invalid_accounts += u64::from(!voices.invalid.is_empty());
        self.asked += voices.asked.len() as u64;
        self.responded += responded;
        self.responded_accounts += u64::from(responded > 0);
    }

    fn merge(&mut self, other: Partial) {
        self.all.merge(&other.all);
        for (month, wave) in &other.months {
            self.months.entry(*month).or_default().merge(wave);
        }
        self.invalid += other.invalid;
        self.invalid_accounts += other.invalid_accounts;
        self.asked += other.asked;
        self.responded += other.responded;
        self.responded_accounts += other.responded_accounts;
    }
}

impl Wave {
    /// Adds the answers of one account.
    fn add(&mut self, latest: &[(usize, Kind)]) {
        let count = |kind| latest.iter().filter(|(_, known)| *known == kind).count() as u64;
        let (promoters, passives, detractors) = (count(Kind::Promoter), count(Kind::Passive), count(Kind::Detractor));
        self.merge(&Wave {
            respondents: latest.len() as u64,
            promoters,
            passives,
            detractors,
            accounts: u64::from(!latest.is_empty()),
            promoter_accounts: u64::from(promoters > 0),
            passive_accounts: u64::from(passives > 0),
            detractor_accounts: u64::from(detractors > 0),
        });
    }

    fn merge(&mut self, other: &Wave) {
        self.respondents += other.respondents;
        self.promoters += other.promoters;
        self.passives += other.passives;
        self.detractors += other.detractors;
        self.accounts += other.accounts;
        self.promoter_accounts += other.promoter_accounts;
        self.passive_accounts += other.passive_accounts;
        self.detractor_accounts += other.detractor_accounts;
    }
}

/// The respondents that a cell counts.
enum Wanted<'a> {
    Latest(Option<Kind>),
    Month(&'a str),
    Invalid,
    Response,
}

impl<'a> Wanted<'a> {
    fn parse(plan: &Plan, cell: &'a str) -> Option<Self> {
        match cell.split_once(':') {
            None => match cell {
                "score" | "respondents" => Some(Self::Latest(None)),
                "promoters" => Some(Self::Latest(Some(Kind::Promoter))),
                "passives" => Some(Self::Latest(Some(Kind::Passive))),
                "detractors" => Some(Self::Latest(Some(Kind::Detractor))),
                "invalid" => Some(Self::Invalid),
                "response" => Some(Self::Response),
                _ => None,
            },
            Some(("month", day)) if plan.months.is_some() => Some(Self::Month(day)),
            _ => None,
        }
    }

    /// Returns the rows of each unit of one account.
    fn units(&self, voices: &Voices) -> Vec<Vec<usize>> {
        match self {
            Self::Latest(wanted) => {
                let counts = |kind: Kind| wanted.is_none_or(|wanted| wanted == kind);
                voices.latest.iter().filter(|(_, kind)| counts(*kind)).map(|(row, _)| vec![*row]).collect()
            }
            Self::Month(day) => {
                let months = voices.of_months.iter().filter(|(month, _)| format_day(**month) == *day);
                months.flat_map(|(_, latest)| latest).map(|(row, _)| vec![*row]).collect()
            }
            Self::Invalid => voices.invalid.iter().map(|row| vec![*row]).collect(),
            Self::Response => voices.asked.iter().filter_map(|(asked, answer)| Some(vec![*asked, (*answer)?])).collect(),
        }
    }
}
