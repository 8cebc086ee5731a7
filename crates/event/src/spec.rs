//! The types of `diptych.yaml`: everything Diptych must know about one business.
//!
//! Errors say line, column, what is wrong and what is possible.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer};

use crate::time;

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
    pub events: Vec<EventSpec>,
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
        for name in self.properties.keys() {
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
            if source.events.is_empty() {
                return Err(SpecError::whole(format!("source \"{name}\" makes no events; add at least one under `events:`")));
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

    /// Returns the gap between sessions in microseconds.
    pub fn session_gap_us(&self) -> i64 {
        time::parse_duration(&self.session.gap.text).unwrap_or(1_800 * time::SECOND_US)
    }

    /// Returns the JSON Schema of specs, for editors.
    pub fn json_schema() -> Schema {
        schemars::schema_for!(Spec)
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
}
