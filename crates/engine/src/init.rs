//! A first spec from files: what the columns seem to mean, how sure that is, and a `diptych.yaml` that answers something.

use std::fs;
use std::path::{Path, PathBuf};

use arrow::array::{Array, ArrayRef};
use diptych_event::Spec;
use diptych_event::spec::SourceSpec;
use diptych_intake::profile::{ColumnProfile, Kind, Profile, ROWS_DEFAULT, profile};
use diptych_intake::{Format, Reader, format_of};
use diptych_store::Workspace;
use schemars::JsonSchema;
use serde::Serialize;

use crate::EngineError;
use crate::import::format_for;
use crate::workspace::SPEC_FILE;

/// What `init` made.
#[derive(Debug)]
pub struct Made {
    /// The spec that was written.
    pub spec: String,
    /// What was guessed, for people.
    pub report: String,
}

/// What files seem to be, and the spec that would follow.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Proposed {
    /// The files.
    pub files: Vec<FileProfile>,
    /// The whole diptych.yaml that the guesses make, together with the one that is there.
    pub spec: String,
    /// What a reader should look at.
    pub said: Vec<String>,
}

/// What one file seems to be.
#[derive(Debug, Serialize, JsonSchema)]
pub struct FileProfile {
    /// Name of the file.
    pub file: String,
    /// Source that it would be.
    pub source: String,
    /// Format, by its name.
    pub format: String,
    /// Rows looked at.
    pub rows_seen: u64,
    /// Rows among them that cannot be read.
    pub rejected: u64,
    /// What the event's name would be taken from: an SQL expression.
    pub event: String,
    /// Its columns, in order.
    pub columns: Vec<ColumnGuess>,
    /// The first rows as they stand.
    pub rows: Vec<Vec<Option<String>>>,
}

/// What one column seems to be.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ColumnGuess {
    /// Its name.
    pub name: String,
    /// What the values seem to be.
    pub kind: &'static str,
    /// Distinct values among the rows looked at.
    pub n_distinct: u64,
    /// Rows without a value.
    pub blank: u64,
    /// The most frequent values.
    pub samples: Vec<SampleCount>,
    /// The field of events that it would be; none where it would be a property or nothing.
    pub role: Option<String>,
    /// How sure the role is: `sure`, `likely` or `guess`.
    pub sure: Option<&'static str>,
    /// Why it has the role.
    pub why: Option<String>,
    /// Share of the values that are of the kind.
    pub fitting: Option<f64>,
}

/// A value and how often it stands.
#[derive(Debug, Serialize, JsonSchema)]
pub struct SampleCount {
    /// The value.
    pub text: String,
    /// Rows.
    pub n: u64,
}

/// Rows of a file that a profile shows.
const N_ROWS_SHOWN: usize = 8;

/// Looks at files and proposes a spec, writing nothing; in a workspace with a spec, the new sources are put into it.
pub fn propose(root: &Path, files: &[PathBuf]) -> Result<Proposed, EngineError> {
    let guesses: Result<Vec<Guess>, EngineError> = files.iter().map(|file| Guess::of(file)).collect();
    let mut guesses = guesses?;
    let known = fs::read_to_string(root.join(SPEC_FILE)).ok();
    let known_spec = known.as_deref().and_then(|text| Spec::parse(text).ok());
    let taken: Vec<String> = known_spec.iter().flat_map(|spec| spec.sources.keys().cloned()).collect();
    make_names_distinct(&mut guesses, &taken);
    let name = root.canonicalize().ok().and_then(|root| root.file_name().map(|name| name.to_string_lossy().into_owned()));
    let spec = match (&known, &known_spec) {
        (Some(text), Some(spec)) if !spec.sources.is_empty() => add_to_spec(text, spec, &guesses),
        (_, Some(spec)) if !spec.name.is_empty() => write_spec(&spec.name, DATA_FILES, &guesses),
        _ => write_spec(&name.unwrap_or_default(), DATA_FILES, &guesses),
    };
    Spec::parse(&spec).map_err(|source| EngineError::Spec { path: root.join(SPEC_FILE), source })?;
    let mut said = Vec::new();
    for guess in &guesses {
        if guess.profile.n_rejections > 0 {
            said.push(format!("{}: {} rows cannot be read and will go to the quarantine", guess.file, guess.profile.n_rejections));
        }
        said.extend(guess.notes.iter().map(|note| format!("{}: {note}", guess.file)));
        said.push(format!("{}: the event's name is {} ({}: {})", guess.file, guess.event.0, guess.event.1.word(), guess.event.2));
    }
    let profiles: Result<Vec<FileProfile>, EngineError> = guesses.iter().zip(files).map(|(guess, file)| guess.shown(file)).collect();
    Ok(Proposed { files: profiles?, spec, said })
}

