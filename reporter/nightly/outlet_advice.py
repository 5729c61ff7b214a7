"""What to do about a published run, by the kind of its folder."""

from __future__ import annotations

from collections.abc import Iterable

from reporter.nightly.outlet_rows import OutletRow

RED = "fix the cause. {intended} To confirm a slower time, run `reporter ab`."
ACCEPT = (
    "If the change is intended, download the results and run `reporter accept DIR --reason TEXT`, then commit "
    "`accepted.json`."
)
REPLACE = "If a change since the baseline is intended, use the results of this run as the baseline (`--baseline`)."
OPEN = (
    "fix the failures, which are in the log. If the reference does not have an architecture, move it with `reporter "
    "move`. If the machine is too noisy, use one without other work, or `--preset thorough`."
)
HOW_TO_FAIL = "To fail such a run, use `--fail-on any` (`fail-on: any` with the action)."


def advice(rows: Iterable[OutletRow], *, has_regression: bool, of_main_job: bool) -> str:
    """What to do about a run that did not pass.

    `of_main_job`: the main job compared it with a baseline. What changed since then cannot be accepted; what differs
    from a pinned reference can be.
    """
    if not has_regression:
        return OPEN
    of_reference = {row.of_reference for row in rows if row.red}
    replaces = of_main_job and of_reference != {True}
    accepts = not replaces or True in of_reference
    return RED.format(intended=" ".join([*([REPLACE] if replaces else []), *([ACCEPT] if accepts else [])]))
