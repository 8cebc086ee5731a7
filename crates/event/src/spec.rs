//! The types of `diptych.yaml`: everything Diptych must know about one business.
//!
//! Errors say line, column, what is wrong and what is possible.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer};

use crate::log::Kind;
use crate::time;

mod journeys;

pub use journeys::{
    AccountsSpec, Backfill, ChannelSpec, FrictionKind, FrictionRule, FrictionSpec, HingeSpec, IdentitySpec, Match, MoneySpec, NpsSpec,
    Owner, ProfileOf, ProfileSpec, Rate, Reentry, StageSpec, SurveysSpec, TaskScope, TaskSpec,
};

/// The version of the spec's form that this program reads.
pub const SPEC_FORMAT: u32 = 1;

/// One business: where its files are, what their columns mean, and how it counts.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Version of the spec's form; 1.
    pub format: u32,
    /// Name of the business or data set, shown above answers.
    #[serde(default)]
    pub name: String,
    /// IANA time zone of days, weeks and months in answers, and of local times in files; UTC unless given.
    #[serde(default = "default_zone")]
    pub zone: Text,
    /// ISO 4217 code of money without a currency of its own, for example EUR.
    #[serde(default)]
    pub currency: Option<Text>,
    /// What a session is.
    #[serde(default)]
    pub session: SessionSpec,
    /// Properties with a type. Declared ones are as fast to ask about as names; the others are kept as JSON text.
    #[serde(default)]
    pub properties: BTreeMap<String, PropertySpec>,
    /// How anonymous events find their user.
    #[serde(default)]
    pub identity: IdentitySpec,
    /// Who the accounts are: whoever pays, or may pay.
    #[serde(default)]
    pub accounts: AccountsSpec,
    /// Dated attributes of users and accounts, by name; `profiles:` of sources give the values.
    #[serde(default)]
    pub profiles: BTreeMap<String, ProfileSpec>,
    /// What is worth money, and in which currencies.
    #[serde(default)]
    pub money: MoneySpec,
    /// Contact channels; the first rule that holds names a row's channel.
    #[serde(default)]
    pub channels: Vec<ChannelSpec>,
    /// Places of an account in the relationship, from first contact on.
    #[serde(default)]
    pub stages: Vec<StageSpec>,
    /// Goals in the product.
    #[serde(default)]
    pub tasks: BTreeMap<String, TaskSpec>,
    /// What makes using the product, or being a customer, harder than it should be.
    #[serde(default)]
    pub frictions: BTreeMap<String, FrictionSpec>,
    /// Survey questions.
    #[serde(default)]
    pub surveys: SurveysSpec,
    /// What the hinge compares.
    #[serde(default)]
    pub hinge: HingeSpec,
    /// Conditions with a name, offered wherever a question can be narrowed: SQL on a row, as in `--where`.
    #[serde(default)]
    pub segments: BTreeMap<String, Text>,
    /// Address of the recording of a session; `{user}`, `{start}` and `{end}` (RFC 3339) are filled in.
    #[serde(default)]
    pub replay_url: Option<Text>,
    /// Pictures of pages, for task flows: page, and PNG, JPEG or WebP file in the workspace.
    #[serde(default)]
    pub screens: BTreeMap<String, String>,
    /// Kinds of files and what their columns mean.
    #[serde(default)]
    pub sources: BTreeMap<String, SourceSpec>,
}

/// What a session is.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SessionSpec {
    /// A gap of more than this between two events of one person starts a new session; 30m unless given.
    #[serde(default = "default_gap")]
    pub gap: Text,
}

impl Default for SessionSpec {
    fn default() -> Self {
        Self { gap: default_gap() }
    }
}

/// A declared property.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PropertySpec {
    /// Type of the values; a value of another type is counted and left out, never bent.
    #[serde(rename = "type", default)]
    pub kind: PropertyKind,
}

/// Type of a declared property.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PropertyKind {
    /// Text.
    #[default]
    Text,
    /// Whole number.
    Integer,
    /// Number with decimals.
    Number,
    /// True or false.
    Boolean,
}

