//! The durable log's columns: one row per event, rejection or finished file.
//!
//! The log is one table (docs/decisions/0002-one-log.md); `kind` says what a row is.

/// What a log row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Something that happened.
    Event,
    /// A row that was not accepted, with its original text and the reason.
    Rejection,
    /// A rejection that a later import settled.
    Settled,
    /// A file that was imported to its end, with its counts.
    Import,
    /// Who belongs to which account, and when.
    Membership,
    /// An attribute of a user or an account, and when.
    Profile,
    /// Two known users that are one person.
    Merge,
    /// A total of a day, without persons.
    Series,
    /// A dated fact.
    Note,
}

impl Kind {
    /// Returns the word in the `kind` column.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Event => "event",
            Kind::Rejection => "rejection",
            Kind::Settled => "settled",
            Kind::Import => "import",
            Kind::Membership => "membership",
            Kind::Profile => "profile",
            Kind::Merge => "merge",
            Kind::Series => "series",
            Kind::Note => "note",
        }
    }
}

/// The type of a log column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogType {
    /// UTF-8 text.
    Text,
    /// 64-bit whole number.
    Integer,
    /// 64-bit floating-point number.
    Number,
    /// Microseconds since 1970-01-01T00:00Z.
    Time,
    /// True or false.
    Boolean,
}

/// Every column of the log besides declared properties, in order: name and type.
///
/// Properties that the spec declares follow as `p_<name>`; the others stand in `properties` as JSON text.
pub const LOG_COLUMNS: &[(&str, LogType)] = &[
    ("kind", LogType::Text),
    ("source", LogType::Text),
    ("file", LogType::Text),
    ("line", LogType::Integer),
    ("event_id", LogType::Text),
    ("time", LogType::Time),
    ("seq", LogType::Integer),
    ("name", LogType::Text),
    ("user", LogType::Text),
    ("anonymous", LogType::Text),
    ("customer", LogType::Text),
    ("session", LogType::Text),
    ("channel", LogType::Text),
    ("device", LogType::Text),
    ("page", LogType::Text),
    ("element", LogType::Text),
    ("place", LogType::Text),
    ("interactive", LogType::Boolean),
    ("value_cents", LogType::Integer),
    ("currency", LogType::Text),
    ("money_kind", LogType::Text),
    ("order_id", LogType::Text),
    ("refund_of", LogType::Text),
    ("valid_to", LogType::Time),
    ("text", LogType::Text),
    ("amount", LogType::Number),
    ("withdrawn", LogType::Boolean),
    ("properties", LogType::Text),
    ("reason", LogType::Text),
    ("original", LogType::Text),
];

/// The text fields that timelines hold as dictionary columns when the spec maps them, in order.
pub const TIMELINE_TEXT_FIELDS: &[&str] =
    &["source", "channel", "device", "page", "element", "place", "currency", "money_kind", "customer"];

/// Prefix of the columns that hold declared properties.
pub const PROPERTY_PREFIX: &str = "p_";
