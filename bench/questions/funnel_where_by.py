"""The funnel with two properties of the first step as condition, split by a third one.

`--where` and `--by` look at the row of the first step: an attempt starts only at a row that meets the condition, and
belongs to the campaign of that row. So a person can be in several groups, each with the best attempt of that group.
The answer is the number of people per step, in all and per campaign.
"""
import json

from question import Formulation, Question
from questions.funnel import (ARRAYS, CLICKHOUSE_JOIN, DUCKDB_ASOF, DUCKDB_LISTS, DUCKDB_WINDOWS, PARAMETRIC, POLARS_ASOF,
                              POLARS_FILL, POLARS_OVER, STEPS, codes, funnel_params, params, window_us)

PLAN, CENTS = "free", 1000
WHERE = f"plan = '{PLAN}' and amount_cents >= {CENTS}"
ALL = "(all)"


def command(params):
    return ["funnel", "--params", json.dumps(funnel_params(params)), "--where", WHERE, "--by", "campaign",
            "--groups", "1000"]


def answer(cells, whole, _):
    people = lambda of: [of[f"step:{k}"]["people"] for k in range(1, 5)]
    groups = {group["group"]: people({cell["id"]: cell for cell in group["cells"]}) for group in whole["groups"]}
    return {ALL: people(cells), **{name: numbers for name, numbers in groups.items() if numbers[0]}}


def by_group(levels):
    """(group, level, people) -> people at level 1 or more, … per group."""
    found = {}
    for group, level, people in levels:
        numbers = found.setdefault(group, [0, 0, 0, 0])
        for k in range(level):
            numbers[k] += people
    return found


# ClickHouse

def groups_joined(peer, params):
    """windowFunnel per person and group: rows of steps are repeated for each group in which the person has an entry."""
    a, b, c, d = codes(peer)
    entry = f"n = {a} AND {WHERE}"
    return by_group(peer.rows(
        f"WITH groups AS (SELECT u, arrayJoin(arrayPushBack(groupUniqArray(toString(campaign)), '{ALL}')) AS g FROM d.e WHERE {entry} GROUP BY u)"
        f" SELECT g, level, count() FROM (SELECT u, g, windowFunnel({window_us(params)})(t, {entry} AND (g = '{ALL}' OR campaign = g),"
        f" n = {b}, n = {c}, n = {d}) AS level FROM (SELECT u, t, n, plan, amount_cents, campaign FROM d.e WHERE n IN ({a}, {b}, {c}, {d})) AS s"
        " JOIN groups USING (u) GROUP BY u, g) WHERE level > 0 GROUP BY g, level"))


def funnel_per_group_map(peer, params):
    """One pass: rows are grouped per person, then each group's rows are put together and given to arrayReduce."""
    a, b, c, d = codes(peer)
    w = window_us(params)
    reduce = (f"arrayReduce('windowFunnel({w})', arrayMap(r -> r.1, rs), arrayMap(r -> toUInt8(r.2 = {a} AND r.3 AND (g = '{ALL}' OR r.4 = g)), rs),"
              f" arrayMap(r -> toUInt8(r.2 = {b}), rs), arrayMap(r -> toUInt8(r.2 = {c}), rs), arrayMap(r -> toUInt8(r.2 = {d}), rs))")
    return by_group(peer.rows(
        f"SELECT g, level, count() FROM (SELECT {reduce} AS level, g FROM (SELECT u, groupArray((t, n, {WHERE}, toString(campaign))) AS rs"
        f" FROM d.e WHERE n IN ({a}, {b}, {c}, {d}) GROUP BY u HAVING arrayExists(r -> r.2 = {a} AND r.3, rs))"
        f" ARRAY JOIN arrayPushBack(arrayDistinct(arrayMap(r -> r.4, arrayFilter(r -> r.2 = {a} AND r.3, rs))), '{ALL}') AS g)"
        " GROUP BY g, level"))


