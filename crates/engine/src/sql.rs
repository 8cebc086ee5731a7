//! SQL over the workspace's tables, read-only.
//!
//! | table | one row per |
//! |---|---|
//! | `events` | accepted event |
//! | `users` | actor of the user panel, with first and last event |
//! | `sessions` | session, by the workspace's gap |
//! | `task_attempts` | try at a task of the spec |
//! | `frictions` | episode of a friction of the spec, of a user or, where accounts meet it, of an account |
//! | `accounts` | actor of the customer panel, with members seen and net revenue |
//! | `stages` | stay of an account in a stage, and how it ended |
//! | `touchpoints` | contact of an account in a channel |
//! | `memberships`, `profiles`, `merges` | record that was not taken back |
//! | `series`, `notes` | number of a day; dated fact |
//! | `quarantine` | rejected row that no later import settled |
//! | `imports` | committed chunk of a file |

mod derived;

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::common::DataFusionError;
use datafusion::datasource::MemTable;
use datafusion::execution::context::SQLOptions;
use datafusion::prelude::{ParquetReadOptions, SessionContext};
use diptych_store::log::Log;

use crate::EngineError;
use crate::expressions::session;
use crate::workspace::Workbench;

/// Tables that a query may name.
pub fn tables() -> impl Iterator<Item = &'static str> {
    ["events", "quarantine", "imports", "series", "notes"].into_iter().chain(derived::DERIVED.iter().map(|(name, _)| *name))
}

/// The rows of a query's answer.
pub struct Rows {
    /// Columns.
    pub schema: SchemaRef,
    /// Rows, in the order that the query says; without `order by` the order is not fixed.
    pub batches: Vec<RecordBatch>,
}

impl Workbench {
    /// Runs a query; it can only read, and only the workspace's tables.
    pub fn sql(&self, query: &str) -> Result<Rows, EngineError> {
        let log = Log::open(&self.store()?)?;
        let runtime =
            tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|error| EngineError::Wrong(error.to_string()))?;
        let context = session();
        let wrong = |error: DataFusionError| EngineError::Sql { place: "SQL".into(), sql: query.into(), what: self.explain_sql(&error) };
        let lower = query.to_lowercase();
        for (name, rows) in self.derived_tables(|table| lower.contains(table))? {
            let table = MemTable::try_new(rows.schema(), vec![vec![rows]]).map_err(wrong)?;
            context.register_table(name, Arc::new(table)).map_err(wrong)?;
        }
        runtime.block_on(async {
            register_log(&context, &log).await?;
            let options = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
            let frame = context.sql_with_options(query, options).await.map_err(wrong)?;
            let schema: SchemaRef = Arc::new(frame.schema().as_arrow().clone());
            Ok(Rows { schema, batches: frame.collect().await.map_err(wrong)? })
        })
    }

    fn explain_sql(&self, error: &DataFusionError) -> String {
        let text = error.strip_backtrace();
        let first = text.lines().next().unwrap_or_default().to_owned();
        if first.contains("not found") && first.contains("table") {
            return format!("{first}; tables: {}", tables().collect::<Vec<_>>().join(", "));
        }
        if first.contains("not supported") || first.contains("DDL") || first.contains("DML") {
            return format!("{first}; a query can only read");
        }
        first
    }
}

/// Registers the log's files as they stand now: a fixed list, so that a write meanwhile is not half seen.
async fn register_log(context: &SessionContext, log: &Log) -> Result<(), EngineError> {
    let failed = |error: DataFusionError| EngineError::Wrong(format!("reading the log: {}", error.strip_backtrace()));
    let schema = log.schema()?;
    let paths: Vec<String> = log.files()?.iter().map(|file| log.root().join(&file.name).to_string_lossy().into_owned()).collect();
    let rows = if paths.is_empty() {
        context.read_batch(RecordBatch::new_empty(schema.clone())).map_err(failed)?
    } else {
        context.read_parquet(paths, ParquetReadOptions::default().schema(&schema)).await.map_err(failed)?
    };
    context.register_table("log", rows.into_view()).map_err(failed)?;
    let properties: Vec<String> = schema
        .fields()
        .iter()
        .filter_map(|field| field.name().strip_prefix(diptych_event::log::PROPERTY_PREFIX))
        .map(|name| format!(", \"p_{name}\" as \"{name}\""))
        .collect();
    let views = [
        (
            "events",
            format!(
                "select source, file, line, event_id, time, seq, name, \"user\", anonymous, customer, \
                 coalesce(\"user\", 'anonymous:' || anonymous, customer) as actor, session, channel, device, page, element, place, \
                 interactive, value_cents, currency, money_kind, order_id, refund_of{}, properties from log where kind = 'event'",
                properties.concat()
            ),
        ),
        (
            "quarantine",
            "select event_id as rejection, source, file, line, reason, original from log where kind = 'rejection' \
             and event_id not in (select event_id from log where kind = 'settled')"
                .into(),
        ),
        ("series", format!("select name, time, channel, place, amount, source from log where {}", standing("series"))),
        ("notes", format!("select name, time, text, channel, place, source from log where {}", standing("note"))),
        ("imports", "select file, source, event_id as fingerprint, properties as counts from log where kind = 'import'".into()),
    ];
    for (name, query) in views {
        let view = context.sql(&query).await.map_err(failed)?;
        context.register_table(name, view.into_view()).map_err(failed)?;
    }
    Ok(())
}

/// Returns the condition on rows of a kind of record that were not taken back.
fn standing(kind: &str) -> String {
    let withdraws = format!("{kind} withdrawn:");
    format!(
        "kind = '{kind}' and not starts_with(event_id, '{withdraws}') and (source || event_id) not in \
         (select source || '{kind}:' || substr(event_id, {}) from log where kind = '{kind}' and starts_with(event_id, '{withdraws}'))",
        withdraws.len() + 1
    )
}
