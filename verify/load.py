"""The generated load: its files, a workspace for it, and commands watched while they run. Used here and in bench/."""
import glob
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from typing import NamedTuple

SPEC = """format: 1
name: Load
zone: UTC
properties:
  plan: { type: text }
  country: { type: text }
  campaign: { type: text }
  sku: { type: text }
  amount_cents: { type: integer }
sources:
  load:
    files: ["events-*.parquet"]
    each:
      time: time
      event_id: event_id
      user: user
      page: page
      properties: { plan: plan, country: country, campaign: campaign, sku: sku, amount_cents: amount_cents }
    events:
      - name: name
"""
STEPS = ["e0001", "e0002", "e0003", "e0004"]


def make_load(diptych, folder, events, *options):
    """Makes the load once; a marker tells that it is whole. Returns its files."""
    marker = os.path.join(folder, f"{events}.done")
    if not os.path.exists(marker):
        shutil.rmtree(folder, ignore_errors=True)
        command = [diptych, "simulate", "load", "--events", str(events), *options, "-o", folder]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        open(marker, "w").close()
    return sorted(glob.glob(os.path.join(folder, "events-*.parquet")))


def new_workspace(folder, spec=SPEC):
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    with open(os.path.join(folder, "diptych.yaml"), "w") as file:
        file.write(spec)


def store_bytes(workspace, part=""):
    folder = os.path.join(workspace, "store", part)
    return sum(os.path.getsize(os.path.join(root, name)) for root, _, names in os.walk(folder) for name in names)


class AnonymousMemory:
    """Follows the anonymous memory (RssAnon) of a process; `peak_mb` is the most that was seen."""

    def __init__(self, pid, every_secs=0.02):
        self.pid, self.every_secs, self.peak_mb, self.over = pid, every_secs, 0.0, threading.Event()
        self.thread = threading.Thread(target=self._follow)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()

    def _follow(self):
        while not self.over.is_set():
            try:
                with open(f"/proc/{self.pid}/status") as status:
                    for line in status:
                        if line.startswith("RssAnon"):
                            self.peak_mb = max(self.peak_mb, int(line.split()[1]) / 1024)
            except (FileNotFoundError, ProcessLookupError):
                break
            self.over.wait(self.every_secs)


class Watched(NamedTuple):
    """What a command wrote to stdout and stderr, and what it cost."""
    out: str
    err: str
    secs: float
    # Of all its threads, user and system.
    cpu_secs: float
    anonymous_mb: float


def watched(command, every_secs=0.02, **options):
    """Runs a command to its end; stops the program where it fails."""
    with tempfile.TemporaryFile("w+") as err:
        started = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=err, text=True, **options)
        with AnonymousMemory(process.pid, every_secs) as memory:
            out = process.stdout.read()
            _, status, usage = os.wait4(process.pid, 0)
            secs = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        process.stdout.close()
        err.seek(0)
        said = err.read()
    if process.returncode:
        sys.exit(f"{' '.join(command)} ended with {process.returncode}: {said[-2000:]}")
    return Watched(out, said, secs, usage.ru_utime + usage.ru_stime, memory.peak_mb)
