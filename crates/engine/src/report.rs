//! `diptych report`: both panels side by side and the hinge between them, on one page with one's own numbers.
//!
//! Every number is that of a question that can be asked alone; the report names the operator and the cell.
//! Frictions are named when their p stays under .05 adjusted over all signals of all drop-offs of the page (DECISIONS 19).

mod html;
mod text;

pub(crate) use html::escape;

use diptych_event::spec::Owner;
use diptych_journey::Cell;
use diptych_journey::stats::multiple::benjamini_hochberg;
use serde::Serialize;
use serde_json::json;

use crate::answer::{Answer, Knowledge, Window};
use crate::ask::Limits;
use crate::{EngineError, Question, Watch, Workbench, numbers};

/// Adjusted p up to which a signal is named.
const NAMED: f64 = 0.05;
/// Signals shown per drop-off.
const N_SIGNALS: usize = 5;

/// The page.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Name of the business.
    pub name: String,
    /// The time that the data covers.
    pub window: Window,
    /// What was known about who is who.
    pub knows: Knowledge,
    /// User journey and customer journey, aspect by aspect.
    pub panels: Vec<Aspect>,
    /// Who uses and who pays.
    pub users_customers: Vec<Fact>,
    /// Where accounts are lost, and what goes with it.
    pub drop_offs: Vec<DropOff>,
    /// What to do first, and why.
    pub first: Vec<String>,
    /// What the data cannot say.
    pub cannot_say: Vec<String>,
}

/// One row of the comparison.
#[derive(Debug, Clone, Serialize)]
pub struct Aspect {
    /// Scope, touchpoints, measures, success, friction, owner.
    pub aspect: &'static str,
    /// On the user's side.
    pub user: Vec<Fact>,
    /// On the customer's side.
    pub customer: Vec<Fact>,
}

/// One statement, with the question that it answers.
#[derive(Debug, Clone, Serialize)]
pub struct Fact {
    /// In words.
    pub text: String,
    /// Operator whose answer it is; none for words of the spec.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operator: Option<&'static str>,
    /// The cell; none where the whole answer is meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cell: Option<Cell>,
}

/// One drop-off with what goes with it.
#[derive(Debug, Clone, Serialize)]
pub struct DropOff {
    /// Stage that accounts are lost from.
    pub stage: String,
    /// The next stage.
    pub next: String,
    /// Who answers for the stage.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Accounts at risk.
    pub at_risk: u64,
    /// Share lost of those decided.
    pub rate: Option<Cell>,
    /// Money at stake.
    pub at_stake: Option<Cell>,
    /// What goes with it, strongest first.
    pub signals: Vec<SignalFact>,
    /// The smallest difference that could have been seen, where nothing is named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detectable: Option<String>,
    /// The question that lists the people, where they are few enough to be read one by one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cases: Option<String>,
}

/// One task failure or friction at a drop-off.
#[derive(Debug, Clone, Serialize)]
pub struct SignalFact {
    /// `friction:NAME`, `task:NAME:failed`.
    pub signal: String,
    /// In words that follow the evidence.
    pub sentence: String,
    /// Whether it is named: adjusted over the whole page.
    pub named: bool,
    /// p, adjusted over all signals of the page.
    pub p_adjusted: Option<f64>,
    /// Accounts lost beyond those expected without it.
    pub lost: Option<Cell>,
    /// Their money; none where no difference is detectable.
    pub money: Option<Cell>,
    /// Who answers for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
}

impl DropOff {
    /// Returns what is to be said about it, one statement each.
    pub fn sentences(&self) -> Vec<String> {
        let with_interval = |cell: &Cell| format!("{}: {}", cell.label, numbers::with_interval(cell));
        let mut lines = vec![format!("{} accounts at risk", numbers::thousands(self.at_risk))];
        lines.extend(self.rate.iter().chain(&self.at_stake).map(with_interval));
        for signal in &self.signals {
            let money = signal.money.as_ref().filter(|_| signal.named);
            let money = money.map_or(String::new(), |money| format!(" Money associated with it: {}.", numbers::with_interval(money)));
            let told = if signal.named { "" } else { " Not told from chance on this page." };
            lines.push(format!("{}{money}{told}", signal.sentence));
        }
        lines.extend(self.detectable.iter().chain(&self.cases).cloned());
        lines
    }
}

