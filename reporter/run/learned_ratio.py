"""How far guesses of the cost model were off, by kind of job."""

from __future__ import annotations

from collections import defaultdict


class LearnedRatio:
    """How far the guesses of each process were off: seconds taken over seconds guessed."""

    def __init__(self) -> None:
        self._took: dict[str, float] = defaultdict(float)
        self._guessed: dict[str, float] = defaultdict(float)

    def learn(self, process: str, seconds: float, guess: float) -> None:
        """Takes in a finished job."""
        self._took[process] += seconds
        self._guessed[process] += guess

    def __call__(self, process: str) -> float:
        """The factor for a process, as if one second of it had been guessed as well as all processes were so far."""
        overall = (sum(self._took.values()) + 1) / (sum(self._guessed.values()) + 1)
        return (self._took.get(process, 0.0) + overall) / (self._guessed.get(process, 0.0) + 1)
