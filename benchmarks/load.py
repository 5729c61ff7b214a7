"""What happens with very many networks and nights: `python benchmarks/load.py [DIR]`.

Makes two results folders of 1,300 networks on 3 machines with 365 nights of history, then times `render` and `compare`
on them as whole processes, and the page in Chromium; prints a table in Markdown with the bounds. Nothing in the folders
was measured: the records are those of results/reference with other names and numbers drawn at random, and every record
and every machine says that it is synthetic. DIR (default: a temporary folder, removed afterwards) needs 2 GB. The exit
code is 1 if a bound is exceeded.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yardstick

from reporter.host import files
from reporter.model.profiles import KernelLedger, LayerKernel, digest
from reporter.model.records import EAGER
from reporter.store import kernel_files, record_files

ROOT = Path(__file__).parent.parent
REFERENCE = ROOT / "results" / "reference" / "records"
SYNTHETIC = "synthetic: made up by benchmarks/load.py, nothing here was measured"
FAMILIES = ("ResNet", "ResNeXt", "DenseNet", "Inception", "VGG", "SE-ResNet", *(f"Family{n:02}" for n in range(60)))
FIRST_NIGHT = datetime(2025, 11, 22, 2, tzinfo=UTC)
Record = dict[str, Any]
TIMES = ("latency_cpu_1thread", "latency_cpu")
MODES = {"bf16": 0.65, "bf16+channels_last": 0.5, "channels_last": 0.8, "openvino": 0.6}
"""Time of each mode divided by that of eager."""
OPERATORS = (
    ("aten::mkldnn_convolution", "jit:avx512_core", 0.5),
    ("aten::mkldnn_convolution", "jit_1x1:avx512_core", 0.2),
    ("aten::_slow_conv2d_forward", "gemm", 0.1),
    ("aten::max_pool2d_with_indices", "native", 0.06),
    ("aten::native_batch_norm", "native", 0.05),
    ("aten::relu_", "native", 0.03),
    ("aten::add_", "native", 0.02),
    ("aten::cat", "native", 0.02),
    ("aten::addmm", "gemm", 0.01),
    ("python", "interpreter", 0.01),
)
"""Operators with their kernels and shares of the latency."""
LISTED = 5
"""Layers in a record."""
CALLS, CHANGED = 160, 10
"""Calls in the ledger of a mode and setting; one in so many networks runs another kernel in one of them."""


def records(networks: int, machines: int, seed: int) -> Iterator[Record]:
    """Records with the shape of real ones; `seed` moves the times a little, as another night does."""
    patterns = [_eager(json.loads(path.read_text("utf-8"))) for path in record_files.paths(REFERENCE)]
    for network in range(networks):
        for machine in range(machines):
            of_network, of_night = random.Random(network), random.Random(f"{seed} {network} {machine}")
            yield record(patterns[network % len(patterns)], network, machine, of_network, of_night)


def _eager(stored: Record) -> Record:
    """A record without its modes and profiles."""
    readings = stored["readings"].items()
    kept = {key: each for key, each in readings if each["quantity"]["group"] != "profile" and key != "output_error"}
    return {key: each for key, each in stored.items() if key != "modes"} | {"readings": kept}


def record(pattern: Record, network: int, machine: int, chance: random.Random, night: random.Random) -> Record:
    size, speed = chance.lognormvariate(0, 0.8), (1 + machine / 2) * night.gauss(1, 0.01)
    readings = {key: reading(dict(each), size, speed, chance, night) for key, each in pattern["readings"].items()}
    return pattern | {
        "architecture": f"synthetic{network:04}_{pattern['architecture']}",
        "family": FAMILIES[chance.randrange(len(FAMILIES))],
        "year": 2012 + network * 13 // 1300 % 13,
        "paper": SYNTHETIC,
        "variant": SYNTHETIC,
        "machine": f"synthetic-machine-{machine}",
        "machine_facts": pattern["machine_facts"] | {"note": SYNTHETIC},
        "settings": pattern["settings"] | {"note": SYNTHETIC},
        "readings": readings,
    }


def reading(each: Record, size: float, speed: float, chance: random.Random, night: random.Random) -> Record:
    """A reading with other numbers; one in fifty failed, one in twenty is too noisy."""
    unit, share = each["quantity"]["unit"], each["quantity"]["key"].endswith(("top1", "top5"))
    if each["status"] == "ok" and chance.random() < 0.02:
        return each | {
            "status": "oom",
            "samples": [],
            "origins": [],
            "rounds": [],
            "reason": f"needs {chance.randint(2, 99)} GiB (synthetic)",
        }
    if unit in ("s", "1/s"):
        factor = size * speed if unit == "s" else 1 / (size * speed)
        spread = 0.3 if chance.random() < 0.05 else 0.01
        return each | {"samples": [sample * factor * night.lognormvariate(0, spread) for sample in each["samples"]]}
    if share:
        return each | {"samples": [round(min(1.0, sample * chance.uniform(0.8, 1.1)), 5) for sample in each["samples"]]}
    return each | {"samples": [max(1, round(sample * size)) if sample else sample for sample in each["samples"]]}


def calls(is_changed: bool) -> list[LayerKernel]:
    """The ledger of a mode and setting; the same layer of each network that is changed runs another kernel."""
    rows = []
    for number in range(CALLS):
        operator, kernel, _ = OPERATORS[number % (len(OPERATORS) - 1)]
        kernel = "ref:any" if is_changed and number == CALLS // 2 else kernel
        rows.append(
            LayerKernel(
                layer=f"layer{number}", operator=operator, kernel=kernel, shapes=f"1x{number}x56x56 -> 1x64x56x56",
                dtype="float32", layout="contiguous", macs=1000,
            )
        )  # fmt: skip
    return rows


def ledger(folder: Path, each: Record, is_changed: bool) -> None:
    """Writes the ledger of a record with modes."""
    found = KernelLedger(architecture=each["architecture"], machine=each["machine"])
    for mode in (EAGER, *MODES):
        for key in TIMES:
            found = found.with_calls(mode, key.removeprefix("latency_"), calls(is_changed))
    path = kernel_files.kernels_path(record_files.record_path(folder, each["machine"], each["architecture"]))
    content = found.model_dump(mode="json", by_alias=True)
    path.write_bytes(files.lines(content, "rows", "calls"))


def is_changed(each: Record) -> bool:
    """Whether a network runs another kernel on the second night."""
    return int(each["architecture"][len("synthetic") :][:4]) % CHANGED == 0


def with_modes(each: Record, kernels: str) -> Record:
    """A record with the times of MODES, and with the operators of eager and of each mode in both thread settings.

    `kernels` is the digest of its ledger, which has the same calls in all of them.
    """
    from reporter.model.modes import FIRST_CALL, OUTPUT_ERROR, PREPARE, speedup
    from reporter.model.readings import Quantity

    times = {key: r for key in TIMES if (r := each["readings"].get(key)) and r["status"] == "ok"}
    modes: dict[str, Any] = {}
    for mode, factor in MODES.items():
        once = {FIRST_CALL: 2 * factor, OUTPUT_ERROR: 0.005, PREPARE: 1.5}
        readings = {quantity.key: made(quantity, [value]) for quantity, value in once.items()}
        for key, timed in times.items():
            ratio = speedup(Quantity.model_validate(timed["quantity"]))
            readings[key] = timed | {"samples": [factor * sample for sample in timed["samples"]]}
            readings[ratio.key] = timed | made(ratio, [1 / factor] * len(timed["samples"]))
        modes[mode] = {"readings": readings | profiles(times, factor, kernels)}
    return each | {"readings": each["readings"] | profiles(times, 1.0, kernels) | stages(each, times), "modes": modes}


def stages(each: Record, times: dict[str, Record]) -> Record:
    """Readings of the stages that the card of a network names, for some times."""
    from reporter.metrics.stages import COVERAGE

    found = {}
    named = each["readings"]["layers"]["detail"].get("stages", ())
    for key, timed in times.items():
        quantity, latency = COVERAGE[key.removeprefix("latency_")], timed["samples"][0]
        share = 1 / max(1, len(named))
        rows = [
            {"stage": row["name"], "macs": row["macs"], "macs_share": share, "seconds": share * latency, "share": share}
            for row in named
        ]
        found[quantity.key] = made(quantity, [1.0]) | {"detail": {"stages": rows, "latency": latency}}
    return found


def profiles(times: dict[str, Record], factor: float, kernels: str) -> Record:
    """Readings of operators, as many as a lecture network has, for some times."""
    from reporter.metrics.operators import COVERAGE

    found = {}
    for key, timed in times.items():
        quantity, latency = COVERAGE[key.removeprefix("latency_")], factor * timed["samples"][0]
        rows = [
            {"operator": operator, "kernel": kernel, "calls": 9, "seconds": share * latency, "share": share}
            for operator, kernel, share in OPERATORS
        ]
        detail = {"operators": rows, "latency": latency, "kernels": kernels}
        if factor == 1.0:
            detail["layers"] = [
                {"layer": f"layer{number}"} | {name: row[name] for name in ("operator", "kernel", "seconds", "share")}
                for number, row in enumerate(rows[:LISTED])
            ]
        found[quantity.key] = made(quantity, [0.98]) | {"detail": detail}
    return found


def made(quantity: Any, values: list[float]) -> Record:
    return {"quantity": quantity.model_dump(mode="json"), "samples": values, "status": "ok"}


def lay(folder: Path, made: Iterable[Record], modes: bool, is_second: bool = False) -> None:
    """Writes records as `reporter` does; with `modes`, their ledgers, too: those of the second night have changes."""
    kernels = [digest(calls(changed)) for changed in (False, True)]
    for each in made:
        path = record_files.record_path(folder, each["machine"], each["architecture"])
        path.parent.mkdir(parents=True, exist_ok=True)
        changed = is_second and is_changed(each)
        content = with_modes(each, kernels[changed]) if modes else each
        path.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", "utf-8")
        if modes:
            ledger(folder, each, changed)


def history(path: Path, made: list[Record], nights: int) -> None:
    """A line per night, machine and network, in the order in which runs append them."""
    lines = [(each["machine"], *_line(each)) for each in made]
    machines = list(dict.fromkeys(machine for machine, _, _ in lines))
    chance = random.Random(0)
    with path.open("w", encoding="utf-8") as file:
        for night in range(nights):
            for hour, machine in enumerate(machines):
                moment = (FIRST_NIGHT + timedelta(days=night, hours=hour)).isoformat()
                head = f'{{"generated": "{moment}", "run": "synthetic{night:04}{hour}", '
                for _, line, times in (each for each in lines if each[0] == machine):
                    drawn = (f'"{key}": {value * chance.uniform(0.98, 1.02)!r}' for key, value in times)
                    file.write(f'{head}{line}{", ".join(drawn)}}}, "seconds": 21.5}}\n')


def _line(each: Record) -> tuple[str, list[tuple[str, float]]]:
    """What a network's lines have in common, up to its times, and these."""
    found = {key: sorted(r["samples"])[len(r["samples"]) // 2] for key, r in each["readings"].items() if r["samples"]}
    times = [(key, found.pop(key)) for key in list(found) if each["readings"][key]["quantity"]["unit"] in ("s", "1/s")]
    about = {key: each[key] for key in ("architecture", "machine", "environment")}
    same = "".join(f'"{key}": {json.dumps(value)}, ' for key, value in found.items())
    return f'{json.dumps(about)[1:-1]}, "values": {{{same}', times


WAITING = """
import os, subprocess, sys, time
start = time.perf_counter()
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(process.pid, 0)
print(time.perf_counter() - start, usage.ru_maxrss, os.waitstatus_to_exitcode(status))
"""
"""Waits for a command in a small process: the peak memory of a new process begins with that of the one it is from."""


def command(*arguments: object) -> tuple[float, float, int]:
    """Wall seconds, peak resident memory in MiB and exit code of `python -m reporter`."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    whole = [sys.executable, "-m", "reporter", *map(str, arguments)]
    done = subprocess.run([sys.executable, "-S", "-c", WAITING, *whole], env=environment, check=True,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)  # fmt: skip
    seconds, resident, code = done.stdout.split()
    scale = 2**20 if sys.platform == "darwin" else 2**10
    return float(seconds), int(resident) / scale, int(code)


TIMED = """async (act) => {
  const table = document.querySelector("#table-overview table");
  const step = new Function("table", act);
  const start = performance.now();
  step(table);
  table.offsetHeight;
  await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  return (performance.now() - start) / 1000;
}"""
SORT = "table.tHead.rows[table.tHead.rows.length - 1].cells[{column}].querySelector('button').click()"
FILTER = (
    "const field = table.closest('.block').querySelector('input[type=search], input[type=text]');"
    "field.value = 'resnet50'; field.dispatchEvent(new Event('input', {bubbles: true}))"
)


def page(path: Path) -> dict[str, float]:
    """Seconds until the page is there, and the slowest of several sorts and filters, each until it is painted."""
    from playwright.sync_api import sync_playwright

    browser = next(found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name)))
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox", "--disable-gpu"])
        opened = chromium.new_context(offline=True, viewport={"width": 1440, "height": 900}).new_page()
        start = time.perf_counter()
        opened.goto(path.as_uri())
        found = {"opened": time.perf_counter() - start}
        found["sorted"] = max(opened.evaluate(TIMED, SORT.format(column=column)) for column in (0, 5, 5, 8, 10))
        if opened.evaluate(
            "!!document.querySelector('#table-overview input[type=search], #table-overview input[type=text]')"
        ):
            found["filtered"] = max(opened.evaluate(TIMED, FILTER) for _ in range(3))
        chromium.close()
    return found


def row(what: str, value: float, bound: float | None, unit: str) -> bool:
    """Prints a line of the table; whether the bound holds, if there is one."""
    limit = "" if bound is None else f"{bound:g} {unit}"
    holds = bound is None or value <= bound
    mark = "" if bound is None else "yes" if holds else "NO"
    print(f"| {what} | {value:.2f} {unit} | {limit} | {mark} |", flush=True)
    return holds


def measure(base: Path, new: Path) -> bool:
    """Prints the table; whether all bounds hold."""
    mebibytes: Callable[[Path], float] = lambda path: path.stat().st_size / 2**20  # noqa: E731
    print(f"yardstick: {yardstick.milliseconds():.1f} ms; 1, 5 and 15 minute load: {os.getloadavg()}\n")
    print("| what | measured | bound | held |\n| --- | ---: | ---: | --- |")
    held = [row("history.jsonl", mebibytes(new / "history.jsonl"), None, "MiB")]
    for name, bound, arguments in (("render", 20.0, (new, "--lang", "en")), ("compare", 5.0, (base, new))):
        seconds, memory, code = command(name, *arguments)
        if code:
            sys.exit(f"reporter {name}: exit code {code}")
        held.append(row(f"`{name}`", seconds, bound, "s"))
        held.append(row(f"`{name}`, peak resident memory", memory, 1024 if name == "render" else None, "MiB"))
    held.append(row("report.html", (new / "report.html").stat().st_size / 1e6, 12, "MB"))
    try:
        found = page(new / "report.html")
    except (ImportError, StopIteration):
        print("no Chromium and playwright here: the page was not tried", file=sys.stderr)
        found = {}
    for name, bound in (("opened", None), ("sorted", 0.2), ("filtered", 0.2)):
        if name in found:
            held.append(row(f"page {name}", found[name], bound, "s"))
    return all(held)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--modes", action="store_true", help=f"with {len(MODES)} modes, operators, stages and ledgers")
    for name, count in (("networks", 1300), ("machines", 3), ("nights", 365)):
        parser.add_argument(f"--{name}", type=int, default=count)
    asked = parser.parse_args()
    with TemporaryDirectory() as temporary:
        base, new = ((asked.folder or Path(temporary)) / name for name in ("base", "new"))
        if not new.exists():
            tonight = list(records(asked.networks, asked.machines, 2))
            lay(base, records(asked.networks, asked.machines, 1), asked.modes)
            lay(new, tonight, asked.modes, is_second=True)
            history(new / "history.jsonl", tonight, asked.nights)
            os.link(new / "history.jsonl", base / "history.jsonl")
        good = measure(base, new)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