def clickhouse_arrays(peer, params):
    """Per person four arrays of times; each entry takes the earliest next step in them."""
    a, b, c, d = codes(peer)
    w = window_us(params)
    far = 2**62
    after = "arrayFirst(s -> s > {0}, {1})"
    return by_group(peer.rows(
        f"""WITH l AS (SELECT u, groupArrayIf((t, toString(campaign)), n = {a} AND {WHERE}) AS t1,
        arrayPushBack(arraySort(groupArrayIf(t, n = {b})), {far}) AS t2, arrayPushBack(arraySort(groupArrayIf(t, n = {c})), {far}) AS t3,
        arrayPushBack(arraySort(groupArrayIf(t, n = {d})), {far}) AS t4
        FROM d.e WHERE n IN ({a}, {b}, {c}, {d}) GROUP BY u HAVING notEmpty(t1)),
        x1 AS (SELECT u, entry.1 AS e, entry.2 AS campaign, t2, t3, t4 FROM l ARRAY JOIN t1 AS entry),
        x2 AS (SELECT u, campaign, e, {after.format('e', 't2')} AS s2, t3, t4 FROM x1),
        x3 AS (SELECT u, campaign, e, s2, if(s2 = {far}, {far}, {after.format('s2', 't3')}) AS s3, t4 FROM x2),
        x4 AS (SELECT u, campaign, e, s2, s3, if(s3 = {far}, {far}, {after.format('s3', 't4')}) AS s4 FROM x3),
        per AS (SELECT u, campaign, max(1 + (s2 - e <= {w}) + (s3 - e <= {w}) + (s4 - e <= {w})) AS best FROM x4 GROUP BY u, campaign)
        SELECT g, level, count() FROM (SELECT u, campaign AS g, best AS level FROM per
        UNION ALL SELECT u, '{ALL}' AS g, max(best) AS level FROM per GROUP BY u) GROUP BY g, level"""))


def clickhouse_asof(peer, params):
    a, b, c, d = codes(peer)
    w = window_us(params)
    return by_group(peer.rows(
        f"""WITH s1 AS (SELECT u, t, toString(campaign) AS campaign FROM d.e WHERE n = {a} AND {WHERE}),
        j2 AS (SELECT s1.u AS u, campaign, s1.t AS t1, s2.t AS t2 FROM s1 ASOF LEFT JOIN (SELECT u, t FROM d.e WHERE n = {b}) AS s2
               ON s1.u = s2.u AND s1.t < s2.t),
        j3 AS (SELECT j2.u AS u, campaign, t1, t2, s3.t AS t3 FROM j2 ASOF LEFT JOIN (SELECT u, t FROM d.e WHERE n = {c}) AS s3
               ON j2.u = s3.u AND j2.t2 < s3.t),
        j4 AS (SELECT j3.u AS u, campaign, t1, t2, t3, s4.t AS t4 FROM j3 ASOF LEFT JOIN (SELECT u, t FROM d.e WHERE n = {d}) AS s4
               ON j3.u = s4.u AND j3.t3 < s4.t),
        flags AS (SELECT u, campaign, t2 > 0 AND t2 - t1 <= {w} AS f2, f2 AND t3 > 0 AND t3 - t1 <= {w} AS f3,
               f3 AND t4 > 0 AND t4 - t1 <= {w} AS f4 FROM j4),
        per AS (SELECT u, campaign, max(1 + f2 + f3 + f4) AS best FROM flags GROUP BY u, campaign)
        SELECT g, level, count() FROM (SELECT u, campaign AS g, best AS level FROM per
        UNION ALL SELECT u, '{ALL}' AS g, max(best) AS level FROM per GROUP BY u) GROUP BY g, level"""))


# DuckDB

def duckdb_best(levels):
    return (f"{levels}, per AS MATERIALIZED (SELECT u, campaign, max(level) AS best FROM levels GROUP BY ALL)"
            " SELECT campaign::VARCHAR, best, count(*) FROM per GROUP BY ALL"
            f" UNION ALL SELECT '{ALL}', best, count(*) FROM (SELECT u, max(best) AS best FROM per GROUP BY u) GROUP BY ALL")


def reached(w):
    return f"1 + coalesce((t2 - t1 <= {w})::INT, 0) + coalesce((t3 - t1 <= {w})::INT, 0) + coalesce((t4 - t1 <= {w})::INT, 0)"


def duckdb_asof(peer, params):
    a, b, c, d = codes(peer)
    return by_group(peer.rows(duckdb_best(
        f"""WITH s1 AS (SELECT u, t AS t1, campaign FROM e WHERE n = {a} AND {WHERE}),
        s2 AS (SELECT u, t FROM e WHERE n = {b}), s3 AS (SELECT u, t FROM e WHERE n = {c}), s4 AS (SELECT u, t FROM e WHERE n = {d}),
        j2 AS (SELECT s1.u, campaign, t1, s2.t AS t2 FROM s1 ASOF LEFT JOIN s2 ON s1.u = s2.u AND t1 < s2.t),
        j3 AS (SELECT j2.u, campaign, t1, t2, s3.t AS t3 FROM j2 ASOF LEFT JOIN s3 ON j2.u = s3.u AND t2 < s3.t),
        j4 AS (SELECT j3.u, campaign, t1, t2, t3, s4.t AS t4 FROM j3 ASOF LEFT JOIN s4 ON j3.u = s4.u AND t3 < s4.t),
        levels AS (SELECT u, campaign, {reached(window_us(params))} AS level FROM j4)""")))


