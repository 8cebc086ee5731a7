"""Funnel, sessions, transitions and retention of an event log, answered by other engines.

ClickHouse (through chdb) answers first; DuckDB is a second opinion that is written in another way
(ClickHouse: per-user arrays and windowFunnel; DuckDB: window functions and joins).

Input: Parquet files with at least event_id, time (timestamp in microseconds, UTC), user, name.
Rows of one user are ordered by (time, event_id); `tied_rows` counts the rows that share user and time
with another row. Funnels need times that are unique within a user to be comparable: ClickHouse orders
ties by (time, step), so a tie always helps the actor.

Definitions
  users        distinct `user`.
  sessions     a gap of MORE than --gap-secs between two events of a user starts a new session.
  funnel       number of users with level >= k, k = 1..n. Level = the largest k such that steps 1..k occur
               in order with t_k - t_1 <= window (inclusive), best over all entries.
               Source: ClickHouse documentation, windowFunnel(window)(timestamp, cond1, ...).
  funnel_strict_order
               ClickHouse's windowFunnel(window, 'strict_order'): the search STOPS for good at the first
               foreign event after step 1 was seen. Foreign is a step k > 1 whose step k-1 has not been
               reached, and any row that is no step at all. Repeated steps do not stop it. Two readings:
               `steps_only` sees only rows that are steps, `all_rows` sees every row.
  funnel_adjacent
               not a ClickHouse mode: among the rows that are steps, the rows 1,2,...,k follow each other
               immediately, t_k - t_1 <= window, best over all entries (a repeated step is in the way).
  transitions  [from, to, count, users] of adjacent events within a session, with "(start)" -> first and
               last -> "(end)" once per session; users = distinct users with at least one such pair.
  retention    cohort day d0 = UTC calendar day of a user's first event; retained on day k (1..30) = any
               event on day d0 + k. x and n count mature users only: the whole day d0 + k lies before
               obs_end = max(time), that is start of day d0 + k + 1 <= obs_end. `cohort` is everybody.
  secs         wall time of each answer, for information; `load` is the copy into the engine's own table
               (0 with --direct, where each query reads the Parquet files).

--engine both runs the two and stops with an error where they differ.
"""
import argparse
import json
import sys
import tempfile
import time

DAY = 86_400_000_000
DAYS = range(1, 31)


def quote(text):
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def at_least(levels, n):
    """{level: users} -> users at level >= k for k = 1..n."""
    return [sum(c for level, c in levels if level >= k) for k in range(1, n + 1)]


def session_summary(lengths):
    return {"count": sum(c for _, c in lengths), "single_event": dict(lengths).get(1, 0),
            "length": {str(k): c for k, c in sorted(lengths)}}


def retention_summary(cohort, cells):
    return {"cohort": cohort, "days": [{"k": k, "x": x, "n": n} for k, x, n in cells]}


