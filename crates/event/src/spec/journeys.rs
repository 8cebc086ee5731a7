//! The part of the spec that says what journeys are made of: who belongs to whom, channels, stages, tasks, frictions, money.
//!
//! Lists keep the order of the file where order has a meaning (channels: the first rule that holds; stages: from first
//! contact to the last); the others are maps.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};

use super::{SpecError, Text};
use crate::time;

/// Which events are meant: `name`, `name | name`, `name where condition`, or the same in parts.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema)]
#[schemars(with = "MatchForm")]
pub struct Match {
    /// Event names; any of them will do. `*` stands for every event.
    pub events: Vec<String>,
    /// SQL condition on the event's row.
    pub condition: Option<Text>,
    /// Where it stands in the spec.
    pub at: Text,
}

/// How a [`Match`] is written.
#[derive(JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its JSON Schema is used")]
enum MatchForm {
    /// `name`, `name | name`, `name where condition`.
    Text(String),
    /// The same in parts, for names that contain `|` or ` where `.
    Parts {
        /// Event names.
        events: Vec<String>,
        /// SQL condition.
        #[serde(rename = "where")]
        condition: Option<String>,
    },
}

impl Match {
    /// Reads `name | name where condition`.
    pub fn parse(at: Text) -> Self {
        let (events, condition) = match at.text.to_ascii_lowercase().find(" where ") {
            Some(split) => {
                let condition = Text { text: at.text[split + 7..].trim().to_owned(), line: at.line, column: at.column };
                (&at.text[..split], Some(condition))
            }
            None => (at.text.as_str(), None),
        };
        let events = events.split('|').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect();
        Self { events, condition, at }
    }
}

impl<'de> Deserialize<'de> for Match {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = serde_saphyr::Spanned::<Written>::deserialize(deserializer)?;
        let (line, column) = (spanned.referenced.line(), spanned.referenced.column());
        let meant = match spanned.value {
            Written::Text(text) => Self::parse(Text { text, line, column }),
            Written::Parts { events, condition } => Self { at: Text { text: events.join(" | "), line, column }, events, condition },
        };
        if meant.events.is_empty() {
            return Err(serde::de::Error::custom("no event is named; write `view`, `view | search` or `view where page = '/price'`"));
        }
        Ok(meant)
    }
}

/// A [`Match`] as it is written.
enum Written {
    Text(String),
    Parts { events: Vec<String>, condition: Option<Text> },
}

impl<'de> Deserialize<'de> for Written {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Parts {
            events: Vec<String>,
            #[serde(default, rename = "where")]
            condition: Option<Text>,
        }
        struct Form;
        impl<'de> serde::de::Visitor<'de> for Form {
            type Value = Written;
            fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
                f.write_str("event names such as `view`, `view | search`, `view where page = '/price'`, or {events: [...], where: ...}")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Written, E> {
                Ok(Written::Text(text.to_owned()))
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<Written, A::Error> {
                let parts = Parts::deserialize(serde::de::value::MapAccessDeserializer::new(map))?;
                Ok(Written::Parts { events: parts.events, condition: parts.condition })
            }
        }
        deserializer.deserialize_any(Form)
    }
}

/// Who answers for something.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Owner {
    /// Department, for example Product.
    #[serde(default)]
    pub department: Option<String>,
    /// Person.
    #[serde(default)]
    pub person: Option<String>,
}

/// How anonymous events find their user.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IdentitySpec {
    /// How long before an identification on the same anonymous id an event still belongs to it; 30d unless given.
    #[serde(default = "default_backfill")]
    pub backfill: Text,
}

impl Default for IdentitySpec {
    fn default() -> Self {
        Self { backfill: default_backfill() }
    }
}

/// Who the accounts are.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AccountsSpec {
    /// Whether a user who belongs to no other account at the time of an event is an account of their own; yes unless given.
    /// With `false` such events count for no account, and answers say how many there were.
    #[serde(default = "yes")]
    pub own: bool,
    /// Whether what a user did before joining counts for the account: `none`, `since_last_membership`, or a duration such
    /// as 30d; none unless given.
    #[serde(default = "default_none")]
    pub backfill: Text,
}