def duckdb_windows(peer, params):
    """At each row, the next time of each step in the greedy order, found from the end: step 4, then 3 with what follows it, …"""
    a, b, c, d = codes(peer)
    over = "OVER (PARTITION BY u ORDER BY t ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING)"
    next_of = "first_value(CASE WHEN n = {0} THEN {1} END IGNORE NULLS) " + over
    return by_group(peer.rows(duckdb_best(
        f"""WITH r4 AS (SELECT u, t, n, plan, amount_cents, campaign, {next_of.format(d, 't')} AS to4 FROM e WHERE n IN ({a}, {b}, {c}, {d})),
        r3 AS (SELECT *, {next_of.format(c, '{t3: t, t4: to4}')} AS to3 FROM r4),
        r2 AS (SELECT *, {next_of.format(b, '{t2: t, t3: to3.t3, t4: to3.t4}')} AS to2 FROM r3),
        j AS (SELECT u, campaign, t AS t1, to2.t2 AS t2, to2.t3 AS t3, to2.t4 AS t4 FROM r2 WHERE n = {a} AND {WHERE}),
        levels AS (SELECT u, campaign, {reached(window_us(params))} AS level FROM j)""")))


def duckdb_lists(peer, params):
    a, b, c, d = codes(peer)
    after = "list_filter({1}, lambda s: s > {0})[1]"
    return by_group(peer.rows(duckdb_best(
        f"""WITH l AS (SELECT u, list({{t: t, campaign: campaign}}) FILTER (n = {a} AND {WHERE}) AS entries, list(t ORDER BY t) FILTER (n = {b}) AS l2,
        list(t ORDER BY t) FILTER (n = {c}) AS l3, list(t ORDER BY t) FILTER (n = {d}) AS l4
        FROM e WHERE n IN ({a}, {b}, {c}, {d}) GROUP BY u HAVING count(*) FILTER (n = {a} AND {WHERE}) > 0),
        x1 AS (SELECT u, unnest(entries) AS e, l2, l3, l4 FROM l),
        x2 AS (SELECT u, e.campaign AS campaign, e.t AS t1, {after.format('e.t', 'l2')} AS t2, l3, l4 FROM x1),
        x3 AS (SELECT u, campaign, t1, t2, {after.format('t2', 'l3')} AS t3, l4 FROM x2),
        x4 AS (SELECT u, campaign, t1, t2, t3, {after.format('t3', 'l4')} AS t4 FROM x3),
        levels AS (SELECT u, campaign, {reached(window_us(params))} AS level FROM x4)""")))


def duckdb_self_joins(peer, params):
    a, b, c, d = codes(peer)
    w = window_us(params)
    return by_group(peer.rows(duckdb_best(
        f"""WITH s1 AS (SELECT u, t AS t1, campaign FROM e WHERE n = {a} AND {WHERE}), s2 AS (SELECT u, t FROM e WHERE n = {b}),
        s3 AS (SELECT u, t FROM e WHERE n = {c}), s4 AS (SELECT u, t FROM e WHERE n = {d}),
        j2 AS (SELECT s1.u, campaign, t1, min(s2.t) AS t2 FROM s1 LEFT JOIN s2 ON s1.u = s2.u AND t1 < s2.t AND s2.t - t1 <= {w} GROUP BY ALL),
        j3 AS (SELECT j2.u, campaign, t1, t2, min(s3.t) AS t3 FROM j2 LEFT JOIN s3 ON j2.u = s3.u AND t2 < s3.t AND s3.t - t1 <= {w} GROUP BY ALL),
        j4 AS (SELECT j3.u, campaign, t1, t2, t3, min(s4.t) AS t4 FROM j3 LEFT JOIN s4 ON j3.u = s4.u AND t3 < s4.t AND s4.t - t1 <= {w} GROUP BY ALL),
        levels AS (SELECT u, campaign, {reached(w)} AS level FROM j4)""")))


# Polars

def polars_groups(peer, chain, window):
    """A frame of entries (u, campaign, t1 … t4) -> people per step, in all and per campaign."""
    pl = peer.pl
    flags = [pl.col(f"t{k}") - pl.col("t1") <= window for k in range(2, 5)]
    level = pl.sum_horizontal(pl.lit(1), *[flag.fill_null(False).cast(pl.Int32) for flag in flags]).alias("level")
    per = chain.lazy().select("u", pl.col("campaign").cast(pl.String), level).group_by("u", "campaign").agg(pl.col("level").max())
    groups = per.group_by("campaign", "level").len()
    everybody = per.group_by("u").agg(pl.col("level").max()).group_by("level").len().select(pl.lit(ALL).alias("campaign"), "level", "len")
    return by_group(pl.concat([groups, everybody]).collect().rows())