/// One kind of file.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SourceSpec {
    /// Names of the files, relative to the workspace; `*` stands for any letters.
    #[serde(default)]
    pub files: Vec<String>,
    /// Format of the files; told by their names unless given.
    #[serde(default)]
    pub format: Option<FileFormat>,
    /// What separates columns in CSV: one character, `tab` or `whitespace`; found out unless given.
    #[serde(default)]
    pub delimiter: Option<Text>,
    /// Names of the columns, for CSV files without a header row.
    #[serde(default)]
    pub columns: Option<Vec<String>>,
    /// Sheet of a spreadsheet; the first one unless given.
    #[serde(default)]
    pub sheet: Option<String>,
    /// Row of a spreadsheet that names the columns, counted from 1; found out unless given.
    #[serde(default)]
    pub header_row: Option<u32>,
    /// How times are written: `auto` (ISO 8601), `epoch_s`, `epoch_ms`, `epoch_us`, or a pattern such as `%d.%m.%Y %H:%M`.
    #[serde(default)]
    pub time_format: Option<Text>,
    /// Zone of local times in these files; the workspace's unless given.
    #[serde(default)]
    pub zone: Option<Text>,
    /// SQL condition; rows that do not meet it are skipped and counted.
    #[serde(default, rename = "where")]
    pub filter: Option<Text>,
    /// What holds for every event of a row unless the event says otherwise.
    #[serde(default)]
    pub each: Fields,
    /// The events that one row makes: one for a log, several for a wide row.
    #[serde(default)]
    pub events: Vec<EventSpec>,
    /// What a row says about who belongs to which account.
    #[serde(default)]
    pub memberships: Vec<RecordSpec>,
    /// What a row says about a user or an account: an attribute of `profiles:` and its value.
    #[serde(default)]
    pub profiles: Vec<RecordSpec>,
    /// Which two known users are one person.
    #[serde(default)]
    pub merges: Vec<RecordSpec>,
    /// Totals per day and place or channel: impressions, map views, footfall, spend. They never claim persons.
    #[serde(default)]
    pub series: Vec<RecordSpec>,
    /// Dated facts: price list, campaign, release, holiday, competitor, outage.
    #[serde(default)]
    pub notes: Vec<RecordSpec>,
    /// Until when this source observed, for sources without events at their end; the last accepted event unless given.
    #[serde(default)]
    pub observed_until: Option<Text>,
}

/// What a row says besides events: SQL expressions over the columns of a file.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordSpec {
    /// SQL condition; the row says this only where it holds.
    #[serde(default, rename = "where")]
    pub filter: Option<Text>,
    /// Id of the record, so that a later row can withdraw it; what the row says unless given.
    #[serde(default)]
    pub id: Option<Text>,
    /// Whether the row takes the record with its id back.
    #[serde(default)]
    pub withdrawn: Option<Text>,
    /// The user.
    #[serde(default)]
    pub user: Option<Text>,
    /// The account.
    #[serde(default)]
    pub account: Option<Text>,
    /// Membership: user, payer, decider or referrer.
    #[serde(default)]
    pub role: Option<Text>,
    /// Merge: the other id of the same person.
    #[serde(default)]
    pub same_as: Option<Text>,
    /// Profile: the attribute. Series: the measure. Note: the kind of fact.
    #[serde(default)]
    pub name: Option<Text>,
    /// Profile: its value. Note: what there is to say.
    #[serde(default)]
    pub text: Option<Text>,
    /// Series: the number.
    #[serde(default)]
    pub amount: Option<Text>,
    /// Series and notes: channel.
    #[serde(default)]
    pub channel: Option<Text>,
    /// Series and notes: place.
    #[serde(default)]
    pub place: Option<Text>,
    /// From when it holds; since ever unless given.
    #[serde(default)]
    pub valid_from: Option<Text>,
    /// Until when it holds, this instant excluded; for good unless given.
    #[serde(default)]
    pub valid_to: Option<Text>,
}

impl SourceSpec {
    /// Walks what rows say besides events, with the kind of log row that each makes.
    pub fn records(&self) -> impl Iterator<Item = (Kind, &RecordSpec)> {
        let lists = [
            (Kind::Membership, &self.memberships),
            (Kind::Profile, &self.profiles),
            (Kind::Merge, &self.merges),
            (Kind::Series, &self.series),
            (Kind::Note, &self.notes),
        ];
        lists.into_iter().flat_map(|(kind, records)| records.iter().map(move |record| (kind, record)))
    }
}

/// Format of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FileFormat {
    /// Comma-separated values, or another delimiter.
    Csv,
    /// Tab-separated values.
    Tsv,
    /// One JSON object per line.
    Jsonl,
    /// Apache Parquet.
    Parquet,
    /// Excel workbook.
    Xlsx,
}