impl Default for AccountsSpec {
    fn default() -> Self {
        Self { own: true, backfill: default_none() }
    }
}

/// Whether what a user did before joining counts for the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backfill {
    /// It does not.
    None,
    /// Back to the end of the user's last membership in any account, or to the beginning.
    SinceLastMembership,
    /// This far back, in microseconds, and never into another membership.
    Within(i64),
}

/// What is worth money, and in which currencies.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MoneySpec {
    /// SQL expression of the margin in minor units of the row's currency: `"value_cents * 0.4"`. Without it figures are
    /// called revenue.
    #[serde(default)]
    pub margin: Option<Text>,
    /// Exchange rates into the workspace's currency.
    #[serde(default)]
    pub rates: Vec<Rate>,
}

/// One dated exchange rate.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// ISO 4217 code that is converted.
    pub currency: Text,
    /// Units of the workspace's currency for one of this currency, written as a decimal: "0.9215".
    pub rate: Text,
    /// First local day on which it holds; since ever unless given.
    #[serde(default)]
    pub since: Option<Text>,
}

impl Rate {
    /// Returns the rate in billionths.
    pub fn billionths(&self) -> Result<i64, SpecError> {
        let wrong = || SpecError::at(&self.rate, format!("\"{}\" is not a rate; write a decimal above 0 such as 0.9215", self.rate.text));
        let (whole, part) = self.rate.text.split_once('.').unwrap_or((&self.rate.text, ""));
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !digits(whole) || !digits(part) || part.len() > 9 || whole.len() > 8 {
            return Err(wrong());
        }
        let rate: i64 = format!("{whole}{part:0<9}").parse().map_err(|_| wrong())?;
        if rate == 0 { Err(wrong()) } else { Ok(rate) }
    }
}

/// A contact channel and how its touchpoints are told. The first channel of the list whose rule holds gets the row.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChannelSpec {
    /// Name of the channel.
    pub name: Text,
    /// SQL condition on the event's row: `"channel = 'google_maps'"`.
    #[serde(rename = "where")]
    pub condition: Text,
    /// Whether it is outside of any screen: shop, phone, letter.
    #[serde(default)]
    pub offline: bool,
    /// Who answers for it.
    #[serde(default)]
    pub owner: Option<Owner>,
}

/// A place of an account in the relationship. Stages stand in order, from first contact on.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StageSpec {
    /// Name of the stage.
    pub name: Text,
    /// Events that bring an account here from an earlier stage, or from nowhere.
    pub enter: Match,
    /// Events with which an account leaves for good: it is lost until it enters some stage again.
    #[serde(default)]
    pub leave: Option<Match>,
    /// An account that has not gone on this long after it entered (or was last renewed) is lost.
    #[serde(default)]
    pub lost_after: Option<Text>,
    /// Events that start the clock of `lost_after` again: a renewal, another purchase.
    #[serde(default)]
    pub renew: Option<Match>,
    /// Whether the relationship can rest here: accounts in it are not at risk of a drop-off.
    #[serde(default, rename = "final")]
    pub is_final: bool,
    /// The steps of using the product that lead to the next stage, in order; the hinge compares people step by step.
    /// Unless given, those of the task whose success enters the next stage.
    #[serde(default)]
    pub path: Vec<Match>,
    /// Who answers for it.
    #[serde(default)]
    pub owner: Option<Owner>,
}