def is_entry(peer, code):
    pl = peer.pl
    return (pl.col("n") == code) & (pl.col("plan") == PLAN) & (pl.col("amount_cents") >= CENTS)


def polars_asof(peer, params):
    pl, steps = peer.pl, codes(peer)
    rows = peer.frame.filter(pl.col("n").is_in(steps))
    chain = rows.filter(is_entry(peer, steps[0])).select("u", "campaign", pl.col("t").alias("t1"))
    for k in range(2, 5):
        step = rows.filter(pl.col("n") == steps[k - 1]).select("u", pl.col("t").alias(f"t{k}"))
        known = chain.drop_nulls(f"t{k - 1}").join_asof(step, left_on=f"t{k - 1}", right_on=f"t{k}", by="u", strategy="forward",
                                                        allow_exact_matches=False, coalesce=False, check_sortedness=False)
        chain = pl.concat([known, chain.filter(pl.col(f"t{k - 1}").is_null()).with_columns(pl.lit(None, pl.Int64).alias(f"t{k}"))])
    return polars_groups(peer, chain, window_us(params))


def polars_over(peer, params):
    """At each row, the next time of each step in the greedy order, filled from behind."""
    pl, steps = peer.pl, codes(peer)
    t, n = pl.col("t"), pl.col("n")
    rows = peer.lazy.filter(n.is_in(steps)).select("u", "t", "n", "campaign", "plan", "amount_cents")
    back = lambda code, what, name: pl.when(n == code).then(what).backward_fill().over("u").alias(name)
    rows = rows.with_columns(back(steps[3], t, "a4"))
    rows = rows.with_columns(back(steps[2], t, "b3"), back(steps[2], pl.col("a4"), "b4"))
    rows = rows.with_columns(back(steps[1], t, "t2"), back(steps[1], pl.col("b3"), "t3"), back(steps[1], pl.col("b4"), "t4"))
    return polars_groups(peer, rows.filter(is_entry(peer, steps[0])).select("u", "campaign", t.alias("t1"), "t2", "t3", "t4"), window_us(params))


def polars_positions(peer, params):
    """As above without `over`: the row number of the next step of anybody, which counts when it is the same person's."""
    pl, steps = peer.pl, codes(peer)
    u, t, n, row = pl.col("u"), pl.col("t"), pl.col("n"), pl.col("row")
    rows = peer.frame.filter(n.is_in(steps)).select("u", "t", "n", "campaign", "plan", "amount_cents").with_row_index("row")
    rows = rows.with_columns(*[pl.when(n == steps[k - 1]).then(row).backward_fill().alias(f"next{k}") for k in range(2, 5)])
    chain = rows.lazy().filter(is_entry(peer, steps[0])).with_columns(t.alias("t1"), pl.col("next2").alias("at"))
    for k in range(2, 5):
        known = pl.lit(rows["u"]).gather(pl.col("at").fill_null(0)) == u
        chain = chain.with_columns(pl.when(known & pl.col("at").is_not_null()).then(pl.col("at")).alias("at"))
        chain = chain.with_columns(pl.when(pl.col("at").is_not_null()).then(pl.lit(rows["t"]).gather(pl.col("at").fill_null(0))).alias(f"t{k}"))
        if k < 4:
            follow = pl.lit(rows[f"next{k + 1}"]).gather(pl.col("at").fill_null(0))
            chain = chain.with_columns(pl.when(pl.col("at").is_not_null()).then(follow).alias("at"))
    return polars_groups(peer, chain, window_us(params))


QUESTION = Question(
    "funnel_where_by", "The same, --where on two properties, --by a third", 8, 15, params, command, answer,
    (
        Formulation("clickhouse", "windowFunnel per person and group, joined", PARAMETRIC, groups_joined),
        Formulation("clickhouse", "groupArray, arrayReduce of windowFunnel per group", ARRAYS, funnel_per_group_map),
        Formulation("clickhouse", "groupArrayIf and arrayFirst per entry", ARRAYS, clickhouse_arrays),
        Formulation("clickhouse", "asof joins", CLICKHOUSE_JOIN, clickhouse_asof),
        Formulation("duckdb", "asof joins", DUCKDB_ASOF, duckdb_asof),
        Formulation("duckdb", "window functions", DUCKDB_WINDOWS, duckdb_windows),
        Formulation("duckdb", "lists and lambdas", DUCKDB_LISTS, duckdb_lists),
        Formulation("duckdb", "self-joins", "https://duckdb.org/docs/stable/sql/query_syntax/from", duckdb_self_joins),
        Formulation("polars", "join_asof", POLARS_ASOF, polars_asof),
        Formulation("polars", "backward_fill over user", POLARS_OVER, polars_over),
        Formulation("polars", "backward_fill of row numbers", POLARS_FILL, polars_positions),
    ))
