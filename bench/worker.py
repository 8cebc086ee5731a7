"""One peer in its own warm process: reads one JSON command per line, writes one JSON line per command.

Commands: {"do": "load", "files": […]}, {"do": "prepare" or "run", "question": id, "formulation": name, "params": {…}},
{"do": "import", "formulation": name, "files": […], "folder": …}.
A reply has `secs`, the time in this process, and `cpu_secs` of all its threads; `answer`; or `error`.
"""
import argparse
import gc
import json
import os
import sys
import time
import traceback


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("peer")
    parser.add_argument("--folder", required=True)
    parser.add_argument("--threads", type=int, required=True)
    options = parser.parse_args()
    # Where memory ends, this process ends and not another.
    with open("/proc/self/oom_score_adj", "w") as score:
        score.write("1000")
    # What libraries print must not come between the replies.
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    from peer_tables import PEERS
    from questions import IMPORT, QUESTIONS
    peer = PEERS[options.peer](options.folder, options.threads)
    formulations = {(question.id, one.name): one for question in QUESTIONS for one in question.formulations if one.peer == peer.id}
    imports = {one.name: one for one in IMPORT.formulations if one.peer == peer.id}
    for line in sys.stdin:
        command = json.loads(line)
        gc.collect()
        try:
            reply = {}
            started, cpu_started = time.perf_counter(), time.process_time()
            if command["do"] == "load":
                peer.load(command["files"])
                reply["version"] = peer.version()
            elif command["do"] == "prepare":
                formulations[command["question"], command["formulation"]].prepare(peer)
            elif command["do"] == "import":
                check = imports[command["formulation"]].run(peer, command)
            else:
                reply["answer"] = formulations[command["question"], command["formulation"]].run(peer, command["params"])
            reply["secs"], reply["cpu_secs"] = time.perf_counter() - started, time.process_time() - cpu_started
            if command["do"] == "import":
                reply["answer"] = check()
        except Exception as error:  # The parent decides what a failure means.
            traceback.print_exc()
            reply = {"error": f"{type(error).__name__}: {str(error)[:500]}"}
        replies.write(json.dumps(reply) + "\n")
        replies.flush()


if __name__ == "__main__":
    main()
