"""Why a time is noisy: the rule, and times and days in words."""

from __future__ import annotations

from functools import partial

from reporter.model.attempts import attempt
from reporter.model.reasons import days, in_words, why_noisy


def test_a_noisy_time_has_a_reason() -> None:
    steady = [1.0, 1.01, 1.02] * 4
    assert why_noisy([steady], 0.1, (1.0, 1.02)) is None
    assert "too few" in str(why_noisy([[1.0, 1.0]], 0.1, None))
    assert "interval spans 67%" in str(why_noisy([[1.0, 2.0] * 6], 0.1, (1.0, 2.0)))
    assert "2 rounds lie" in str(why_noisy([[1.0] * 40, [1.2] * 10], 0.1, (1.0, 1.05)))


def test_an_interval_that_includes_processes_may_be_twice_as_wide() -> None:
    """One process may span a tenth of its median; three extend to a tenth on either side."""
    rounds, bounds = [[1.0, 1.01, 0.99] * 3] * 3, (0.93, 1.08)
    assert why_noisy(rounds, 0.1, bounds) is None
    assert "spans 15%" in str(why_noisy(rounds[:1], 0.1, bounds))
    assert "spans 24%" in str(why_noisy(rounds, 0.1, (0.88, 1.12)))


def test_times_and_days_in_words() -> None:
    assert [in_words(value, "s") for value in (2.5, 0.0713, 3.2e-5)] == ["2.5 s", "71.3 ms", "32 µs"]
    assert in_words(41.26, "1/s") == "41.3 images/s"
    large = [in_words(value, "1/s") for value in (999.4, 999.6, 1234.5, 12_345.6)]
    assert large == ["999 images/s", "1,000 images/s", "1,234 images/s", "12,346 images/s"], "without exponents"
    assert [in_words(value, "s") for value in (0.9994, 0.9996, 9.996e-4, 1234.5)] == [
        "999 ms",
        "1 s",
        "1 ms",
        "1,234 s",
    ]
    assert days("2026-11-05T23:00:00+00:00", "2026-12-06T01:00:00+00:00") == ("5 Nov", "6 Dec")
    assert days("2026-11-05T09:00:00+00:00", "2026-11-05T21:30:00+00:00") == ("5 Nov, 09:00", "5 Nov, 21:30")
    assert days("some day", "2026-11-05T21:30:00+00:00") == ("some day", "2026-11-05T21:30:00+00:00")


class _UnprintableError(Exception):
    def __str__(self) -> str:
        raise ValueError("no text")


class _UnusualError(BaseException):
    pass


def test_any_exception_of_foreign_code_is_a_reason() -> None:
    def fail(error: BaseException) -> None:
        raise error

    reasons = [attempt(partial(fail, each))[1].reason for each in (_UnprintableError(), _UnusualError("stop"))]
    assert reasons == ["_UnprintableError: no message", "_UnusualError: stop"]
