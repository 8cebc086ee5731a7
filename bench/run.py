"""Asks Diptych and its peers the same questions on the same data and cores, one engine after the other.

For each size: makes the load, imports it, asks everything with one warm-up and --runs runs, each with another window,
gap or number of days, and compares every answer with Diptych's before any time is printed. A difference stops the run.
The smallest size (at most 1 million events) times every formulation; the larger ones the fastest of each peer.
Raw runs go to --out as JSON lines, with a table beside them. README.md says what is fair here and what is not.
"""
import argparse
import datetime
import json
import os
import shutil
import sys
import time
from statistics import median

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
sys.path.append(os.path.join(ROOT, "verify"))

import machine  # noqa: E402
import measures  # noqa: E402
import report  # noqa: E402
from engines import Diptych, Failed, Peer  # noqa: E402
from load import make_load, new_workspace, watched  # noqa: E402
from peer_tables import PEERS  # noqa: E402
from questions import IMPORT, QUESTIONS  # noqa: E402

# Parameters of the warm-up are those of a run that never comes.
WARM_UP = 21
# Fuller answers (every edge of the transitions) are compared up to this size.
FULL_EVENTS = 2_000_000


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--diptych", required=True, help="the binary; a release build for figures that count")
    parser.add_argument("--folder", required=True, help="where loads, workspaces and the peers' files lie")
    parser.add_argument("--out", default=os.path.join(ROOT, "docs", "benchmarks"), help="where raw runs and tables go")
    parser.add_argument("--sizes", default="1,10,100", help="millions of events, comma-separated; 300 is possible")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--import-runs", type=int, help="5 up to 1 million events, 3 up to 10 million, 1 above, unless given")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--keep", type=int, default=2, help="formulations of each peer that larger sizes time")
    parser.add_argument("--limit-secs", type=float, default=1800, help="what takes a peer longer has failed")
    parser.add_argument("--peers", default=",".join(PEERS), help="comma-separated")
    parser.add_argument("--questions", default=",".join(["import", *[question.id for question in QUESTIONS]]), help="comma-separated")
    parser.add_argument("--no-measures", action="store_true", help="leave out disk, limits, starts, new events, derived rates")
    parser.add_argument("--imported", action="store_true", help="ask the workspaces that an earlier run left in --folder; time no import of ours there")
    options = parser.parse_args()
    options.sizes = sorted(round(float(size) * 1e6) for size in options.sizes.split(","))
    if options.sizes[0] > 1_000_000:
        options.sizes.insert(0, 1_000_000)
    options.peers, options.questions = options.peers.split(","), options.questions.split(",")
    return options


