"""Output of `reporter ab --walk` as text: the step, what changed at it, comparisons, skipped versions."""

from __future__ import annotations

from collections.abc import Iterator

from reporter.compare.walk_result import HALF, KernelStep, VersionComparison, VersionStep, WalkResult
from reporter.host import printing
from reporter.model.plurals import counted

MOST_KERNELS = 10


def in_words(found: WalkResult) -> str:
    """All of it, the result first."""
    lines = [headline(found), *(_step(found.step) if found.step else ())]
    lines += ["", f"Comparisons ({len(found.comparisons)}):", *map(_comparison, found.comparisons)]
    if found.unclear:
        lines += ["", f"Noisy, failed or unsupported in the first comparison ({len(found.unclear)}):"]
        lines += [f"- {' '.join(each.place)}: {each.status}: {each.reason}" for each in found.unclear]
    if found.skipped:
        lines += ["", "Skipped:", *(f"- {version}: {why}" for version, why in found.skipped.items())]
    return printing.text(lines)


def headline(found: WalkResult) -> str:
    """The step, or why there is none."""
    whole = found.comparisons[0]
    row = f"{whole.architecture} {whole.metric}"
    if found.step is None:
        why = f": {whole.reason}" if whole.verdict == "noisy" and whole.reason else ""
        others = len({each.place for each in found.unclear if each.status != "unsupported"} - {whole.place})
        kind = "No slowdown in the times with a verdict" if others else "No slowdown"
        kind = "Too noisy for a verdict" if whole.verdict == "noisy" else kind
        more = f"; {counted(others, 'other time')} {'is' if others == 1 else 'are'} noisy or failed" if others else ""
        return f"{kind} from {found.package} {found.first} to {found.last} ({row} {_share(whole.ratio)}){why}{more}."
    step = found.step
    doubt = "" if step.confirmed else "; comparing both with each other did not confirm it"
    return (
        f"{row}: slower from {found.package} {step.before} to {step.after}, {_share(step.ratio)} "
        f"(in all {_share(whole.ratio)} from {found.first} to {found.last}){doubt}."
    )


def _step(step: VersionStep) -> Iterator[str]:
    if step.skipped:
        yield f"Between them, skipped: {', '.join(step.skipped)}; the slowdown may have begun with any of these."
    yield "Packages that changed:"
    yield from (f"- {name}: {old or 'none'} -> {new or 'none'}" for name, (old, new) in step.packages.items())
    if step.kernels is None:
        yield f"Kernels not recorded: {step.no_kernels}"
    elif not step.kernels:
        yield "Kernels: no change."
    else:
        yield f"Kernels that changed ({len(step.kernels)}):"
        yield from map(_kernel, step.kernels[:MOST_KERNELS])


def _kernel(each: KernelStep) -> str:
    return f"- {each.layer} ({each.setting}): {each.before} -> {each.after}"


def _comparison(each: VersionComparison) -> str:
    bounds = f" ({_share(each.low)} … {_share(each.high)})" if each.low and each.high else ""
    why = f": {each.reason}" if each.reason else ""
    shown = str(each.reason) if HALF in why else f"{each.verdict}{why}"
    return f"- {each.before} -> {each.after}: {_share(each.ratio)}{bounds} {shown}"


def _share(ratio: float) -> str:
    return f"{ratio - 1:+.1%}"