/// Folder of files in a spec that the app makes, where uploads lie.
const DATA_FILES: &str = "data/";

/// Puts new sources, and properties that are not declared yet, into a spec that has some, leaving all else as it stands.
fn add_to_spec(text: &str, known: &Spec, guesses: &[Guess]) -> String {
    let mut properties = String::new();
    for (name, kind) in declared(guesses) {
        if !known.properties.contains_key(name) {
            properties.push_str(&property_line(name, kind));
        }
    }
    let sources: String = guesses.iter().map(|guess| write_source(guess, DATA_FILES)).collect();
    let has_money = guesses.iter().any(|guess| guess.choices.iter().any(|choice| choice.field == "value"));
    let with_currency = match known.currency.is_none() && has_money {
        true => add_after(text, "format:", CURRENCY_LINE),
        false => text.to_owned(),
    };
    let with_properties = add_to_block(&with_currency, "properties", &properties);
    add_to_block(&with_properties, "sources", &sources)
}

/// The currency of a spec that the files do not tell.
const CURRENCY_LINE: &str = "currency: EUR          # of money without a currency of its own; please check\n";

/// Puts a line after the one that begins so.
fn add_after(text: &str, start: &str, line: &str) -> String {
    text.split_inclusive('\n').fold(String::new(), |done, known| {
        let end = if known.ends_with('\n') { "" } else { "\n" };
        if known.starts_with(start) { format!("{done}{known}{end}{line}") } else { done + known }
    })
}

/// Puts lines at the start of a block of the outermost level, making the block where there is none.
fn add_to_block(text: &str, name: &str, lines: &str) -> String {
    if lines.is_empty() {
        return text.to_owned();
    }
    let head = format!("{name}:");
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let is_block = line.strip_prefix(&head).is_some_and(|rest| rest.trim().is_empty() || rest.trim_start().starts_with('#'));
        at += line.len();
        if is_block {
            let rest = &text[at..];
            // The lines take the indentation of those that are there.
            let first = rest.lines().find(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#'));
            let indent = first.map_or(2, |line| line.len() - line.trim_start().len()).max(1);
            let moved: String = lines.lines().map(|line| format!("{}{}\n", " ".repeat(indent), &line[2..])).collect();
            return format!("{}{moved}{rest}", &text[..at]);
        }
    }
    let end = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
    format!("{text}{end}{head}\n{lines}")
}

/// Most distinct values of a text column that is declared as a property.
const DISTINCT_OF_PROPERTY: u64 = 5_000;

/// Makes a workspace; with files, looks at them and writes a first spec. `n_shards` is for tests: it never changes an answer.
pub fn init(root: &Path, files: &[PathBuf], n_shards: Option<u32>) -> Result<Made, EngineError> {
    let path = root.join(SPEC_FILE);
    if path.exists() {
        return Err(EngineError::file(&path, "there is a spec already; edit it, or choose another folder"));
    }
    let guesses: Result<Vec<Guess>, EngineError> = files.iter().map(|file| Guess::of(file)).collect();
    let mut guesses = guesses?;
    make_names_distinct(&mut guesses, &[]);
    let name = root.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let spec = write_spec(&name, "", &guesses);
    if !guesses.is_empty() {
        Spec::parse(&spec).map_err(|source| EngineError::Spec { path: path.clone(), source })?;
    }
    fs::create_dir_all(root.join("data")).map_err(|error| EngineError::file(root, format!("cannot be made: {error}")))?;
    fs::write(&path, &spec).map_err(|error| EngineError::file(&path, format!("cannot be written: {error}")))?;
    Workspace::create_with_shards(root, n_shards)?;
    Ok(Made { report: write_report(root, files, &guesses), spec })
}

