"""Readings in the lines of progress."""

from __future__ import annotations

import samples

from reporter.cli.progress_texts import in_words
from reporter.model import Verdict


def test_a_note_on_a_value_that_counts_does_not_begin_with_its_status() -> None:
    note = "the parts sum to 0.69 of the latency: calls were disturbed, or parts are missing"
    made = samples.reading("macs", 5e6).model_copy(update={"reason": note})
    assert made.verdict == Verdict("ok", note)
    assert in_words(made) == f"5.00 M ({note})"