class ClickHouse:
    """Per-user arrays (groupArray, arraySplit) and windowFunnel."""

    def __init__(self, args):
        from chdb import session
        self.folder = tempfile.TemporaryDirectory(prefix="peers-")
        self.session = session.Session(self.folder.name)
        self.gap, self.window, self.steps = args.gap_secs * 10**6, args.window_secs * 10**6, args.steps
        for setting in (f"max_threads = {args.threads}", "output_format_json_quote_64bit_integers = 0",
                        "optimize_aggregation_in_order = 1"):
            self.session.query("SET " + setting)
        read = " UNION ALL ".join(
            "SELECT assumeNotNull(user) AS user, toUInt64(assumeNotNull(toUnixTimestamp64Micro(time))) AS t,"
            f" assumeNotNull(event_id) AS event_id, assumeNotNull(name) AS name FROM file({quote(f)}, Parquet)"
            for f in args.files)
        nulls = sum(self.rows("SELECT countIf(user IS NULL OR time IS NULL OR event_id IS NULL OR name IS NULL)"
                              f" FROM file({quote(f)}, Parquet)")[0][0] for f in args.files)
        assert nulls == 0, f"{nulls} rows with a null in user, time, event_id or name"
        self.session.query("CREATE DATABASE IF NOT EXISTS d")
        if args.direct:
            self.session.query(f"CREATE VIEW d.e AS {read}")
        else:
            self.session.query("CREATE TABLE d.e ENGINE = MergeTree ORDER BY (user, t, event_id)"
                               f" AS {read}")
        self.arrays = ("SELECT user, arraySort(groupArray((t, event_id, name))) AS ev, arrayMap(e -> e.1, ev) AS ts,"
                       f" arraySplit((e, i) -> i > 1 AND ts[i] - ts[i - 1] > {self.gap}, ev, arrayEnumerate(ev))"
                       " AS sessions FROM d.e GROUP BY user")

    def rows(self, sql):
        return json.loads(self.session.query(sql, "JSONCompact").bytes())["data"]

    def version(self):
        return "ClickHouse " + self.rows("SELECT version()")[0][0]

    def totals(self):
        rows, users, first, last = self.rows("SELECT count(), uniqExact(user), min(t), max(t) FROM d.e")[0]
        tied = self.rows("SELECT sum(c) FROM (SELECT count() AS c FROM d.e GROUP BY user, t HAVING c > 1)")[0][0]
        return {"rows": rows, "users": users, "first_us": first, "last_us": last, "tied_rows": tied or 0}

    def level_counts(self, mode, where):
        conditions = ", ".join(f"name = {quote(s)}" for s in self.steps)
        return at_least(self.rows(
            f"SELECT level, count() FROM (SELECT user, windowFunnel({self.window}{mode})(t, {conditions}) AS level"
            f" FROM d.e {where} GROUP BY user) GROUP BY level"), len(self.steps))

    def where_step(self):
        return f"WHERE name IN ({', '.join(map(quote, self.steps))})"

    def funnel(self):
        return self.level_counts("", self.where_step())

    def funnel_strict_order(self):
        return {"steps_only": self.level_counts(", 'strict_order'", self.where_step()),
                "all_rows": self.level_counts(", 'strict_order'", "")}

    def funnel_adjacent(self):
        steps = "[" + ", ".join(map(quote, self.steps)) + "]"
        reached = ", ".join(
            f"countIf(arrayExists(i -> arraySlice(s, i, {k}) = range(1, {k + 1})"
            f" AND ts[i + {k - 1}] - ts[i] <= {self.window}, arrayEnumerate(s)))"
            for k in range(1, len(self.steps) + 1))
        return self.rows(
            f"SELECT {reached} FROM (SELECT user, arraySort(groupArray((t, indexOf({steps}, name)))) AS ev,"
            " arrayMap(e -> e.1, ev) AS ts, arrayMap(e -> e.2, ev) AS s"
            f" FROM d.e {self.where_step()} GROUP BY user)")[0]

    def sessions(self):
        return session_summary(self.rows(
            f"SELECT arrayJoin(arrayMap(s -> length(s), sessions)) AS len, count() FROM ({self.arrays}) GROUP BY len"))

    def transitions(self):
        pairs = ("arrayJoin(arrayFlatten(arrayMap(s -> arrayZip("
                 "arrayPushFront(arrayMap(e -> toString(e.3), s), '(start)'),"
                 " arrayPushBack(arrayMap(e -> toString(e.3), s), '(end)')), sessions)))")
        return sorted(self.rows(
            f"SELECT p.1, p.2, count(), uniqExact(user) FROM (SELECT user, {pairs} AS p FROM ({self.arrays})) GROUP BY p"))

    def retention(self):
        last = f"(SELECT intDiv(max(t), {DAY}) FROM d.e)"
        cells = ", ".join(f"countIf(has(days, d0 + {k}) AND d0 + {k} < {last}), countIf(d0 + {k} < {last})" for k in DAYS)
        cohort, *flat = self.rows(
            f"SELECT count(), {cells} FROM (SELECT user, groupUniqArray(intDiv(t, {DAY})) AS days, arrayMin(days) AS d0"
            " FROM d.e GROUP BY user)")[0]
        return retention_summary(cohort, zip(DAYS, flat[::2], flat[1::2]))


