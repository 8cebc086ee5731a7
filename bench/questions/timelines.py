"""From Parquet to timelines that can be asked: the events of a load, in the order of (user, time), on disk.

Diptych's import does more than the peers are asked for: it finds duplicates by id, keeps rejected rows, writes a durable log
(a Delta table that survives a kill) and from it the timelines. The peers only sort and write.
The check, not timed: rows, users, first and last instant of what was made.
"""
import os

from peer_tables import TEXTS, quoted_list
from question import Formulation, Question


def parquet(files):
    return f"read_parquet([{quoted_list(files)}])"


# DuckDB: a database file.

def duckdb_table(kind, settings=()):
    def run(_, command):
        import duckdb
        db = duckdb.connect(os.path.join(command["folder"], "events.db"), config={"threads": command["threads"]})
        for setting in settings:
            db.execute(setting)
        read = parquet(command["files"])
        columns = "*"
        if kind == "enum":
            for text in ("name", *TEXTS):
                db.execute(f"CREATE TYPE {text}_t AS ENUM (SELECT DISTINCT {text} FROM {read})")
            columns = "* REPLACE (" + ", ".join(f"{text}::{text}_t AS {text}" for text in ("name", *TEXTS)) + ")"
        db.execute(f'CREATE TABLE e AS SELECT {columns} FROM {read} ORDER BY "user", time')
        db.execute("CHECKPOINT")
        return lambda: list(db.execute('SELECT count(*), count(DISTINCT "user"), epoch_us(min(time)), epoch_us(max(time)) FROM e').fetchone())
    return run


def duckdb_parquet(_, command):
    import duckdb
    db = duckdb.connect(config={"threads": command["threads"]})
    out = os.path.join(command["folder"], "sorted.parquet")
    db.execute(f"""COPY (SELECT * FROM {parquet(command["files"])} ORDER BY "user", time) TO '{out}' (FORMAT parquet)""")
    return lambda: list(db.execute(f"""SELECT count(*), count(DISTINCT "user"), epoch_us(min(time)), epoch_us(max(time)) FROM '{out}'""").fetchone())


# Polars: a sorted file.

def polars_check(pl, path, scan):
    columns = (pl.len(), pl.col("user").n_unique(), pl.col("time").min().dt.epoch("us").alias("first"), pl.col("time").max().dt.epoch("us").alias("last"))
    return lambda: list(scan(path).select(*columns).collect().row(0))


def polars_write(_, command):
    import polars as pl
    path = os.path.join(command["folder"], "sorted.parquet")
    pl.read_parquet(command["files"]).sort("user", "time").write_parquet(path)
    return polars_check(pl, path, pl.scan_parquet)


def polars_lz4(_, command):
    import polars as pl
    path = os.path.join(command["folder"], "sorted.parquet")
    pl.read_parquet(command["files"]).sort("user", "time").write_parquet(path, compression="lz4")
    return polars_check(pl, path, pl.scan_parquet)


def polars_sink(_, command):
    import polars as pl
    path = os.path.join(command["folder"], "sorted.parquet")
    pl.scan_parquet(command["files"]).sort("user", "time").sink_parquet(path)
    return polars_check(pl, path, pl.scan_parquet)


def polars_ipc(_, command):
    import polars as pl
    path = os.path.join(command["folder"], "sorted.arrow")
    frame = pl.read_parquet(command["files"])
    frame = frame.with_columns(pl.col("name", *TEXTS).cast(pl.Categorical))
    frame.sort("user", "time").write_ipc(path)
    return polars_check(pl, path, pl.scan_ipc)


# ClickHouse: a MergeTree table in the worker's folder.

def clickhouse_table(texts, optimize=False):
    def run(peer, command):
        read = f"file('{os.path.dirname(command['files'][0])}/events-*.parquet', Parquet)"
        peer.query("DROP TABLE IF EXISTS d.made SYNC")
        names = ", ".join(f"CAST(assumeNotNull({text}) AS {texts}) AS {text}" for text in ("name", *TEXTS))
        peer.query(f"CREATE TABLE d.made ENGINE = MergeTree ORDER BY (user, time) AS SELECT assumeNotNull(event_id) AS event_id,"
                   f" assumeNotNull(time) AS time, assumeNotNull(user) AS user, {names}, assumeNotNull(amount_cents) AS amount_cents FROM {read}")
        if optimize:
            peer.query("OPTIMIZE TABLE d.made FINAL")
        return lambda: peer.rows("SELECT count(), uniqExact(user), toUnixTimestamp64Micro(min(time)), toUnixTimestamp64Micro(max(time)) FROM d.made")[0]
    return run


DUCKDB_SORT = "https://duckdb.org/docs/stable/guides/performance/indexing#ordering-and-zonemaps"
MERGE_TREE = "https://clickhouse.com/docs/engines/table-engines/mergetree-family/mergetree"
SINK = "https://docs.pola.rs/user-guide/io/parquet/"
IMPORT = Question(
    "import", "Import of Parquet to timelines that can be asked", 0.7, 1.0, lambda run: {}, lambda params: [], lambda cells, whole, params: [],
    (
        Formulation("duckdb", "create table as … order by user, time", DUCKDB_SORT, duckdb_table("text")),
        Formulation("duckdb", "the same with ENUMs", "https://duckdb.org/docs/stable/sql/data_types/enum", duckdb_table("enum")),
        Formulation("duckdb", "the same with ENUMs, insertion order not preserved", "https://duckdb.org/docs/stable/guides/performance/how_to_tune_workloads",
                    duckdb_table("enum", ("SET preserve_insertion_order = false",))),
        Formulation("duckdb", "copy to a sorted Parquet file", "https://duckdb.org/docs/stable/data/parquet/overview", duckdb_parquet),
        Formulation("polars", "read, sort, write Parquet", SINK, polars_write),
        Formulation("polars", "read, sort, write Parquet with lz4", SINK, polars_lz4),
        Formulation("polars", "scan, sort, sink Parquet", "https://docs.pola.rs/user-guide/concepts/streaming/", polars_sink),
        Formulation("polars", "read, sort, write Arrow IPC with Categoricals", "https://docs.pola.rs/user-guide/io/", polars_ipc),
        Formulation("clickhouse", "MergeTree of Strings", MERGE_TREE, clickhouse_table("String")),
        Formulation("clickhouse", "MergeTree of LowCardinality", "https://clickhouse.com/docs/sql-reference/data-types/lowcardinality",
                    clickhouse_table("LowCardinality(String)")),
        Formulation("clickhouse", "MergeTree of LowCardinality, merged into one part", MERGE_TREE, clickhouse_table("LowCardinality(String)", True)),
    ))