impl Report {
    /// Writes the page as JSON.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("a report is plain data")
    }

    /// Writes the page as text for a terminal.
    pub fn to_text(&self) -> String {
        text::write(self)
    }

    /// Writes the page as one HTML file that needs nothing else.
    pub fn to_html(&self) -> String {
        html::write(self)
    }
}

impl Workbench {
    /// Makes the page while somebody looks on.
    pub fn report(&self, limits: &Limits, watch: &dyn Watch) -> Result<Report, EngineError> {
        let mut asking = Asking { bench: self, limits, watch, cannot_say: Vec::new() };
        let sessions = asking.must("sessions")?;
        let users_customers = asking.must("users_customers")?;
        let spec = self.spec();
        let tasks = asking.when(!spec.tasks.is_empty(), "tasks", "tasks: the spec names no `tasks:`, so nobody's success can be counted");
        let has_frictions = spec.frictions.values().any(|friction| !friction.rule.is_met_by_accounts());
        let frictions = asking.when(has_frictions, "frictions", "frictions: the spec names no `frictions:` that users meet");
        let stages = asking.when(
            !spec.stages.is_empty(),
            "stages",
            "stages: the spec names no `stages:`, so there is no customer journey to lose anybody from",
        );
        let channels = asking.when(!spec.channels.is_empty(), "channels", "channels: the spec names no `channels:`");
        let value = asking.ask("value");
        let nps = asking.when(spec.surveys.nps.is_some(), "nps", "recommendation: the spec names no survey (`surveys: nps:`)");
        let drop_offs = if stages.is_some() { asking.ask("drop_offs") } else { None };

        let fact = |answer: &Option<Answer>, id: &str| answer.as_ref().and_then(|answer| fact(answer, id));
        let mut of_users = Side::default();
        of_users.scope.push(Fact::words("anyone who uses the product; one sitting"));
        if self.names_users() {
            of_users.scope.extend(["people", "sessions", "duration:median"].iter().filter_map(|id| self::fact(&sessions, id)));
            of_users.measures.extend(["per_person", "engaged", "single"].iter().filter_map(|id| self::fact(&sessions, id)));
        } else {
            of_users.scope.push(Fact::words("no source names a `user:` or an `anonymous:` visitor, so there is nobody's use to read"));
        }
        for (name, task) in &spec.tasks {
            of_users.touchpoints.push(Fact::words(format!("task {name}{}", owner_of(task.owner.as_ref()))));
            of_users.success.extend(fact(&tasks, &format!("task:{name}:success")));
            of_users.measures.extend(fact(&tasks, &format!("task:{name}:elapsed:succeeded")));
            of_users.friction.extend(["failed", "abandoned"].iter().filter_map(|what| fact(&tasks, &format!("task:{name}:{what}"))));
            of_users.owner.extend(task.owner.as_ref().map(|owner| Fact::words(format!("{name}: {}", owner_text(owner)))));
        }
        for (name, friction) in spec.frictions.iter().filter(|(_, friction)| !friction.rule.is_met_by_accounts()) {
            of_users.friction.extend(fact(&frictions, &format!("friction:{name}:sessions")));
            of_users.owner.extend(friction.owner.as_ref().map(|owner| Fact::words(format!("{name}: {}", owner_text(owner)))));
        }

        let mut of_accounts = Side::default();
        of_accounts.scope.push(Fact::words("whoever pays or may pay; from first contact on"));
        of_accounts.scope.extend(fact(&value, "accounts"));
        of_accounts.scope.extend(fact(&value, "paying"));
        for channel in &spec.channels {
            of_accounts.touchpoints.extend(fact(&channels, &format!("touched:{}", channel.name.text)));
        }
        of_accounts.measures.extend(["net_cents", "per_payer_cents", "repeat", "largest"].iter().filter_map(|id| fact(&value, id)));
        of_accounts.measures.extend(["score", "response"].iter().filter_map(|id| fact(&nps, id)));
        for stage in &spec.stages {
            let name = &stage.name.text;
            of_accounts.success.extend(fact(&stages, &format!("stage:{name}:accounts")));
            of_accounts.success.extend(fact(&stages, &format!("stage:{name}:now")));
            of_accounts.friction.extend(fact(&stages, &format!("stage:{name}:lost")));
            of_accounts.owner.extend(stage.owner.as_ref().map(|owner| Fact::words(format!("{name}: {}", owner_text(owner)))));
        }
        let panels = of_users.beside(of_accounts);

        let drop_offs = drop_offs.map_or_else(Vec::new, |answer| asking.drop_offs(&answer));
        let mut cannot_say = asking.cannot_say;
        cannot_say.extend(limits_of(spec.hinge.strata.is_empty(), &sessions, &drop_offs));
        let cells = ["accounts", "uses_pays", "uses_only", "pays_only", "neither"];
        let users_customers = match self.names_users() {
            true => cells.iter().filter_map(|id| self::fact(&users_customers, id)).collect(),
            false => vec![Fact::words("nobody's use is recorded, so it cannot be told who of those who pay also use")],
        };
        Ok(Report {
            name: spec.name.clone(),
            window: sessions.window.clone(),
            knows: sessions.knows,
            panels,
            users_customers,
            first: first(&drop_offs),
            drop_offs,
            cannot_say,
        })
    }
}

