"""What comes after what in a session, how often, and for how many people? Gap of about 30 minutes, 5,000 names.

Each session is read as (start), its events in order, and (end), or (open) where it may go on at the end of observation:
its last event is less than the gap before it. The answer is the number of sessions, of pairs and of distinct edges, and the
50 most frequent edges with pairs and people; equal ones in the order of their texts. Everybody counts all edges.
"""
import json

from question import Formulation, Question
from questions.funnel import ARRAYS, CLICKHOUSE_WINDOWS, DUCKDB_LISTS, DUCKDB_WINDOWS, POLARS_OVER
from questions.sessions import gap_us
from questions.sessions import params as gap_params

# Codes of the artificial nodes, in the order of their texts; the code of a name is 3 more than `n`.
END, OPEN, START = 0, 1, 2
NODES = ["(end)", "(open)", "(start)"]


def params(run):
    return {**gap_params(run), "top": 50}


def command(params):
    return ["transitions", "--params", json.dumps({"gap": f"{params['gap_minutes']}m", "top": params["top"], "times": "none"})]


def answer(cells, _, __):
    top = []
    for id, cell in cells.items():
        if id.startswith("edge:"):
            top.append([*id[5:].split("→"), cell["n"], cell["people"]])
    return {"sessions": cells["cases"]["n"], "pairs": cells["pairs"]["n"], "edges": cells["edges"]["n"], "top": top}


def summary(peer, rows):
    """Rows (from, to, pairs, people, all sessions, all pairs, all edges) -> the answer."""
    text = lambda code: NODES[code] if code < 3 else peer.names[code - 3]
    _, _, _, _, sessions, pairs, edges = rows[0]
    return {"sessions": int(sessions), "pairs": int(pairs), "edges": edges, "top": [[text(a), text(b), n, people] for a, b, n, people, *_ in rows]}


def top(edges, params):
    """The most frequent edges of a query with a, b, n and people, and what all edges add up to."""
    return (f"SELECT a, b, n, people, sum(CASE WHEN a = {START} THEN n ELSE 0 END) OVER (), sum(n) OVER (), count(*) OVER () FROM ({edges}) AS edges"
            f" ORDER BY n DESC, a, b LIMIT {params['top']}")


def count_distinct(pairs):
    return f"SELECT a, b, count(*) AS n, count(DISTINCT u) AS people FROM ({pairs}) AS pairs GROUP BY a, b"


def count_twice(pairs):
    """Per person and edge, then per edge: no set of people per edge is kept."""
    return f"SELECT a, b, sum(n) AS n, count(*) AS people FROM (SELECT u, a, b, count(*) AS n FROM ({pairs}) AS pairs GROUP BY u, a, b) AS p GROUP BY a, b"


# ClickHouse

def clickhouse_arrays(name, count, settings=""):
    """Per person the sorted codes; each session boundary inserts (end) and (start)."""
    def run(peer, params):
        gap = gap_us(params)
        ends = f"if(ts[-1] + {gap} > {peer.end_us}, {OPEN}, {END})"
        # Only the last session of a person can be open: any other is followed by a gap.
        pairs = (f"SELECT u, p.1 AS a, p.2 AS b FROM (SELECT u, arraySort(groupArray((t, {name}))) AS ev, ev.1 AS ts, ev.2 AS ns,"
                 f" arrayMap((d, i) -> i = 1 OR d > {gap}, arrayDifference(ts), arrayEnumerate(ts)) AS first,"
                 f" arrayConcat(arrayZip(arrayPopBack(ns), arrayPopFront(ns))) AS inner,"
                 f" arrayFilter((p, f) -> NOT f, inner, arrayPopFront(first)) AS within,"
                 f" arrayMap(n -> (toUInt16({START}), n), arrayFilter((n, f) -> f, ns, first)) AS starts,"
                 f" arrayMap(n -> (n, toUInt16({END})), arrayFilter((n, f) -> f, arrayPopBack(ns), arrayPopFront(first))) AS ends,"
                 f" arrayConcat(within, starts, ends, [(ns[-1], toUInt16({ends}))]) AS all FROM d.e GROUP BY u) ARRAY JOIN all AS p")
        return summary(peer, peer.rows(top(count(pairs), params) + settings))
    return run


def clickhouse_exact(pairs):
    return f"SELECT a, b, count() AS n, uniqExact(u) AS people FROM ({pairs}) GROUP BY a, b"


