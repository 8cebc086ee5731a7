"""The table that is made from raw runs."""
from statistics import median

from questions import IMPORT, QUESTIONS

DIPTYCH = "diptych"


def ms(secs):
    """Seconds as milliseconds with three digits that count."""
    value = secs * 1000
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def spread(secs, show=ms):
    return f"{show(median(secs))} ({show(min(secs))}–{show(max(secs))})"


def seconds(secs):
    return f"{secs:.2f}"


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join([*lines, *["| " + " | ".join(map(str, row)) + " |" for row in rows]]) + "\n"


# The peer that imports are measured against.
SORTED_TABLE = "duckdb"


def timed(records, question):
    """(engine, formulation) -> records of its runs."""
    found = {}
    for record in records:
        if (record["kind"] == "run" and record["question"] == question) or (record["kind"] == "import" and question == IMPORT.id):
            found.setdefault((record["engine"], record["formulation"]), []).append(record)
    return found


def secs_of(runs, field="secs"):
    return [run[field] for run in runs]


def best(found, peer=None):
    """The fastest formulation of the peers (or of one) that needs nothing derived beforehand."""
    plain = [(median(secs_of(runs)), key, runs) for key, runs in found.items()
             if key[0] != DIPTYCH and (peer is None or key[0] == peer) and "prepare_secs" not in runs[0]]
    return min(plain, key=lambda entry: entry[0], default=None)


def verdict(ratio, question):
    return "aim" if ratio >= question.aim else "floor" if ratio >= question.floor else "**under the floor**"


def cpu_ratio(ours, theirs):
    """For machines that others use too: CPU time of the same runs."""
    mine = median(secs_of(ours, "cpu_secs"))
    return f"{median(secs_of(theirs, 'cpu_secs')) / mine:.1f}" if mine > 0 else ""


def answers(records):
    """The table of ratios: median, fewest and most milliseconds; ratio = the best peer's time / ours."""
    rows = []
    for question in QUESTIONS:
        found = timed(records, question.id)
        ours, other = found.get((DIPTYCH, "diptych ask")), best(found)
        if not ours:
            continue
        if not other:
            rows.append([question.title, spread(secs_of(ours)), spread(secs_of(ours, "process_secs")), "none answered", *[""] * 4,
                         f"{question.floor:g}", f"{question.aim:g}", ""])
            continue
        secs, (engine, name), runs = other
        warm, process = median(secs_of(ours)), median(secs_of(ours, "process_secs"))
        rows.append([question.title, spread(secs_of(ours)), spread(secs_of(ours, "process_secs")), f"{engine}: {name}", spread(secs_of(runs)),
                     f"{secs / warm:.1f}", f"{secs / process:.1f}", cpu_ratio(ours, runs), f"{question.floor:g}", f"{question.aim:g}", verdict(secs / warm, question)])
    found = timed(records, IMPORT.id)
    ours = found.get((DIPTYCH, "diptych import"))
    # The floor is against the sorted table that DuckDB makes; the fastest peer stands beside it.
    for peer in (SORTED_TABLE, None):
        other = best(found, peer)
        if not ours or not other or (peer is None and other[1][0] == SORTED_TABLE):
            continue
        secs, (engine, name), runs = other
        ratio = secs / median(secs_of(ours))
        judged = [f"{IMPORT.floor:g}", f"{IMPORT.aim:g}", verdict(ratio, IMPORT)] if peer else ["", "", ""]
        rows.append([IMPORT.title, "", spread(secs_of(ours)), f"{engine}: {name}", spread(secs_of(runs)), "", f"{ratio:.2f}", cpu_ratio(ours, runs), *judged])
    head = ["question", "Diptych in a warm process, ms", "Diptych, whole process, ms", "best peer", "its time in a warm process, ms", "ratio",
            "ratio, whole process", "ratio of CPU times", "floor", "aim", "met"]
    return table(head, rows)