/// A goal in the product.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TaskSpec {
    /// Events that start an attempt.
    pub start: Match,
    /// Events that end an attempt in success.
    pub success: Match,
    /// Steps between start and success, in order.
    #[serde(default)]
    pub steps: Vec<Match>,
    /// The best ways to the goal, each a list of event names from start to success.
    #[serde(default)]
    pub optimal: Vec<Vec<String>>,
    /// Events with which a person gives up.
    #[serde(default)]
    pub abort: Option<Match>,
    /// Events that end an attempt in failure.
    #[serde(default)]
    pub fail: Option<Match>,
    /// Events that count as errors during an attempt.
    #[serde(default)]
    pub error: Option<Match>,
    /// A pause of over this abandons the attempt; 30m within sessions and 7d across them unless given.
    #[serde(default)]
    pub timeout: Option<Text>,
    /// A success after more than this is a failure: the task took too long.
    #[serde(default)]
    pub time_limit: Option<Text>,
    /// Whether an attempt lies within one session or may go on in later ones.
    #[serde(default)]
    pub scope: TaskScope,
    /// What another start does while an attempt is open.
    #[serde(default)]
    pub reentry: Reentry,
    /// Who answers for it.
    #[serde(default)]
    pub owner: Option<Owner>,
}

/// Whether an attempt lies within one session.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TaskScope {
    /// Within one session: pauses of over 30m end it.
    #[default]
    Session,
    /// Across sessions: pauses of over 7d end it.
    User,
}

/// What another start does while an attempt is open.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reentry {
    /// Nothing: the attempt goes on.
    #[default]
    Ignore,
    /// It abandons the open attempt and starts another.
    Restart,
}

/// A friction and how its episodes are found.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FrictionSpec {
    /// The rule by which it is found.
    #[serde(default)]
    pub rule: FrictionKind,
    /// `event`, `rage_click`, `slow_page`, `back_and_forth`, `repeat_contact`: the events that the rule reads.
    #[serde(default)]
    pub events: Option<Match>,
    /// `form_left`: the first input.
    #[serde(default)]
    pub start: Option<Match>,
    /// `form_left`: the sending.
    #[serde(default)]
    pub submit: Option<Match>,
    /// `slow_refund`: the request.
    #[serde(default)]
    pub request: Option<Match>,
    /// `slow_refund`: the money coming back.
    #[serde(default)]
    pub refund: Option<Match>,
    /// `rage_click`: column of the target (`element`); `back_and_forth`: of the page (`page`); `slow_page`: declared number
    /// property with the loading time in milliseconds; `repeat_contact`: what it was about (any two contacts unless given).
    #[serde(default)]
    pub column: Option<Text>,
    /// `rage_click`: least number of clicks; 3 unless given.
    #[serde(default)]
    pub clicks: Option<u32>,
    /// `rage_click`: farthest apart in CSS pixels, where the spec declares the properties x and y; 30 unless given.
    #[serde(default)]
    pub radius_px: Option<u32>,
    /// `slow_page`: slower than this many milliseconds; 4000 unless given.
    #[serde(default)]
    pub over_ms: Option<u32>,
    /// `event`: repeats within this time of the last one are one episode (1s); `rage_click`: first to last click (1s);
    /// `back_and_forth`: longest stay on the page between (10s); `repeat_contact`: time since the last contact.
    #[serde(default)]
    pub within: Option<Text>,
    /// `slow_refund`: later than this.
    #[serde(default)]
    pub over: Option<Text>,
    /// Events that give an opportunity to meet it, where that is not the events themselves: `pay` for a failed payment.
    #[serde(default)]
    pub opportunity: Option<Match>,
    /// Version of the rule, shown with answers; raise it when the rule changes.
    #[serde(default = "one")]
    pub version: u32,
    /// Who answers for it.
    #[serde(default)]
    pub owner: Option<Owner>,
}

/// The rules by which frictions are found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FrictionKind {
    /// An event that is a friction by itself: a failed payment, an error message.
    #[default]
    Event,
    /// Clicks on one target in quick succession (METRICS 1.10).
    RageClick,
    /// A page that took too long (METRICS 1.14).
    SlowPage,
    /// A form that was begun and not sent in the session.
    FormLeft,
    /// To a page, away and back to it (METRICS 1.9).
    BackAndForth,
    /// A refund that came late or not at all; met by the account.
    SlowRefund,
    /// Another contact about the same thing; met by the account.
    RepeatContact,
}

