//! The durable log: one Delta table, protocol reader 1 / writer 2, readable by DuckDB, Polars and Spark.
//!
//! Only the holder of the write lock appends; every append is one Parquet file and one commit, and is safe against a
//! kill at any moment: a file that was not committed is not part of the log and is removed by the next writer.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use deltalake_core::kernel::transaction::{CommitBuilder, TableReference};
use deltalake_core::kernel::{Action, Add, DataType as DeltaType, PrimitiveType, StructField, Transaction};
use deltalake_core::operations::create::CreateBuilder;
use deltalake_core::protocol::{DeltaOperation, SaveMode};
use deltalake_core::{DeltaTable, DeltaTableError};
use diptych_event::log::{LOG_COLUMNS, LogType};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::{ArrowColumnChunk, ArrowColumnWriter, compute_leaves};
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;
use tokio::runtime::Runtime;
use url::Url;
use uuid::Uuid;

use crate::StoreError;
use crate::workspace::Workspace;

/// The log of a workspace.
pub struct Log {
    root: PathBuf,
    table: DeltaTable,
    runtime: Runtime,
}

/// One Parquet file of the log.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogFile {
    /// Name of the file in the log's folder.
    pub name: String,
    /// Size in bytes.
    pub size_bytes: u64,
    /// Number of rows.
    pub n_rows: u64,
}

impl Log {
    /// Opens the log of a workspace, making an empty one when there is none.
    pub fn open_or_create(workspace: &Workspace) -> Result<Self, StoreError> {
        let root = workspace.store("log");
        if root.join("_delta_log").is_dir() {
            return Self::open(workspace);
        }
        fs::create_dir_all(&root).map_err(StoreError::io(&root, "making the log"))?;
        let runtime = runtime();
        let create = CreateBuilder::new()
            .with_location(url_of(&root)?.to_string())
            .with_table_name("events")
            .with_columns(LOG_COLUMNS.iter().map(|(name, kind)| delta_field(name, *kind)));
        let table = runtime.block_on(async { create.await }).map_err(|error| log_error(&root, "making the log", error))?;
        Ok(Self { root, table, runtime })
    }

    /// Opens the log of a workspace at its newest version.
    pub fn open(workspace: &Workspace) -> Result<Self, StoreError> {
        let root = workspace.store("log");
        if !root.join("_delta_log").is_dir() {
            return Err(nothing_imported(workspace));
        }
        let runtime = runtime();
        let url = url_of(&root)?;
        let table = runtime
            .block_on(async { deltalake_core::open_table(url).await })
            .map_err(|error| log_error(&root, "opening the log", error))?;
        Ok(Self { root, table, runtime })
    }