/// One event made from a row.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EventSpec {
    /// SQL expression of the event's name; a constant is quoted: `"'page_view'"`.
    pub name: Text,
    /// SQL condition; the row makes this event only where it holds.
    #[serde(default, rename = "where")]
    pub filter: Option<Text>,
    /// What the fields are for this event.
    #[serde(default)]
    pub fields: Fields,
}

macro_rules! fields {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        /// SQL expressions over the columns of a file, one per field of an event.
        #[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct Fields {
            $($(#[$doc])* #[serde(default)] pub $name: Option<Text>,)*
            /// Properties by name. `"*": rest` keeps every column that nothing else uses, under its own name.
            #[serde(default)]
            pub properties: BTreeMap<String, Text>,
        }

        impl Fields {
            /// Names of the fields besides properties.
            pub const NAMES: &'static [&'static str] = &[$(stringify!($name)),*];

            /// Returns the expression of the field called `name`.
            pub fn get(&self, name: &str) -> Option<&Text> {
                match name {
                    $(stringify!($name) => self.$name.as_ref(),)*
                    _ => None,
                }
            }
        }
    };
}

fields! {
    /// When it happened.
    time,
    /// Id of the event; rows with the same id in one source are one event.
    event_id,
    /// Order among events of one person at the same instant.
    seq,
    /// Who used the product, when known.
    user,
    /// Who used the product, while not known: cookie or device id.
    anonymous,
    /// Who pays, or may pay: the account.
    customer,
    /// The session's id where the source has one; kept, not used for counting sessions.
    session,
    /// Contact channel.
    channel,
    /// Device.
    device,
    /// Page or screen.
    page,
    /// Element on the page.
    element,
    /// Shop or other place.
    place,
    /// Whether it is activity of the person (true) or a heartbeat or server event (false).
    interactive,
    /// Money in major units, for example 12.50; refunds are negative.
    value,
    /// Money in minor units, for example 1250; instead of `value`.
    value_cents,
    /// ISO 4217 code of `value`.
    currency,
    /// charge, refund or recurring.
    money_kind,
    /// Id of the order.
    order_id,
    /// Id of the order that is refunded.
    refund_of,
}

/// A text in the spec that remembers where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// The text.
    pub text: String,
    /// Line in the spec, from 1; 0 for a default.
    pub line: u64,
    /// Column in the spec, from 1; 0 for a default.
    pub column: u64,
}

impl Text {
    fn default_of(text: &str) -> Self {
        Self { text: text.into(), line: 0, column: 0 }
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = serde_saphyr::Spanned::<String>::deserialize(deserializer)?;
        Ok(Self { text: spanned.value, line: spanned.referenced.line(), column: spanned.referenced.column() })
    }
}

impl JsonSchema for Text {
    fn schema_name() -> Cow<'static, str> {
        "Text".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        String::json_schema(generator)
    }
}

/// What is wrong with a spec, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{what}", place(*line, *column))]
pub struct SpecError {
    /// Line, from 1; 0 when it concerns the whole spec.
    pub line: u64,
    /// Column, from 1; 0 when it concerns the whole spec.
    pub column: u64,
    /// What is wrong and what is possible.
    pub what: String,
}

fn place(line: u64, column: u64) -> String {
    if line == 0 { String::new() } else { format!("line {line}, column {column}: ") }
}

impl SpecError {
    /// Makes an error at a text of the spec.
    pub fn at(text: &Text, what: impl Into<String>) -> Self {
        Self { line: text.line, column: text.column, what: what.into() }
    }

    /// Makes an error about the whole spec.
    pub fn whole(what: impl Into<String>) -> Self {
        Self { line: 0, column: 0, what: what.into() }
    }
}