/// A checked friction rule: times in microseconds, defaults filled in.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the fields are those of FrictionSpec")]
pub enum FrictionRule<'a> {
    /// Events that are frictions by themselves.
    Event { events: &'a Match, merge_us: i64 },
    /// Clicks on one target in quick succession.
    RageClick { events: &'a Match, target: &'a str, clicks: u32, within_us: i64, radius_px: u32 },
    /// A page that took too long.
    SlowPage { events: &'a Match, column: &'a str, over_ms: u32 },
    /// A form that was begun and not sent in the session.
    FormLeft { start: &'a Match, submit: &'a Match },
    /// To a page, away and back to it.
    BackAndForth { events: &'a Match, key: &'a str, within_us: i64 },
    /// A refund that came late or not at all.
    SlowRefund { request: &'a Match, refund: &'a Match, over_us: i64 },
    /// Another contact about the same thing.
    RepeatContact { events: &'a Match, within_us: i64, topic: Option<&'a str> },
}

impl FrictionKind {
    /// Returns the word by which the spec names the rule.
    pub fn word(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::RageClick => "rage_click",
            Self::SlowPage => "slow_page",
            Self::FormLeft => "form_left",
            Self::BackAndForth => "back_and_forth",
            Self::SlowRefund => "slow_refund",
            Self::RepeatContact => "repeat_contact",
        }
    }

    /// Tells whether accounts meet it (their own events count too) rather than users in a session.
    pub fn is_met_by_accounts(self) -> bool {
        matches!(self, Self::SlowRefund | Self::RepeatContact)
    }
}

impl FrictionSpec {
    /// Checks that the rule has what it needs and nothing else.
    pub fn checked(&self, name: &str) -> Result<FrictionRule<'_>, SpecError> {
        let rule = self.rule.word();
        let needs = |field: &str| SpecError::whole(format!("friction \"{name}\": the rule {rule} needs `{field}`"));
        let events = || self.events.as_ref().ok_or_else(|| needs("events"));
        let within = |usual: i64| self.within.as_ref().map_or(Ok(usual), duration);
        let column = |usual: &'static str| self.column.as_ref().map_or(usual, |column| &column.text);
        let allowed: &[&str] = match self.rule {
            FrictionKind::Event => &["events", "within"],
            FrictionKind::RageClick => &["events", "column", "clicks", "radius_px", "within"],
            FrictionKind::SlowPage => &["events", "column", "over_ms"],
            FrictionKind::FormLeft => &["start", "submit"],
            FrictionKind::BackAndForth => &["events", "column", "within"],
            FrictionKind::SlowRefund => &["request", "refund", "over"],
            FrictionKind::RepeatContact => &["events", "within", "column"],
        };
        let given = [
            ("events", self.events.is_some()),
            ("start", self.start.is_some()),
            ("submit", self.submit.is_some()),
            ("request", self.request.is_some()),
            ("refund", self.refund.is_some()),
            ("column", self.column.is_some()),
            ("clicks", self.clicks.is_some()),
            ("radius_px", self.radius_px.is_some()),
            ("over_ms", self.over_ms.is_some()),
            ("within", self.within.is_some()),
            ("over", self.over.is_some()),
        ];
        if let Some((field, _)) = given.iter().find(|(field, given)| *given && !allowed.contains(field)) {
            let what = format!("friction \"{name}\": the rule {rule} has no `{field}`; it takes {}", allowed.join(", "));
            return Err(SpecError::whole(what));
        }
        Ok(match self.rule {
            FrictionKind::Event => FrictionRule::Event { events: events()?, merge_us: within(time::SECOND_US)? },
            FrictionKind::RageClick => FrictionRule::RageClick {
                events: events()?,
                target: column("element"),
                clicks: self.clicks.unwrap_or(3).max(2),
                within_us: within(time::SECOND_US)?,
                radius_px: self.radius_px.unwrap_or(30),
            },
            FrictionKind::SlowPage => FrictionRule::SlowPage {
                events: events()?,
                column: &self.column.as_ref().ok_or_else(|| needs("column"))?.text,
                over_ms: self.over_ms.unwrap_or(4000),
            },
            FrictionKind::FormLeft => FrictionRule::FormLeft {
                start: self.start.as_ref().ok_or_else(|| needs("start"))?,
                submit: self.submit.as_ref().ok_or_else(|| needs("submit"))?,
            },
            FrictionKind::BackAndForth => {
                FrictionRule::BackAndForth { events: events()?, key: column("page"), within_us: within(10 * time::SECOND_US)? }
            }
            FrictionKind::SlowRefund => FrictionRule::SlowRefund {
                request: self.request.as_ref().ok_or_else(|| needs("request"))?,
                refund: self.refund.as_ref().ok_or_else(|| needs("refund"))?,
                over_us: duration(self.over.as_ref().ok_or_else(|| needs("over"))?)?,
            },
            FrictionKind::RepeatContact => FrictionRule::RepeatContact {
                events: events()?,
                within_us: duration(self.within.as_ref().ok_or_else(|| needs("within"))?)?,
                topic: self.column.as_ref().map(|column| column.text.as_str()),
            },
        })
    }

    /// Returns the events that the rule reads.
    pub fn matches(&self) -> impl Iterator<Item = &Match> {
        [&self.events, &self.start, &self.submit, &self.request, &self.refund].into_iter().flatten()
    }
}