/// The facts of one side.
#[derive(Default)]
struct Side {
    scope: Vec<Fact>,
    touchpoints: Vec<Fact>,
    measures: Vec<Fact>,
    success: Vec<Fact>,
    friction: Vec<Fact>,
    owner: Vec<Fact>,
}

impl Side {
    fn beside(self, customer: Side) -> Vec<Aspect> {
        let aspect = |aspect, user, customer| Aspect { aspect, user, customer };
        vec![
            aspect("scope", self.scope, customer.scope),
            aspect("touchpoints", self.touchpoints, customer.touchpoints),
            aspect("measures", self.measures, customer.measures),
            aspect("success", self.success, customer.success),
            aspect("friction", self.friction, customer.friction),
            aspect("owner", self.owner, customer.owner),
        ]
    }
}

impl Fact {
    fn words(text: impl Into<String>) -> Self {
        Self { text: text.into(), operator: None, cell: None }
    }
}

/// Makes the statement of a cell.
fn fact(answer: &Answer, id: &str) -> Option<Fact> {
    let cell = answer.cells.iter().find(|cell| cell.id == id)?;
    Some(Fact {
        text: format!("{}: {}", cell.label, numbers::with_interval(cell)),
        operator: Some(answer.operator),
        cell: Some(cell.clone()),
    })
}

struct Asking<'a> {
    bench: &'a Workbench,
    limits: &'a Limits,
    watch: &'a dyn Watch,
    cannot_say: Vec<String>,
}