/// How sure a guess is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Surety {
    Sure,
    Likely,
    Unsure,
}

impl Surety {
    fn word(self) -> &'static str {
        match self {
            Surety::Sure => "sure",
            Surety::Likely => "likely",
            Surety::Unsure => "a guess, please check",
        }
    }
}

impl Surety {
    /// Returns the word for screens.
    fn short(self) -> &'static str {
        match self {
            Surety::Sure => "sure",
            Surety::Likely => "likely",
            Surety::Unsure => "guess",
        }
    }
}

/// What one field of the events is taken from.
struct Choice {
    field: &'static str,
    column: String,
    surety: Surety,
    why: String,
}

/// What a file seems to be.
struct Guess {
    /// Name of the source.
    name: String,
    file: String,
    profile: Profile,
    choices: Vec<Choice>,
    /// SQL of the event's name, and why.
    event: (String, Surety, String),
    time_format: Option<String>,
    notes: Vec<String>,
    /// Properties with their types.
    properties: Vec<(String, &'static str)>,
}

impl Guess {
    fn of(file: &Path) -> Result<Self, EngineError> {
        let mut reader = Self::open(file)?;
        let profile = profile(&mut reader, ROWS_DEFAULT)?;
        let mut guess = Self {
            name: source_name(file),
            file: file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
            choices: Vec::new(),
            event: (String::new(), Surety::Unsure, String::new()),
            time_format: None,
            notes: reader.notes().to_vec(),
            properties: Vec::new(),
            profile,
        };
        guess.choose_time(file)?;
        guess.choose_actor(file)?;
        guess.choose_others();
        guess.choose_event();
        guess.choose_properties();
        Ok(guess)
    }

    /// Opens the file as it is to be read.
    fn open(file: &Path) -> Result<Reader, EngineError> {
        let source: SourceSpec = serde_json::from_value(serde_json::json!({ "events": [] })).expect("an empty source is a source");
        let format = match format_of(file) {
            Some(format @ Format::Csv(_)) => format,
            _ => format_for(file, &source)?,
        };
        Ok(Reader::open(file, &format, 8_192)?)
    }

    /// Returns what a screen shows of the guess.
    fn shown(&self, file: &Path) -> Result<FileProfile, EngineError> {
        let columns = self.profile.columns.iter().map(|column| {
            let choice = self.choices.iter().find(|choice| choice.column == column.name);
            let is_event = self.event.0 == identifier(&column.name);
            let event = is_event.then(|| ("name".to_owned(), self.event.1, self.event.2.clone()));
            let role = choice.map(|choice| (choice.field.to_owned(), choice.surety, choice.why.clone())).or(event);
            ColumnGuess {
                name: column.name.clone(),
                kind: kind_word(&column.kind),
                n_distinct: column.n_distinct,
                blank: column.n_nulls,
                samples: column.samples.iter().map(|sample| SampleCount { text: sample.text.clone(), n: sample.n }).collect(),
                sure: role.as_ref().map(|(_, surety, _)| surety.short()),
                why: role.as_ref().map(|(.., why)| why.clone()),
                role: role.map(|(field, ..)| field),
                fitting: column.share_fitting(),
            }
        });
        Ok(FileProfile {
            file: self.file.clone(),
            source: self.name.clone(),
            format: format_word(file),
            rows_seen: self.profile.n_rows,
            rejected: self.profile.n_rejections,
            event: self.event.0.clone(),
            columns: columns.collect(),
            rows: first_rows(file)?,
        })
    }

