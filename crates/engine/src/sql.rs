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
use std::time::Duration;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Int64Type, SchemaRef, UInt64Type};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::common::DataFusionError;
use datafusion::datasource::MemTable;
use datafusion::execution::context::SQLOptions;
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::{ParquetReadOptions, SessionContext};
use diptych_store::log::Log;
use serde_json::Value;

use crate::EngineError;
use crate::expressions::{session_within, too_deep};
use crate::workspace::Workbench;

/// Tables that a query may name.
pub fn tables() -> impl Iterator<Item = &'static str> {
    ["events", "quarantine", "imports", "series", "notes"].into_iter().chain(derived::DERIVED.iter().map(|(name, _)| *name))
}

/// Longest query, and most operators of one: longer ones nest so deep that they take more stack than there is.
const QUERY_BYTES_MAX: usize = 16 << 10;
const OPERATORS_MAX: usize = 500;

/// Stack of the threads that plan and run a query.
const STACK_BYTES: usize = 16 << 20;

/// What a query may take; nothing is limited unless said.
#[derive(Debug, Clone, Default)]
pub struct SqlLimits {
    /// Rows of the answer; more are left out.
    pub n_rows: Option<usize>,
    /// Time.
    pub time: Option<Duration>,
    /// Bytes of memory.
    pub memory_bytes: Option<usize>,
}

/// The rows of a query's answer.
#[derive(Debug)]
pub struct Rows {
    /// Columns.
    pub schema: SchemaRef,
    /// Rows, in the order that the query says; without `order by` the order is not fixed.
    pub batches: Vec<RecordBatch>,
    /// Whether rows were left out by [`SqlLimits::n_rows`].
    pub is_cut: bool,
}

impl Rows {
    /// Leaves out what is beyond a number of rows.
    fn cut(&mut self, n_rows: usize) {
        let mut left = n_rows;
        for batch in &mut self.batches {
            self.is_cut |= batch.num_rows() > left;
            *batch = batch.slice(0, batch.num_rows().min(left));
            left -= batch.num_rows();
        }
        self.batches.retain(|batch| batch.num_rows() > 0);
    }

    /// Writes the rows as CSV with a header.
    pub fn to_csv(&self) -> Result<String, EngineError> {
        let mut out = Vec::new();
        let mut writer = arrow::csv::WriterBuilder::new().with_header(true).build(&mut out);
        let empty = RecordBatch::new_empty(self.schema.clone());
        for batch in if self.batches.is_empty() { std::slice::from_ref(&empty) } else { &self.batches } {
            writer.write(batch).map_err(unwritable)?;
        }
        drop(writer);
        String::from_utf8(out).map_err(|_| unwritable("the result is not text"))
    }

    /// Writes the rows as a JSON list of objects.
    pub fn to_json(&self) -> Result<String, EngineError> {
        let mut writer = arrow::json::ArrayWriter::new(Vec::new());
        writer.write_batches(&self.batches.iter().collect::<Vec<_>>()).map_err(unwritable)?;
        writer.finish().map_err(unwritable)?;
        String::from_utf8(writer.into_inner()).map_err(|_| unwritable("the result is not text"))
    }

    /// Returns the columns with words for their types.
    pub fn columns(&self) -> Vec<(String, String)> {
        let word = |data_type: &DataType| match data_type {
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Dictionary(..) => "text".to_owned(),
            DataType::Boolean => "boolean".to_owned(),
            DataType::Timestamp(..) => "time".to_owned(),
            other if other.is_integer() => "integer".to_owned(),
            other if other.is_floating() => "number".to_owned(),
            other => other.to_string(),
        };
        self.schema.fields().iter().map(|field| (field.name().clone(), word(field.data_type()))).collect()
    }

    /// Returns the values row by row: numbers, truths, nothing, and texts for all else.
    pub fn values(&self) -> Result<Vec<Vec<Value>>, EngineError> {
        let mut rows: Vec<Vec<Value>> = Vec::new();
        for batch in &self.batches {
            let columns: Result<Vec<Vec<Value>>, EngineError> = batch.columns().iter().map(values_of).collect();
            let columns = columns?;
            rows.extend((0..batch.num_rows()).map(|row| columns.iter().map(|column| column[row].clone()).collect()));
        }
        Ok(rows)
    }
}

fn unwritable(error: impl std::fmt::Display) -> EngineError {
    EngineError::Wrong(format!("the rows cannot be written: {error}"))
}