    /// Returns the version of the newest commit without opening the log. O(commits).
    pub fn newest_version(workspace: &Workspace) -> Result<u64, StoreError> {
        let commits = workspace.store("log").join("_delta_log");
        let listed = match fs::read_dir(&commits) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(nothing_imported(workspace)),
            listed => listed.map_err(StoreError::io(&commits, "listing the log"))?,
        };
        let version = |name: &str| name.strip_suffix(".json")?.parse::<u64>().ok();
        Ok(listed.flatten().filter_map(|entry| version(&entry.file_name().to_string_lossy())).max().unwrap_or(0))
    }

    /// Reads the newest commit as it was written: it names the files that it added. O(commits).
    pub fn newest_commit(workspace: &Workspace) -> Result<Vec<u8>, StoreError> {
        let path = workspace.store("log").join("_delta_log").join(format!("{:020}.json", Self::newest_version(workspace)?));
        fs::read(&path).map_err(StoreError::io(&path, "reading"))
    }

    /// Returns the folder of the log.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the version of the newest commit.
    pub fn version(&self) -> u64 {
        self.table.version().unwrap_or(0)
    }

    /// Returns the files of the log in order of their names, which is the order of their commits.
    pub fn files(&self) -> Result<Vec<LogFile>, StoreError> {
        let snapshot = self.table.snapshot().map_err(|error| log_error(&self.root, "reading the log", error))?;
        let mut files: Vec<LogFile> = snapshot
            .log_data()
            .iter()
            .map(|file| LogFile {
                name: file.path().into_owned(),
                size_bytes: file.size() as u64,
                n_rows: file.num_records().unwrap_or(0) as u64,
            })
            .collect();
        files.sort();
        Ok(files)
    }

    /// Returns the columns of the log.
    pub fn schema(&self) -> Result<SchemaRef, StoreError> {
        let snapshot = self.table.snapshot().map_err(|error| log_error(&self.root, "reading the log", error))?;
        let fields =
            snapshot.schema().fields().map(|field| Field::new(field.name(), arrow_type(field.data_type()), true)).collect::<Vec<_>>();
        Ok(Arc::new(Schema::new(fields)))
    }

    /// Adds columns that the log does not have yet; earlier rows have no value there.
    pub fn add_columns(&mut self, columns: &[(String, LogType)]) -> Result<(), StoreError> {
        let schema = self.schema()?;
        let missing: Vec<StructField> =
            columns.iter().filter(|(name, _)| schema.field_with_name(name).is_err()).map(|(name, kind)| delta_field(name, *kind)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let add = self.table.clone().add_columns().with_fields(missing);
        self.table =
            self.runtime.block_on(async { add.await }).map_err(|error| log_error(&self.root, "adding columns to the log", error))?;
        Ok(())
    }

    /// Returns the last version that `app` committed with [`Log::append`].
    pub fn last_of(&self, app: &str) -> Result<Option<i64>, StoreError> {
        let snapshot = self.table.snapshot().map_err(|error| log_error(&self.root, "reading the log", error))?;
        let log_store = self.table.log_store();
        self.runtime
            .block_on(async { snapshot.transaction_version(log_store.as_ref(), app).await })
            .map_err(|error| log_error(&self.root, "reading the log", error))
    }

    /// Appends rows as one file and one commit, marked as `marker` = (app, version) for [`Log::last_of`].
    ///
    /// Returns the name of the file. When it returns, the rows survive a kill.
    pub fn append(&mut self, batches: &[RecordBatch], marker: (&str, i64)) -> Result<String, StoreError> {
        let schema = batches.first().expect("an append has rows").schema();
        let name = format!("{:010}-{}.parquet", self.version() + 1, Uuid::new_v4().simple());
        let path = self.root.join(&name);
        let n_rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
        write_parquet(&path, schema, batches)?;
        let size_bytes = fs::metadata(&path).map_err(StoreError::io(&path, "reading"))?.len();
        let add = Add {
            path: name.clone(),
            size: size_bytes as i64,
            modification_time: 0,
            data_change: true,
            stats: Some(format!("{{\"numRecords\":{n_rows}}}")),
            ..Add::default()
        };
        let operation = DeltaOperation::Write { mode: SaveMode::Append, partition_by: None, predicate: None };
        let table = &self.table;
        let commit = async {
            let snapshot = table.snapshot()?;
            let finished = CommitBuilder::from(
                deltalake_core::kernel::transaction::CommitProperties::default()
                    .with_application_transaction(Transaction::new(marker.0, marker.1)),
            )
            .with_actions(vec![Action::Add(add)])
            .build(Some(snapshot as &dyn TableReference), table.log_store(), operation)
            .await?;
            Ok::<_, DeltaTableError>(finished.version())
        };
        let version = self.runtime.block_on(commit).map_err(|error| {
            let _ = fs::remove_file(&path);
            log_error(&self.root, "committing to the log", error)
        })?;
        let commit_path = self.root.join(format!("_delta_log/{version:020}.json"));
        File::open(&commit_path).and_then(|file| file.sync_all()).map_err(StoreError::io(&commit_path, "saving the commit"))?;
        self.runtime
            .block_on(async { self.table.update_incremental(None).await })
            .map_err(|error| log_error(&self.root, "reading the log", error))?;
        Ok(name)
    }

    /// Removes data files that no commit names, left by a process that died.
    pub fn remove_orphans(&self) -> Result<usize, StoreError> {
        let known: std::collections::BTreeSet<String> = self.files()?.into_iter().map(|file| file.name).collect();
        let mut n_removed = 0;
        for entry in fs::read_dir(&self.root).map_err(StoreError::io(&self.root, "listing the log"))?.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.ends_with(".parquet") && !known.contains(&name) {
                fs::remove_file(entry.path()).map_err(StoreError::io(&entry.path(), "removing"))?;
                n_removed += 1;
            }
        }
        Ok(n_removed)
    }
}

