"""How many sessions are there, and how many of each length, with a gap of about 30 minutes? From raw timelines.

A gap of over the limit between two events of a person begins a new session. Nobody keeps sessions beforehand; Diptych's
timelines know where a person rested for over ten minutes, whatever the gap asked for (bench/README.md).
The answer is the number of sessions, and of those with 1, 2, …, 9, 10 to 19, 20 to 49, 50 to 99, 100 or more events.
Nobody is asked for durations; Diptych also gives people per length, and mean, median and 90th percentile of the events.
"""
from bisect import bisect_right

from question import Formulation, Question, offset
from questions.funnel import ARRAYS, CLICKHOUSE_WINDOWS, DUCKDB_LISTS, DUCKDB_WINDOWS, POLARS_OVER

MINUTE_US = 60_000_000
FEWEST = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 20, 50, 100]
LABELS = [str(n) for n in range(1, 10)] + ["10-19", "20-49", "50-99", "100+"]


def params(run):
    return {"gap_minutes": 30 + offset(run)}


def command(params):
    return ["sessions", "--gap", f"{params['gap_minutes']}m", "--times", "none"]


def answer(cells, _, __):
    return {"sessions": cells["sessions"]["n"], "length": [cells[f"length:{label}"]["n"] for label in LABELS]}


def gap_us(params):
    return params["gap_minutes"] * MINUTE_US


def summary(lengths):
    """(events, sessions) -> the answer."""
    counts = [0] * len(FEWEST)
    for length, n in lengths:
        counts[bisect_right(FEWEST, length) - 1] += n
    return {"sessions": sum(counts), "length": counts}


# ClickHouse

def array_difference(peer, params):
    return summary(peer.rows(
        "SELECT length, count() FROM (SELECT arrayJoin(arrayPopFront(arrayDifference(arrayConcat([1], arrayFilter((i, d) -> i > 1 AND d > "
        f"{gap_us(params)}, arrayEnumerate(ds), ds), [length(ds) + 1])))) AS length"
        " FROM (SELECT arrayDifference(arraySort(groupArray(t))) AS ds FROM d.e GROUP BY u)) GROUP BY length"))


def array_difference_in_order(peer, params):
    """The table is in the order of (u, t), so with aggregation in order the arrays come sorted; sorting them again costs little."""
    return summary(peer.rows(
        "SELECT length, count() FROM (SELECT arrayJoin(arrayPopFront(arrayDifference(arrayConcat([1], arrayFilter((i, d) -> i > 1 AND d > "
        f"{gap_us(params)}, arrayEnumerate(ds), ds), [length(ds) + 1])))) AS length"
        " FROM (SELECT arrayDifference(arraySort(groupArray(t))) AS ds FROM d.e GROUP BY u)) GROUP BY length"
        " SETTINGS optimize_aggregation_in_order = 1"))


def array_split(peer, params):
    return summary(peer.rows(
        f"SELECT arrayJoin(arrayMap(s -> length(s), arraySplit((t, d) -> d > {gap_us(params)}, ts, arrayDifference(ts)))) AS length, count()"
        " FROM (SELECT arraySort(groupArray(t)) AS ts FROM d.e GROUP BY u) GROUP BY length"))


def clickhouse_windows(peer, params):
    return summary(peer.rows(
        "SELECT length, count() FROM (SELECT count() AS length FROM (SELECT u, sum(first) OVER (PARTITION BY u ORDER BY t) AS session FROM ("
        f"SELECT u, t, t - lagInFrame(t, 1, t) OVER (PARTITION BY u ORDER BY t) > {gap_us(params)} AS first FROM d.e)) GROUP BY u, session)"
        " GROUP BY length"))


def clickhouse_boundaries(peer, params):
    """Only the first rows of sessions go on; their row numbers give the lengths."""
    return summary(peer.rows(
        "SELECT next - row AS length, count() FROM (SELECT row, leadInFrame(row, 1, assumeNotNull((SELECT count() + 1 FROM d.e))) OVER (ORDER BY row"
        " ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS next FROM (SELECT u, t, row_number() OVER w AS row,"
        " lagInFrame(u, 1, 4294967295) OVER w AS u0, lagInFrame(t, 1, 0) OVER w AS t0"
        " FROM d.e WINDOW w AS (ORDER BY u, t ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW))"
        f" WHERE u0 != u OR t - t0 > {gap_us(params)}) GROUP BY length"))


# DuckDB

def duckdb_running_sum(peer, params):
    return summary(peer.rows(
        "SELECT length, count(*) FROM (SELECT count(*) AS length FROM (SELECT u, sum(first) OVER (PARTITION BY u ORDER BY t) AS session FROM ("
        f"SELECT u, t, coalesce(t - lag(t) OVER (PARTITION BY u ORDER BY t) > {gap_us(params)}, false)::INT AS first FROM e)) GROUP BY u, session) GROUP BY length"))


