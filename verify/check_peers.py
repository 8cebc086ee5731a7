"""Check peers.py itself: small random logs against a plain Python brute force, and fixed vectors.

Prints one JSON object. Brute force: try every entry row (funnels) or walk each user's rows (the rest),
from the definitions in peers.py, without sharing any of its code. strict_order is checked between the
engines only, and on one fixed log, because its meaning is whatever ClickHouse does.
"""
import json
import os
import random
import sys
import tempfile
from collections import Counter, defaultdict

import pyarrow as pa
import pyarrow.parquet as pq

import peers

DAY = 86_400_000_000


def write(rows, path):
    """rows: (event_id, time_us, user, name)."""
    ids, times, users, names = zip(*rows)
    pq.write_table(pa.table({"event_id": ids, "time": pa.array(times, pa.int64()).cast(pa.timestamp("us", tz="UTC")),
                             "user": users, "name": names}), path)


def brute(rows, gap, window, steps):
    by_user = defaultdict(list)
    for event_id, t, user, name in rows:
        by_user[user].append((t, event_id, name))
    n = len(steps)
    best, adjacent, lengths, pairs, pair_users = [0] * n, [0] * n, Counter(), Counter(), defaultdict(set)
    end_day = max(r[1] for r in rows) // DAY
    x, mature = Counter(), Counter()
    for user, events in by_user.items():
        events.sort()
        top, top_adjacent = 0, 0
        step_rows = [(t, steps.index(name)) for t, _, name in events if name in steps]
        for i, (t1, s1) in enumerate(step_rows):
            if s1 != 0:
                continue
            level = 1
            for t, s in step_rows[i + 1:]:
                if s == level and t - t1 <= window:
                    level += 1
            top = max(top, level)
            run = 1
            while i + run < len(step_rows) and step_rows[i + run][1] == run and step_rows[i + run][0] - t1 <= window:
                run += 1
            top_adjacent = max(top_adjacent, run)
        for k in range(top):
            best[k] += 1
        for k in range(top_adjacent):
            adjacent[k] += 1
        sessions = [[events[0]]]
        for before, event in zip(events, events[1:]):
            if event[0] - before[0] > gap:
                sessions.append([])
            sessions[-1].append(event)
        for s in sessions:
            lengths[len(s)] += 1
            names = ["(start)"] + [e[2] for e in s] + ["(end)"]
            for pair in zip(names, names[1:]):
                pairs[pair] += 1
                pair_users[pair].add(user)
        days = {t // DAY for t, _, _ in events}
        for k in range(1, 31):
            if min(days) + k < end_day:
                mature[k] += 1
                x[k] += min(days) + k in days
    return {"funnel": best, "funnel_adjacent": adjacent,
            "sessions": {"count": sum(lengths.values()), "single_event": lengths[1],
                         "length": {str(k): c for k, c in sorted(lengths.items())}},
            "transitions": sorted([a, b, c, len(pair_users[a, b])] for (a, b), c in pairs.items()),
            "retention": {"cohort": len(by_user), "days": [{"k": k, "x": x[k], "n": mature[k]} for k in range(1, 31)]}}


def run(rows, gap, window, steps):
    """Both engines in table mode and ClickHouse on Parquet directly; all equal. Returns the first."""
    with tempfile.TemporaryDirectory() as folder:
        half = max(1, len(rows) // 2)
        files = [os.path.join(folder, f"{i}.parquet") for i in (0, 1)][:2 if len(rows) > 1 else 1]
        for f, part in zip(files, (rows[:half], rows[half:])):
            write(part, f)
        args = peers.parse([*files, "--gap-secs", str(gap), "--window-secs", str(window), "--steps", *steps])
        first = peers.answer("chdb", args)
        peers.same(first, peers.answer("duckdb", args))
        args.direct = True
        peers.same(first, peers.answer("chdb", args))
        return first


def random_log(rng):
    rows, names = [], ["A", "B", "C", "D", "x", "y's"]
    for u in range(rng.randint(1, 40)):
        t = rng.randrange(20 * DAY)
        for _ in range(rng.randint(1, 25)):
            rows.append((len(rows), t, f"u{u}", rng.choice(names)))
            t += rng.choice([1, 600_000_000, 1_800_000_000, 1_800_000_001, 3_600_000_000, rng.randrange(1, 3 * DAY)])
    rng.shuffle(rows)
    return rows


def vectors():
    """Best-entry levels of one user each: (seconds + step), window 60 s, steps A, B, C."""
    logs = {"u1": ("0A 10B 20C", 3), "u2": ("0A 100A 110B 115C", 3), "u3": ("0B 5A 6C 7B", 2), "u4": ("0A 0B 0C", 3),
            "u5": ("0A 60B 61C", 2), "u6": ("0C 1B 2A", 1), "u7": ("0A 5X 10B 12A 14C", 3), "u8": ("0A 30B 65A 66B 70C", 3)}
    for user, (text, level) in logs.items():
        rows = [(i, 10**15 + int(e[:-1]) * 10**6, user, e[-1]) for i, e in enumerate(text.split())]
        got = run(rows, 1800, 60, ["A", "B", "C"])["funnel"]
        assert got == [int(level >= k) for k in (1, 2, 3)], (user, got)
    strict = {"A B D C": ([1, 1, 1], [1, 1, 0]), "A C B C": ([1, 0, 0], [1, 0, 0]), "B A A B B C": ([1, 1, 1], [1, 1, 1]),
              "A C A B C": ([1, 0, 0], [1, 0, 0])}
    for text, (steps_only, all_rows) in strict.items():
        rows = [(i, 10**15 + i, "u", e) for i, e in enumerate(text.split())]
        got = run(rows, 1800, 60, ["A", "B", "C"])["funnel_strict_order"]
        assert got == {"steps_only": steps_only, "all_rows": all_rows}, (text, got)
    hours = {"u1": [0, 25, 49, 170], "u2": [20, 30, 45], "u3": [23, 24.5], "u4": [5, 173, 500], "u5": [47, 60], "u6": [10],
             "u7": range(12, 181, 24), "u8": [600, 625], "end": [672]}
    start = 1_704_067_200_000_000
    rows = [(i, start + int(h * 3.6e9), u, "A") for i, (u, h) in enumerate((u, h) for u, hs in hours.items() for h in hs)]
    got = {d["k"]: (d["x"], d["n"]) for d in run(rows, 1800, 60, ["A"])["retention"]["days"]}
    assert [got[k] for k in (1, 2, 3, 7, 14)] == [(6, 8), (2, 8), (1, 7), (3, 7), (0, 7)], got
    return len(logs) + len(strict) + 5


def main():
    rng, rounds = random.Random(1), int(sys.argv[1]) if len(sys.argv) > 1 else 6
    reached = Counter()
    for _ in range(rounds):
        rows = random_log(rng)
        gap, window = 1800, rng.choice([600, 3600, 86_400, 604_800])
        got, want = run(rows, gap, window, ["A", "B", "C", "D"]), brute(rows, gap * 10**6, window * 10**6, ["A", "B", "C", "D"])
        for key in want:
            assert got[key] == want[key], (key, got[key], want[key])
        reached.update({f"step{k + 1}": c for k, c in enumerate(got["funnel"])})
    print(json.dumps({"random_logs": rounds, "vectors": vectors(), "users_reached": reached, "ok": True}))


if __name__ == "__main__":
    main()