fn nothing_imported(workspace: &Workspace) -> StoreError {
    StoreError::NotAWorkspace { root: workspace.root().to_owned(), missing: "store/log (nothing was imported yet)" }
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime of one thread")
}

fn url_of(root: &Path) -> Result<Url, StoreError> {
    let absolute = fs::canonicalize(root).map_err(StoreError::io(root, "finding"))?;
    Url::from_directory_path(&absolute).map_err(|()| StoreError::damaged(root, "the path cannot be written as an address"))
}

fn log_error(root: &Path, doing: &'static str, error: DeltaTableError) -> StoreError {
    let what = error.to_string();
    let full = ["No space left", "os error 28"].iter().any(|sign| what.contains(sign));
    let hint = if full { " (the disk is full; free some space and run the same command again, it goes on where it stopped)" } else { "" };
    StoreError::Log { path: root.to_owned(), doing, what: format!("{what}{hint}") }
}

/// Most rows of a row group, unless one batch has more.
const ROW_GROUP_ROWS: usize = 1 << 20;

fn write_parquet(path: &Path, schema: SchemaRef, batches: &[RecordBatch]) -> Result<(), StoreError> {
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1).expect("1 is a level")))
        // What is least and largest in a chunk takes time to find, and leaves nothing out where texts are mixed in all chunks.
        .set_statistics_enabled(EnabledStatistics::None)
        .set_column_statistics_enabled(ColumnPath::from("time"), EnabledStatistics::Chunk)
        // Those who look for records, identifications and rows without ids pass over the chunks that have none.
        .set_column_statistics_enabled(ColumnPath::from("kind"), EnabledStatistics::Chunk)
        .set_column_statistics_enabled(ColumnPath::from("event_id"), EnabledStatistics::Chunk)
        .set_column_statistics_enabled(ColumnPath::from("user"), EnabledStatistics::Chunk)
        .set_column_statistics_enabled(ColumnPath::from("anonymous"), EnabledStatistics::Chunk)
        .set_column_dictionary_enabled(ColumnPath::from("event_id"), false)
        .set_column_encoding(ColumnPath::from("event_id"), Encoding::DELTA_LENGTH_BYTE_ARRAY)
        .set_column_dictionary_enabled(ColumnPath::from("time"), false)
        .set_column_encoding(ColumnPath::from("time"), Encoding::DELTA_BINARY_PACKED)
        .set_column_dictionary_enabled(ColumnPath::from("line"), false)
        .set_column_encoding(ColumnPath::from("line"), Encoding::DELTA_BINARY_PACKED)
        .build();
    let file = File::create(path).map_err(StoreError::io(path, "making"))?;
    let write = || -> Result<(), ParquetError> {
        let (mut writer, columns) = ArrowWriter::try_new(file, schema, Some(properties))?.into_serialized_writer()?;
        let mut batches = batches;
        let mut n_groups = 0;
        while !batches.is_empty() {
            let (group, rest) = batches.split_at(n_batches_of_group(batches));
            let mut row_group = writer.next_row_group()?;
            for chunk in encoded(columns.create_column_writers(n_groups)?, group)? {
                chunk.append_to_row_group(&mut row_group)?;
            }
            row_group.close()?;
            (batches, n_groups) = (rest, n_groups + 1);
        }
        writer.into_inner()?.sync_all()?;
        Ok(())
    };
    write().map_err(|error| {
        let _ = fs::remove_file(path);
        let source = std::error::Error::source(&error).and_then(|source| source.downcast_ref::<std::io::Error>());
        let source = match source {
            Some(io) => std::io::Error::new(io.kind(), io.to_string()),
            None => std::io::Error::other(error.to_string()),
        };
        StoreError::Io { path: path.to_owned(), doing: "writing to the log", source }
    })
}

/// Returns how many of the first batches make a row group: at least one.
fn n_batches_of_group(batches: &[RecordBatch]) -> usize {
    let mut n_rows = 0;
    let fits = |batch: &&RecordBatch| {
        n_rows += batch.num_rows();
        n_rows <= ROW_GROUP_ROWS
    };
    batches.iter().take_while(fits).count().max(1)
}