impl RecordSpec {
    /// Checks that a record has what its kind needs.
    fn check(&self, kind: Kind, source: &str, spec: &Spec) -> Result<(), SpecError> {
        let fields = [
            ("user", &self.user),
            ("account", &self.account),
            ("role", &self.role),
            ("same_as", &self.same_as),
            ("name", &self.name),
            ("text", &self.text),
            ("amount", &self.amount),
            ("channel", &self.channel),
            ("place", &self.place),
            ("valid_from", &self.valid_from),
        ];
        let (needed, possible): (&[&str], &[&str]) = match kind {
            Kind::Membership => (&["user", "account"], &["role", "valid_from"]),
            Kind::Profile => (&["name", "text"], &["user", "account", "valid_from"]),
            Kind::Merge => (&["user", "same_as"], &["valid_from"]),
            Kind::Series => (&["name", "amount", "valid_from"], &["channel", "place"]),
            _ => (&["name", "text", "valid_from"], &["channel", "place"]),
        };
        let at = fields.iter().find_map(|(_, text)| text.as_ref());
        let error = |text: Option<&Text>, what: String| match text.or(at) {
            Some(text) => SpecError::at(text, what),
            None => SpecError::whole(what),
        };
        for (field, text) in &fields {
            match text {
                None if needed.contains(field) => {
                    return Err(error(None, format!("source \"{source}\": a {} needs `{field}`", kind.word())));
                }
                Some(text) if !needed.contains(field) && !possible.contains(field) => {
                    return Err(error(Some(text), format!("source \"{source}\": a {} has no `{field}`", kind.word())));
                }
                _ => {}
            }
        }
        if kind == Kind::Profile && self.user.is_some() == self.account.is_some() {
            return Err(error(None, format!("source \"{source}\": a profile is of a `user` or of an `account`, one of the two")));
        }
        let constant = self.name.as_ref().and_then(|name| Some((name, name.text.strip_prefix('\'')?.strip_suffix('\'')?)));
        if let (Kind::Profile, Some((at, name))) = (kind, constant)
            && !spec.profiles.contains_key(name)
        {
            let near = crate::suggest::did_you_mean(name, spec.profiles.keys().map(String::as_str));
            return Err(SpecError::at(at, format!("profile \"{name}\" is not declared under `profiles:`{near}")));
        }
        Ok(())
    }
}

impl Spec {
    /// Reads and checks a spec.
    pub fn parse(yaml: &str) -> Result<Self, SpecError> {
        let mut options = serde_saphyr::Options::default();
        options.with_snippet = false;
        let spec: Spec = serde_saphyr::from_str_with_options(yaml, options).map_err(|error| {
            let (line, column) = error.location().map_or((0, 0), |at| (at.line(), at.column()));
            let mut what = error.to_string();
            if let Some(start) = what.find(" at line ").or_else(|| what.find(", line ")) {
                what.truncate(start);
            }
            SpecError { line, column, what: add_suggestion(what) }
        })?;
        spec.check()?;
        Ok(spec)
    }

    fn check(&self) -> Result<(), SpecError> {
        if self.format != SPEC_FORMAT {
            return Err(SpecError::whole(format!(
                "format {} is not known to this version, which reads format {SPEC_FORMAT}; write `format: {SPEC_FORMAT}` or use a newer diptych",
                self.format
            )));
        }
        let zones = std::iter::once(&self.zone).chain(self.sources.values().filter_map(|source| source.zone.as_ref()));
        for zone in zones {
            time::parse_zone(&zone.text).map_err(|what| SpecError::at(zone, what))?;
        }
        let gap_us = time::parse_duration(&self.session.gap.text).map_err(|what| SpecError::at(&self.session.gap, what))?;
        if gap_us == 0 {
            return Err(SpecError::at(&self.session.gap, "the gap between sessions must be more than 0s; 30m is usual"));
        }
        if let Some(currency) = &self.currency
            && !(currency.text.len() == 3 && currency.text.bytes().all(|byte| byte.is_ascii_uppercase()))
        {
            return Err(SpecError::at(
                currency,
                format!("\"{}\" is not an ISO 4217 code; write three capitals such as EUR", currency.text),
            ));
        }
        if let Some(url) = &self.replay_url
            && !["http://", "https://"].iter().any(|scheme| url.text.starts_with(scheme))
        {
            return Err(SpecError::at(url, "the address of recordings must begin with https:// or http://"));
        }
        journeys::check(self)?;
        for name in self.properties.keys().chain(self.profiles.keys()) {
            if !name.chars().all(|c| c.is_alphanumeric() || c == '_') || name.is_empty() {
                return Err(SpecError::whole(format!(
                    "property \"{name}\" must be named with letters, digits and _ so that it can stand in SQL"
                )));
            }
            if crate::log::LOG_COLUMNS.iter().any(|(column, _)| column == name) || name == "actor" {
                return Err(SpecError::whole(format!("property \"{name}\" has the name of a field; use another name")));
            }
        }
        for (name, source) in &self.sources {
            if source.events.is_empty() && source.records().next().is_none() {
                return Err(SpecError::whole(format!("source \"{name}\" makes no events; add at least one under `events:`")));
            }
            if let Some(until) = &source.observed_until {
                time::parse_question_time(&until.text, self.time_zone()).map_err(|what| SpecError::at(until, what))?;
            }
            for (kind, record) in source.records() {
                record.check(kind, name, self)?;
            }
            for event in &source.events {
                let field = |field: &str| event.fields.get(field).or_else(|| source.each.get(field));
                if let (Some(value), Some(_)) = (field("value"), field("value_cents")) {
                    return Err(SpecError::at(value, "`value` and `value_cents` are both given; money is in major or in minor units"));
                }
                if field("time").is_none() {
                    return Err(SpecError::at(
                        &event.name,
                        format!("source \"{name}\": this event has no `time`; say under `each:` or `fields:` which column says when"),
                    ));
                }
                if ["user", "anonymous", "customer"].iter().all(|who| field(who).is_none()) {
                    return Err(SpecError::at(
                        &event.name,
                        format!(
                            "source \"{name}\": this event has nobody; say under `each:` or `fields:` which column holds the `user`, `anonymous` or `customer`"
                        ),
                    ));
                }
            }
        }
        Ok(())
    }

