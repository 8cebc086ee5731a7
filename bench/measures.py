"""What is measured beside the questions; each function returns records for the raw file."""
import os
import resource
import shutil
import time
from statistics import median

from engines import Diptych
from load import SPEC, make_load, new_workspace, store_bytes, watched
from questions import QUESTIONS

# The funnel's names as a task, stages and frictions, so that everything derived has work to do on a load.
JOURNEYS = """
tasks:
  order: { start: e0001, steps: [e0002, e0003], success: e0004, error: e0007 }
  look: { start: e0010, steps: [e0011], success: e0012 | e0013 }
frictions:
  trouble: { events: e0007 | e0008, opportunity: e0001 }
  slow: { rule: slow_page, events: e0005 | e0006, column: amount_cents, over_ms: 5000 }
stages:
  - { name: consideration, enter: e0001, lost_after: 14d, path: [e0001, e0002, e0003] }
  - { name: purchase, enter: e0004, renew: e0004, lost_after: 30d }
"""
DERIVED = (("tasks", []), ("frictions", []), ("stages", []), ("behind", ["--stage", "consideration"]))


def bytes_on_disk(workspace, events):
    parts = {part: store_bytes(workspace, part) for part in ("log", "timelines", "ids")}
    return [{"measure": "bytes_on_disk_per_event", **{part: round(size / events, 2) for part, size in parts.items()},
             "all": round(store_bytes(workspace) / events, 2)}]


def import_under_limit(diptych, files, folder, events, limit_bytes=10**9):
    """The import with RLIMIT_DATA: what it may allocate, mapped files not included."""
    workspace = os.path.join(folder, "limited")
    new_workspace(workspace)
    limit = lambda: resource.setrlimit(resource.RLIMIT_DATA, (limit_bytes, limit_bytes))
    done = watched([diptych, "import", workspace, *files], preexec_fn=limit)
    shutil.rmtree(workspace)
    return [{"measure": "import_under_rlimit_data", "limit_bytes": limit_bytes, "events": events, "secs": done.secs, "cpu_secs": done.cpu_secs,
             "anonymous_mb": round(done.anonymous_mb)}]


def start_to_answer(diptych, workspace, threads, runs):
    """From the start of the program to its end with the answer, files in the page cache; smallest question first."""
    engine, records = Diptych(diptych, workspace, threads), []
    for question in QUESTIONS:
        costs = [engine.ask(question, question.params(run))[1] for run in range(runs)]
        records.append({"measure": "start_to_answer", "question": question.id, "secs": [done.secs for done in costs],
                        "cpu_secs": [done.cpu_secs for done in costs]})
    return [*records, {"measure": "start_only", "secs": watched([diptych, "--version"]).secs}]


def shared(source, target):
    """Links files that are written once, so that a store of any size is copied at once; the others are copied."""
    (os.link if source.endswith((".arrow", ".parquet", ".run")) else shutil.copy2)(source, target)


def new_events(diptych, workspace, folder, threads, n_events=100_000):
    """So many new events into the store: until the import ends, and until the next question is answered."""
    more = os.path.join(folder, "more")
    files = make_load(diptych, more, n_events, "--seed", "2")
    copy = os.path.join(folder, "copy")
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(workspace, copy, copy_function=shared)
    started = time.perf_counter()
    watched([diptych, "import", copy, *files])
    imported = time.perf_counter() - started
    question = QUESTIONS[0]
    Diptych(diptych, copy, threads).ask(question, question.params(0))
    answered = time.perf_counter() - started
    (_, *warm), _ = Diptych(diptych, copy, threads).ask_warm(question, question.params(0))
    shutil.rmtree(copy)
    return [{"measure": "new_events", "n_events": n_events, "import_secs": imported, "until_answered_secs": answered,
             "answer_with_two_segments_secs": median(warm)}]


def derived(diptych, workspace, folder, events, threads, runs):
    """Events per second of what is derived: tasks, frictions, stages, behind. The first question also makes accounts' timelines."""
    journeys = os.path.join(folder, "journeys")
    new_workspace(journeys, SPEC + JOURNEYS)
    shutil.copytree(os.path.join(workspace, "store"), os.path.join(journeys, "store"), copy_function=shared)
    records = []
    for operator, options in DERIVED:
        command = [diptych, "ask", journeys, operator, *options, "--threads", str(threads), "--format", "json"]
        first, *others = [watched(command, every_secs=0.002) for _ in range(runs + 1)]
        secs = [done.secs for done in others]
        records.append({"measure": "derived", "operator": operator, "first_secs": first.secs, "first_cpu_secs": first.cpu_secs, "secs": secs,
                        "cpu_secs": [done.cpu_secs for done in others], "events_per_sec": round(events / median(secs)), "anonymous_mb": round(max(done.anonymous_mb for done in [first, *others]))})
    shutil.rmtree(journeys)
    return records
