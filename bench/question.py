"""What a question of the benchmark is: Diptych's command, the answer in plain lists, and each peer's formulations."""
from dataclasses import dataclass
from typing import Any, Callable


@dataclass(frozen=True)
class Formulation:
    """One way to answer a question with one peer."""
    peer: str
    name: str
    # Where this way of asking is published.
    source: str
    # (peer, params) -> answer; timed from the call until the answer is in Python.
    run: Callable[[Any, dict], Any]
    # What is derived beforehand, for this question only: (peer) -> None; timed on its own and reported with and without.
    prepare: Callable[[Any], None] | None = None


@dataclass(frozen=True)
class Question:
    """One question, asked of everybody."""
    id: str
    title: str
    # Smallest ratio (time of the best peer / ours) that is accepted, and the one aimed at.
    floor: float
    aim: float
    # Offset of the run, 0 at first -> parameters that every engine is asked with.
    params: Callable[[int], dict]
    # Parameters -> what follows `diptych ask DIR`.
    command: Callable[[dict], list]
    # (cells by id, whole answer, parameters) -> the answer in plain lists, as formulations give it.
    answer: Callable[[dict, dict, dict], Any]
    formulations: tuple
    # Parameters of a fuller answer that is compared once and not timed; not asked above 2 million events.
    full: dict | None = None


def offset(run):
    """0, -1, 1, -2, 2, … for run 0, 1, 2, …: no two runs of a question have the same parameters."""
    return (run + 1) // 2 * (1 if run % 2 == 0 else -1)
