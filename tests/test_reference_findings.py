"""Findings against a pinned reference that a nightly run did not compare: they remain until a run shows otherwise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from nights import NAMES, Nights, made, with_reading
from test_nights_against import KEY, found, measured, play, published

from reporter.documents.comparisons import KernelChangeRow, KernelSwapRow
from reporter.documents.reference_verdicts import AgainstReference, ReferenceChange, ReferenceGap
from reporter.metrics.operators import KERNELS
from reporter.nightly import missing, outlets, reference_findings
from reporter.nightly.run_folder import Folder
from reporter.nightly.state import NightlyRun

__all__ = ["measured"]
OPTIONS = {"metrics": "size,latency", "preset": "standard"}
EQUAL = found(1.0, "unchanged")
REASON = "failed in reference: killed by SIGSEGV"
SWAP = KernelSwapRow(base="jit", new="ref:any", layers=("conv2",))
CHANGES = (
    ReferenceChange(architecture="alexnet", metric="macs", reference=5, tonight=6),
    ReferenceChange(
        architecture="alexnet",
        metric=KERNELS.key,
        reference=None,
        tonight=None,
        kernels=KernelChangeRow(
            setting="cpu_1thread", swaps=(SWAP,), compared=3, time="not resolved", ratio=None, variables=()
        ),
    ),
)


def test_the_first_run_is_the_baseline_whatever_a_reference_finds(
    measured: list[AgainstReference], tmp_path: Path
) -> None:
    """Nothing else was compared with it, so that counts are from the second run on."""
    played = Nights(tmp_path / "out")
    assert play(played, measured, found(1.05)) == 1
    assert played.headline.startswith("First run: there is no readable baseline to compare with;")
    macs = with_reading("alexnet", "macs", samples=(5,))
    for since in ("", " since 2 November"):
        assert played.play(made(), macs, fail_on="exact", **OPTIONS) == 1
        assert f"1 exact{since}, 1 worse than the reference since 1 November;" in played.headline
        assert "baseline: run of 1 November" in played.headline


def test_a_noisy_run_after_a_slow_first_one_has_its_headline(measured: list[AgainstReference], tmp_path: Path) -> None:
    played = Nights(tmp_path / "out")
    assert play(played, measured, found(1.05)) == 1
    night = found(1.04, "noisy")
    assert play(played, measured, night) == 1
    run = published(played, night.model_copy(update={"exit_code": 1, "fail_on": "timing"}))
    assert (run.has_regression, run.headline) == (True, played.headline)
    assert run.headline.startswith("Changed: 1 worse than the reference since 1 November;")


def test_a_slowdown_of_an_architecture_that_is_missing_remains(
    measured: list[AgainstReference], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its file raises an error in the second run, and the third is too noisy; one that is not asked for is gone."""
    others = [name for name in NAMES if name != "resnet18"]
    row = EQUAL.verdicts[0].model_copy(update={"architecture": "vgg16"})
    played = Nights(tmp_path / "out")
    assert play(played, measured, found(1.05)) == 1
    with monkeypatch.context() as patch:
        patch.setattr(missing, "chosen", without("resnet18", missing.chosen))
        measured[:] = [EQUAL.model_copy(update={"verdicts": (row,)})]
        assert played.play(made(others), fail_on="timing", **OPTIONS) == 1
    [line] = [line for line in played.lines if "differs from the reference" in line]
    assert "(not measured in this run: ImportError: no module named 'mine'): resnet18 +5.0% time" in line
    assert "since 1 November" in line
    assert play(played, measured, found(1.04, "noisy")) == 1
    assert "(the machine was too noisy to confirm it): resnet18 +5.0% time" in "".join(played.lines)
    assert "since 1 November" in "".join(played.lines)
    measured[:] = [EQUAL.model_copy(update={"verdicts": (row,)})]
    assert played.play(made(others), architectures=",".join(others), fail_on="timing", **OPTIONS) == 0
    last = Folder(played.out).last()
    assert last
    assert {each.kind for each in last.findings} == {"removed"}


def test_a_slowdown_in_a_mode_that_is_no_longer_available_remains(
    measured: list[AgainstReference], tmp_path: Path
) -> None:
    """Until a run measures the mode in both environments."""
    slow, equal = (found(ratio, verdict).verdicts[0] for ratio, verdict in ((1.05, "slower"), (1.0, "unchanged")))
    slow, same = (row.model_copy(update={"mode": "openvino"}) for row in (slow, equal))
    lost = ReferenceGap(
        architecture="resnet18", metric=KEY, mode="openvino", reason="unsupported in tonight: not installed",
        sides=("tonight",),
    )  # fmt: skip
    played = Nights(tmp_path / "out")
    assert play(played, measured, EQUAL.model_copy(update={"verdicts": (equal, slow)})) == 1
    for _ in range(2):
        assert play(played, measured, EQUAL.model_copy(update={"gaps": (lost,)})) == 1
        [line] = [line for line in played.lines if "differs from the reference" in line]
        assert "(not compared in this run: unsupported in tonight: not installed): resnet18 (openvino)" in line
        assert "since 1 November" in line
    assert play(played, measured, EQUAL.model_copy(update={"verdicts": (equal, same)})) == 0


