"""Base units become words and lose nothing but the digits that are not shown."""

from __future__ import annotations

import math
from decimal import ROUND_HALF_UP, Context, Decimal

import pytest
import samples
from hypothesis import given
from hypothesis import strategies as st

from reporter.model import Quantity
from reporter.report import units
from reporter.report.language import Language, language

QUANTITIES = list(samples.QUANTITIES.values())
LANGUAGES = [language("en"), language("ru")]


def number(text: str, tongue: Language) -> Decimal:
    """Reads a number back as a reader of the language would."""
    symbols = tongue.vega
    plain = text.replace(str(symbols["thousands"]), "").replace(str(symbols["decimal"]), ".")
    return Decimal(plain.replace("−", "-"))


@given(
    value=st.floats(min_value=1e-9, max_value=1e12),
    quantity=st.sampled_from(QUANTITIES),
    tongue=st.sampled_from(LANGUAGES),
    spread=st.none() | st.floats(min_value=0, max_value=0.5),
)
def test_round_trip(value: float, quantity: Quantity, tongue: Language, spread: float | None) -> None:
    interval = None if spread is None else (value * (1 - spread), value * (1 + spread))
    scale = units.scale(quantity, [value])
    text = units.text(tongue, value, scale, interval)
    shown = len(text.partition(str(tongue.vega["decimal"]))[2])
    exact = Decimal(str(value)) / Decimal(str(scale.factor))
    lost = Decimal("0.5000001").scaleb(-shown)
    if spread and not shown:
        lost = max(lost, lost * exact * Decimal(spread))  # half of the interval's half width
    assert abs(number(text, tongue) - exact) <= lost


@pytest.mark.parametrize("value", [703687441777.3854, 1044068929.0555, 1e300, 0.7795, 0.77618, 0.05])
def test_a_share_is_rounded_once(value: float) -> None:
    """Also a share far above 1, of which the product with 100 is no float."""
    shown = number(units.share(LANGUAGES[0], value), LANGUAGES[0])
    assert shown == (Decimal(repr(value)) * 100).quantize(Decimal("0.1"), ROUND_HALF_UP, Context(prec=400))


def test_a_computed_share_is_rounded_like_the_same_share_read() -> None:
    computed = math.nextafter(0.7795, 0)
    assert units.share(LANGUAGES[0], computed) == units.share(LANGUAGES[0], 0.7795) == "78.0"


@given(value=st.floats(min_value=1e-3, max_value=1e3), spread=st.floats(min_value=1e-6, max_value=0.4))
def test_digits_follow_the_interval(value: float, spread: float) -> None:
    """The last digit shown is of the order of the interval's half width, but two digits always stand.

    Digits before the point are rounded only where the interval is that wide.
    """
    digits = units.decimals(value, (value * (1 - spread), value * (1 + spread)))
    fewest, half = 1 - math.floor(math.log10(value)), value * spread
    assert fewest <= digits <= max(0, fewest + 2)
    assert 10.0**-digits > half / 10 * 0.999 or digits == fewest
    assert 10.0**-digits < half * 1.001 or digits == max(0, fewest + 2)


@given(
    value=st.floats(min_value=1e-3, max_value=1e5),
    below=st.floats(min_value=1e-6, max_value=0.9),
    above=st.floats(min_value=1e-6, max_value=0.9),
)
def test_the_printed_ends_enclose_the_printed_value(value: float, below: float, above: float) -> None:
    interval = (value * (1 - below), value * (1 + above))
    quantity = samples.QUANTITIES["latency_cpu"]
    scale = units.scale(quantity, [value])
    low, high = (number(end, LANGUAGES[0]) for end in units.ends(LANGUAGES[0], value, scale, interval))
    assert low <= number(units.text(LANGUAGES[0], value, scale, interval), LANGUAGES[0]) <= high


@pytest.mark.parametrize(
    ("value", "interval", "text", "ends"),
    [
        (0.3561, (0.3331, 0.3803), "360", ["330", "380"]),
        (1.2713, (1.1530, 1.4012), "1,300", ["1,200", "1,400"]),
        (0.4413, (0.4123, 0.4718), "440", ["410", "470"]),
        (0.0991, (0.0634, 0.1348), "99", ["63", "135"]),
        (0.1051, (0.0634, 0.1468), "110", ["60", "150"]),
        (0.3561, (0.3556, 0.3566), "356.1", ["355.6", "356.6"]),
        (12.3454, (12.3414, 12.3494), "12,345", ["12,341", "12,349"]),
        (0.3561, (0.3561, 0.3561), "356", ["356", "356"]),
    ],
)
def test_an_interval_rounds_digits_before_the_point(
    value: float, interval: tuple[float, float], text: str, ends: list[str]
) -> None:
    milliseconds = units.SECONDS[1]
    assert units.text(LANGUAGES[0], value, milliseconds, interval) == text
    assert units.ends(LANGUAGES[0], value, milliseconds, interval) == ends


@pytest.mark.parametrize(
    ("key", "value", "interval", "text"),
    [
        ("latency_cpu", 0.0123471, (0.0122, 0.0125), "12.3 ms"),
        ("latency_cpu", 0.0123471, (0.009, 0.016), "12 ms"),
        ("latency_cpu", 2.5e-5, None, "25.0 µs"),
        ("parameters", 25557032, None, "25.6 M"),
        ("macs", 4089184256, None, "4.09 G"),
        ("depth", 50, None, "50"),
        ("peak_activation_bytes", 2**20, None, "1.00 MiB"),
        ("imagenet_top1", 0.7613, None, "76.1 %"),
    ],
)
def test_words(key: str, value: float, interval: tuple[float, float] | None, text: str) -> None:
    assert units.words(LANGUAGES[0], samples.QUANTITIES[key], value, interval) == text


def test_half_is_rounded_up_as_in_the_charts() -> None:
    assert LANGUAGES[0].number(2.25, 1) == "2.3"
    assert LANGUAGES[1].number(1234.5, 1).replace("\u00a0", " ") == "1 234,5"
    assert LANGUAGES[0].number(-2.0) == "−2"


def test_a_ratio_has_two_digits() -> None:
    wanted = {1.34: "1.3", 13.4: "13", 99.6: "100", 995 / 4.9: "200", 255.0: "260", 1203.0: "1,200", 0.134: "0.13"}
    assert {value: units.ratio(LANGUAGES[0], value) for value in wanted} == wanted
    assert units.plural_of(units.ratio(LANGUAGES[1], 1203.0)) == 1200


def test_a_ratio_of_values_that_differ_is_not_1() -> None:
    wanted = {1.04: "1.04", 1.004: "1.004", 1.0496: "1.05", 0.9996: "0.9996", 0.96: "0.96", 1.06: "1.1", 13.2: "13"}
    assert {value: units.unequal_ratio(LANGUAGES[0], value) for value in wanted} == wanted
    assert units.unequal_ratio(LANGUAGES[0], 1.0) == "1.0"


def test_a_correlation_is_1_only_where_it_is_exactly_1() -> None:
    wanted = {
        1.0: "1.00",
        1 - 1e-12: "1.00",
        0.998: "0.998",
        0.9996: "0.9996",
        -0.997: "−0.997",
        0.994: "0.99",
        0.0: "0.00",
    }
    assert {value: units.coefficient(LANGUAGES[0], value) for value in wanted} == wanted
