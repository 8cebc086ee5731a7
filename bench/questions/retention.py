"""How many people come back on day 1, 2, …, about 30 after the day of their first event?

Calendar days in UTC, on the day. Only people for whom all of day k was observed are in its base.
The answer is the number of people, and per day those who came back and the base.
"""
import json

from question import Formulation, Question, offset
from questions.funnel import CLICKHOUSE_WINDOWS, DUCKDB_LISTS, DUCKDB_WINDOWS, POLARS_OVER

DAY_US = 86_400_000_000


def params(run):
    return {"days": 30 + offset(run)}


def command(params):
    return ["retention", "--params", json.dumps({"periods": params["days"], "cohorts": "none"})]


def answer(cells, _, params):
    days = [[cells[f"period:{k}"]["x"], cells[f"period:{k}"]["n"]] for k in range(1, params["days"] + 1)]
    return {"people": cells["people"]["n"], "days": days}


def summary(peer, params, cohorts, returns):
    """(first day, people) and (days after the first, people) -> the answer."""
    last, came = peer.end_us // DAY_US, dict(returns)
    days = [[came.get(k, 0), sum(n for day, n in cohorts if day + k < last)] for k in range(1, params["days"] + 1)]
    return {"people": sum(n for _, n in cohorts), "days": days}


def tagged(peer, params, rows):
    """Rows ('c' or 'r', day, people) of cohorts and returns."""
    return summary(peer, params, [(day, n) for kind, day, n in rows if kind == "c"], [(k, n) for kind, k, n in rows if kind == "r"])


def last_day(peer):
    return peer.end_us // DAY_US


# ClickHouse

def group_uniq(settings=""):
    def run(peer, params):
        return tagged(peer, params, peer.rows(
            f"SELECT p.1, p.2, count() FROM (SELECT arrayJoin(arrayConcat([('c', d0)], arrayMap(d -> ('r', d - d0), arrayFilter(d -> d > d0 AND d <"
            f" {last_day(peer)}, days)))) AS p FROM (SELECT groupUniqArray(toInt32(intDiv(t, {DAY_US}))) AS days, arrayMin(days) AS d0 FROM d.e"
            f" GROUP BY u)) GROUP BY p {settings}"))
    return run


def clickhouse_mask(settings=""):
    """Each person's days as bits of one number."""
    def run(peer, params):
        first = peer.rows(f"SELECT intDiv(min(t), {DAY_US}) FROM d.e")[0][0]
        assert last_day(peer) - first < 128, "a mask holds 128 days"
        # Day d0 is the lowest bit that is set; bits from the last day on do not count.
        return tagged(peer, params, peer.rows(
            f"SELECT p.1, p.2, count() FROM (SELECT arrayMap(b -> toInt32(b), bitPositionsToArray128) AS bs, arrayJoin(arrayConcat([('c', {first} + bs[1])],"
            f" arrayMap(b -> ('r', b - bs[1]), arrayFilter(b -> b > bs[1] AND b < {last_day(peer) - first}, bs)))) AS p FROM (SELECT arrayConcat("
            "bitPositionsToArray(toUInt64(mask)), arrayMap(b -> b + 64, bitPositionsToArray(toUInt64(bitShiftRight(mask, 64))))) AS bitPositionsToArray128"
            f" FROM (SELECT groupBitOr(bitShiftLeft(toUInt128(1), intDiv(t, {DAY_US}) - {first})) AS mask FROM d.e GROUP BY u))) GROUP BY p {settings}"))
    return run


def clickhouse_windows(peer, params):
    return tagged(peer, params, peer.rows(
        f"SELECT if(day = d0, 'c', 'r'), if(day = d0, day, day - d0) AS k, count() FROM (SELECT u, day, min(day) OVER (PARTITION BY u) AS d0 FROM"
        f" (SELECT DISTINCT u, toInt32(intDiv(t, {DAY_US})) AS day FROM d.e)) WHERE day = d0 OR day < {last_day(peer)} GROUP BY 1, 2"))


def clickhouse_join(peer, params):
    return tagged(peer, params, peer.rows(
        f"WITH active AS (SELECT DISTINCT u, toInt32(intDiv(t, {DAY_US})) AS day FROM d.e),"
        f" cohort AS (SELECT u, toInt32(intDiv(min(t), {DAY_US})) AS d0 FROM d.e GROUP BY u)"
        f" SELECT 'c', d0, count() FROM cohort GROUP BY d0 UNION ALL SELECT 'r', day - d0 AS k, count() FROM active JOIN cohort USING (u)"
        f" WHERE day > d0 AND day < {last_day(peer)} GROUP BY k"))


# DuckDB

def duckdb_join(peer, params):
    return tagged(peer, params, peer.rows(
        f"WITH active AS MATERIALIZED (SELECT DISTINCT u, t // {DAY_US} AS day FROM e),"
        " cohort AS MATERIALIZED (SELECT u, min(day) AS d0 FROM active GROUP BY u)"
        " SELECT 'c', d0, count(*) FROM cohort GROUP BY d0 UNION ALL SELECT 'r', day - d0 AS k, count(*) FROM active JOIN cohort USING (u)"
        f" WHERE day > d0 AND day < {last_day(peer)} GROUP BY k"))