def clickhouse_per_person(peer, params):
    """Each person's pairs are sorted in the person's array: the first of equal ones counts the person."""
    gap = gap_us(params)
    ends = f"if(ts[-1] + {gap} > {peer.end_us}, {OPEN}, {END})"
    key = lambda a, b: f"toUInt32({a}) * 65536 + {b}"
    keys = (f"SELECT u, arraySort(groupArray((t, toUInt16(n + 3)))) AS ev, ev.1 AS ts, ev.2 AS ns,"
            f" arrayMap((d, i) -> i = 1 OR d > {gap}, arrayDifference(ts), arrayEnumerate(ts)) AS first,"
            f" arrayConcat(arrayMap((n, f, b) -> if(f, {key('n', END)}, {key('n', 'b')}), arrayPopBack(ns), arrayPopFront(first), arrayPopFront(ns)),"
            f" arrayMap(n -> {key(START, 'n')}, arrayFilter((n, f) -> f, ns, first)), [{key('ns[-1]', ends)}]) AS keys FROM d.e GROUP BY u")
    edges = (f"SELECT intDiv(key, 65536) AS a, key % 65536 AS b, count() AS n, sum(is_new) AS people FROM (SELECT key, is_new FROM"
             f" (SELECT arraySort(keys) AS ks, arrayMap((d, i) -> i = 1 OR d != 0, arrayDifference(ks), arrayEnumerate(ks)) AS news FROM ({keys}))"
             f" ARRAY JOIN ks AS key, news AS is_new) GROUP BY key")
    return summary(peer, peer.rows(top(edges, params)))


def clickhouse_windows(count):
    def run(peer, params):
        gap = gap_us(params)
        marked = (f"SELECT u, n + 3 AS a, u0 != u OR t - t0 > {gap} AS first, u1 != u OR t1 - t > {gap} AS last,"
                  f" if(last, if(t + {gap} > {peer.end_us}, {OPEN}, {END}), n1 + 3) AS b FROM (SELECT u, t, n, lagInFrame(u, 1, 4294967295) OVER w AS u0,"
                  " lagInFrame(t) OVER w AS t0, leadInFrame(u, 1, 4294967295) OVER w AS u1, leadInFrame(t) OVER w AS t1, leadInFrame(n) OVER w AS n1 FROM d.e"
                  " WINDOW w AS (PARTITION BY u ORDER BY t ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING))")
        pairs = (f"SELECT u, p.1 AS a, p.2 AS b FROM (SELECT u, if(first, [(toUInt32({START}), toUInt32(a)), (toUInt32(a), toUInt32(b))], [(toUInt32(a), toUInt32(b))]) AS ps"
                 f" FROM ({marked})) ARRAY JOIN ps AS p")
        return summary(peer, peer.rows(top(count(pairs), params)))
    return run


# DuckDB

def duckdb_pairs(window, peer, params):
    gap = gap_us(params)
    return (f"WITH m AS MATERIALIZED (SELECT u, n + 3 AS a, (u0 IS DISTINCT FROM u) OR t - t0 > {gap} AS first, CASE WHEN (u1 IS DISTINCT FROM u)"
            f" OR t1 - t > {gap} THEN CASE WHEN t + {gap} > {peer.end_us} THEN {OPEN} ELSE {END} END ELSE n1 + 3 END AS b FROM ("
            f"SELECT u, t, n, lag(u) {window} AS u0, lag(t) {window} AS t0, lead(u) {window} AS u1, lead(t) {window} AS t1, lead(n) {window} AS n1 FROM e))"
            f" SELECT u, {START} AS a, a AS b FROM m WHERE first UNION ALL SELECT u, a, b FROM m")


def duckdb(window, count):
    def run(peer, params):
        return summary(peer, peer.rows(top(count(duckdb_pairs(window, peer, params)), params)))
    return run


def duckdb_lists(peer, params):
    gap = gap_us(params)
    pairs = f"""WITH l AS (SELECT u, list(t ORDER BY t) AS ts, list(n + 3 ORDER BY t) AS ns FROM e GROUP BY u),
        r AS (SELECT u, unnest(ts) AS t, unnest(ns) AS a, unnest(list_concat([NULL], ts[:-2])) AS t0, unnest(ts[2:]) AS t1, unnest(ns[2:]) AS n1 FROM l),
        m AS MATERIALIZED (SELECT u, a, t0 IS NULL OR t - t0 > {gap} AS first, CASE WHEN t1 IS NULL OR t1 - t > {gap}
        THEN CASE WHEN t + {gap} > {peer.end_us} THEN {OPEN} ELSE {END} END ELSE n1 END AS b FROM r)
        SELECT u, {START} AS a, a AS b FROM m WHERE first UNION ALL SELECT u, a, b FROM m"""
    return summary(peer, peer.rows(top(count_twice(pairs), params)))


# Polars