def without(name: str, chosen: Callable[..., Any]) -> Callable[..., Any]:
    """Finds the architectures of a run but for one."""

    def find(words: Sequence[str], *others: Any) -> Any:
        others[-1][name] = "ImportError: no module named 'mine'"
        return chosen([word for word in words if word != name], *others)

    return find


@pytest.mark.parametrize(
    ("change", "texts"),
    [(CHANGES[0], ("5 -> 6 (+20.00%)", "5 → 6")), (CHANGES[1], ("conv2: jit -> ref:any",) * 2)],
    ids=["count", "kernels"],
)
@pytest.mark.parametrize("whole", [False, True], ids=["alone", "architecture"])
def test_a_count_or_kernel_that_was_not_compared_remains(
    whole: bool, change: ReferenceChange, texts: tuple[str, str], measured: list[AgainstReference], tmp_path: Path
) -> None:
    """Also if the architecture failed as a whole, so that its time alone is listed; an acceptance stays one."""
    gap = ReferenceGap(
        architecture="alexnet", metric=KEY if whole else change.metric, mode="eager", reason=REASON, failed=True
    )
    differs, failed = EQUAL.model_copy(update={"changes": (change,)}), EQUAL.model_copy(update={"gaps": (gap,)})
    of_mode, of_time = (gap.model_copy(update={"metric": KEY, "mode": m, "failed": False}) for m in ("bf16", "eager"))
    played = Nights(tmp_path / "out")

    def night(of: AgainstReference) -> int:
        measured[:] = [of]
        return played.play(made(), fail_on="any", **OPTIONS)

    assert night(differs) == 1
    for _ in range(2):
        assert night(failed) == 1
        assert f"(not compared in this run: {REASON}): alexnet {texts[0]}; since" in "".join(played.lines)
        [row] = [row for row in outlets.read(played.out).rows if row.red]
        assert row.metric in ("MACs", "Kernels, CPU, 1 thread")
        assert all(part in row.result for part in (texts[1], f"not compared in this run: {REASON}"))
        assert "since 1 November" in "".join(played.lines)
    for of_times in (of_mode, of_time):
        assert night(EQUAL.model_copy(update={"gaps": (of_times,)})) == 0, "it was compared; a time was not"
        assert night(differs) == 1
    assert played.accept("alexnet", change.metric) == 1
    assert night(failed) == 3, "known, but not compared"
    assert night(differs) == 0


def test_a_count_keeps_its_date_if_the_size_of_images_alternates() -> None:
    """A run with images of another size shows nothing about it, unless it is one of the weights."""
    macs = CHANGES[0]
    parameters = macs.model_copy(update={"metric": "parameters"})
    small = macs.model_copy(update={"reference": 50, "tonight": 60})
    last: NightlyRun | None = None
    now = ""

    def night(sizes: dict[str, str], *changes: ReferenceChange) -> dict[tuple[str, int], str]:
        """The dates of the findings, after a run in which these counts differ."""
        nonlocal last, now
        now = f"2026-11-{int(now[-2:] or 0) + 1:02}"
        run = EQUAL.model_copy(update={"changes": changes, "input_sizes": sizes})
        made = tuple(reference_findings.findings(run, last, [KERNELS], (), now, missing={}))
        elsewhere = reference_findings.elsewhere(run, last)
        last = NightlyRun(started=now, exit_code=1, findings=made, elsewhere=elsewhere)
        return {(each.metric, int(each.new or 0)): each.since for each in made}

    assert night({}, macs, parameters) == dict.fromkeys((("macs", 6), ("parameters", 6)), "2026-11-01")
    first = {("parameters", 6): "2026-11-01"}
    assert night({"alexnet": "64"}, small, parameters) == {("macs", 60): "2026-11-02", **first}
    assert night({}, macs, parameters) == {("macs", 6): "2026-11-01", **first}
    assert night({"alexnet": "64"}, small) == {("macs", 60): "2026-11-02"}
    assert night({}, parameters) == {("parameters", 6): "2026-11-05"}
    assert night({}, macs) == {("macs", 6): "2026-11-06"}


def test_a_count_is_gone_although_kernels_were_not_recorded() -> None:
    """As in each run with a torch that cannot record them; equal counts are in no list of a run."""
    gap = ReferenceGap(architecture="alexnet", metric=KERNELS.key, mode="eager", reason="unsupported in reference")
    differs, equal = (EQUAL.model_copy(update=each) for each in ({"changes": CHANGES[:1]}, {"gaps": (gap,)}))
    first = tuple(reference_findings.findings(differs, None, [KERNELS], (), "2026-11-01", missing={}))
    last = NightlyRun(started="2026-11-01", exit_code=1, findings=first)
    assert [each.metric for each in first] == ["macs"]
    assert not list(reference_findings.findings(equal, last, [KERNELS], (), "2026-11-02", missing={}))
