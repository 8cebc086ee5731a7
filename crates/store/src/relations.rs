//! What the log says besides events: memberships, profiles, merges; withdrawn records taken out.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::Path;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::TimestampMicrosecondType;
use diptych_event::log::Kind;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowPredicateFn, ParquetRecordBatchReaderBuilder, RowFilter};

use crate::StoreError;
use crate::log::Log;

/// The records of a log as they stand now, in an order that does not depend on their arrival.
#[derive(Debug, Default, Clone, PartialEq, Eq, Hash)]
pub struct Relations {
    /// Who belongs to which account.
    pub memberships: Vec<Membership>,
    /// Attributes of users and accounts.
    pub profiles: Vec<ProfileValue>,
    /// Pairs of known users that are one person.
    pub merges: Vec<(String, String)>,
    /// Records that were taken back.
    pub n_withdrawn: u64,
}

/// A user belongs to an account from one instant (included) to another (excluded).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Membership {
    /// The user, as recorded.
    pub user: String,
    /// The account.
    pub account: String,
    /// First instant in microseconds; `i64::MIN` since ever.
    pub from_us: i64,
    /// First instant after it; `i64::MAX` for good.
    pub to_us: i64,
    /// user, payer, decider, referrer; empty when not said.
    pub role: String,
}

/// A user or account has a value from one instant (included) to another (excluded).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProfileValue {
    /// The attribute.
    pub name: String,
    /// The user or account.
    pub actor: String,
    /// First instant in microseconds; `i64::MIN` without a date.
    pub from_us: i64,
    /// First instant after it; `i64::MAX` for good.
    pub to_us: i64,
    /// The value.
    pub value: String,
}

/// Records by source and id, and the ids of those that were taken back.
#[derive(Default)]
struct Read {
    memberships: BTreeMap<(String, String), Membership>,
    profiles: BTreeMap<(String, String), ProfileValue>,
    merges: BTreeMap<(String, String), (String, String)>,
    withdrawn: BTreeSet<(String, String)>,
}

impl Relations {
    /// Reads the records of a log. O(rows of the files that have records).
    pub fn read(log: &Log) -> Result<Self, StoreError> {
        let mut read = Read::default();
        for file in log.files()? {
            let path = log.root().join(&file.name);
            read.file(&path).map_err(|error| StoreError::damaged(&path, error))?;
        }
        let n_before = read.memberships.len() + read.profiles.len() + read.merges.len();
        let withdrawn = &read.withdrawn;
        read.memberships.retain(|id, _| !withdrawn.contains(id));
        read.profiles.retain(|id, _| !withdrawn.contains(id));
        read.merges.retain(|id, _| !withdrawn.contains(id));
        let n_after = read.memberships.len() + read.profiles.len() + read.merges.len();
        let mut relations = Self {
            memberships: read.memberships.into_values().collect(),
            profiles: read.profiles.into_values().collect(),
            merges: read.merges.into_values().collect(),
            n_withdrawn: (n_before - n_after) as u64,
        };
        relations.memberships.sort();
        relations.memberships.dedup();
        relations.profiles.sort();
        relations.profiles.dedup();
        relations.merges.sort();
        relations.merges.dedup();
        Ok(relations)
    }

    /// Tells whether there is no record.
    pub fn is_empty(&self) -> bool {
        self.memberships.is_empty() && self.profiles.is_empty() && self.merges.is_empty()
    }
}

impl Read {
    fn file(&mut self, path: &Path) -> Result<(), Box<dyn std::error::Error>> {
        let builder = ParquetRecordBatchReaderBuilder::try_new(File::open(path)?)?;
        let may_have_records = builder.metadata().row_groups().iter().any(|group| {
            let kind = group.columns().iter().find(|chunk| chunk.column_path().string() == "kind");
            let last = kind.and_then(|kind| kind.statistics()).and_then(|statistics| statistics.max_bytes_opt());
            // Every file holds `event` and `import`; the records' kinds come after both in the alphabet.
            last.is_none_or(|last| last > Kind::Import.word().as_bytes())
        });
        if !may_have_records {
            return Ok(());
        }
        let kind_only = ProjectionMask::columns(builder.parquet_schema(), ["kind"]);
        let is_record = ArrowPredicateFn::new(kind_only, |batch: RecordBatch| {
            let kinds = batch.column(0).as_string::<i32>();
            let record = |kind: Option<&str>| Some(matches!(kind, Some("membership" | "profile" | "merge")));
            Ok(kinds.iter().map(record).collect())
        });
        for batch in builder.with_row_filter(RowFilter::new(vec![Box::new(is_record)])).build()? {
            self.batch(&batch?);
        }
        Ok(())
    }

    fn batch(&mut self, batch: &RecordBatch) {
        let text = |name: &str, row: usize| -> String {
            let column = batch.column_by_name(name).map(|column| column.as_string::<i32>());
            column.filter(|column| column.is_valid(row)).map_or_else(String::new, |column| column.value(row).to_owned())
        };
        let time = |name: &str, row: usize, open: i64| -> i64 {
            let column = batch.column_by_name(name).map(|column| column.as_primitive::<TimestampMicrosecondType>());
            column.filter(|column| column.is_valid(row)).map_or(open, |column| column.value(row))
        };
        for row in 0..batch.num_rows() {
            let (kind, id) = (text("kind", row), text("event_id", row));
            let source = text("source", row);
            if let Some(plain) = id.strip_prefix(&format!("{kind} withdrawn:")) {
                self.withdrawn.insert((source, format!("{kind}:{plain}")));
                continue;
            }
            let (from_us, to_us) = (time("time", row, i64::MIN), time("valid_to", row, i64::MAX));
            match kind.as_str() {
                "membership" => {
                    let (user, account, role) = (text("user", row), text("customer", row), text("name", row));
                    self.memberships.insert((source, id), Membership { user, account, from_us, to_us, role });
                }
                "profile" => {
                    let user = text("user", row);
                    let actor = if user.is_empty() { text("customer", row) } else { user };
                    let (name, value) = (text("name", row), text("text", row));
                    self.profiles.insert((source, id), ProfileValue { name, actor, from_us, to_us, value });
                }
                _ => {
                    self.merges.insert((source, id), (text("user", row), text("text", row)));
                }
            }
        }
    }
}
