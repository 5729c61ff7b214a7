"""Which kernels change between versions of torch?

`python benchmarks/kernels_torch.py PYTHON PYTHON... [--architectures A,B] [--modes eager,bf16]` records the kernels of
the lecture's architectures with the torch of each interpreter, one thread, and prints how they differ from those of the
last one: benchmarks/kernels_torch.md. Kernels are exact: one inference is enough, and other programs may run meanwhile.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from reporter.compare.kernel_changes import NAMED, changed_calls
from reporter.model.names import first_of
from reporter.model.profiles import NATIVE, LayerKernel

MODES = ("eager", "bf16", "bf16+channels_last")
Ledgers = dict[tuple[str, str], tuple[LayerKernel, ...]]


def record(architectures: Sequence[str], modes: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The versions, then the kernels of each architecture and mode, of the running interpreter."""
    import torch
    import torchvision

    from reporter.model.modes import parse
    from reporter.model.settings import PRESETS, Conditions
    from reporter.registry.execution_modes import engines
    from reporter.registry.selection import catalog_entries
    from reporter.worker import torch_state
    from reporter.worker.profiling.kernel_calls import recorded
    from reporter.worker.subject import Subject
    from reporter.worker.variants.mode_variants import converted

    torch_state.settle(threads=1)
    yield {"torch": torch.__version__, "torchvision": torchvision.__version__}
    for name in architectures:
        subject = Subject(catalog_entries()[name], "cpu", Conditions(**PRESETS["quick"]))
        for mode in modes:
            network, form = converted(subject.network, parse(mode, engines()), subject.form)
            images = form(subject.input(1))
            with torch.inference_mode():
                rows = recorded(network, lambda network=network, images=images: network(images))  # type: ignore[misc]
            yield {"architecture": name, "mode": mode, "calls": [row.model_dump(mode="json") for row in rows]}


def of_interpreter(python: str, asked: argparse.Namespace) -> tuple[str, Ledgers]:
    """The version of torch of an interpreter, and its kernels."""
    command = [python, __file__, "--record", f"--architectures={asked.architectures}", f"--modes={asked.modes}"]
    root = str(Path(__file__).parent.parent)
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True, env=os.environ | {"PYTHONPATH": root})
    versions, *lines = map(json.loads, done.stdout.splitlines())
    found = {(row["architecture"], row["mode"]): tuple(map(LayerKernel.model_validate, row["calls"])) for row in lines}
    return versions["torch"].partition("+")[0], found


def table(base: Ledgers, new: Ledgers) -> tuple[list[str], list[str]]:
    """A row for each architecture and mode, and a line for each change of kernels."""
    rows = ["| architecture | mode | calls | with a name | changed |", "| --- | --- | ---: | ---: | ---: |"]
    changes = []
    for (architecture, mode), calls in new.items():
        swaps, compared, other = changed_calls(base[architecture, mode], calls)
        named, count = sum(row.kernel != NATIVE for row in calls), sum(len(swap.layers) for swap in swaps)
        rows.append(f"| {architecture} | {mode} | {compared} | {named} | {count} |")
        changes += [
            f"- {architecture}, {mode}: {first_of(swap.layers, NAMED)}: `{swap.base}` → `{swap.new}`" for swap in swaps
        ]
        if other:
            changes.append(f"- {architecture}, {mode}: {other} calls that the other side lacks")
    return rows, changes


def report(found: Sequence[tuple[str, Ledgers]]) -> Iterator[str]:
    """The Markdown: each version against the last."""
    *bases, (version, new) = found
    capability = sorted({row.kernel for calls in new.values() for row in calls})
    yield f"# Kernels of torch {' and '.join(name for name, _ in bases)} against {version}\n"
    yield "Made by `benchmarks/kernels_torch.py`: one inference of one image with one thread in each version, compared"
    yield f"call by call, on {processor()}. Kernels of {version}: {', '.join(f'`{name}`' for name in capability)}."
    for name, base in bases:
        rows, changes = table(base, new)
        yield f"\n## {name} against {version}\n"
        yield from changes or ["Nothing changed."]
        yield ""
        yield from rows


def processor() -> str:
    """The name of the processor."""
    from reporter.host.machine import facts

    return str(facts().get("processor", "this processor"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pythons", nargs="*", metavar="PYTHON")
    parser.add_argument("--architectures", default="lecture")
    parser.add_argument("--modes", default=",".join(MODES))
    parser.add_argument("--record", action="store_true", help="print the kernels of this interpreter as JSON")
    asked = parser.parse_args()
    if asked.record:
        from reporter.registry.selection import sets

        names = sets()["lecture"] if asked.architectures == "lecture" else asked.architectures.split(",")
        for line in record(names, asked.modes.split(",")):
            print(json.dumps(line), flush=True)
    elif len(asked.pythons) < 2:
        parser.error("name two interpreters or more")
    else:
        print("\n".join(report([of_interpreter(python, asked) for python in asked.pythons])))


if __name__ == "__main__":
    sys.exit(main())
