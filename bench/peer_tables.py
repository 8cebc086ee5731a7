"""The peers: one table or frame each, in the layout that suits it best.

All have the same rows in the order of (user, time), users and names as dense codes in the order of their texts,
and small texts as the engine's own dictionaries (LowCardinality, ENUM, pl.Enum):

  u             user code, 32 bits
  t             time in microseconds since 1970
  n             code of the event name, 16 bits
  name, plan, country, campaign, page, sku      dictionary texts
  amount_cents  whole number

Reading the load, coding it and sorting it is `load`; its seconds are reported and are not part of an answer.
No result cache is on.
"""
import json
import os

TEXTS = ("plan", "country", "campaign", "page", "sku")


def quoted_list(texts):
    return ", ".join("'" + text.replace("'", "''") + "'" for text in texts)


class ClickHouse:
    """ClickHouse in this process (chdb), a MergeTree table of one part."""
    id = "clickhouse"

    def __init__(self, folder, threads):
        from chdb import session
        self.session = session.Session(folder)
        for setting in (f"max_threads = {threads}", f"max_insert_threads = {threads}", "output_format_json_quote_64bit_integers = 0",
                        # It keeps which parts of the table a filter matched, from one run to the next.
                        "use_query_condition_cache = 0", "use_query_cache = 0"):
            self.session.query("SET " + setting)
        self.session.query("CREATE DATABASE IF NOT EXISTS d")

    def query(self, sql):
        self.session.query(sql)

    def rows(self, sql):
        return json.loads(self.session.query(sql, "JSONCompact").bytes())["data"]

    def version(self):
        return self.rows("SELECT version()")[0][0]

    def load(self, files):
        read = f"file('{os.path.dirname(files[0])}/events-*.parquet', Parquet)"
        self.query(f"CREATE TABLE d.users ENGINE = MergeTree ORDER BY user AS SELECT user, toUInt32(row_number() OVER (ORDER BY user) - 1) AS u"
                   f" FROM (SELECT DISTINCT assumeNotNull(user) AS user FROM {read})")
        self.query(f"CREATE TABLE d.names ENGINE = MergeTree ORDER BY name AS SELECT name, toUInt16(row_number() OVER (ORDER BY name) - 1) AS n"
                   f" FROM (SELECT DISTINCT assumeNotNull(name) AS name FROM {read})")
        texts = ", ".join(f"CAST(assumeNotNull({text}) AS LowCardinality(String)) AS {text}" for text in TEXTS)
        self.query("CREATE TABLE d.e ENGINE = MergeTree ORDER BY (u, t) AS"
                   " SELECT u, toUInt64(toUnixTimestamp64Micro(assumeNotNull(time))) AS t, n, CAST(names.name AS LowCardinality(String)) AS name,"
                   f" {texts}, assumeNotNull(amount_cents) AS amount_cents FROM {read} AS r"
                   " JOIN d.users AS users ON users.user = r.user JOIN d.names AS names ON names.name = r.name")
        self.query("OPTIMIZE TABLE d.e FINAL")
        self.names = [name for name, in self.rows("SELECT name FROM d.names ORDER BY n")]
        self.end_us = self.rows("SELECT max(t) FROM d.e")[0][0]


class DuckDB:
    """DuckDB, a table in memory."""
    id = "duckdb"

    def __init__(self, folder, threads):
        import duckdb
        self.db = duckdb.connect(":memory:", config={"threads": threads})
        self.db.execute(f"SET temp_directory = '{folder}'")

    def query(self, sql):
        self.db.execute(sql)

    def rows(self, sql):
        return [list(row) for row in self.db.execute(sql).fetchall()]

    def version(self):
        return self.rows("SELECT version()")[0][0]

    def load(self, files):
        read = f"read_parquet([{quoted_list(files)}])"
        for text in ("name", *TEXTS):
            self.query(f"CREATE TYPE {text}_t AS ENUM (SELECT DISTINCT {text} FROM {read} ORDER BY {text})")
        self.query(f'CREATE TEMP TABLE users AS SELECT "user", (row_number() OVER (ORDER BY "user") - 1)::UINTEGER AS u'
                   f' FROM (SELECT DISTINCT "user" FROM {read})')
        texts = ", ".join(f"{text}::{text}_t AS {text}" for text in TEXTS)
        self.query("CREATE TABLE e AS SELECT u, epoch_us(time) AS t, enum_code(name::name_t)::USMALLINT AS n, name::name_t AS name,"
                   f' {texts}, amount_cents FROM {read} JOIN users USING ("user") ORDER BY u, t')
        self.query("DROP TABLE users")
        self.names = [name for name, in self.rows("SELECT unnest(enum_range(NULL::name_t))::VARCHAR")]
        self.end_us = self.rows("SELECT max(t) FROM e")[0][0]


class Polars:
    """Polars, a frame in memory."""
    id = "polars"

    def __init__(self, folder, threads):
        assert os.environ.get("POLARS_MAX_THREADS") == str(threads), "the number of threads is set before Polars is loaded"
        import polars as pl
        self.pl = pl
        self.folder = folder

    def version(self):
        return self.pl.__version__

    def load(self, files):
        pl = self.pl
        read = pl.scan_parquet(files)
        users = read.select(pl.col("user").unique().sort()).collect().with_row_index("u").lazy()
        kinds = {text: pl.Enum(read.select(pl.col(text).unique().sort()).collect()[text]) for text in ("name", *TEXTS)}
        self.frame = (
            read.select("user", pl.col("time").dt.epoch("us").alias("t"), *[pl.col(text).cast(kind) for text, kind in kinds.items()], "amount_cents")
            .with_columns(pl.col("name").to_physical().cast(pl.UInt16).alias("n"))
            .join(users, on="user").drop("user").sort("u", "t").collect())
        self.lazy = self.frame.lazy()
        self.names = kinds["name"].categories.to_list()
        self.end_us = self.frame["t"].max()

    def write_sorted(self):
        """Writes the frame to a Parquet file, for formulations that scan instead of holding it."""
        self.sorted_path = os.path.join(self.folder, "sorted.parquet")
        self.frame.write_parquet(self.sorted_path)

    def scan(self):
        return self.pl.scan_parquet(self.sorted_path)


PEERS = {peer.id: peer for peer in (ClickHouse, DuckDB, Polars)}