/// Survey questions that the spec knows.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SurveysSpec {
    /// Would you recommend us, 0 to 10.
    #[serde(default)]
    pub nps: Option<NpsSpec>,
}

/// The question of the net promoter score.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NpsSpec {
    /// The answers.
    pub answer: Match,
    /// Declared property that holds the score, 0 to 10.
    pub score: Text,
    /// The questions sent or shown; without it there is no response rate.
    #[serde(default)]
    pub asked: Option<Match>,
    /// Who answers for it.
    #[serde(default)]
    pub owner: Option<Owner>,
}

/// What the hinge compares.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HingeSpec {
    /// SQL expressions of what people are compared within: `device`, a profile. At most four.
    #[serde(default)]
    pub strata: Vec<Text>,
}

/// A profile attribute: its values come from `profiles:` of sources.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProfileSpec {
    /// Whose attribute it is.
    #[serde(default)]
    pub of: ProfileOf,
}

/// Whose attribute a profile is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProfileOf {
    /// Of users.
    #[default]
    User,
    /// Of accounts.
    Account,
}

/// Checks everything of this part that can be checked without data.
pub(super) fn check(spec: &super::Spec) -> Result<(), SpecError> {
    duration(&spec.identity.backfill)?;
    spec.account_backfill()?;
    for rate in &spec.money.rates {
        rate.billionths()?;
        if let Some(since) = &rate.since {
            time::parse_question_time(&since.text, spec.time_zone()).map_err(|what| SpecError::at(since, what))?;
        }
        if spec.currency.is_none() {
            return Err(SpecError::at(&rate.currency, "rates convert into `currency:`, which the spec does not say"));
        }
    }
    distinct("channel", spec.channels.iter().map(|channel| &channel.name))?;
    distinct("stage", spec.stages.iter().map(|stage| &stage.name))?;
    for stage in &spec.stages {
        stage.lost_after.as_ref().map_or(Ok(0), duration)?;
        if let (Some(renew), None) = (&stage.renew, &stage.lost_after) {
            return Err(SpecError::at(&renew.at, "`renew` starts the clock of `lost_after` again, which the stage does not say"));
        }
    }
    for task in spec.tasks.values() {
        task.timeout.as_ref().map_or(Ok(0), duration)?;
        task.time_limit.as_ref().map_or(Ok(0), duration)?;
    }
    for (name, friction) in &spec.frictions {
        friction.checked(name)?;
    }
    names("task", spec.tasks.keys())?;
    names("friction", spec.frictions.keys())?;
    if let Some(fifth) = spec.hinge.strata.get(4) {
        return Err(SpecError::at(fifth, "at most four strata: with more there is nobody left to compare with"));
    }
    Ok(())
}