def polars_keys(peer, params, over=None):
    """Rows (u, key) of all pairs; the key is from * 65536 + to."""
    pl, gap = peer.pl, gap_us(params)
    of = (lambda e: e.over("u")) if over else (lambda e: e)
    u, t, code = pl.col("u"), pl.col("t"), (pl.col("n").cast(pl.UInt32) + 3)
    new = (of(t.diff()) > gap) if over else (u != u.shift()) | (t.diff() > gap)
    marked = peer.lazy.select("u", "t", code.alias("a"), new.fill_null(True).alias("first"))
    last = pl.col("first").shift(-1).fill_null(True)
    to = pl.when(last).then(pl.when(t + gap > peer.end_us).then(pl.lit(OPEN, pl.UInt32)).otherwise(pl.lit(END, pl.UInt32))).otherwise(pl.col("a").shift(-1))
    steps = marked.select("u", (pl.col("a") * 65536 + to).alias("key"))
    starts = marked.filter("first").select("u", (pl.lit(START * 65536, pl.UInt32) + pl.col("a")).alias("key"))
    return pl.concat([steps, starts])


def polars_summary(peer, params, edges):
    pl = peer.pl
    a = pl.col("key") // 65536
    edges = edges.with_columns(a.alias("a"), (pl.col("key") % 65536).alias("b"))
    whole = [edges.filter(pl.col("a") == START)["n"].sum(), edges["n"].sum(), edges.height]
    rows = edges.top_k(min(params["top"], edges.height), by=[pl.col("n").cast(pl.Int64), -pl.col("key").cast(pl.Int64)])
    rows = rows.sort(["n", "a", "b"], descending=[True, False, False]).select("a", "b", "n", "people").rows()
    return summary(peer, [[*row, *whole] for row in rows])


def polars_distinct(peer, params):
    pl = peer.pl
    edges = polars_keys(peer, params).group_by("key").agg(pl.len().alias("n"), pl.col("u").n_unique().alias("people")).collect()
    return polars_summary(peer, params, edges)


def polars_twice(over=None, engine="in-memory"):
    def run(peer, params):
        pl = peer.pl
        per = polars_keys(peer, params, over).group_by("u", "key").len("n")
        edges = per.group_by("key").agg(pl.col("n").sum(), pl.len().alias("people")).collect(engine=engine)
        return polars_summary(peer, params, edges)
    return run


def polars_sorted(peer, params):
    """(key, u) as one number, sorted: runs are edges, and runs within them people."""
    pl = peer.pl
    both = polars_keys(peer, params).select((pl.col("key").cast(pl.UInt64) * 2**32 + pl.col("u")).alias("both").sort())
    both = both.with_columns((pl.col("both") != pl.col("both").shift()).fill_null(True).alias("new"), (pl.col("both") // 2**32).cast(pl.UInt32).alias("key"))
    edges = both.group_by("key").agg(pl.len().alias("n"), pl.col("new").sum().alias("people")).collect()
    return polars_summary(peer, params, edges)


PARTITIONED = "OVER (PARTITION BY u ORDER BY t)"
CODE, ZIP = "toUInt16(n + 3)", "https://clickhouse.com/docs/sql-reference/functions/array-functions#arrayzip"
QUESTION = Question(
    "transitions", "Transitions with counts of people, 5,000 names", 15, 40, params, command, answer,
    (
        Formulation("clickhouse", "groupArray of codes, pairs by arrayZip, uniqExact", ZIP, clickhouse_arrays(CODE, clickhouse_exact)),
        Formulation("clickhouse", "groupArray of codes, pairs by arrayZip, counted twice", ZIP, clickhouse_arrays(CODE, count_twice)),
        Formulation("clickhouse", "groupArray of codes, people told by sorting each person's pairs", ARRAYS, clickhouse_per_person),
        Formulation("clickhouse", "window functions, uniqExact", CLICKHOUSE_WINDOWS, clickhouse_windows(clickhouse_exact)),
        Formulation("clickhouse", "window functions, counted twice", CLICKHOUSE_WINDOWS, clickhouse_windows(count_twice)),
        Formulation("duckdb", "window functions, count distinct", DUCKDB_WINDOWS, duckdb(PARTITIONED, count_distinct)),
        Formulation("duckdb", "window functions, counted twice", DUCKDB_WINDOWS, duckdb(PARTITIONED, count_twice)),
        Formulation("duckdb", "streaming windows over the table as it lies, counted twice", DUCKDB_WINDOWS, duckdb("OVER ()", count_twice)),
        Formulation("duckdb", "lists", DUCKDB_LISTS, duckdb_lists),
        Formulation("polars", "shift, n_unique", "https://docs.pola.rs/api/python/stable/reference/expressions/api/polars.Expr.shift.html", polars_distinct),
        Formulation("polars", "shift, counted twice", "https://docs.pola.rs/user-guide/expressions/aggregation/", polars_twice()),
        Formulation("polars", "shift, counted twice, streaming engine", "https://docs.pola.rs/user-guide/concepts/streaming/", polars_twice(engine="streaming")),
        Formulation("polars", "diff over user, counted twice", POLARS_OVER, polars_twice(over="u")),
        Formulation("polars", "shift, sort of (edge, user) as one number", "https://docs.pola.rs/user-guide/expressions/aggregation/#sorting",
                    polars_sorted),
    ),
    full={"top": 100_000_000})