    /// Returns the zone of the workspace.
    pub fn time_zone(&self) -> chrono_tz::Tz {
        time::parse_zone(&self.zone.text).unwrap_or(chrono_tz::UTC)
    }

    /// Returns the zone of the local times of a source.
    pub fn source_zone(&self, source: &SourceSpec) -> chrono_tz::Tz {
        source.zone.as_ref().and_then(|zone| time::parse_zone(&zone.text).ok()).unwrap_or_else(|| self.time_zone())
    }

    /// Returns the end of observation that the spec gives a source, in microseconds.
    pub fn source_end_us(&self, source: &str) -> Option<i64> {
        let until = self.sources.get(source)?.observed_until.as_ref()?;
        time::parse_question_time(&until.text, self.time_zone()).ok()
    }

    /// Returns the gap between sessions in microseconds.
    pub fn session_gap_us(&self) -> i64 {
        time::parse_duration(&self.session.gap.text).unwrap_or(1_800 * time::SECOND_US)
    }

    /// Returns the JSON Schema of specs, for editors.
    pub fn json_schema() -> Schema {
        schemars::schema_for!(Spec)
    }
}

impl Default for Spec {
    /// Makes the spec that says nothing.
    fn default() -> Self {
        Self::parse("format: 1").expect("the shortest spec")
    }
}

/// Adds "did you mean" to serde's list of expected words.
fn add_suggestion(what: String) -> String {
    let Some((unknown, known)) = what.split_once("expected one of ") else { return what };
    let Some(word) = unknown.split('`').nth(1) else { return what };
    let near = crate::suggest::did_you_mean(word, known.split([',', ' ', '`']).filter(|known| !known.is_empty()));
    format!("{what}{near}")
}

fn default_zone() -> Text {
    Text::default_of("UTC")
}