/// Returns the values of a column.
fn values_of(column: &ArrayRef) -> Result<Vec<Value>, EngineError> {
    let data_type = column.data_type();
    if data_type.is_integer() && *data_type != DataType::UInt64 {
        let numbers = cast(column, &DataType::Int64).map_err(unwritable)?;
        return Ok(numbers.as_primitive::<Int64Type>().iter().map(Value::from).collect());
    }
    if *data_type == DataType::UInt64 {
        return Ok(column.as_primitive::<UInt64Type>().iter().map(Value::from).collect());
    }
    if data_type.is_floating() {
        let numbers = cast(column, &DataType::Float64).map_err(unwritable)?;
        return Ok(numbers.as_primitive::<Float64Type>().iter().map(Value::from).collect());
    }
    if let Some(truths) = column.as_boolean_opt() {
        return Ok(truths.iter().map(Value::from).collect());
    }
    let options = FormatOptions::default();
    let formatter = ArrayFormatter::try_new(column, &options).map_err(unwritable)?;
    let text = |row: usize| formatter.value(row).try_to_string().map(Value::from).map_err(unwritable);
    let nulls = column.logical_nulls();
    let is_null = |row: usize| nulls.as_ref().is_some_and(|nulls| nulls.is_null(row));
    (0..column.len()).map(|row| if is_null(row) { Ok(Value::Null) } else { text(row) }).collect()
}

impl Workbench {
    /// Runs a query; it can only read, and only the workspace's tables.
    pub fn sql(&self, query: &str) -> Result<Rows, EngineError> {
        self.sql_within(query, &SqlLimits::default())
    }

    /// Runs a query that may take only so much.
    pub fn sql_within(&self, query: &str, limits: &SqlLimits) -> Result<Rows, EngineError> {
        let too_long = format!("a query may have {QUERY_BYTES_MAX} bytes; put long lists of values into a file and import it");
        let too_deep = too_deep(query, OPERATORS_MAX).or((query.len() > QUERY_BYTES_MAX).then_some(too_long));
        if let Some(what) = too_deep {
            return Err(EngineError::Wrong(what));
        }
        let log = Log::open(&self.store()?)?;
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.enable_all().thread_stack_size(STACK_BYTES).build().map_err(|error| EngineError::Wrong(error.to_string()))?;
        let context = session_within(limits.memory_bytes)?;
        let wrong = |error: DataFusionError| match (error.find_root(), limits.memory_bytes) {
            (DataFusionError::ResourcesExhausted(_), Some(limit_bytes)) => EngineError::Memory { limit_bytes },
            _ => EngineError::Sql { place: "SQL".into(), sql: query.into(), what: self.explain_sql(&error) },
        };
        let lower = query.to_lowercase();
        for (name, rows) in self.derived_tables(|table| lower.contains(table))? {
            let table = MemTable::try_new(rows.schema(), vec![vec![rows]]).map_err(wrong)?;
            context.register_table(name, Arc::new(table)).map_err(wrong)?;
        }
        let rows = runtime.block_on(async {
            register_log(&context, &log).await?;
            // On a thread of its own, so that a step that takes long does not keep the clock from being looked at.
            let running = tokio::spawn(run(context, query.to_owned(), limits.n_rows));
            let ended = match limits.time {
                Some(limit) => tokio::time::timeout(limit, running).await.map_err(|_| EngineError::Time { limit })?,
                None => running.await,
            };
            match ended {
                Ok(rows) => rows.map_err(wrong),
                Err(error) => Err(EngineError::Wrong(format!("the query cannot be worked on: {error}"))),
            }
        });
        // Threads that are still busy with a query that was given up end at their next step, and nobody waits for them.
        runtime.shutdown_background();
        let mut rows = rows?;
        if let Some(n_rows) = limits.n_rows {
            rows.cut(n_rows);
        }
        Ok(rows)
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

/// Plans a query that only reads, and collects its rows: one more than wanted tells whether there are more.
async fn run(context: SessionContext, query: String, n_rows: Option<usize>) -> Result<Rows, DataFusionError> {
    let options = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
    let frame = context.sql_with_options(&query, options).await?;
    let schema: SchemaRef = Arc::new(frame.schema().as_arrow().clone());
    // The explanation of a plan is not to be planned around.
    let is_explanation = matches!(frame.logical_plan(), LogicalPlan::Explain(_) | LogicalPlan::Analyze(_));
    let frame = match n_rows.filter(|_| !is_explanation) {
        Some(n_rows) => frame.limit(0, Some(n_rows.saturating_add(1)))?,
        None => frame,
    };
    Ok(Rows { schema, batches: frame.collect().await?, is_cut: false })
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
