"""Checks the files of a results folder: `check_results.py FOLDER NETWORK...`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from xml.etree import ElementTree

folder, names = Path(sys.argv[1]), set(sys.argv[2:])
summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
measured = {record["architecture"]: record["readings"] for record in summary["records"]}
assert names <= set(measured), f"missing: {names - set(measured)}"
for name in names:
    bad = {key: reading["reason"] for key, reading in measured[name].items() if reading["status"] in ("failed", "oom")}
    assert not bad, f"{name}: {bad}"
    for key in ("parameters", "macs", "latency_cpu", "finetune_step_seconds", "rss_inference_bytes"):
        assert measured[name][key]["value"] > 0, f"{name}: {key}"
    assert measured[name]["finetune_top1"]["status"] == "skipped", name  # the quick preset only times its steps
for report in ("report.html", "report.md", "report.ru.html", "report.ru.md"):
    text = (folder / report).read_text(encoding="utf-8")
    assert all(name in text for name in names), report
figures = sorted((folder / "figures").glob("*.svg"))
assert figures
for figure in figures:
    assert ElementTree.parse(figure).getroot().tag.endswith("svg"), figure
    assert figure.with_suffix(".png").read_bytes().startswith(b"\x89PNG"), figure
assert sorted(path.stem for path in (folder / "tables").glob("*.csv")) == sorted(
    path.stem for path in (folder / "tables").glob("*.tex")
)
print(f"{len(measured)} networks, {len(figures)} figures: all files are there")