def formulations(records):
    rows = []
    for question in (*QUESTIONS, IMPORT):
        for (engine, name), runs in sorted(timed(records, question.id).items(), key=lambda entry: median(secs_of(entry[1]))):
            derived = f"{ms(runs[0]['prepare_secs'])}" if "prepare_secs" in runs[0] else ""
            rows.append([question.id, engine, name, spread(secs_of(runs)), ms(median(secs_of(runs, "cpu_secs"))), derived, max(run["anonymous_mb"] for run in runs)])
    failed = [[record["question"], record["engine"], record["formulation"], f"failed: {record['why'][:120]}", "", "", ""]
              for record in records if record["kind"] == "failed"]
    return table(["question", "engine", "formulation", "median (min–max), ms", "CPU, ms", "derived beforehand, ms", "peak anonymous memory, MB"], rows + failed)


def layouts(records):
    """What lies ready before a question, and the answer with the making of it."""
    made = {record["engine"]: record["secs"] for record in records if record["kind"] == "layout"}
    imported = timed(records, IMPORT.id).get((DIPTYCH, "diptych import"))
    rows = []
    for question in QUESTIONS:
        found = timed(records, question.id)
        ours = found.get((DIPTYCH, "diptych ask"))
        if not ours:
            continue
        row = [question.id]
        for secs in (median(secs_of(imported)) if imported else None, made.get(DIPTYCH)):
            row.append(seconds(secs + median(secs_of(ours))) if secs is not None else "")
        for peer in ("clickhouse", "duckdb", "polars"):
            other = best(found, peer)
            row.append(seconds(made[peer] + other[0]) if other and peer in made else "")
        rows.append(row)
    return table(["question", "Diptych: import and answer, s", "Diptych: timelines from the log and answer, s", "ClickHouse: table and answer, s",
                  "DuckDB: table and answer, s", "Polars: frame and answer, s"], rows)


def measured(records):
    lines = []
    for record in (record for record in records if record["kind"] == "measure"):
        match record["measure"]:
            case "bytes_on_disk_per_event":
                lines.append(f"Bytes on disk per event: {record['all']}, of these log {record['log']}, timelines {record['timelines']},"
                             f" index of ids {record['ids']}.")
            case "import_under_rlimit_data":
                lines.append(f"Import of {record['events']:,} events under RLIMIT_DATA of {record['limit_bytes']:,} bytes: {seconds(record['secs'])} s,"
                             f" CPU {seconds(record['cpu_secs'])} s, at most {record['anonymous_mb']} MB of anonymous memory.")
            case "start_only":
                lines.append(f"Start and end of the program without a question: {ms(record['secs'])} ms.")
            case "start_to_answer":
                lines.append(f"Start of the program to its end with the answer, {record['question']}: {spread(record['secs'])} ms,"
                             f" CPU {ms(median(record['cpu_secs']))} ms.")
            case "new_events":
                lines.append(f"{record['n_events']:,} new events: imported in {seconds(record['import_secs'])} s, the next funnel answered after"
                             f" {seconds(record['until_answered_secs'])} s; a warm funnel over two segments {ms(record['answer_with_two_segments_secs'])} ms.")
            case "derived":
                lines.append(f"{record['operator']}: {record['events_per_sec']:,} events per second ({spread(record['secs'])} ms, whole process,"
                             f" CPU {ms(median(record['cpu_secs']))} ms; the first time {ms(record['first_secs'])} ms,"
                             f" CPU {ms(record['first_cpu_secs'])} ms), at most {record['anonymous_mb']} MB of anonymous memory.")
    return "".join(f"- {line}\n" for line in lines)


def markdown(records, raw):
    card = next(record for record in records if record["kind"] == "machine")
    load = next(record for record in records if record["kind"] == "load")
    peers = ", ".join(f"{name} {version}" for name, version in card["peers"].items())
    dirty = " with uncommitted changes" if card["uncommitted"] else ""
    return f"""# {card['events']:,} events

{card['cpu']}, {card['cores']} cores, {card['memory_gb']} GB, Linux {card['kernel']}; load average at the start {card['load_average_at_start']:.1f}.
{card['threads']} threads each; {card['diptych']} ({card['build']} build, commit {card['commit']}{dirty}); {peers}.
Load: {load['bytes'] / card['events']:.1f} bytes of Parquet per event.
Raw runs: [{raw}]({raw}). What is fair here and what is not: [bench/README.md](../../bench/README.md).
Every answer that a peer gave was equal to Diptych's; times are medians (smallest–largest), ratio = time of the best peer / ours.

{answers(records)}
## Every formulation

{formulations(records)}
## With what lies ready made anew

{layouts(records)}
## Also measured

{measured(records)}"""