class Size:
    """Everything at one size; `records` are the raw runs, written as they come."""

    def __init__(self, options, events, chosen):
        self.options, self.events, self.chosen = options, events, chosen
        os.makedirs(options.out, exist_ok=True)
        self.path = os.path.join(options.out, f"{datetime.date.today()}-{events / 1e6:g}M")
        self.raw = open(self.path + ".jsonl", "w")
        self.folder = os.path.join(options.folder, f"{events}")
        self.workspace = os.path.join(self.folder, "workspace")
        self.records = []
        # (question, parameters) -> Diptych's answer
        self.answers = {}

    def record(self, **fields):
        self.records.append(fields)
        self.raw.write(json.dumps(fields, ensure_ascii=False) + "\n")
        self.raw.flush()

    def asked(self):
        return [question for question in QUESTIONS if question.id in self.options.questions]

    def formulations(self, question, peer):
        found = [one for one in question.formulations if one.peer == peer]
        return found if self.chosen is None else [one for one in found if (question.id, one.peer, one.name) in self.chosen]

    def run(self):
        options = self.options
        say(f"{self.events:,} events")
        self.record(kind="machine", events=self.events, **machine.card(options.diptych, ROOT, options.threads))
        self.files = make_load(options.diptych, os.path.join(self.folder, "load"), self.events)
        self.record(kind="load", files=len(self.files), bytes=sum(map(os.path.getsize, self.files)))
        if not (options.imported and os.path.exists(os.path.join(self.workspace, "store"))):
            self.import_diptych()
        self.imported = self.card()
        if "import" in options.questions:
            self.import_peers()
        self.ask_diptych()
        for peer in options.peers:
            self.ask_peer(peer)
        if not options.no_measures:
            self.measure()

    def import_runs(self):
        return self.options.import_runs or (5 if self.events <= 1_000_000 else 3 if self.events <= 10_000_000 else 1)

    def import_diptych(self):
        runs = self.import_runs() if "import" in self.options.questions else 1
        for run in range(runs):
            new_workspace(self.workspace)
            done = watched([self.options.diptych, "import", self.workspace, *self.files])
            self.record(kind="import", engine="diptych", formulation="diptych import", run=run, **cost(done))
        self.record(kind="layout", engine="diptych", **cost(watched([self.options.diptych, "rebuild", self.workspace])))

    def card(self):
        """Rows, users, first and last instant, as every import must have them."""
        whole = json.loads(watched([self.options.diptych, "ask", self.workspace, "sessions", "--format", "json"]).out)
        instant = lambda text: round(datetime.datetime.fromisoformat(text).timestamp() * 1e6)
        return [whole["base"]["events"], whole["base"]["actors"],
                instant(whole["window"]["observed_from"]), instant(whole["window"]["observed_until"])]

    def import_peers(self):
        for one in IMPORT.formulations:
            if one.peer not in self.options.peers or (self.chosen is not None and ("import", one.peer, one.name) not in self.chosen):
                continue
            for run in range(self.import_runs()):
                folder = os.path.join(self.folder, "imported")
                shutil.rmtree(folder, ignore_errors=True)
                peer = Peer(one.peer, folder, self.options.threads, self.options.limit_secs)
                try:
                    reply = peer.do(do="import", formulation=one.name, files=self.files, folder=folder, threads=self.options.threads)
                except Failed as failed:
                    self.record(kind="failed", engine=one.peer, question="import", formulation=one.name, why=str(failed))
                    say(f"  import, {one.peer}, {one.name}: failed, {failed}")
                    break
                finally:
                    peer.close()
                same("import", one, {}, self.imported, reply["answer"])
                self.record(kind="import", engine=one.peer, formulation=one.name, run=run, **peer_cost(reply))
            shutil.rmtree(folder, ignore_errors=True)
        say("  imported; equal rows, users and instants")

    def ask_diptych(self):
        engine = Diptych(self.options.diptych, self.workspace, self.options.threads)
        for question in self.asked():
            for run in [WARM_UP, *range(self.options.runs)]:
                params = question.params(run)
                answer, whole = engine.ask(question, params)
                self.answers[question.id, json.dumps(params)] = answer
                if run == WARM_UP:
                    continue
                (first_secs, *others), warm = engine.ask_warm(question, params)
                # What the other answers of the warm process cost beyond a process with one answer.
                cpu_secs = max(0.0, warm.cpu_secs - whole.cpu_secs) / len(others)
                self.record(kind="run", engine="diptych", question=question.id, formulation="diptych ask", run=run, params=params,
                            secs=median(others), cpu_secs=cpu_secs, first_secs=first_secs, process_secs=whole.secs,
                            process_cpu_secs=whole.cpu_secs, anonymous_mb=round(whole.anonymous_mb))
            if question.full and self.events <= FULL_EVENTS:
                params = {**question.params(0), **question.full}
                self.answers[question.id, json.dumps(params)] = engine.ask(question, params)[0]
        say("  Diptych answered")

    def ask_peer(self, id):
        folder = os.path.join(self.folder, id)
        peer = None
        for question in self.asked():
            for one in self.formulations(question, id):
                try:
                    if peer is None or not peer.is_running():
                        shutil.rmtree(folder, ignore_errors=True)
                        peer = Peer(id, folder, self.options.threads, self.options.limit_secs)
                        reply = peer.do(do="load", files=self.files)
                        self.record(kind="layout", engine=id, **peer_cost(reply), version=reply["version"])
                    self.ask_formulation(peer, question, one)
                except Failed as failed:
                    self.record(kind="failed", engine=id, question=question.id, formulation=one.name, why=str(failed))
                    say(f"  {question.id}, {id}, {one.name}: failed, {failed}")
        if peer is not None:
            peer.close()
        shutil.rmtree(folder, ignore_errors=True)
        n_failed = sum(record["kind"] == "failed" and record["engine"] == id for record in self.records)
        say(f"  {id}: {n_failed} formulations failed; all other answers are equal" if n_failed else f"  {id} answered; all answers are equal")

    def ask_formulation(self, peer, question, one):
        asked = {"question": question.id, "formulation": one.name}
        derived = {"prepare_secs": peer.do(do="prepare", **asked)["secs"]} if one.prepare else {}
        for run in [WARM_UP, *range(self.options.runs)]:
            params = question.params(run)
            reply = peer.do(do="run", params=params, **asked)
            same(question.id, one, params, self.answers[question.id, json.dumps(params)], reply["answer"])
            if run != WARM_UP:
                self.record(kind="run", engine=peer.id, **asked, run=run, params=params, **peer_cost(reply), **derived)
        if question.full and self.events <= FULL_EVENTS:
            params = {**question.params(0), **question.full}
            reply = peer.do(do="run", params=params, **asked)
            same(question.id, one, params, self.answers[question.id, json.dumps(params)], reply["answer"])

    def measure(self):
        options = self.options
        records = measures.bytes_on_disk(self.workspace, self.events)
        records += measures.start_to_answer(options.diptych, self.workspace, options.threads, options.runs)
        records += measures.new_events(options.diptych, self.workspace, self.folder, options.threads)
        records += measures.derived(options.diptych, self.workspace, self.folder, self.events, options.threads, options.runs)
        if self.events <= 10_000_000:
            records += measures.import_under_limit(options.diptych, self.files, self.folder, self.events)
        for fields in records:
            self.record(kind="measure", **fields)
        say("  measured")

    def write(self):
        self.raw.close()
        with open(self.path + ".md", "w") as file:
            file.write(report.markdown(self.records, os.path.basename(self.raw.name)))
        say(f"  {self.path}.md")