/// Encodes the columns of some batches, one after the other on each core: they take most of the time of an import.
fn encoded(columns: Vec<ArrowColumnWriter>, batches: &[RecordBatch]) -> Result<Vec<ArrowColumnChunk>, ParquetError> {
    let encode = |idx: usize, mut column: ArrowColumnWriter| {
        for batch in batches {
            for leaf in compute_leaves(batch.schema_ref().field(idx), batch.column(idx))? {
                column.write(&leaf)?;
            }
        }
        column.close()
    };
    let n_threads = std::thread::available_parallelism().map_or(1, usize::from);
    let columns = Mutex::new(columns.into_iter().enumerate());
    let mut chunks: Vec<(usize, ArrowColumnChunk)> = std::thread::scope(|scope| {
        let work = || -> Result<Vec<(usize, ArrowColumnChunk)>, ParquetError> {
            let next = || columns.lock().expect("nothing panics while a column is taken").next();
            std::iter::from_fn(next).map(|(idx, column)| Ok((idx, encode(idx, column)?))).collect()
        };
        let threads: Vec<_> = (0..n_threads).map(|_| scope.spawn(work)).collect();
        let done = threads.into_iter().map(|thread| thread.join().expect("encoding does not panic"));
        done.collect::<Result<Vec<_>, ParquetError>>().map(|chunks| chunks.into_iter().flatten().collect())
    })?;
    chunks.sort_by_key(|(idx, _)| *idx);
    Ok(chunks.into_iter().map(|(_, chunk)| chunk).collect())
}

fn delta_field(name: &str, kind: LogType) -> StructField {
    let kind = match kind {
        LogType::Text => PrimitiveType::String,
        LogType::Integer => PrimitiveType::Long,
        LogType::Number => PrimitiveType::Double,
        LogType::Time => PrimitiveType::Timestamp,
        LogType::Boolean => PrimitiveType::Boolean,
    };
    StructField::nullable(name, DeltaType::Primitive(kind))
}

/// Returns the Arrow type of a log column.
pub fn arrow_type_of(kind: LogType) -> DataType {
    match kind {
        LogType::Text => DataType::Utf8,
        LogType::Integer => DataType::Int64,
        LogType::Number => DataType::Float64,
        LogType::Time => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        LogType::Boolean => DataType::Boolean,
    }
}

fn arrow_type(kind: &DeltaType) -> DataType {
    match kind {
        DeltaType::Primitive(PrimitiveType::Long) => DataType::Int64,
        DeltaType::Primitive(PrimitiveType::Double) => DataType::Float64,
        DeltaType::Primitive(PrimitiveType::Timestamp) => arrow_type_of(LogType::Time),
        DeltaType::Primitive(PrimitiveType::Boolean) => DataType::Boolean,
        _ => DataType::Utf8,
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{ArrayRef, StringArray};
    use diptych_event::log::Kind;
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

    use super::*;

    #[test]
    fn chunks_tell_what_those_who_pass_them_over_look_at() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("chunk.parquet");
        let column = |texts: [Option<&str>; 2]| -> ArrayRef { Arc::new(StringArray::from(texts.to_vec())) };
        let batch = RecordBatch::try_from_iter([
            ("kind", column([Some("event"), Some("import")])),
            ("event_id", column([Some("e1"), Some("f1")])),
            ("user", column([Some("ada"), None])),
            ("anonymous", column([None, None])),
        ]);
        let batch = batch.unwrap();
        write_parquet(&path, batch.schema(), &[batch]).unwrap();
        let builder = ParquetRecordBatchReaderBuilder::try_new(File::open(&path).unwrap()).unwrap();
        let told = |idx: usize| builder.metadata().row_group(0).column(idx).statistics().expect("it is told");
        assert_eq!(told(0).max_bytes_opt(), Some(Kind::Import.word().as_bytes()), "no records: relations.rs");
        assert_eq!(told(1).null_count_opt(), Some(0), "no rows without an id: timelines/build.rs");
        assert_eq!((told(2).null_count_opt(), told(3).null_count_opt()), (Some(1), Some(2)), "no identifications: identity.rs");
    }
}