impl Asking<'_> {
    fn question(&self, operator: &str, params: serde_json::Value) -> Question {
        Question { operator: operator.into(), params, limits: self.limits.clone(), ..Question::default() }
    }

    fn must(&self, operator: &str) -> Result<Answer, EngineError> {
        self.bench.ask_watched(&self.question(operator, json!({})), self.watch)
    }

    /// Asks, or notes why there is no answer.
    fn ask(&mut self, operator: &str) -> Option<Answer> {
        match self.must(operator) {
            Ok(answer) => Some(answer),
            Err(error) => {
                self.cannot_say.push(format!("{operator}: {error}"));
                None
            }
        }
    }

    fn when(&mut self, possible: bool, operator: &str, otherwise: &str) -> Option<Answer> {
        if possible {
            return self.ask(operator);
        }
        self.cannot_say.push(otherwise.into());
        None
    }

    fn drop_offs(&mut self, answer: &Answer) -> Vec<DropOff> {
        let spec = self.bench.spec();
        let mut found = Vec::new();
        for (idx, stage) in spec.stages.iter().enumerate() {
            let Some(next) = spec.stages.get(idx + 1).filter(|_| !stage.is_final) else { continue };
            let (stage_name, next_name) = (stage.name.text.clone(), next.name.text.clone());
            let cell = |what: &str| answer.cells.iter().find(|cell| cell.id == format!("drop:{stage_name}→{next_name}:{what}")).cloned();
            let Some(at_risk) = cell("at_risk") else { continue };
            let question = self.question("behind", json!({ "stage": stage_name }));
            let behind = match self.bench.ask_watched(&question, self.watch) {
                Ok(behind) => Some(behind),
                Err(error) => {
                    self.cannot_say.push(format!("behind {stage_name}: {error}"));
                    None
                }
            };
            let n_lost = cell("lost").map_or(0, |cell| cell.n);
            found.push(DropOff {
                owner: stage.owner.as_ref().map(owner_text),
                at_risk: at_risk.n,
                rate: cell("rate"),
                at_stake: cell("at_stake_cents").filter(|cell| cell.value.is_some()),
                signals: behind.as_ref().map_or_else(Vec::new, |behind| self.signals(behind)),
                detectable: None,
                cases: (1..=200).contains(&n_lost).then(|| {
                    format!("diptych who DIR drop_offs --cell \"drop:{stage_name}→{next_name}:lost\" lists the {n_lost} accounts lost")
                }),
                stage: stage_name,
                next: next_name,
            });
        }
        name_over_the_page(&mut found);
        found
    }

    fn signals(&self, behind: &Answer) -> Vec<SignalFact> {
        let cell = |id: &str| behind.cells.iter().find(|cell| cell.id == id).cloned();
        let parts = [
            "exposed",
            "comparison",
            "crude",
            "unstratified",
            "mantel_haenszel",
            "p",
            "p_adjusted",
            "e_value",
            "detectable",
            "lost",
            "money",
            "share",
            "share_money",
        ];
        let is_main = |id: &str| !parts.iter().any(|part| id.ends_with(&format!(":{part}")));
        let mains = behind.cells.iter().filter(|cell| cell.id.starts_with("signal:") && is_main(&cell.id));
        mains
            .map(|main| {
                let signal = main.id["signal:".len()..].to_owned();
                let part = |part: &str| cell(&format!("{}:{part}", main.id));
                let money = part("money").filter(|cell| !cell.flags.contains(&"not_priced") && cell.value.is_some());
                SignalFact {
                    owner: self.owner_of_signal(&signal),
                    sentence: main.label.clone(),
                    named: false,
                    p_adjusted: part("p").and_then(|cell| cell.value),
                    lost: part("lost").filter(|cell| cell.value.is_some()),
                    money,
                    signal,
                }
            })
            .collect()
    }

    fn owner_of_signal(&self, signal: &str) -> Option<String> {
        let spec = self.bench.spec();
        let owner = match signal.split(':').collect::<Vec<_>>().as_slice() {
            ["friction", name] => spec.frictions.get(*name).and_then(|friction| friction.owner.as_ref()),
            ["task", name, _] => spec.tasks.get(*name).and_then(|task| task.owner.as_ref()),
            _ => None,
        };
        owner.map(owner_text)
    }
}

/// Adjusts p over all signals of all drop-offs, names what stays under the limit, and keeps the strongest.
fn name_over_the_page(drop_offs: &mut [DropOff]) {
    let p: Vec<Option<f64>> = drop_offs.iter().flat_map(|drop| &drop.signals).map(|signal| signal.p_adjusted).collect();
    let mut adjusted = benjamini_hochberg(&p).into_iter();
    for drop in drop_offs {
        for signal in &mut drop.signals {
            signal.p_adjusted = adjusted.next().flatten();
            let more_are_lost = signal.lost.as_ref().and_then(|lost| lost.value).is_some_and(|lost| lost > 0.0);
            signal.named = more_are_lost && signal.p_adjusted.is_some_and(|p| p <= NAMED);
        }
        drop.signals.sort_by_key(|signal| !signal.named);
        drop.signals.truncate(N_SIGNALS);
        if drop.signals.iter().all(|signal| !signal.named) {
            let seen = drop.signals.first().map(|signal| signal.sentence.clone());
            drop.detectable = Some(match seen {
                Some(sentence) => format!("nothing stands out here. The strongest: {sentence}"),
                None => "no task failure or friction was met here by anybody".into(),
            });
        }
    }
}

