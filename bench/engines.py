"""Diptych and the peers as processes that are asked, watched and timed."""
import json
import os
import re
import select
import subprocess
import sys

from load import AnonymousMemory, watched

HERE = os.path.dirname(os.path.abspath(__file__))
ANSWERED = re.compile(r"answered in ([0-9.]+) ms")


class Failed(Exception):
    """A formulation that a peer could not run."""


class Diptych:
    """The binary and a workspace."""

    def __init__(self, binary, workspace, threads):
        self.binary, self.workspace, self.threads = binary, workspace, threads

    def command(self, question, params):
        return [self.binary, "ask", self.workspace, *question.command(params), "--threads", str(self.threads), "--format", "json"]

    def ask(self, question, params):
        """One whole process: returns the answer in plain lists, and what the process cost."""
        done = watched(self.command(question, params), every_secs=0.002)
        whole = json.loads(done.out)
        return question.answer({cell["id"]: cell for cell in whole["cells"]}, whole, params), done

    def ask_warm(self, question, params, n_times=4):
        """One process that answers several times: returns the seconds of each answer, and what the process cost."""
        done = watched([*self.command(question, params), "--timing", str(n_times)])
        secs = [float(ms) / 1000 for ms in ANSWERED.findall(done.err)]
        assert len(secs) == n_times, f"no timing: {done.err[:500]}"
        return secs, done


class Peer:
    """A peer in a process of its own (worker.py)."""

    def __init__(self, id, folder, threads, limit_secs):
        self.id, self.limit_secs = id, limit_secs
        os.makedirs(folder, exist_ok=True)
        env = {**os.environ, "POLARS_MAX_THREADS": str(threads)}
        self.log = open(os.path.join(folder, "log"), "a")
        self.process = subprocess.Popen(
            [sys.executable, os.path.join(HERE, "worker.py"), id, "--folder", folder, "--threads", str(threads)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, text=True, env=env)

    def do(self, **command):
        """Returns the reply with `anonymous_mb`; a peer that ends or takes too long has failed."""
        with AnonymousMemory(self.process.pid, 0.005) as memory:
            try:
                self.process.stdin.write(json.dumps(command) + "\n")
                self.process.stdin.flush()
            except BrokenPipeError:
                raise Failed("the process has ended") from None
            ready, _, _ = select.select([self.process.stdout], [], [], self.limit_secs)
            line = self.process.stdout.readline() if ready else ""
        if not line:
            self.process.kill()
            self.process.wait()
            raise Failed(f"over {self.limit_secs} s" if not ready else "the process has ended (out of memory?)")
        reply = json.loads(line)
        if "error" in reply:
            raise Failed(reply["error"])
        return {**reply, "anonymous_mb": memory.peak_mb}

    def is_running(self):
        return self.process.poll() is None

    def close(self):
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass  # It has failed before.
        self.process.wait()
        self.log.close()
