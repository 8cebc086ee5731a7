"""What a run was made on: machine, versions, commit."""
import os
import platform
import subprocess
from importlib.metadata import version


def first_of(path, field):
    with open(path) as file:
        return next((line.split(":", 1)[1].strip() for line in file if line.startswith(field)), "unknown")


def output(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


def card(diptych, root, threads):
    git = lambda *words: output("git", "-C", root, *words)
    return {
        "cpu": first_of("/proc/cpuinfo", "model name"),
        "cores": os.cpu_count(),
        "memory_gb": round(int(first_of("/proc/meminfo", "MemTotal").split()[0]) / 2**20, 1),
        "kernel": platform.release(),
        "load_average_at_start": os.getloadavg()[0],
        "threads": threads,
        "python": platform.python_version(),
        "peers": {name: version(name) for name in ("chdb", "chdb-core", "duckdb", "polars")},
        "diptych": output(diptych, "--version"),
        "commit": git("rev-parse", "--short=12", "HEAD"),
        "uncommitted": bool(git("status", "--porcelain", "--", "crates", "Cargo.toml", "Cargo.lock")),
        # cargo's folder of the profile, `release` for figures that count.
        "build": os.path.basename(os.path.dirname(os.path.realpath(diptych))),
    }