/// Says what to do first: what is named with the most money, else the drop-off with the most at stake.
fn first(drop_offs: &[DropOff]) -> Vec<String> {
    let value = |cell: &Option<Cell>| cell.as_ref().and_then(|cell| cell.value).unwrap_or(0.0);
    let mut named: Vec<(&DropOff, &SignalFact)> =
        drop_offs.iter().flat_map(|drop| drop.signals.iter().filter(|signal| signal.named).map(move |signal| (drop, signal))).collect();
    named.sort_by(|a, b| value(&b.1.money).total_cmp(&value(&a.1.money)).then_with(|| a.1.signal.cmp(&b.1.signal)));
    let owner = |owner: &Option<String>| owner.as_ref().map_or(String::new(), |owner| format!(" ({owner})"));
    let mut first: Vec<String> = named
        .iter()
        .take(3)
        .map(|(drop, signal)| {
            let money = signal
                .money
                .as_ref()
                .map_or(String::new(), |money| format!(" Money associated with it: {}.", numbers::with_interval(money)));
            format!("{}{} at {} → {}: {}{money}", signal.signal, owner(&signal.owner), drop.stage, drop.next, signal.sentence)
        })
        .collect();
    if first.is_empty() {
        let mut by_stake: Vec<&DropOff> = drop_offs.iter().collect();
        by_stake.sort_by(|a, b| value(&b.at_stake).total_cmp(&value(&a.at_stake)));
        if let Some(drop) = by_stake.first() {
            let stake =
                drop.at_stake.as_ref().map_or(String::new(), |stake| format!("; money at stake: {}", numbers::with_interval(stake)));
            let cases = drop.cases.as_ref().map_or(String::new(), |cases| format!("; read the cases: {cases}"));
            let signals = match drop_offs.iter().any(|drop| !drop.signals.is_empty()) {
                true => "No friction can be told from chance.",
                false => "No friction or task failure was recorded on the way.",
            };
            first.push(format!("{signals} Most is at stake at {} → {}{}{stake}{cases}", drop.stage, drop.next, owner(&drop.owner)));
        }
    }
    first
}

fn limits_of(no_strata: bool, sessions: &Answer, drop_offs: &[DropOff]) -> Vec<String> {
    let mut limits = vec![
        "nothing here was randomised: what goes with being lost need not be why; unmeasured differences could explain it".to_owned(),
        "accounts meet several frictions at once: what goes with each alone does not add up".to_owned(),
    ];
    if no_strata {
        limits.push("people are compared step by step only: the spec names no `hinge: strata:` such as device".into());
    }
    if drop_offs.iter().any(|drop| drop.rate.as_ref().is_some_and(|rate| rate.flags.contains(&"immature_cohort"))) {
        limits.push("some accounts are still in their stage: their outcome is not known yet".into());
    }
    if sessions.window.observed_from == sessions.window.observed_until {
        limits.push("there is hardly any data".into());
    }
    limits
}

pub(crate) fn owner_text(owner: &Owner) -> String {
    [&owner.department, &owner.person].into_iter().flatten().cloned().collect::<Vec<_>>().join(", ")
}

fn owner_of(owner: Option<&Owner>) -> String {
    owner.map_or(String::new(), |owner| format!(" ({})", owner_text(owner)))
}

#[cfg(test)]
mod tests {
    use diptych_journey::seam::Unit;

    use super::*;

    fn signal(name: &str, p: Option<f64>, lost: f64) -> SignalFact {
        let mut cell = Cell::count("lost", "", Unit::Actor, 10, 10);
        cell.value = Some(lost);
        SignalFact { signal: name.into(), sentence: name.into(), named: false, p_adjusted: p, lost: Some(cell), money: None, owner: None }
    }

    fn drop_off(stage: &str, signals: Vec<SignalFact>) -> DropOff {
        DropOff {
            stage: stage.into(),
            next: "next".into(),
            owner: None,
            at_risk: 100,
            rate: None,
            at_stake: None,
            signals,
            detectable: None,
            cases: None,
        }
    }

    #[test]
    fn signals_are_named_over_the_whole_page() {
        // Alone, .02 would be named; among three it is not: .02 · 3 / 1 = .06.
        let mut drops = [
            drop_off("a", vec![signal("x", Some(0.02), 3.0), signal("y", Some(0.4), 1.0)]),
            drop_off("b", vec![signal("z", Some(0.9), 1.0), signal("w", None, 1.0)]),
        ];
        name_over_the_page(&mut drops);
        assert!(drops.iter().flat_map(|drop| &drop.signals).all(|signal| !signal.named));
        let mut drops =
            [drop_off("a", vec![signal("x", Some(0.3), 3.0), signal("y", Some(0.001), 5.0), signal("helps", Some(0.001), -4.0)])];
        name_over_the_page(&mut drops);
        let named: Vec<&str> = drops[0].signals.iter().filter(|signal| signal.named).map(|signal| signal.signal.as_str()).collect();
        assert_eq!(named, ["y"], "what fewer are lost with is no friction");
        assert!(first(&drops)[0].starts_with("y at a"));
    }
}
