//! SQL over the workspace's tables, read-only.
//!
//! | table | one row per |
//! |---|---|
//! | `events` | accepted event |
//! | `users` | actor of the user panel, with first and last event |
//! | `sessions` | session, by the workspace's gap |
//! | `quarantine` | rejected row that no later import settled |
//! | `imports` | committed chunk of a file |

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use datafusion::common::DataFusionError;
use datafusion::datasource::MemTable;
use datafusion::execution::context::SQLOptions;
use datafusion::prelude::{ParquetReadOptions, SessionContext};
use diptych_journey::derive;
use diptych_store::log::Log;

use crate::EngineError;
use crate::expressions::session;
use crate::workspace::Workbench;

/// Tables that a query may name.
pub const TABLES: &[&str] = &["events", "users", "sessions", "quarantine", "imports"];

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
        let named = |table: &str| query.to_lowercase().contains(table);
        if named("users") || named("sessions") {
            self.register_derived(&context, named("sessions"))?;
        }
        runtime.block_on(async {
            register_log(&context, &log).await?;
            let options = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
            let frame = context.sql_with_options(query, options).await.map_err(wrong)?;
            let schema: SchemaRef = Arc::new(frame.schema().as_arrow().clone());
            Ok(Rows { schema, batches: frame.collect().await.map_err(wrong)? })
        })
    }

    /// Registers what is derived from timelines.
    fn register_derived(&self, context: &SessionContext, with_sessions: bool) -> Result<(), EngineError> {
        let (timelines, _) = self.timelines()?;
        let gap_us = self.spec().session_gap_us();
        let (mut users, mut sessions) = (Vec::new(), Vec::new());
        for shard_idx in 0..timelines.n_shards() {
            timelines.shard(shard_idx)?.with(|shard| {
                let (mut actors, mut spans): (Vec<&str>, Vec<std::ops::Range<usize>>) = (Vec::new(), Vec::new());
                let (mut session_actors, mut session_spans): (Vec<&str>, Vec<std::ops::Range<usize>>) = (Vec::new(), Vec::new());
                for actor_idx in 0..shard.n_actors() {
                    let id = shard.actors.get(actor_idx);
                    actors.push(id);
                    spans.push(shard.rows(actor_idx));
                    if with_sessions {
                        for session in derive::sessions(shard, shard.rows(actor_idx), gap_us) {
                            session_actors.push(id);
                            session_spans.push(session);
                        }
                    }
                }
                users.push(spans_batch(&["actor", "first_seen", "last_seen", "n_events"], &actors, &spans, shard.time_us));
                sessions.push(spans_batch(&["actor", "start", "end", "n_events"], &session_actors, &session_spans, shard.time_us));
            });
        }
        let failed = |error: DataFusionError| EngineError::Wrong(error.to_string());
        for (name, batches) in [("users", users), ("sessions", sessions)] {
            let table = MemTable::try_new(batches[0].schema(), vec![batches]).map_err(failed)?;
            context.register_table(name, Arc::new(table)).map_err(failed)?;
        }
        Ok(())
    }

    fn explain_sql(&self, error: &DataFusionError) -> String {
        let text = error.strip_backtrace();
        let first = text.lines().next().unwrap_or_default().to_owned();
        if first.contains("not found") && first.contains("table") {
            return format!("{first}; tables: {}", TABLES.join(", "));
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
        ("imports", "select file, source, event_id as fingerprint, properties as counts from log where kind = 'import'".into()),
    ];
    for (name, query) in views {
        let view = context.sql(&query).await.map_err(failed)?;
        context.register_table(name, view.into_view()).map_err(failed)?;
    }
    Ok(())
}

fn spans_batch(names: &[&str; 4], actors: &[&str], spans: &[std::ops::Range<usize>], time_us: &[i64]) -> RecordBatch {
    let time = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let schema = Arc::new(Schema::new(vec![
        Field::new(names[0], DataType::Utf8, false),
        Field::new(names[1], time.clone(), false),
        Field::new(names[2], time, false),
        Field::new(names[3], DataType::Int64, false),
    ]));
    let times = |row: fn(&std::ops::Range<usize>) -> usize| -> ArrayRef {
        Arc::new(TimestampMicrosecondArray::from_iter_values(spans.iter().map(|span| time_us[row(span)])).with_timezone("UTC"))
    };
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values(actors)),
        times(|span| span.start),
        times(|span| span.end - 1),
        Arc::new(Int64Array::from_iter_values(spans.iter().map(|span| span.len() as i64))),
    ];
    RecordBatch::try_new(schema, columns).expect("the columns are made for the schema")
}
