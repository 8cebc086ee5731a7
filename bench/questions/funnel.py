"""How many people take four steps in order, all within a window of the first one (about 7 days)?

Best attempt over all entries, ends of the window included. The answer is the number of people per step.
Nobody is asked for times; Diptych also gives the open attempts, and people per step and stop with intervals.
"""
import json

from question import Formulation, Question, offset

STEPS = ("e0001", "e0002", "e0003", "e0004")
HOUR_US = 3_600_000_000


def params(run):
    return {"hours": 168 + offset(run)}


def command(params):
    return ["funnel", "--params", json.dumps(funnel_params(params))]


def funnel_params(params):
    return {"steps": STEPS, "window": f"{params['hours']}h", "times": "none"}


def answer(cells, _, __):
    return [cells[f"step:{k}"]["people"] for k in range(1, 5)]


def window_us(params):
    return params["hours"] * HOUR_US


def at_least(levels):
    """(level, people) -> people at level 1 or more, 2 or more, …"""
    return [sum(people for level, people in levels if level >= k) for k in range(1, 5)]


def codes(peer):
    return [peer.names.index(step) for step in STEPS]


# ClickHouse

PARAMETRIC = "https://clickhouse.com/docs/sql-reference/aggregate-functions/parametric-functions#windowfunnel"
ARRAYS = "https://altinity.com/blog/harnessing-the-power-of-clickhouse-arrays-part-2"
CLICKHOUSE_WINDOWS = "https://clickhouse.com/docs/sql-reference/window-functions"
CLICKHOUSE_JOIN = "https://clickhouse.com/docs/sql-reference/statements/select/join#asof-join-usage"


def window_funnel(where, condition, source="d.e", settings=""):
    def run(peer, params):
        steps = codes(peer)
        conditions = ", ".join(condition.format(name=STEPS[k], code=steps[k]) for k in range(4))
        chosen = where.format(names=str(STEPS), codes=tuple(steps))
        return at_least(peer.rows(
            f"SELECT level, count() FROM (SELECT u, windowFunnel({window_us(params)})(t, {conditions}) AS level"
            f" FROM {source} {chosen} GROUP BY u) GROUP BY level {settings}"))
    return run


def clickhouse_steps_table(peer):
    peer.query("DROP TABLE IF EXISTS d.steps")
    peer.query(f"CREATE TABLE d.steps ENGINE = MergeTree ORDER BY (u, t) AS SELECT u, t, n FROM d.e WHERE n IN {tuple(codes(peer))}")


def clickhouse_arrays(peer, params):
    a, b, c, d = codes(peer)
    after = "arrayFirstOrNull(s -> s > {0}, {1})"
    return at_least(peer.rows(
        "SELECT level, count() FROM (SELECT u, groupArrayIf(t, n = {a}) AS t1, arraySort(groupArrayIf(t, n = {b})) AS t2,"
        " arraySort(groupArrayIf(t, n = {c})) AS t3, arraySort(groupArrayIf(t, n = {d})) AS t4,"
        " arrayMax(arrayMap(e -> ({two} AS s2, {three} AS s3, {four} AS s4,"
        " 1 + ifNull(s2 - e <= {w}, 0) + ifNull(s3 - e <= {w}, 0) + ifNull(s4 - e <= {w}, 0)).4, t1)) AS level"
        " FROM d.e WHERE n IN ({a}, {b}, {c}, {d}) GROUP BY u HAVING notEmpty(t1)) GROUP BY level".format(
            a=a, b=b, c=c, d=d, w=window_us(params), two=after.format("e", "t2"), three=after.format("ifNull(s2, {0})".format(2**63), "t3"),
            four=after.format("ifNull(s3, {0})".format(2**63), "t4"))))


def chained(table, steps, window, over):
    """f_k at a row: the latest first step from which step k was reached in the window, up to this row."""
    sql = f"SELECT u, t, n, max(CASE WHEN n = {steps[0]} THEN t END) {over} AS f1 FROM {table}"
    for k in range(2, 5):
        sql = (f"SELECT *, max(CASE WHEN n = {steps[k - 1]} AND t - f{k - 1} <= {window} THEN f{k - 1} END) {over} AS f{k} FROM ({sql})")
    level = " + ".join(f"(CASE WHEN f{k} IS NULL THEN 0 ELSE 1 END)" for k in range(1, 5))
    return f"SELECT level, count(*) FROM (SELECT u, max({level}) AS level FROM ({sql}) GROUP BY u) GROUP BY level"


def windows(table):
    def run(peer, params):
        steps = codes(peer)
        chosen = f"(SELECT u, t, n FROM {table} WHERE n IN {tuple(steps)})"
        over = "OVER (PARTITION BY u ORDER BY t ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)"
        return at_least(peer.rows(chained(chosen, steps, window_us(params), over)))
    return run


# DuckDB

