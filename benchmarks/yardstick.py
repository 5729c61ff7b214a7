"""The yardstick of a machine: how long a fixed convolution takes with one thread, in a process of its own."""

from __future__ import annotations

import subprocess
import sys

CODE = """
import time
import torch
torch.set_num_threads(1)
layer, images, found = torch.nn.Conv2d(64, 64, 3, padding=1), torch.randn(1, 64, 112, 112), []
with torch.inference_mode():
    for _ in range(30):
        start = time.perf_counter()
        layer(images)
        found.append(time.perf_counter() - start)
print(sorted(found[10:])[10])
"""


def milliseconds() -> float:
    """The median of 20 calls; bounds in seconds are for a quiet machine, on which this is about 8."""
    done = subprocess.run([sys.executable, "-c", CODE], stdout=subprocess.PIPE, check=True, text=True)
    return 1e3 * float(done.stdout)


if __name__ == "__main__":
    print(f"{milliseconds():.1f} ms")
