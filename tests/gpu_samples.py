"""Records of a machine with one GPU: their figures are made up, their keys, settings and details are those of readings.

test_gpu_state.py and test_modes_on_devices.py compare their form with what the real metrics give on a simulated device.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import mode_samples
import samples

from reporter.metrics.latency import LATENCY, THROUGHPUT, TRAIN_STEP
from reporter.metrics.memory_measured import INFERENCE, TRAINING
from reporter.metrics.training_throughput import TRAINING as TRAIN_THROUGHPUT
from reporter.model import FOREIGN_LOAD, Quantity, Reading, Record
from reporter.model.device_states import STATES
from reporter.model.scaling_curves import BEST, CurvePoint, Curves, best, is_saturated
from reporter.worker.precision import WANTED

MACHINE = "linux-x86_64-16cpu-gpu-0a0a0a0a"
NAME = "NVIDIA A100-SXM4-40GB"
DETAILS: dict[str, Any] = {
    "uuid": "GPU-11111111-aaaa-bbbb-cccc-dddddddddddd",
    "name": NAME,
    "memory_mib": 40960,
    "power_limit_w": 400.0,
    "driver": "570.86.10",
}
"""What the driver gives of a GPU."""
IDENTITY = DETAILS | {"multiprocessors": 108, "capability": "8.0", "cuda_runtime": "13.0", "cudnn": 91300}
"""The same with what torch gives, as it is in each reading."""
FACTS: dict[str, Any] = {
    "system": "Linux",
    "architecture": "x86_64",
    "processor": "A made-up processor",
    "features": ["avx2"],
    "threads": 16,
    "memory_gib": 64,
    "gpus": [NAME],
    "gpu_details": [DETAILS],
    "native_precisions": [],
    "gpu_precisions": ["bf16", "fp16", "tf32"],
}
ENVIRONMENT = {"nvidia_driver": "570.86.10", "cuda_runtime": "13.0.96", "cudnn": "9.13.0.50"}
STEADY: dict[str, Any] = {
    "clock_mhz": 1410, "limits": [], "other_processes": 0, "other_memory_mib": 0, "settled": True, "seconds": 0.5,
}  # fmt: skip
SHARED = STEADY | {"clock_mhz": 1200, "limits": ["its power limit"], "other_processes": 1, "other_memory_mib": 1200}
"""The state of the GPU before resnet50 was timed."""
TF32 = WANTED | dict.fromkeys(("cuda.matmul.fp32_precision", "cudnn.conv.fp32_precision"), "tf32")
"""The precision of torch in the mode tf32."""
NAMES = ("alexnet", "vgg16", "resnet50", "densenet121")
FACTORS = {"channels_last": 0.9, "bf16+channels_last": 0.55, "tf32": 0.7}
"""Time of each mode divided by that of eager."""
ROUNDS = 3
BATCHES = {"alexnet": 1024, "resnet50": 256, "densenet121": 128}
"""The batch size that fills the GPU in training; vgg16 has no memory for one."""
LACKING = (
    "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 39.38 GiB of which 1.38 GiB is "
    "free. Including non-PyTorch memory, this process has 38.00 GiB memory in use"
)
FITTING = f"{LACKING}; the largest batch that fits: 11"
"""Why vgg16 has no time of a training step."""
NOTHING: Mapping[str, Any] = {}
TRAINED: dict[str, Any] = {"batch_size": 16, "image_size": 80}


def measured() -> list[Record]:
    """A few networks of the lecture in eager, each followed by its modes on the GPU."""
    return list(_measured())


@cache
def _measured() -> tuple[Record, ...]:
    eager = (_eager(row) for row in samples.ROWS if row[0] in NAMES)
    return tuple(each for record in eager for each in (record, *(_mode(record, name) for name in FACTORS)))


def form(reading: Reading) -> tuple[Quantity, list[str], list[str]]:
    """What a reading is of, the conditions that it names, and the parts of its detail; the load is not always known."""
    return reading.quantity, sorted(reading.settings), sorted(reading.detail.keys() - {FOREIGN_LOAD})


def reading(key: str, mode: str = "eager") -> Reading:
    """The sample of a key, of a network that has all of them."""
    return next(each for each in measured() if (each.architecture, each.mode) == ("resnet50", mode)).readings[key]


def seconds(row: tuple[Any, ...]) -> float:
    """The time of one image: launching the kernels of each layer, and computing."""
    return float(3e-4 + 2e-5 * row[6] + row[5] / 1e13)


def _eager(row: tuple[Any, ...]) -> Record:
    base, name = samples.record(row, MACHINE), row[0]
    bytes_, second = 4 * row[4], seconds(row)
    lacking, fitting = (LACKING, FITTING) if name == "vgg16" else (None, None)
    found = (
        _timed(LATENCY["cuda"], name, second),
        _timed(THROUGHPUT["cuda"], name, 3 / second, {"throughput_batch": 4}),
        _timed(TRAIN_STEP["cuda"], name, 4 * second, TRAINED, detail={"optimizer": "AdamW"}, lacking=fitting),
        _timed(
            TRAIN_THROUGHPUT["cuda"], name, 9 / second, TRAINED, detail={"batch": BATCHES.get(name)}, lacking=fitting
        ),
        _peak(INFERENCE["cuda"], bytes_ + row[5] // 100),
        _peak(TRAINING["cuda"], 4 * bytes_ + row[5] // 20, lacking),
    )
    curve = _curve(second, 128 if name == "vgg16" else None)
    filling = best(curve, BEST["cuda"], curve[0].settings | {"batches": "swept"})
    assert filling
    readings = base.readings | {each.quantity.key: each for each in (*found, filling)}
    settings = base.settings | {"device": ["auto"], "modes": ["default"]}
    about = {"machine_facts": FACTS, "environment": base.environment | ENVIRONMENT, "settings": settings}
    return base.model_copy(update={**about, "readings": readings, "curves": Curves(batch=curve)})


def _curve(second: float, too_large: int | None) -> tuple[CurvePoint, ...]:
    """A sweep over the batch sizes up to 9 times the rate of single images, or until memory ends."""
    points: list[CurvePoint] = []
    while not is_saturated(points):
        batch = 2 ** len(points)
        latency = second * (1 + batch / 9)
        times: dict[str, Any] = {
            "latency": latency,
            "throughput": batch / latency,
            "samples": samples.times(latency, 0.01),
        }
        if batch == too_large:
            times = {"status": "oom", "reason": LACKING}
        where: dict[str, Any] = {"device": "cuda", "size": "224", "settings": {"device": "cuda:0"}}
        where["detail"] = {} if batch == too_large else {STATES: [STEADY], "device": IDENTITY, "precision": WANTED}
        points.append(CurvePoint(mode="eager", batch=batch, **where, **times))
    return tuple(points)


def _timed(
    quantity: Quantity,
    name: str,
    middle: float,
    settings: Mapping[str, Any] = NOTHING,
    *,
    detail: Mapping[str, Any] = NOTHING,
    lacking: str | None = None,
) -> Reading:
    """A time or rate of three rounds; without samples if there is a reason why memory is lacking."""
    conditions: dict[str, Any] = {"device": "cuda:0", **settings}
    if lacking:
        return Reading(quantity=quantity, status="oom", reason=lacking, settings=conditions)
    found = samples.times(middle, 0.01)
    states = [SHARED if name == "resnet50" else STEADY] * ROUNDS
    about = {**detail, STATES: states, "device": IDENTITY, "precision": WANTED}
    rounds = (len(found) // ROUNDS,) * ROUNDS
    return Reading(quantity=quantity, samples=found, rounds=rounds, settings=conditions, detail=about)


def _peak(quantity: Quantity, size: int, lacking: str | None = None) -> Reading:
    """A peak of memory; without a value if there is a reason why memory is lacking."""
    conditions: dict[str, Any] = {"device": "cuda:0", **TRAINED}
    if lacking:
        return Reading(quantity=quantity, status="oom", reason=lacking, settings=conditions)
    about = {"reserved": size + (2 << 20), "device": IDENTITY, "precision": WANTED}
    return Reading(quantity=quantity, samples=(size,), settings=conditions, detail=about)


def _mode(eager: Record, name: str) -> Record:
    """A mode on the GPU with its speedup, output error and preparation."""
    key = LATENCY["cuda"].key
    made = mode_samples.mode(eager, name, FACTORS[name], times=(key,), wobble=0.004)
    about = {"device": IDENTITY, "precision": TF32 if name == "tf32" else WANTED}
    states = {STATES: eager.readings[key].detail[STATES]}
    readings = {}
    for each in made.readings.values():
        timed = each.quantity.key.endswith(key)
        detail = {**each.detail, **(states if timed else {}), **about}
        settings = {"device": "cuda:0"} if timed else {}
        readings[each.quantity.key] = each.model_copy(update={"detail": detail, "settings": settings})
    return made.model_copy(update={"readings": readings})