def duckdb_mask(peer, params):
    """Each person's days as bits of one number; people with equal bits are counted together."""
    first = peer.rows(f"SELECT min(t) // {DAY_US} FROM e")[0][0]
    assert last_day(peer) - first < 127, "a mask holds 127 days"
    limit = last_day(peer) - first
    return tagged(peer, params, peer.rows(
        f"WITH m AS MATERIALIZED (SELECT u, bit_or(1::HUGEINT << ((t // {DAY_US}) - {first})::INT) AS mask, min(t) // {DAY_US} - {first} AS d0 FROM e GROUP BY u)"
        f" SELECT 'c', d0 + {first}, count(*) FROM m GROUP BY d0 UNION ALL SELECT 'r', k, count(*) FROM m, range(1, {params['days'] + 1}) AS r(k)"
        f" WHERE d0 + k < {limit} AND (mask >> (d0 + k)::INT) & 1 = 1 GROUP BY k"))


def duckdb_windows(peer, params):
    return tagged(peer, params, peer.rows(
        f"WITH d AS MATERIALIZED (SELECT day, min(day) OVER (PARTITION BY u) AS d0 FROM (SELECT DISTINCT u, t // {DAY_US} AS day FROM e))"
        f" SELECT CASE WHEN day = d0 THEN 'c' ELSE 'r' END, CASE WHEN day = d0 THEN day ELSE day - d0 END, count(*) FROM d"
        f" WHERE day = d0 OR day < {last_day(peer)} GROUP BY 1, 2"))


def duckdb_lists(peer, params):
    return tagged(peer, params, peer.rows(
        f"WITH l AS MATERIALIZED (SELECT list(DISTINCT t // {DAY_US}) AS days, min(t) // {DAY_US} AS d0 FROM e GROUP BY u)"
        f" SELECT 'c', d0, count(*) FROM l GROUP BY d0 UNION ALL SELECT 'r', day - d0, count(*) FROM (SELECT d0, unnest(days) AS day FROM l)"
        f" WHERE day > d0 AND day < {last_day(peer)} GROUP BY 2"))


# Polars

def polars_finish(peer, params, days):
    """A lazy frame of distinct (u, day, d0) -> the answer."""
    pl = peer.pl
    day, d0 = pl.col("day"), pl.col("d0")
    counts = (days.filter((day == d0) | (day < last_day(peer)))
              .group_by(pl.when(day == d0).then(pl.lit("c")).otherwise(pl.lit("r")).alias("kind"), pl.when(day == d0).then(day).otherwise(day - d0).alias("k"))
              .len().collect())
    return tagged(peer, params, counts.rows())


def polars_days(peer, rows=None):
    return (peer.lazy if rows is None else rows).select("u", (peer.pl.col("t") // DAY_US).cast(peer.pl.Int32).alias("day"))


def polars_join(peer, params):
    pl = peer.pl
    active = polars_days(peer).unique()
    cohort = active.group_by("u").agg(pl.col("day").min().alias("d0"))
    return polars_finish(peer, params, active.join(cohort, on="u"))


def polars_over(peer, params):
    return polars_finish(peer, params, polars_days(peer).unique().with_columns(peer.pl.col("day").min().over("u").alias("d0")))


def polars_runs(peer, params):
    return runs(peer, params, peer.lazy)


def polars_scan(peer, params):
    return runs(peer, params, peer.scan())


def runs(peer, params, rows):
    """Rows are sorted: a day begins where user or day differ from the row before, a person where the user does."""
    pl = peer.pl
    u, day = pl.col("u"), pl.col("day")
    days = polars_days(peer, rows).filter(((u != u.shift()) | (day != day.shift())).fill_null(True))
    return polars_finish(peer, params, days.with_columns(pl.when((u != u.shift()).fill_null(True)).then(day).forward_fill().alias("d0")))


ARRAYS_UNIQ = "https://clickhouse.com/docs/sql-reference/aggregate-functions/reference/groupuniqarray"
MASK = "https://clickhouse.com/docs/sql-reference/aggregate-functions/reference/groupbitor"
IN_ORDER = "SETTINGS optimize_aggregation_in_order = 1"
QUESTION = Question(
    "retention", "Retention, 30 days", 10, 20, params, command, answer,
    (
        Formulation("clickhouse", "groupUniqArray of days", ARRAYS_UNIQ, group_uniq()),
        Formulation("clickhouse", "groupUniqArray of days, aggregation in order", ARRAYS_UNIQ, group_uniq(IN_ORDER)),
        Formulation("clickhouse", "days as bits, groupBitOr", MASK, clickhouse_mask()),
        Formulation("clickhouse", "days as bits, groupBitOr, aggregation in order", MASK, clickhouse_mask(IN_ORDER)),
        Formulation("clickhouse", "distinct days, window functions", CLICKHOUSE_WINDOWS, clickhouse_windows),
        Formulation("clickhouse", "distinct days joined with cohorts", "https://clickhouse.com/docs/sql-reference/statements/select/join", clickhouse_join),
        Formulation("duckdb", "distinct days joined with cohorts", "https://duckdb.org/docs/stable/sql/query_syntax/from", duckdb_join),
        Formulation("duckdb", "days as bits, bit_or", "https://duckdb.org/docs/stable/sql/functions/aggregates", duckdb_mask),
        Formulation("duckdb", "distinct days, window functions", DUCKDB_WINDOWS, duckdb_windows),
        Formulation("duckdb", "lists of distinct days", DUCKDB_LISTS, duckdb_lists),
        Formulation("polars", "distinct days joined with cohorts", "https://docs.pola.rs/user-guide/transformations/joins/", polars_join),
        Formulation("polars", "distinct days, min over user", POLARS_OVER, polars_over),
        Formulation("polars", "runs of sorted rows", "https://docs.pola.rs/api/python/stable/reference/expressions/api/polars.Expr.shift.html", polars_runs),
        Formulation("polars", "runs of sorted rows, over a sorted Parquet file", "https://docs.pola.rs/user-guide/lazy/sources_sinks/", polars_scan,
                    lambda peer: peer.write_sorted()),
    ))