DUCKDB_WINDOWS = "https://duckdb.org/docs/stable/sql/functions/window_functions"
DUCKDB_ASOF = "https://duckdb.org/docs/stable/guides/sql_features/asof_join"
DUCKDB_LISTS = "https://duckdb.org/docs/stable/sql/functions/lambda"


def asof(peer, params):
    a, b, c, d = codes(peer)
    w = window_us(params)
    return peer.rows(
        f"""WITH s1 AS (SELECT u, t FROM e WHERE n = {a}), s2 AS (SELECT u, t FROM e WHERE n = {b}),
        s3 AS (SELECT u, t FROM e WHERE n = {c}), s4 AS (SELECT u, t FROM e WHERE n = {d}),
        j2 AS (SELECT s1.u, s1.t AS t1, s2.t AS t2 FROM s1 ASOF JOIN s2 ON s1.u = s2.u AND s1.t < s2.t),
        j3 AS (SELECT j2.u, t1, t2, s3.t AS t3 FROM j2 ASOF JOIN s3 ON j2.u = s3.u AND j2.t2 < s3.t),
        j4 AS (SELECT j3.u, t1, s4.t AS t4 FROM j3 ASOF JOIN s4 ON j3.u = s4.u AND j3.t3 < s4.t)
        SELECT (SELECT count(DISTINCT u) FROM s1), (SELECT count(DISTINCT u) FROM j2 WHERE t2 - t1 <= {w}),
        (SELECT count(DISTINCT u) FROM j3 WHERE t3 - t1 <= {w}), (SELECT count(DISTINCT u) FROM j4 WHERE t4 - t1 <= {w})""")[0]


def self_joins(peer, params):
    a, b, c, d = codes(peer)
    w = window_us(params)
    return peer.rows(
        f"""WITH s1 AS (SELECT u, t FROM e WHERE n = {a}), s2 AS (SELECT u, t FROM e WHERE n = {b}),
        s3 AS (SELECT u, t FROM e WHERE n = {c}), s4 AS (SELECT u, t FROM e WHERE n = {d}),
        j2 AS (SELECT s1.u, s1.t AS t1, min(s2.t) AS t2 FROM s1 JOIN s2 ON s1.u = s2.u AND s1.t < s2.t AND s2.t - s1.t <= {w} GROUP BY ALL),
        j3 AS (SELECT j2.u, t1, min(s3.t) AS t3 FROM j2 JOIN s3 ON j2.u = s3.u AND t2 < s3.t AND s3.t - t1 <= {w} GROUP BY ALL),
        j4 AS (SELECT j3.u FROM j3 JOIN s4 ON j3.u = s4.u AND t3 < s4.t AND s4.t - t1 <= {w})
        SELECT (SELECT count(DISTINCT u) FROM s1), (SELECT count(DISTINCT u) FROM j2),
        (SELECT count(DISTINCT u) FROM j3), (SELECT count(DISTINCT u) FROM j4)""")[0]


def duckdb_lists(peer, params):
    a, b, c, d = codes(peer)
    w = window_us(params)
    after = "list_filter({1}, lambda s: s > {0})[1]"
    far = 2**62
    level = "1 + (s2 - e <= {w})::INT + (s3 - e <= {w})::INT + (s4 - e <= {w})::INT".format(w=w)
    return at_least(peer.rows(
        f"""WITH l AS (SELECT u, list(t) FILTER (n = {a}) AS t1, list(t ORDER BY t) FILTER (n = {b}) AS t2,
        list(t ORDER BY t) FILTER (n = {c}) AS t3, list(t ORDER BY t) FILTER (n = {d}) AS t4
        FROM e WHERE n IN ({a}, {b}, {c}, {d}) GROUP BY u HAVING count(*) FILTER (n = {a}) > 0),
        x1 AS (SELECT u, unnest(t1) AS e, t2, t3, t4 FROM l),
        x2 AS (SELECT u, e, coalesce({after.format('e', 't2')}, {far}) AS s2, t3, t4 FROM x1),
        x3 AS (SELECT u, e, s2, coalesce({after.format('s2', 't3')}, {far}) AS s3, t4 FROM x2),
        x4 AS (SELECT u, e, s2, s3, coalesce({after.format('s3', 't4')}, {far}) AS s4 FROM x3)
        SELECT level, count(*) FROM (SELECT u, max({level}) AS level FROM x4 GROUP BY u) GROUP BY level"""))


# Polars

POLARS_OVER = "https://docs.pola.rs/user-guide/expressions/window-functions/"
POLARS_ASOF = "https://docs.pola.rs/user-guide/transformations/joins/#asof-join"
POLARS_FILL = "https://docs.pola.rs/api/python/stable/reference/expressions/api/polars.Expr.forward_fill.html"