    fn best(&self, words: &[&str], fits: impl Fn(&ColumnProfile) -> bool) -> Option<(usize, &ColumnProfile)> {
        let score = |column: &ColumnProfile| -> usize {
            let name = column.name.to_lowercase();
            words.iter().position(|word| name == *word).map_or_else(
                || words.iter().position(|word| name.contains(word)).map_or(0, |at| words.len() - at),
                |at| 2 * words.len() - at,
            )
        };
        let free = |column: &&ColumnProfile| !self.choices.iter().any(|choice| choice.column == column.name);
        let mut fitting: Vec<(usize, &ColumnProfile)> =
            self.profile.columns.iter().filter(free).filter(|column| fits(column)).map(|column| (score(column), column)).collect();
        fitting.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
        fitting.first().copied()
    }

    fn choose(&mut self, field: &'static str, column: &ColumnProfile, surety: Surety, why: String) {
        self.choices.push(Choice { field, column: column.name.clone(), surety, why });
    }

    fn choose_time(&mut self, file: &Path) -> Result<(), EngineError> {
        let words = ["timestamp", "event_time", "time", "datetime", "occurred_at", "created_at", "date", "day", "at"];
        let found = self.best(&words, |column| matches!(column.kind, Kind::Time { .. })).map(|(score, column)| (score, column.clone()));
        let Some((score, column)) = found else {
            let names: Vec<&str> = self.profile.columns.iter().map(|column| column.name.as_str()).collect();
            return Err(EngineError::file(
                file,
                format!(
                    "no column looks like a time (columns: {}); without one nothing can be put in order. If one holds times, write the spec by hand with `time_format:`",
                    names.join(", ")
                ),
            ));
        };
        let Kind::Time { format, has_zone, ambiguous } = &column.kind else { unreachable!("it was chosen as a time") };
        let format_text = format.to_string();
        if format_text != "auto" {
            self.time_format = Some(format_text.clone());
        }
        if *ambiguous {
            self.notes.push(format!("{}: no value tells day from month; the day is taken to come first ({format_text})", column.name));
        }
        if !has_zone {
            self.notes.push(format!("{}: times have no zone; they are read as {}", column.name, "UTC (`zone:` changes that)"));
        }
        let surety = if *ambiguous {
            Surety::Unsure
        } else if score > 0 {
            Surety::Sure
        } else {
            Surety::Likely
        };
        self.choose("time", &column, surety, format!("written as {format_text}, {}", fitting(&column)));
        Ok(())
    }