class DuckDB:
    """Window functions and joins."""

    def __init__(self, args):
        import duckdb
        self.folder = tempfile.TemporaryDirectory(prefix="peers-")
        self.db = duckdb.connect(self.folder.name + "/e.db", config={"threads": args.threads})
        self.gap, self.window, self.steps = args.gap_secs * 10**6, args.window_secs * 10**6, args.steps
        files = "[" + ", ".join("'" + f.replace("'", "''") + "'" for f in args.files) + "]"
        self.db.execute(f"CREATE {'VIEW' if args.direct else 'TABLE'} e AS SELECT user, epoch_us(time) AS t, event_id,"
                        f" name FROM read_parquet({files})")
        nulls = self.rows('SELECT count(*) FROM e WHERE "user" IS NULL OR t IS NULL OR event_id IS NULL OR name IS NULL')
        assert nulls[0][0] == 0, f"{nulls[0][0]} rows with a null in user, time, event_id or name"
        names = "[" + ", ".join("'" + s.replace("'", "''") + "'" for s in self.steps) + "]"
        self.numbered = f'SELECT "user" AS u, t, coalesce(list_position({names}, name), 0) AS step FROM e'
        self.marked = (
            'SELECT "user" AS u, name, t, event_id,'
            f" coalesce(t - lag(t) OVER w > {self.gap}, true) AS first, coalesce(lead(t) OVER w - t > {self.gap}, true) AS last,"
            ' lead(name) OVER w AS next FROM e WINDOW w AS (PARTITION BY "user" ORDER BY t, event_id)')

    def rows(self, sql):
        return [list(r) for r in self.db.execute(sql).fetchall()]

    def version(self):
        return "DuckDB " + self.rows("SELECT version()")[0][0]

    def totals(self):
        rows, users, first, last = self.rows('SELECT count(*), count(DISTINCT "user"), min(t), max(t) FROM e')[0]
        tied = self.rows('SELECT sum(c)::BIGINT FROM (SELECT count(*) AS c FROM e GROUP BY "user", t HAVING c > 1)')[0][0]
        return {"rows": rows, "users": users, "first_us": first, "last_us": last, "tied_rows": tied or 0}

    def chained(self, source):
        """f_k = the latest step-1 time from which step k was reached in the window, up to this row."""
        over = "OVER (PARTITION BY u ORDER BY t, step ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)"
        sql = f"SELECT *, max(CASE WHEN step = 1 THEN t END) {over} AS f1 FROM ({source})"
        for k in range(2, len(self.steps) + 1):
            sql = (f"SELECT *, max(CASE WHEN step = {k} AND t - f{k - 1} <= {self.window} THEN f{k - 1} END) {over}"
                   f" AS f{k} FROM ({sql})")
        return sql, over

    def levels(self, source, strict):
        n = len(self.steps)
        sql, over = self.chained(source)
        level = " + ".join(f"(f{k} IS NOT NULL)::INT" for k in range(1, n + 1))
        if strict:
            foreign = " OR ".join(["step = 0"] + [f"(step = {k} AND f{k - 1} IS NULL)" for k in range(2, n + 1)])
            sql = f"SELECT *, bool_or(f1 IS NOT NULL AND ({foreign})) {over} AS stopped FROM ({sql})"
            sql = f"SELECT * FROM ({sql}) WHERE NOT stopped"
        return at_least(self.rows(f"SELECT level, count(*) FROM (SELECT u, max({level}) AS level FROM ({sql}) GROUP BY u)"
                                  " GROUP BY level"), n)

    def funnel(self):
        return self.levels(f"SELECT * FROM ({self.numbered}) WHERE step > 0", False)

    def funnel_strict_order(self):
        return {"steps_only": self.levels(f"SELECT * FROM ({self.numbered}) WHERE step > 0", True),
                "all_rows": self.levels(self.numbered, True)}

    def funnel_adjacent(self):
        n = len(self.steps)
        lags = ", ".join(f"lag(step, {i}) OVER w AS s{i}, lag(t, {i}) OVER w AS t{i}" for i in range(1, n)) or "1"
        reached = ["count(DISTINCT u) FILTER (step = 1)"] + [
            "count(DISTINCT u) FILTER (step = {} AND {} AND t - t{} <= {})".format(
                k, " AND ".join(f"s{i} = {k - i}" for i in range(1, k)), k - 1, self.window) for k in range(2, n + 1)]
        return self.rows(f"SELECT {', '.join(reached)} FROM (SELECT *, {lags} FROM ({self.numbered}) WHERE step > 0"
                         " WINDOW w AS (PARTITION BY u ORDER BY t, step))")[0]

    def sessions(self):
        numbered = (f"SELECT u, sum(first::INT) OVER (PARTITION BY u ORDER BY t, event_id ROWS UNBOUNDED PRECEDING) AS s"
                    f" FROM ({self.marked})")
        return session_summary(self.rows(
            f"SELECT len, count(*) FROM (SELECT count(*) AS len FROM ({numbered}) GROUP BY u, s) GROUP BY len"))

    def transitions(self):
        pairs = (f"WITH m AS MATERIALIZED ({self.marked})"
                 " SELECT '(start)' AS a, name AS b, u FROM m WHERE first UNION ALL"
                 " SELECT name, CASE WHEN last THEN '(end)' ELSE next END, u FROM m")
        return sorted(self.rows(f"SELECT a, b, count(*), count(DISTINCT u) FROM ({pairs}) GROUP BY a, b"))

    def retention(self):
        self.db.execute(f'CREATE OR REPLACE TEMP TABLE active AS SELECT DISTINCT "user" AS u, t // {DAY} AS day FROM e')
        self.db.execute("CREATE OR REPLACE TEMP TABLE cohort AS SELECT u, min(day) AS d0 FROM active GROUP BY u")
        last = self.rows(f"SELECT max(t) // {DAY} FROM e")[0][0]
        x = dict(self.rows("SELECT day - d0, count(*) FROM active JOIN cohort USING (u)"
                           f" WHERE day < {last} GROUP BY 1"))
        n = dict(self.rows(f"SELECT k, count(*) FROM cohort, range(1, {DAYS[-1] + 1}) AS r(k) WHERE d0 + k < {last} GROUP BY k"))
        return retention_summary(self.rows("SELECT count(*) FROM cohort")[0][0],
                                 [(k, x.get(k, 0), n.get(k, 0)) for k in DAYS])