def polars_over(peer, params):
    pl, steps = peer.pl, codes(peer)
    u, t, n = pl.col("u"), pl.col("t"), pl.col("n")
    rows = peer.lazy.filter(n.is_in(steps)).select("u", "t", "n")
    rows = rows.with_columns(pl.when(n == steps[0]).then(t).forward_fill().over("u").alias("f1"))
    for k in range(2, 5):
        before = pl.col(f"f{k - 1}")
        reached = (n == steps[k - 1]) & (t - before <= window_us(params))
        rows = rows.with_columns(pl.when(reached).then(before).forward_fill().over("u").alias(f"f{k}"))
    people = rows.select(*[u.filter(pl.col(f"f{k}").is_not_null()).n_unique().alias(f"p{k}") for k in range(1, 5)]).collect()
    return list(people.row(0))


def polars_positions(peer, params):
    """Rows are sorted, so one forward fill of row numbers does for all people: those from before a person's first row do not count."""
    pl, steps = peer.pl, codes(peer)
    u, t, n, row = pl.col("u"), pl.col("t"), pl.col("n"), pl.col("row")
    rows = peer.lazy.filter(n.is_in(steps)).select("u", "t", "n").collect().with_row_index("row").lazy()
    rows = rows.with_columns(pl.when(n == steps[0]).then(row).forward_fill().alias("f1"))
    rows = rows.with_columns(pl.when(u.gather(pl.col("f1").fill_null(0)) == u).then(pl.col("f1")).alias("f1"))
    for k in range(2, 5):
        before = pl.col(f"f{k - 1}")
        reached = (n == steps[k - 1]) & before.is_not_null() & (t - t.gather(before.fill_null(0)) <= window_us(params))
        rows = rows.with_columns(pl.when(reached).then(before).forward_fill().alias(f"f{k}"))
        found = pl.col(f"f{k}")
        rows = rows.with_columns(pl.when(u.gather(found.fill_null(0)) == u).then(found).alias(f"f{k}"))
    people = rows.select(*[u.filter(pl.col(f"f{k}").is_not_null()).n_unique().alias(f"p{k}") for k in range(1, 5)]).collect()
    return list(people.row(0))


def polars_asof(peer, params):
    pl, steps = peer.pl, codes(peer)
    rows = peer.frame.filter(pl.col("n").is_in(steps)).select("u", "t", "n")
    step = [rows.filter(pl.col("n") == code).select("u", pl.col("t").alias(f"t{k}")) for k, code in enumerate(steps, 1)]
    people = [step[0]["u"].n_unique()]
    chain = step[0]
    for k in range(2, 5):
        chain = chain.join_asof(step[k - 1], left_on=f"t{k - 1}", right_on=f"t{k}", by="u", strategy="forward", allow_exact_matches=False,
                                coalesce=False, check_sortedness=False).drop_nulls()
        people.append(chain.filter(pl.col(f"t{k}") - pl.col("t1") <= window_us(params))["u"].n_unique())
    return people


IN_ORDER = "SETTINGS optimize_aggregation_in_order = 1"
BY_NAME, BY_CODE = "name = '{name}'", "n = {code}"
QUESTION = Question(
    "funnel", "Ordered funnel, 4 steps, 7 days", 10, 25, params, command, answer,
    (
        Formulation("clickhouse", "windowFunnel over all rows", PARAMETRIC, window_funnel("", BY_NAME)),
        Formulation("clickhouse", "windowFunnel, only rows of steps", PARAMETRIC, window_funnel("WHERE name IN {names}", BY_NAME)),
        Formulation("clickhouse", "windowFunnel, only rows of steps, codes", PARAMETRIC, window_funnel("WHERE n IN {codes}", BY_CODE)),
        Formulation("clickhouse", "windowFunnel, codes, aggregation in order", PARAMETRIC,
                    window_funnel("WHERE n IN {codes}", BY_CODE, settings=IN_ORDER)),
        Formulation("clickhouse", "windowFunnel over a table of steps made beforehand", PARAMETRIC,
                    window_funnel("", BY_CODE, source="d.steps"), clickhouse_steps_table),
        Formulation("clickhouse", "groupArrayIf and arrayFirst", ARRAYS, clickhouse_arrays),
        Formulation("clickhouse", "window functions", CLICKHOUSE_WINDOWS, windows("d.e")),
        Formulation("duckdb", "window functions", DUCKDB_WINDOWS, windows("e")),
        Formulation("duckdb", "asof joins", DUCKDB_ASOF, asof),
        Formulation("duckdb", "self-joins", "https://duckdb.org/docs/stable/sql/query_syntax/from", self_joins),
        Formulation("duckdb", "lists and lambdas", DUCKDB_LISTS, duckdb_lists),
        Formulation("polars", "forward_fill over user", POLARS_OVER, polars_over),
        Formulation("polars", "forward_fill of row numbers", POLARS_FILL, polars_positions),
        Formulation("polars", "join_asof", POLARS_ASOF, polars_asof),
    ))
