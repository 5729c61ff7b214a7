"""Acceptance of findings: accepted.json gets an entry for each; a run without other findings is the baseline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reporter.compare import reference_file
from reporter.documents.reference_verdicts import AgainstReference
from reporter.model import ReporterError
from reporter.model.fields import legible
from reporter.model.names import nearest
from reporter.nightly import baseline, reference_findings, state
from reporter.nightly.run_folder import Folder
from reporter.nightly.state import Acceptance, Acceptances, Finding
from reporter.store import record_files


def accept(
    folder: Folder,
    architectures: Sequence[str],
    metrics: Sequence[str],
    reason: str,
    now: str,
    *,
    modes: Sequence[str] = (),
) -> list[Finding]:
    """Accepts the findings of the last run, or those of some architectures, metrics or modes.

    If the main job compared the folder with a pinned reference later, these are the findings of that comparison.
    Control characters and bytes other than UTF-8 in `reason` are stored as escapes.
    ReporterError if there are none, or if one of the names is in no finding; then nothing is accepted.
    """
    last, reason = folder.last(), legible(reason)
    wanted = {"architecture": architectures, "metric": metrics, "mode": modes}
    named = {field: names for field, names in wanted.items() if names}
    found = reference_file.load(folder.out) if last is None or last.superseded else None
    if found and (last is None or found.started > (last.ended or last.started)):
        return _of_main_job(folder, found, named, reason, now)
    if last is None:
        raise ReporterError(f"{folder.out}: there is no nightly run; name a folder of reporter nightly --out")
    unaccepted = [each for each in last.findings if each.is_open]
    meant = [each for each in unaccepted if all(getattr(each, field) in names for field, names in named.items())]
    if not meant:
        later = "; its results were replaced by those of the main job" if last.superseded else ""
        raise ReporterError(f"{folder.out}: nothing to accept; {_open_findings(unaccepted)}{later}")
    _check_names(folder, last.findings, named)
    entries = [Acceptance.of(each, now, last.started, reason) for each in meant]
    before = folder.acceptances().accepted
    state.save(folder.accepted_file, Acceptances(accepted=(*before, *entries)))
    settle(folder)
    return meant


def _of_main_job(
    folder: Folder, found: AgainstReference, named: Mapping[str, Sequence[str]], reason: str, now: str
) -> list[Finding]:
    """Accepts what a run of the main job found against its reference."""
    before = folder.acceptances().accepted
    meant, entries = reference_findings.accepted(reference_findings.mark_accepted(found, before), named, reason, now)
    if not meant:
        open_findings, _ = reference_findings.accepted(reference_findings.mark_accepted(found, before), {}, reason, now)
        raise ReporterError(f"{folder.out}: nothing to accept; {_open_findings(open_findings)}")
    _check_names(folder, reference_findings.every(found), named)
    state.save(folder.accepted_file, Acceptances(accepted=(*before, *entries)))
    return meant


def _check_names(folder: Folder, findings: Sequence[Finding], named: Mapping[str, Sequence[str]]) -> None:
    """ReporterError if a name is in no finding, accepted or not: it is misspelt, or its finding is gone."""
    for field, names in named.items():
        known = dict.fromkeys(value for each in findings if (value := getattr(each, field)))
        for name in names:
            if name not in known:
                raise ReporterError(f"{folder.out}: no finding has --{field} {name!r}; {nearest(name, known)}")


def settle(folder: Folder) -> None:
    """Marks the findings of the last run that are accepted; if all are, the run becomes the baseline.

    If its records are no longer in the folder, the next run does, which has the same findings.
    """
    last = folder.last()
    if last is None or last.accepted:
        return
    entries = folder.acceptances().accepted
    findings = tuple(
        each.model_copy(update={"accepted": any(entry.covers(each) for entry in entries)}) for each in last.findings
    )
    settled = last.model_copy(update={"findings": findings})
    if settled == last:
        return
    if settled.accepted and not settled.superseded:
        base, measured = baseline.read(folder).records, record_files.load_all_modes(folder.out)[0]
        folder.promote(baseline.merged(base, measured, settled.findings))
    state.save(folder.run_file, settled)


def _open_findings(findings: Sequence[Finding]) -> str:
    if not findings:
        return "the last run has no finding that is not accepted"
    names = dict.fromkeys(f"{each.name} {each.metric}".strip() for each in findings)
    return f"its findings are: {', '.join(list(names)[:20])}"