fn duration(text: &Text) -> Result<i64, SpecError> {
    time::parse_duration(&text.text).map_err(|what| SpecError::at(text, what))
}

fn distinct<'a>(what: &str, texts: impl Iterator<Item = &'a Text>) -> Result<(), SpecError> {
    let mut seen: Vec<&str> = Vec::new();
    for text in texts {
        if text.text.is_empty() || text.text.contains([':', '→']) {
            return Err(SpecError::at(text, format!("a {what} has a name without `:` and `→`")));
        }
        if seen.contains(&text.text.as_str()) {
            return Err(SpecError::at(text, format!("{what} \"{}\" is there twice", text.text)));
        }
        seen.push(&text.text);
    }
    Ok(())
}

fn names<'a>(what: &str, mut names: impl Iterator<Item = &'a String>) -> Result<(), SpecError> {
    match names.find(|name| name.is_empty() || name.contains([':', '→'])) {
        Some(name) => Err(SpecError::whole(format!("{what} \"{name}\": a {what} has a name without `:` and `→`"))),
        None => Ok(()),
    }
}

impl super::Spec {
    /// Returns whether what a user did before joining counts for the account.
    pub fn account_backfill(&self) -> Result<Backfill, SpecError> {
        match self.accounts.backfill.text.as_str() {
            "none" => Ok(Backfill::None),
            "since_last_membership" => Ok(Backfill::SinceLastMembership),
            text => time::parse_duration(text).map(Backfill::Within).map_err(|_| {
                SpecError::at(&self.accounts.backfill, format!("\"{text}\" is not a backfill; write none, since_last_membership or 30d"))
            }),
        }
    }

    /// Returns how long before an identification an anonymous event still belongs to it, in microseconds.
    pub fn identity_backfill_us(&self) -> i64 {
        time::parse_duration(&self.identity.backfill.text).unwrap_or(30 * time::DAY_US)
    }

    /// Returns the rates into the workspace's currency, by currency: first instant in microseconds and billionths, oldest first.
    pub fn rates(&self) -> std::collections::BTreeMap<String, Vec<(i64, i64)>> {
        let mut rates: std::collections::BTreeMap<String, Vec<(i64, i64)>> = std::collections::BTreeMap::new();
        for rate in &self.money.rates {
            let since = rate.since.as_ref().and_then(|since| time::parse_question_time(&since.text, self.time_zone()).ok());
            let billionths = rate.billionths().unwrap_or_default();
            rates.entry(rate.currency.text.clone()).or_default().push((since.unwrap_or(i64::MIN), billionths));
        }
        rates.values_mut().for_each(|dated| dated.sort_unstable());
        rates
    }

    /// Returns the events that stages, tasks, frictions of accounts and surveys name: accounts keep these rows.
    pub fn journey_matches(&self) -> Vec<&Match> {
        let mut matches: Vec<&Match> = Vec::new();
        for stage in &self.stages {
            matches.push(&stage.enter);
            matches.extend(stage.leave.iter().chain(&stage.renew).chain(&stage.path));
        }
        for task in self.tasks.values() {
            matches.extend([&task.start, &task.success]);
            matches.extend(task.steps.iter().chain(&task.abort).chain(&task.fail));
        }
        for friction in self.frictions.values().filter(|friction| friction.rule.is_met_by_accounts()) {
            matches.extend(friction.matches());
        }
        matches.extend(self.frictions.values().filter_map(|friction| friction.opportunity.as_ref()));
        if let Some(nps) = &self.surveys.nps {
            matches.push(&nps.answer);
            matches.extend(&nps.asked);
        }
        matches
    }
}

fn default_backfill() -> Text {
    Text::default_of("30d")
}

fn default_none() -> Text {
    Text::default_of("none")
}

fn yes() -> bool {
    true
}

fn one() -> u32 {
    1
}