def duckdb_boundaries(peer, params):
    """Row numbers per person; only first rows of sessions go on."""
    return summary(peer.rows(
        f"""SELECT length, count(*) FROM (SELECT coalesce(lead(row) OVER (PARTITION BY u ORDER BY row), n + 1) - row AS length FROM (
        SELECT u, t, row_number() OVER w AS row, count(*) OVER (PARTITION BY u) AS n, lag(t) OVER w AS t0 FROM e WINDOW w AS (PARTITION BY u ORDER BY t))
        WHERE t0 IS NULL OR t - t0 > {gap_us(params)}) GROUP BY length"""))


def duckdb_streaming(peer, params):
    """Windows without partition and order run over the table as it lies, which is the order of (u, t)."""
    return summary(peer.rows(
        f"""SELECT length, count(*) FROM (SELECT coalesce(lead(row) OVER (), (SELECT count(*) + 1 FROM e)) - row AS length FROM (
        SELECT u, t, row_number() OVER () AS row, lag(u) OVER () AS u0, lag(t) OVER () AS t0 FROM e)
        WHERE u0 IS DISTINCT FROM u OR t - t0 > {gap_us(params)}) GROUP BY length"""))


def duckdb_lists(peer, params):
    return summary(peer.rows(
        f"""WITH l AS (SELECT list(t ORDER BY t) AS ts FROM e GROUP BY u),
        b AS (SELECT list_concat([1], list_filter(range(2, len(ts) + 1), lambda i: ts[i] - ts[i - 1] > {gap_us(params)}), [len(ts) + 1]) AS bs FROM l),
        s AS (SELECT unnest(list_transform(range(2, len(bs) + 1), lambda i: bs[i] - bs[i - 1])) AS length FROM b)
        SELECT length, count(*) FROM s GROUP BY length"""))


# Polars

def polars_first(pl, gap):
    return ((pl.col("u") != pl.col("u").shift()) | (pl.col("t").diff() > gap)).fill_null(True)


def polars_positions(peer, params):
    pl = peer.pl
    starts = peer.lazy.select(polars_first(pl, gap_us(params)).arg_true().alias("row")).collect()["row"].cast(pl.Int64)
    ends = starts.shift(-1, fill_value=peer.frame.height)
    return summary((ends - starts).value_counts().rows())


def polars_rle(peer, params):
    pl = peer.pl
    lengths = peer.lazy.select(polars_first(pl, gap_us(params)).cum_sum().rle().struct.field("len")).collect()
    return summary(lengths["len"].value_counts().rows())


def polars_over(peer, params):
    pl = peer.pl
    session = (pl.col("t").diff() > gap_us(params)).fill_null(True).cum_sum().over("u")
    counts = peer.lazy.select("u", session.alias("session")).group_by("u", "session").len().group_by("len").agg(pl.len().alias("n"))
    return summary(counts.collect().rows())


def polars_streaming(rows):
    def run(peer, params):
        return streamed(peer.pl, rows(peer), gap_us(params))
    return run


def streamed(pl, rows, gap):
    rows = rows.select(polars_first(pl, gap).cum_sum().alias("session"))
    counts = rows.group_by("session").len().group_by("len").agg(pl.len().alias("n"))
    return summary(counts.collect(engine="streaming").rows())


BOUNDARIES = "https://www.besthub.dev/articles/advanced-clickhouse-path-analysis-funnel-retention-and-session-statistics-bb1419482da6"
QUESTION = Question(
    "sessions", "Sessions from raw timelines: count, lengths", 15, 40, params, command, answer,
    (
        Formulation("clickhouse", "groupArray and arrayDifference", ARRAYS, array_difference),
        Formulation("clickhouse", "groupArray and arrayDifference, aggregation in order", ARRAYS, array_difference_in_order),
        Formulation("clickhouse", "groupArray and arraySplit", BOUNDARIES, array_split),
        Formulation("clickhouse", "window functions, running sum", CLICKHOUSE_WINDOWS, clickhouse_windows),
        Formulation("clickhouse", "window functions, row numbers of first rows", CLICKHOUSE_WINDOWS, clickhouse_boundaries),
        Formulation("duckdb", "window functions, running sum", DUCKDB_WINDOWS, duckdb_running_sum),
        Formulation("duckdb", "window functions, row numbers of first rows", DUCKDB_WINDOWS, duckdb_boundaries),
        Formulation("duckdb", "streaming windows over the table as it lies", DUCKDB_WINDOWS, duckdb_streaming),
        Formulation("duckdb", "lists and lambdas", DUCKDB_LISTS, duckdb_lists),
        Formulation("polars", "row numbers of first rows", "https://docs.pola.rs/api/python/stable/reference/expressions/api/polars.Expr.arg_true.html",
                    polars_positions),
        Formulation("polars", "rle of a running sum", "https://docs.pola.rs/api/python/stable/reference/expressions/api/polars.Expr.rle.html", polars_rle),
        Formulation("polars", "running sum over user", POLARS_OVER, polars_over),
        Formulation("polars", "running sum, streaming engine", "https://docs.pola.rs/user-guide/concepts/streaming/",
                    polars_streaming(lambda peer: peer.lazy)),
        Formulation("polars", "running sum, streaming engine, over a sorted Parquet file", "https://docs.pola.rs/user-guide/lazy/sources_sinks/",
                    polars_streaming(lambda peer: peer.scan()), lambda peer: peer.write_sorted()),
    ))