fn default_gap() -> Text {
    Text::default_of("30m")
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "format: 1
name: Shop
zone: Europe/Vienna
currency: EUR
properties:
  plan: { type: text }
sources:
  web:
    files: [web*.csv]
    each: { time: at, user: visitor }
    events:
      - name: event
      - name: \"'coupon'\"
        where: coupon <> ''
        fields: { value: \"amount\", properties: { code: coupon } }
";

    #[track_caller]
    fn refused(change: (&str, &str), expected: &[&str]) {
        assert!(GOOD.contains(change.0));
        let error = Spec::parse(&GOOD.replace(change.0, change.1)).unwrap_err().to_string();
        for part in expected {
            assert!(error.contains(part), "{error:?} should contain {part:?}");
        }
    }

    #[test]
    fn a_good_spec_is_read_with_the_places_of_its_texts() {
        let spec = Spec::parse(GOOD).unwrap();
        let web = &spec.sources["web"];
        assert_eq!(web.each.get("user").unwrap().text, "visitor");
        assert_eq!(web.events[1].name.text, "'coupon'");
        assert_eq!((web.events[0].name.line, web.events[0].name.column), (12, 15));
        assert_eq!(spec.session_gap_us(), 1_800 * time::SECOND_US);
    }

    #[test]
    fn errors_say_where_what_and_what_is_possible() {
        refused(("zone: Europe/Vienna", "zone: Europe/Viena"), &["line 3, column 7", "Europe/Vienna"]);
        refused(("currency: EUR", "currency: euro"), &["line 4", "EUR"]);
        refused(("currency: EUR", "curency: EUR"), &["line 4", "unknown field", "curency", "did you mean \"currency\"?"]);
        refused(("type: text", "type: txt"), &["line 6", "txt", "text"]);
        refused(("time: at, ", ""), &["line 12", "no `time`"]);
        refused((", user: visitor", ""), &["line 12", "nobody"]);
        refused(("format: 1", "format: 9"), &["format 9", "newer diptych"]);
        refused(("zone: Europe/Vienna", "zone: [Europe"), &["line"]);
    }

    #[test]
    fn the_schema_names_every_field() {
        let schema = serde_json::to_string(&Spec::json_schema()).unwrap();
        for field in Fields::NAMES {
            assert!(schema.contains(&format!("\"{field}\"")), "{field}");
        }
    }

    const JOURNEYS: &str = "format: 1
currency: EUR
money:
  margin: value_cents * 0.4
  rates:
    - { currency: USD, rate: \"0.9215\", since: 2025-01-01 }
accounts: { own: false, backfill: since_last_membership }
profiles:
  plan: { of: account }
channels:
  - { name: maps, where: \"channel = 'google_maps'\" }
  - { name: shop, where: \"source = 'counter'\", offline: true, owner: { department: Sales } }
stages:
  - { name: awareness, enter: visit | see_ad }
  - name: purchase
    enter: { events: [buy], where: value_cents > 0 }
    lost_after: 90d
    final: true
tasks:
  order:
    start: view where page = '/shop'
    success: buy
    steps: [cart, pay]
frictions:
  failed: { events: payment_failed }
  rage: { rule: rage_click, events: click, clicks: 4 }
sources:
  staff:
    files: [staff.csv]
    memberships:
      - { user: mail, account: company, role: \"'user'\", valid_from: joined, valid_to: left }
    profiles:
      - { account: company, name: \"'plan'\", text: plan }
";

    #[test]
    fn journeys_are_read_with_the_places_of_their_events() {
        let spec = Spec::parse(JOURNEYS).unwrap();
        let start = &spec.tasks["order"].start;
        assert_eq!(start.events, ["view"]);
        assert_eq!(start.condition.as_ref().unwrap().text, "page = '/shop'");
        assert_eq!((start.at.line, start.at.column), (21, 12));
        assert_eq!(spec.stages[0].enter.events, ["visit", "see_ad"]);
        assert_eq!(spec.stages[1].enter.condition.as_ref().unwrap().text, "value_cents > 0");
        assert_eq!(spec.account_backfill(), Ok(Backfill::SinceLastMembership));
        assert_eq!(spec.rates()["USD"], [(1_735_689_600_000_000, 921_500_000)]);
        assert!(matches!(spec.frictions["rage"].checked("rage"), Ok(FrictionRule::RageClick { clicks: 4, target: "element", .. })));
        assert!(spec.journey_matches().iter().any(|meant| meant.events == ["pay"]));
    }

    #[track_caller]
    fn journeys_refused(change: (&str, &str), expected: &[&str]) {
        assert!(JOURNEYS.contains(change.0));
        let error = Spec::parse(&JOURNEYS.replace(change.0, change.1)).unwrap_err().to_string();
        for part in expected {
            assert!(error.contains(part), "{error:?} should contain {part:?}");
        }
    }

    #[test]
    fn impossible_journeys_are_refused_with_advice() {
        journeys_refused(("clicks: 4", "over: 4d"), &["friction \"rage\"", "rage_click has no `over`", "radius_px"]);
        journeys_refused(("rule: rage_click", "rule: rage"), &["rage", "rage_click"]);
        journeys_refused(("0.9215", "-1"), &["line 6", "not a rate"]);
        journeys_refused(("own: false, backfill: since_last_membership", "backfill: soon"), &["line 7", "since_last_membership"]);
        journeys_refused(("name: awareness", "name: purchase"), &["stage \"purchase\" is there twice"]);
        journeys_refused(("name: \"'plan'\"", "name: \"'plna'\""), &["plna", "plan"]);
        journeys_refused(("account: company, role", "role"), &["membership needs `account`"]);
        journeys_refused(("start: view where page = '/shop'", "start: []"), &["event names such as"]);
        journeys_refused(("lost_after: 90d", "lost_after: long"), &["line 17", "long"]);
    }
}
