"""Equality with ClickHouse and DuckDB on generated events, and the memory and rate of the import.

Makes (or finds) a load of --events events, imports it with the given binary while watching its anonymous
memory, asks funnel, sessions, transitions and retention, and compares every number with peers.py.
Prints one JSON object; exits 1 where an answer differs.
"""
import argparse
import json
import os
import subprocess
import sys

from load import STEPS, make_load, new_workspace, store_bytes, watched


def cells(answer):
    return {cell["id"]: cell for cell in answer["cells"]}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--diptych", required=True, help="the binary")
    parser.add_argument("--folder", required=True, help="where the load and the workspace lie")
    parser.add_argument("--events", type=int, default=20_000_000)
    parser.add_argument("--engine", default="both", choices=["chdb", "duckdb", "both"])
    options = parser.parse_args()
    load, shop = os.path.join(options.folder, "load"), os.path.join(options.folder, "workspace")
    files = make_load(options.diptych, load, options.events)
    new_workspace(shop)
    done = watched([options.diptych, "import", shop, *files])
    report = {"events": options.events, "import": {"secs": round(done.secs, 1), "rows_per_sec": round(options.events / done.secs),
                                                   "anonymous_mb_peak": round(done.anonymous_mb)}}
    report["store_bytes_per_event"] = round(store_bytes(shop) / options.events, 1)

    def ask(operator, **params):
        done = watched([options.diptych, "ask", shop, operator, "--format", "json", "--params", json.dumps(params)])
        report[operator] = {"secs": round(done.secs, 2), "anonymous_mb_peak": round(done.anonymous_mb)}
        return cells(json.loads(done.out))

    here = os.path.dirname(os.path.abspath(__file__))
    transitions = os.path.join(options.folder, "transitions.json")
    command = [sys.executable, os.path.join(here, "peers.py"), *files, "--engine", options.engine, "--out", transitions, "--steps", *STEPS]
    peers = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    differ = []

    def same(what, ours, theirs):
        if ours != theirs:
            differ.append({"what": what, "diptych": ours, "peer": theirs})

    funnel = ask("funnel", steps=STEPS, window="7d")
    same("funnel", [funnel[f"step:{k}"]["people"] for k in range(1, 5)], peers["funnel"])
    sessions = ask("sessions")
    same("sessions", sessions["sessions"]["n"], peers["sessions"]["count"])
    same("single-event sessions", sessions["single"]["x"], peers["sessions"]["single_event"])
    for length in range(1, 10):
        same(f"sessions of {length}", sessions[f"length:{length}"]["n"], peers["sessions"]["length"].get(str(length), 0))
    theirs = [tuple(json.loads(line.strip().rstrip(","))) for line in open(transitions) if line.strip() not in ("[", "]")]
    edges = {(a, b): (n, people) for a, b, n, people in theirs}
    ours = ask("transitions", top=len(edges) + 100_000, times="none")
    # Sessions that may go on at the end of observation end in (open) here; the peers know only (end).
    found = {}
    for cell in ours.values():
        if cell["id"].startswith("edge:"):
            a, b = cell["id"][5:].split("→")
            n, people = found.get((a, b.replace("(open)", "(end)")), (0, 0))
            found[(a, b.replace("(open)", "(end)"))] = (n + cell["n"], people + cell["people"])
    open_names = {cell["id"][5:].split("→")[0] for cell in ours.values() if cell["id"].endswith("→(open)")}
    same("number of edges", len(found), len(edges))
    wrong = {edge: (found.get(edge), edges[edge]) for edge in edges if found.get(edge) != edges[edge]}
    # A person with both an ended and an open session after one event counts in both cells; only those may differ.
    wrong = {edge: pair for edge, pair in wrong.items() if not (edge[1] == "(end)" and edge[0] in open_names and pair[0][0] == pair[1][0])}
    same("transitions", {}, {f"{a}→{b}": pair for (a, b), pair in list(wrong.items())[:5]})
    report["edges"] = len(edges)
    retention = ask("retention", cohorts="none")
    for day in peers["retention"]["days"]:
        cell = retention[f"period:{day['k']}"]
        same(f"retention on day {day['k']}", [cell["x"], cell["n"]], [day["x"], day["n"]])
    report["peers_secs"] = peers["secs"]
    report["funnel_levels"] = peers["funnel"]
    report["sessions_n"] = peers["sessions"]["count"]
    report["differ"] = differ
    print(json.dumps(report, indent=1))
    sys.exit(1 if differ else 0)


if __name__ == "__main__":
    main()
