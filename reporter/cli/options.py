"""The options of the main command, which `reporter nightly` has, too."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from itertools import pairwise
from typing import Any

import click

from reporter.cli.paths import PATH
from reporter.model.fields import legible

Function = Callable[..., Any]
LONGEST_LABEL = 1000
"""Characters of KEY=VALUE."""
MOST_LABELS = 100
PROGRESS = "--progress"


def labels(_: click.Context, __: click.Parameter, pairs: tuple[str, ...]) -> dict[str, str]:
    """The labels of a run by their keys; unprintable characters and bytes other than UTF-8 become escapes."""
    for pair in pairs:
        key, _equals, value = pair.partition("=")
        if not (key and value):
            raise click.BadParameter(f"{pair[:LONGEST_LABEL]!r}: it should be KEY=VALUE")
        if len(pair) > LONGEST_LABEL:
            raise click.BadParameter(f"{key[:40]!r}: {len(pair)} characters; at most {LONGEST_LABEL} are stored")
    if len(pairs) > MOST_LABELS:
        raise click.BadParameter(f"{len(pairs)} labels; at most {MOST_LABELS} are stored")
    return {legible(key): legible(value) for key, value in (pair.split("=", 1) for pair in pairs)}


def comma_list(*names: str, default: str | None = None, **about: Any) -> Callable[[Function], Function]:
    """An option that is a comma list; repeating it adds to the list."""
    start = None if default is None else [default]
    return click.option(*names, multiple=True, default=start, callback=_joined, **about)


def _joined(_: click.Context, __: click.Parameter, lists: tuple[str, ...]) -> str | None:
    return ",".join(lists) if lists else None


keep_env_option = comma_list(
    "--keep-env", metavar="NAME,…", help="Pass these variables to workers although they may be credentials."
)
"""An option of the main job, `reporter ab` and `reporter move`."""
HEADING: tuple[Callable[[Function], Function], ...] = (
    click.option(
        "--edition",
        metavar="NAME",
        help="What the report opens with: lecture (claims, timeline) or choice (accuracy vs. cost); default: by the "
        "architectures.",
    ),
    click.option("--title", metavar="TEXT", help="The title of the report."),
    click.option("--course", metavar="TEXT", help="The course or lecture that the report is for, under its title."),
    click.option("--author", metavar="TEXT", help="Author, for the citation."),
    click.option(
        "--license", metavar="TEXT", help="The license of the report's figures and tables (default: CC BY 4.0)."
    ),
)
"""What stands on top of a report; `reporter render` has these options, too."""
OPTIONS: tuple[Callable[[Function], Function], ...] = (
    click.option("--out", type=PATH, metavar="DIR", help="Where records and reports are written."),
    comma_list(
        "--architectures", metavar="A,B,…", help="Names, families, globs, or sets: lecture (default), torchvision, all."
    ),
    click.option(
        "--architecture",
        multiple=True,
        metavar="FILE.py:NAME",
        help="An architecture of your own, also package.module:NAME.",
    ),
    comma_list(
        "--metrics",
        metavar="M,…",
        help="Groups or keys: size, compute, memory, latency, finetune, operators, stages, ceilings, claims (default: "
        "all); also kernels, which a run takes only if named.",
    ),
    click.option("--preset", metavar="NAME", help="How much time to spend: quick, standard (default), thorough."),
    comma_list(
        "--device",
        metavar="D,…",
        help="auto (default: CPU, and the accelerator if there is one), cpu, cuda, cuda:0,cuda:1, xpu, mps.",
    ),
    click.option("--dataset", metavar="NAME", help="For the training: digits (default), or see `reporter list`."),
    click.option("--data-root", metavar="DIR", help="Folder of the data sets (default: ~/.cache/reporter)."),
    click.option(
        "--weights", metavar="W", help="auto (default: ImageNet weights where available), pretrained, random."
    ),
    comma_list(
        "--checkpoint", metavar="NAME=FILE,…", help="Weights of your own that an architecture is fine-tuned from."
    ),
    comma_list(
        "--finetune", metavar="W,…", help="full (default), probe: only the head learns, scratch: from random weights."
    ),
    comma_list(
        "--modes",
        metavar="M,…",
        help="Execution modes, such as bf16+channels_last; or default, or all: each precision, alone and with "
        "channels_last, and each engine, without channels_last. See `reporter list --modes`.",
    ),
    click.option(
        "--input-size", metavar="N|HxW", help="Images of this size in pixels, not of each architecture's own."
    ),
    click.option("--threads", type=int, metavar="N", help="Threads on the CPU (default: all usable cores)."),
    comma_list("--batches", metavar="N,…", help="Batch sizes of a curve of latency and throughput."),
    comma_list("--sizes", metavar="N,…", help="Image sizes of a curve of latency, also HxW."),
    click.option("--steps", type=int, metavar="N", help="Training steps of each architecture."),
    click.option("--seeds", type=int, metavar="N", help="How often the training is repeated."),
    click.option("--first-seed", type=int, metavar="N", help="The first of the seeds, which are consecutive (0)."),
    comma_list("--lang", metavar="L,…", help="Languages of the reports: en (default), ru."),
    *HEADING,
    click.option(
        "--timeout", type=float, metavar="SECONDS", help="For one architecture, all its measurements together."
    ),
    click.option("--budget", metavar="TIME", help="For all measurements together: 90s, 20m, 1h30m; prints its plan."),
    click.option("--fresh", is_flag=True, default=None, help="Measure again instead of reusing earlier results."),
    click.option("--config", type=PATH, metavar="FILE.toml", help="Any of these options from a file."),
    click.option("--baseline", metavar="DIR", help="Compare with an earlier run at the end."),
    click.option(
        "--against",
        metavar="VERSIONS|ENV",
        help="Compare times with a pinned environment, interleaved: 'torch==X torchvision==Y', lock file or folder.",
    ),
    click.option(
        "--fail-on",
        metavar="KIND",
        help="Which findings make the exit code 1: exact, timing, level, any, never (default: never; for nightly "
        "exact, with --against any).",
    ),
    click.option(
        "--label",
        multiple=True,
        metavar="KEY=VALUE",
        callback=labels,
        help="Added to this run's lines of history.jsonl; repeat it for several.",
    ),
    click.option("--executor", metavar="NAME", help="Where the work runs: local (default), ray."),
    click.option(
        "--ray-address", metavar="HOST:PORT", help="The cluster (default: RAY_ADDRESS, else one started here)."
    ),
    click.option(
        "--quiet", is_flag=True, default=None, help="No progress lines: only warnings, failures and the result."
    ),
    click.option(
        PROGRESS,
        type=click.Choice(["auto", "lines", "json"]),
        default="auto",
        help="Progress on standard error: a live line on a terminal, else lines (auto); lines; JSON for programs.",
    ),
    keep_env_option,
)


def main_options(function: Function) -> Function:
    """Decorates a command with the options of the main job, in the order in which --help lists them."""
    return _decorated(function, OPTIONS)


def heading_options(function: Function) -> Function:
    """Decorates a command with the options for what stands on top of a report."""
    return _decorated(function, HEADING)


def _decorated(function: Function, options: tuple[Callable[[Function], Function], ...]) -> Function:
    return reduce(lambda made, option: option(made), reversed(options), function)


def asks_for_json(arguments: Sequence[str]) -> bool:
    """Whether a command line contains `--progress json`, the last time that it contains this option."""
    values = [
        value if name == PROGRESS else name.removeprefix(f"{PROGRESS}=")
        for name, value in pairwise([*arguments, ""])
        if name == PROGRESS or name.startswith(f"{PROGRESS}=")
    ]
    return values[-1:] == ["json"]