def cost(done):
    return {"secs": done.secs, "cpu_secs": done.cpu_secs, "anonymous_mb": round(done.anonymous_mb)}


def peer_cost(reply):
    return {"secs": reply["secs"], "cpu_secs": reply["cpu_secs"], "anonymous_mb": round(reply["anonymous_mb"])}


def same(question, formulation, params, ours, theirs):
    """Stops the run where two answers differ."""
    ours, theirs = json.loads(json.dumps([ours, theirs]))
    if ours != theirs:
        sys.exit(f"answers differ: {question}, {formulation.peer}, {formulation.name}, {json.dumps(params)}\n{difference(ours, theirs)}")


def difference(ours, theirs, path="answer"):
    """Names the first place where two answers differ."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key in sorted({*ours, *theirs}):
            if ours.get(key) != theirs.get(key):
                return difference(ours.get(key), theirs.get(key), f"{path}.{key}")
    if isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for idx, (a, b) in enumerate(zip(ours, theirs)):
            if a != b:
                return difference(a, b, f"{path}[{idx}]")
    return f"{path}: Diptych {str(ours)[:500]}, peer {str(theirs)[:500]}"


def fastest(records, keep):
    """The formulations that larger sizes time: of each question and peer the `keep` fastest, and what was derived beforehand and is faster."""
    times = {}
    for record in records:
        if record["kind"] in ("run", "import") and record["engine"] != "diptych":
            key = (record.get("question", "import"), record["engine"], record["formulation"])
            times.setdefault(key, []).append((record["secs"], "prepare_secs" in record))
    chosen = set()
    for question, peer in {key[:2] for key in times}:
        mine = sorted((median(secs for secs, _ in runs), runs[0][1], key) for key, runs in times.items() if key[:2] == (question, peer))
        plain = [entry for entry in mine if not entry[1]][:keep]
        chosen |= {key for _, _, key in plain}
        chosen |= {key for secs, prepared, key in mine if prepared and plain and secs < plain[0][0]}
    return chosen


def say(text):
    print(time.strftime("%H:%M:%S"), text, file=sys.stderr, flush=True)


def main():
    options = parse()
    chosen = None
    for events in options.sizes:
        size = Size(options, events, chosen)
        size.run()
        size.write()
        print(report.answers(size.records))
        if chosen is None:
            chosen = fastest(size.records, options.keep)


if __name__ == "__main__":
    main()