    fn choose_actor(&mut self, file: &Path) -> Result<(), EngineError> {
        let roles: [(&'static str, &[&str]); 3] = [
            ("user", &["user_id", "userid", "user", "uuid", "member", "login", "person", "player"]),
            ("customer", &["customer_id", "customerid", "customer", "household", "account", "client", "company", "loyalty", "card"]),
            ("anonymous", &["anonymous", "visitor", "cookie", "device_id", "client_id", "session"]),
        ];
        let id_like = |column: &ColumnProfile| {
            matches!(column.kind, Kind::Identifier | Kind::Integer | Kind::Category | Kind::Email | Kind::Text) && column.n > 0
        };
        for (field, words) in roles {
            if let Some((score, column)) = self.best(words, id_like).map(|(score, column)| (score, column.clone()))
                && score > 0
            {
                let per = column.n as f64 / column.n_distinct.max(1) as f64;
                let surety = if matches!(column.kind, Kind::Identifier | Kind::Email) { Surety::Sure } else { Surety::Likely };
                self.choose(field, &column, surety, format!("{} different ones, {per:.1} rows each", column.n_distinct));
                if field != "user" {
                    return Ok(());
                }
            }
        }
        if self.choices.iter().any(|choice| choice.field == "user") {
            return Ok(());
        }
        let found = self.best(&["id"], |column| matches!(column.kind, Kind::Identifier | Kind::Email)).map(|(_, column)| column.clone());
        let Some(column) = found else {
            let names: Vec<&str> = self.profile.columns.iter().map(|column| column.name.as_str()).collect();
            return Err(EngineError::file(
                file,
                format!(
                    "no column says who did it (columns: {}); write the spec by hand and map `user`, `anonymous` or `customer`",
                    names.join(", ")
                ),
            ));
        };
        self.choose(
            "user",
            &column,
            Surety::Unsure,
            format!("{} different ones, the only column of ids that come again", column.n_distinct),
        );
        Ok(())
    }

    fn choose_others(&mut self) {
        let id_words = ["event_id", "insert_id", "message_id", "uuid", "id"];
        if let Some((score, column)) =
            self.best(&id_words, |column| column.kind == Kind::UniqueId).map(|(score, column)| (score, column.clone()))
            && score > 0
        {
            self.choose("event_id", &column, Surety::Likely, "different in every row; rows that come again are recognised by it".into());
        }
        let texts: [(&'static str, &[&str]); 5] = [
            ("channel", &["channel", "utm_medium", "medium", "traffic_source"]),
            ("device", &["device", "device_type", "platform"]),
            ("place", &["store_id", "store", "shop", "branch", "place"]),
            ("order_id", &["order_id", "basket_id", "invoice", "receipt", "order"]),
            ("currency", &["currency"]),
        ];
        for (field, words) in texts {
            let found = self.best(words, |column| !matches!(column.kind, Kind::Time { .. } | Kind::Money | Kind::Empty));
            if let Some((score, column)) = found.map(|(score, column)| (score, column.clone()))
                && score >= words.len()
            {
                self.choose(field, &column, Surety::Likely, format!("by its name; {} different values", column.n_distinct));
            }
        }
        let page = self.best(&["url", "page", "path"], |column| column.kind == Kind::Url).map(|(_, column)| column.clone());
        if let Some(column) = page {
            self.choose("page", &column, Surety::Sure, fitting(&column));
        }
        let money = self.best(&["amount", "total", "revenue", "value", "price", "sales"], |column| column.kind == Kind::Money);
        if let Some(column) = money.map(|(_, column)| column.clone()) {
            self.choose("value", &column, Surety::Likely, format!("amounts of money, {}", fitting(&column)));
        }
    }

    fn choose_event(&mut self) {
        let words = ["event_name", "event", "action", "activity", "event_type", "type", "kind", "name", "verb"];
        let found = self
            .best(&words, |column| matches!(column.kind, Kind::Category | Kind::Text | Kind::Identifier) && column.n_distinct <= 10_000);
        self.event = match found {
            Some((score, column)) if score > 0 => {
                let surety = if score >= words.len() { Surety::Sure } else { Surety::Likely };
                (identifier(&column.name), surety, format!("column {} with {} different values", column.name, column.n_distinct))
            }
            _ if self.choices.iter().any(|choice| choice.field == "page") => {
                ("'page_view'".into(), Surety::Likely, "every row names a page, and no column names an event".into())
            }
            _ if self.choices.iter().any(|choice| choice.field == "value") => {
                ("'purchase'".into(), Surety::Likely, "every row has an amount, and no column names an event".into())
            }
            _ => (format!("'{}'", self.name), Surety::Unsure, "no column names an event; the file's name is used".into()),
        };
    }

    fn choose_properties(&mut self) {
        let taken = |name: &str| self.choices.iter().any(|choice| choice.column == name) || self.event.0 == identifier(name);
        let plain = |name: &str| !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_');
        let reserved = |name: &str| diptych_event::log::LOG_COLUMNS.iter().any(|(known, _)| *known == name) || name == "actor";
        let kind = |column: &ColumnProfile| match column.kind {
            Kind::Integer => Some("integer"),
            Kind::Number | Kind::Money => Some("number"),
            Kind::Boolean => Some("boolean"),
            Kind::Category => Some("text"),
            Kind::Text | Kind::Identifier if column.n_distinct <= DISTINCT_OF_PROPERTY => Some("text"),
            _ => None,
        };
        self.properties = self
            .profile
            .columns
            .iter()
            .filter(|column| !taken(&column.name) && plain(&column.name) && !reserved(&column.name))
            .filter_map(|column| Some((column.name.clone(), kind(column)?)))
            .collect();
    }
}

/// Returns the word for what values seem to be.
fn kind_word(kind: &Kind) -> &'static str {
    match kind {
        Kind::Time { .. } => "time",
        Kind::Integer => "integer",
        Kind::Number => "number",
        Kind::Money => "money",
        Kind::Boolean => "boolean",
        Kind::Url => "url",
        Kind::Email => "email",
        Kind::Identifier => "identifier",
        Kind::Category => "category",
        Kind::UniqueId => "unique_id",
        Kind::Text => "text",
        Kind::Empty => "empty",
    }
}

/// Returns the word for a file's format: the ending of its name without that of its compression.
fn format_word(file: &Path) -> String {
    let name = file.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    let plain = name.strip_suffix(".gz").or_else(|| name.strip_suffix(".zst")).unwrap_or(&name);
    plain.rsplit_once('.').map_or(plain, |(_, ending)| ending).to_owned()
}

/// Reads the first rows as texts.
fn first_rows(file: &Path) -> Result<Vec<Vec<Option<String>>>, EngineError> {
    let mut reader = Guess::open(file)?;
    let Some(piece) = reader.next()? else { return Ok(Vec::new()) };
    let rows = piece.rows.slice(0, piece.rows.num_rows().min(N_ROWS_SHOWN));
    let text = |column: &ArrayRef, row: usize| {
        column.is_valid(row).then(|| arrow::util::display::array_value_to_string(column, row).unwrap_or_default())
    };
    Ok((0..rows.num_rows()).map(|row| rows.columns().iter().map(|column| text(column, row)).collect()).collect())
}

fn fitting(column: &ColumnProfile) -> String {
    match column.share_fitting() {
        Some(share) => format!("{:.1} % of {} values fit", 100.0 * share, column.n - column.n_nulls.min(column.n)),
        None => "no values".into(),
    }
}

fn source_name(file: &Path) -> String {
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let stem = name.split('.').next().unwrap_or_default().to_lowercase();
    let clean: String = stem.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    let clean = clean.trim_matches('_').to_owned();
    if clean.is_empty() { "source".into() } else { clean }
}

/// Numbers the names of sources that are the same, or that are taken already.
fn make_names_distinct(guesses: &mut [Guess], taken: &[String]) {
    for idx in 0..guesses.len() {
        let (before, rest) = guesses.split_at_mut(idx);
        let base = rest[0].name.clone();
        let mut number = 2;
        while taken.contains(&rest[0].name) || before.iter().any(|guess| guess.name == rest[0].name) {
            rest[0].name = format!("{base}_{number}");
            number += 1;
        }
    }
}

/// Writes a column's name as it stands in SQL.
fn identifier(column: &str) -> String {
    let plain = column.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') && !column.starts_with(|c: char| c.is_ascii_digit());
    if plain { column.to_owned() } else { format!("\"{}\"", column.replace('"', "\"\"")) }
}

/// Writes a text as it stands in YAML.
fn yaml(text: &str) -> String {
    let plain = text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !text.is_empty()
        && text.starts_with(|c: char| c.is_ascii_alphabetic());
    let word = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"].contains(&text.to_lowercase().as_str());
    if plain && !word {
        text.to_owned()
    } else if text.contains('\'') && !text.contains(['"', '\\']) {
        format!("\"{text}\"")
    } else {
        format!("'{}'", text.replace('\'', "''"))
    }
}

/// Writes a spec; `folder` is where the files lie, relative to the workspace.
fn write_spec(name: &str, folder: &str, guesses: &[Guess]) -> String {
    let mut text = format!(
        "# What Diptych knows about this business. `diptych schema` prints all that can stand here.\n\
         format: 1\n\
         name: {}\n\
         zone: UTC              # IANA zone of days and of local times, for example Europe/Vienna\n",
        yaml(if name.is_empty() { "workspace" } else { name })
    );
    if guesses.iter().any(|guess| guess.choices.iter().any(|choice| choice.field == "value")) {
        text.push_str(CURRENCY_LINE);
    }
    text.push_str("session:\n  gap: 30m             # a longer gap between two events of a person starts a new session\n");
    let declared = declared(guesses);
    if !declared.is_empty() {
        text.push_str("properties:            # declared ones are fast to ask about; types: text, integer, number, boolean\n");
        declared.iter().for_each(|(name, kind)| text.push_str(&property_line(name, kind)));
    }
    if guesses.is_empty() {
        text.push_str("sources: {}            # `diptych init DIR --from FILE…` writes them from files; docs/spec.md explains them\n");
        return text;
    }
    text.push_str("sources:\n");
    guesses.iter().for_each(|guess| text.push_str(&write_source(guess, folder)));
    text
}

/// Lists the properties of all files with their types.
fn declared(guesses: &[Guess]) -> Vec<(&str, &str)> {
    let mut declared: Vec<(&str, &str)> = Vec::new();
    for (name, kind) in guesses.iter().flat_map(|guess| guess.properties.iter()) {
        match declared.iter_mut().find(|(known, _)| known == name) {
            // Two files that disagree about a type agree about text.
            Some(known) if known.1 != *kind => known.1 = "text",
            Some(_) => {}
            None => declared.push((name, kind)),
        }
    }
    declared
}

fn property_line(name: &str, kind: &str) -> String {
    format!("  {}: {{ type: {kind} }}\n", yaml(name))
}

fn write_source(guess: &Guess, folder: &str) -> String {
    let mut text = format!("  {}:\n    files: [{}]\n", guess.name, yaml(&format!("{folder}{}", guess.file)));
    if let Some(format) = &guess.time_format {
        text.push_str(&format!("    time_format: {}\n", yaml(format)));
    }
    text.push_str("    each:              # SQL expressions over the file's columns\n");
    for choice in &guess.choices {
        let line = format!("      {}: {}", choice.field, yaml(&identifier(&choice.column)));
        text.push_str(&format!("{line:<40} # {}\n", choice.surety.word()));
    }
    text.push_str("      properties:\n");
    for (name, _) in &guess.properties {
        text.push_str(&format!("        {}: {}\n", yaml(name), yaml(&identifier(name))));
    }
    text.push_str("        '*': rest      # every other column, under its own name\n");
    let line = format!("      - name: {}", yaml(&guess.event.0));
    text.push_str(&format!("    events:\n{line:<40} # {}\n", guess.event.1.word()));
    text
}

fn write_report(root: &Path, files: &[PathBuf], guesses: &[Guess]) -> String {
    let mut text = format!("{} was written.\n", root.join(SPEC_FILE).display());
    for guess in guesses {
        text.push_str(&format!("\n{} as source `{}`, from its first {} rows:\n", guess.file, guess.name, guess.profile.n_rows));
        text.push_str(&format!("  {:<10} {:<24} {} ({})\n", "name", guess.event.0, guess.event.1.word(), guess.event.2));
        for choice in &guess.choices {
            text.push_str(&format!("  {:<10} {:<24} {} ({})\n", choice.field, choice.column, choice.surety.word(), choice.why));
        }
        if !guess.properties.is_empty() {
            let names: Vec<&str> = guess.properties.iter().map(|(name, _)| name.as_str()).collect();
            text.push_str(&format!("  {:<10} {}\n", "properties", names.join(", ")));
        }
        if guess.profile.n_rejections > 0 {
            text.push_str(&format!("  {} rows cannot be read and will go to the quarantine\n", guess.profile.n_rejections));
        }
        for note in &guess.notes {
            text.push_str(&format!("  note: {note}\n"));
        }
    }
    let names: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
    let dir = root.display();
    match names.is_empty() {
        true => text.push_str(&format!(
            "\nNext: write its sources, or `diptych init DIR --from FILE…` in another folder, then `diptych import {dir}`\n"
        )),
        false => text.push_str(&format!(
            "\nNext: read {}, correct what is wrong, then\n  diptych import {dir} {}\n  diptych ask {dir} sessions\n",
            root.join(SPEC_FILE).display(),
            names.join(" ")
        )),
    }
    text
}