ANSWERS = ("funnel", "funnel_strict_order", "funnel_adjacent", "sessions", "transitions", "retention")


def answer(engine, args):
    """One JSON-ready dict from one engine; see the module's text for every key."""
    clock = time.perf_counter()
    peer = {"chdb": ClickHouse, "duckdb": DuckDB}[engine](args)
    secs = {"load": 0.0 if args.direct else time.perf_counter() - clock}
    out = {"engine": peer.version(), "gap_secs": args.gap_secs, "window_secs": args.window_secs, "steps": args.steps,
           **peer.totals()}
    for key in args.only:
        clock = time.perf_counter()
        out[key] = getattr(peer, key)()
        secs[key] = time.perf_counter() - clock
    out["secs"] = {k: round(v, 3) for k, v in secs.items()}
    return out


def same(a, b):
    """Raise where two engines differ in anything but name and timing."""
    differ = [k for k in a if k not in ("engine", "secs") and a[k] != b[k]]
    assert not differ, f"engines differ in {differ}"


def parse(argv=None):
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("files", nargs="+")
    p.add_argument("--gap-secs", type=int, default=1800)
    p.add_argument("--window-secs", type=int, default=604_800)
    p.add_argument("--steps", nargs="+", default=["e0001", "e0002", "e0003", "e0004"])
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--engine", choices=["chdb", "duckdb", "both"], default="chdb")
    p.add_argument("--only", nargs="+", choices=ANSWERS, default=list(ANSWERS))
    p.add_argument("--direct", action="store_true", help="query the Parquet files instead of the engine's own table")
    p.add_argument("--out", help="write the transitions to this JSON file, one row per line, instead of to stdout")
    args = p.parse_args(argv)
    assert len(set(args.steps)) == len(args.steps), "steps must be disjoint"
    return args


def main():
    args = parse()
    results = [answer(e, args) for e in (["chdb", "duckdb"] if args.engine == "both" else [args.engine])]
    result = results[0]
    if args.engine == "both":
        same(*results)
        result["second"] = {"engine": results[1]["engine"], "secs": results[1]["secs"], "equal": True}
    if args.out and "transitions" in result:
        rows = result["transitions"]
        with open(args.out, "w") as f:
            f.write("[\n" + ",\n".join(json.dumps(r, ensure_ascii=False) for r in rows) + "\n]\n")
        result["transitions"] = {"pairs": len(rows), "count": sum(r[2] for r in rows), "out": args.out}
    json.dump(result, sys.stdout, ensure_ascii=False)
    print()


if __name__ == "__main__":
    main()
