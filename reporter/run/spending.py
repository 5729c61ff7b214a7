"""A run with a budget: the jobs that the time has room for, planned anew whenever they take longer or shorter."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from time import monotonic

from reporter.host.job import Job
from reporter.model.durations import duration
from reporter.run.allocation import allocate
from reporter.run.costs import Costs

TOLERANCE = 0.05
"""A job may run over the end by this share of the budget before it is cut off."""
MANY = 8
"""So many networks are named in a line."""
Replanned = Callable[[Sequence[Job]], None]


class Spending:
    """Hands out jobs while there is time for them; `replanned` is told all that are done or planned.

    `opening` is what every round costs besides its jobs, because torch is loaded anew for it; the first one is paid.
    """

    def __init__(
        self,
        seconds: float,
        jobs: Sequence[Job],
        costs: Costs,
        *,
        opening: float = 0.0,
        replanned: Replanned = lambda jobs: None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self.seconds = seconds
        self.planned: list[Job] = []
        self._costs, self._replanned, self._clock = costs, replanned, clock
        self._opening, self._round = opening, 0
        self._end = clock() + seconds - opening
        self._waiting = {id(job): job for job in jobs}
        self._done: list[Job] = []
        self._begun = 0.0

    def take(self) -> Job | None:
        """The next job, handed out; None where the time has room for none."""
        if not self._goes_on():
            return None
        job = self.planned.pop(0)
        del self._waiting[id(job)]
        self._done.append(job)
        self._begun = self._clock()
        return job

    def end(self) -> None:
        """The job handed out last is over: what it took is learned."""
        self._learn(self._done[-1], self._clock() - self._begun)

    @property
    def left(self) -> float:
        """Seconds to the end of the budget."""
        return self._end - self._clock()

    @property
    def limit(self) -> float:
        """Seconds until a job is cut off."""
        return max(0.0, self.left + TOLERANCE * self.seconds)

    @property
    def waiting(self) -> list[Job]:
        """The jobs that were not handed out, in their order."""
        return list(self._waiting.values())

    def plan(self, reserved: float = 0.0) -> None:
        """Fills the time that is left, less what is reserved for something else."""
        self.planned = allocate(self.waiting, self._costs, self.left - reserved, self._opening, self._round)
        self._replanned([*self._done, *self.planned])

    def told(self) -> Iterator[str]:
        """The plan, a line for each process."""
        seconds = self._price(self.planned)
        yield f"budget of {duration(self.seconds)}: about {duration(seconds)} of measurements planned"
        for process in dict.fromkeys(job.process for job in self._waiting.values()):
            yield f"  {process}: {self._line(process)}"

    def _goes_on(self) -> bool:
        """Whether there is a next job, planned anew where the plan has become too long or come to its end."""
        if not self.planned or self._price(self.planned) > self.left:
            self.plan()
        return bool(self.planned)

    def _learn(self, job: Job, seconds: float) -> None:
        """Takes in what a job took; of the first of a round, what its opening took."""
        if job.round == self._round:
            self._costs.learn(job, seconds)
        else:
            self._opening = max(0.0, seconds - self._costs(job))
        self._round = job.round

    def _price(self, jobs: Sequence[Job]) -> float:
        """Seconds of some jobs, the opening of their rounds included."""
        openings = len({job.round for job in jobs} - {self._round})
        return sum(map(self._costs, jobs)) + self._opening * openings

    def _line(self, process: str) -> str:
        mine = [job for job in self.planned if job.process == process]
        taken = {id(job) for job in mine}
        out = first_of_all(job for job in self.waiting if job.process == process and id(job) not in taken)
        parts = []
        if rounds := Counter(job.architecture for job in mine).values():
            few, many = min(rounds), max(rounds)
            parts.append(f"{len(rounds)} networks" if len(rounds) > 1 else "1 network")
            parts += [f"{few} to {many} rounds" if few < many else f"{many} rounds"] * (many > 1)
            parts.append(f"about {duration(sum(map(self._costs, mine)))}")
        told = [", ".join(parts)] if parts else []
        return "; ".join([*told, *[f"left out: {enumerated(out)}"] * bool(out)])


def first_of_all(jobs: Iterable[Job]) -> list[str]:
    """The networks whose first measurement of a process is among the jobs: further rounds are no loss of that kind."""
    return list(dict.fromkeys(job.architecture for job in jobs if not job.round))


def enumerated(names: Sequence[str]) -> str:
    """The first of some names, and how many more there are."""
    more = f" and {len(names) - MANY} more" if len(names) > MANY else ""
    return ", ".join(names[:MANY]) + more
