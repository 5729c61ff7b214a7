"""Limits of `reporter choose`: units, limits from below, the order, licenses."""

from __future__ import annotations

import json
import math
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import click
import pytest
import samples
from click.testing import CliRunner
from commands import ROOT, call

from reporter.cli import choosing
from reporter.cli.limit_options import Amount
from reporter.cli.main import command
from reporter.model import Record, ReporterError
from reporter.report import build
from reporter.report.choosing import relaxed, row_text
from reporter.report.choosing.amounts import Kind, amount, kind, outwards
from reporter.report.choosing.choice import choice
from reporter.report.choosing.licenses import by_license
from reporter.report.choosing.limits import (
    FLOORS,
    OF_PAIRS,
    TOP1,
    FilterResult,
    LimitedValue,
    candidates,
    choose,
    option,
    ordered,
)
from reporter.report.choosing.sliders import factors, slider_of
from reporter.report.comparison import compare
from reporter.report.language import language
from reporter.report.output import formats
from reporter.report.units import PERCENT
from reporter.store import record_files

ROWS = {row[0]: row for row in samples.ROWS}


def licensed(name: str, license_name: str | None, **readings: tuple[float, ...]) -> Record:
    record = samples.record(ROWS[name])
    published = record.published | ({"weights_license": license_name} if license_name else {})
    taken = {key: samples.reading(key, *values) for key, values in readings.items()}
    return record.model_copy(update={"published": published, "readings": record.readings | taken})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("limits")
    rates = {"resnet18": 40.0, "resnet50": 20.0, "vgg16": 5.0}
    given = {"resnet18": "apache-2.0", "resnet50": "cc-by-nc-4.0", "vgg16": None}
    for name, rate in rates.items():
        record_files.save(folder, licensed(name, given[name], throughput_cpu=samples.times(rate, 0.01)))
    return folder


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [("50ms", "time", 0.05), ("0.05", "time", 0.05), ("57 ms", "time", 0.057), ("800us", "time", 8e-4),
     ("512MiB", "size", 2**29), ("1.5GB", "size", 1.5e9), ("1e6", "size", 1e6), ("5M", "count", 5e6),
     ("1.2G", "count", 1.2e9), ("30e6", "count", 3e7), ("80%", "share", 0.8), ("0.8", "share", 0.8),
     ("100/s", "rate", 100), (".5s", "time", 0.5), ("512M", "size", None), ("50ms", "size", None),
     ("1e9999999", "count", math.inf), ("1e9999999999999999999K", "count", math.inf), ("-1e9999999", "time", -math.inf),
     ("1e-9999999999999999999", "share", 0), ("5 apples", "count", None), ("1,000", "count", None),
     ("", "time", None), ("ms", "time", None)],
)  # fmt: skip
def test_amounts(text: str, kind: Kind, value: float | None) -> None:
    assert amount(text, kind) == value


@pytest.mark.parametrize(
    ("arguments", "line"),
    [(["--max-latency-cpu", "50lb"], "'50lb' is no time; write 50ms"), (["--max-memory", "512M"], "write 512MiB"),
     (["--min-top1", "80"], "80 is more than 1; write 80% or 0.8"),
     (["--max-output-error", "5"], "5 is more than 1; write 5% or 0.05"),
     (["--min-top1", "150%"], "150% is more than 1; write 80% or 0.8"), (["--max-macs", "-1"], "-1 is no limit"),
     (["--max-macs", "nan"], "nan is no limit"), (["--max-macs", "1e9999999"], "1e9999999 is no limit")],
)  # fmt: skip
def test_a_wrong_limit_is_one_line_with_examples(folder: Path, arguments: list[str], line: str) -> None:
    done = CliRunner().invoke(command, ["choose", str(folder), *arguments])
    assert done.exit_code == 2
    assert line in done.output.splitlines()[-1]
    assert arguments[0] in done.output.splitlines()[-1]


def names(folder: Path, limits: dict[str, float], part: str = "fits", **options: object) -> list[str]:
    return [row["architecture"] for row in choosing.chosen(folder, limits, **options)[part]]  # type: ignore[arg-type]


def test_limits_from_below(folder: Path) -> None:
    assert names(folder, {"throughput_cpu": 10}) == ["resnet50", "resnet18"]
    assert names(folder, {"throughput_cpu": 10}, "out") == ["vgg16"]
    assert names(folder, {"throughput_cpu": 20.01}, "undecided") == ["resnet50"]
    top1 = samples.record(ROWS["resnet50"]).value("imagenet_top1")
    assert top1
    assert names(folder, {"imagenet_top1": top1}) == ["resnet50"], "a limit includes its own value"
    assert names(folder, {"imagenet_top1": top1 + 1e-6}) == []
    assert "outside a limit: " in choosing.in_words(choosing.chosen(folder, {"throughput_cpu": 10}))


@pytest.mark.parametrize("error", ["21.10", "20.70", "43.10", "37.5"])
def test_a_limit_that_is_the_accuracy_of_a_paper_includes_it(error: str) -> None:
    """The accuracy is exactly the share that is printed, not 1 - 21.1 / 100 = 0.7889999999999999."""
    record = samples.record(ROWS["resnet18"])
    readings = {key: each for key, each in record.readings.items() if not key.startswith("imagenet_")}
    record = record.model_copy(update={"readings": readings, "published": {"paper_1crop_top1_err": error}})
    limit = amount(f"{Decimal(100) - Decimal(error)}%", "share")
    assert limit
    (each,) = candidates(compare([record]))
    assert each.values[TOP1] == limit
    assert choose([each], {TOP1: limit}).fits == [each]


def test_a_limit_in_the_wrong_unit_is_noticed(folder: Path) -> None:
    """A plain 30 is 30 seconds, which every network keeps."""
    found = choosing.chosen(folder, {"latency_cpu": 30.0, "throughput_cpu": 1.0, "parameters": 3e7})
    lines = choosing.in_words(found).splitlines()
    slowest = max(samples.record(ROWS[name]).value("latency_cpu") or 0 for name in ("vgg16", "resnet50", "resnet18"))
    assert lines[1].startswith(
        f"no pair is excluded by --max-latency-cpu 30.0s: the largest latency_cpu is {1000 * slowest:.0f} ms"
    )
    assert lines[2].startswith("no pair is excluded by --min-throughput-cpu 1.00/s: the smallest throughput_cpu is ")
    assert [each["key"] for each in found["without_effect"]] == ["latency_cpu", "throughput_cpu"]
    assert choosing.chosen(folder, {"parameters": 3e7})["without_effect"] == []


def test_the_order_can_be_that_of_any_criterion(folder: Path) -> None:
    assert names(folder, {}, sort="throughput_cpu") == ["resnet18", "resnet50", "vgg16"]
    assert names(folder, {}, sort="macs") == ["resnet18", "resnet50", "vgg16"]
    assert names(folder, {}, sort="top1")[0] == "resnet50"
    assert "in the order of: macs" in choosing.in_words(choosing.chosen(folder, {}, sort="macs"))
    with pytest.raises(ReporterError, match=r"--sort: unknown key 'mac'; did you mean 'macs'\?"):
        choosing.chosen(folder, {}, sort="mac")


def test_licenses(folder: Path) -> None:
    assert names(folder, {}, licenses=["apache-2.0"]) == ["resnet18"]
    assert names(folder, {}, licenses=["CC-*", "apache*"]) == ["resnet50", "resnet18"]
    assert names(folder, {}, "out", licenses=["apache-2.0"]) == ["resnet50"]
    found = choosing.chosen(folder, {}, licenses=["apache-2.0"])
    assert found["unknown"][0]["architecture"] == "vgg16"
    assert "vgg16: license: no license is named" in choosing.in_words(found)
    assert "resnet50 (license cc-by-nc-4.0)" in choosing.in_words(found)
    with pytest.raises(ReporterError, match=r"--license: no weights here have the license 'apache-2'; did you mean"):
        choosing.chosen(folder, {}, licenses=["apache-2"])


def test_a_license_of_several_that_no_weights_have_is_noted(folder: Path) -> None:
    done = call("choose", folder, "--license", "apache-*,mit", "--json")
    assert (done.returncode, [each["architecture"] for each in json.loads(done.stdout)["fits"]]) == (0, ["resnet18"])
    hint = "licenses here: apache-2.0, cc-by-nc-4.0"
    assert done.stderr == f"note: --license: no weights here have the license 'mit'; {hint}\n"
    with pytest.raises(ReporterError, match=f"no weights here have the license 'mit'; {hint}"):
        choosing.chosen(folder, {}, licenses=["mit", "bsd-*"])


@pytest.mark.parametrize(
    ("option", "listed", "example"),
    [("--license", "", "apache-2.0,mit"), ("--license", " ,", "apache-2.0,mit"), ("--modes", "", "eager,bf16")],
)
def test_an_empty_list_is_no_filter_and_refused(folder: Path, option: str, listed: str, example: str) -> None:
    done = call("choose", folder, option, listed)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert f"{option}: invalid value {listed!r}; it should be a list of names, as in {example}" in done.stderr


@pytest.mark.parametrize("sort", ["", "throughput_cpu"])
def test_what_a_license_excludes_is_in_the_order_of_all(folder: Path, sort: str) -> None:
    """`out` has pairs above a limit and pairs under other licenses, `unknown` pairs that lack a value or a license."""
    every = names(folder, {}, sort=sort)
    assert every == (["resnet18", "resnet50", "vgg16"] if sort else ["resnet50", "vgg16", "resnet18"])
    limits = {"macs": 5e9}  # which only vgg16 exceeds
    assert names(folder, limits, "out", licenses=["cc-*"], sort=sort) == [name for name in every if name != "resnet50"]
    networks = candidates(compare(record_files.load_all(folder)[0]))
    networks = tuple(ordered(networks, sort)) if sort else networks
    named = {each.record.architecture: each for each in networks}
    unnamed = FilterResult(fits=[named["vgg16"]], unknown=[named["resnet50"], named["resnet18"]])
    found = by_license(unnamed, networks, ["cc-*", "apache*"])
    assert [each.record.architecture for each in found.unknown] == every


def test_every_criterion_has_its_option() -> None:
    options = {name for each in command.commands["choose"].params for name in each.opts}
    assert {option(key) for key in OF_PAIRS} | {option(key) for key in FLOORS} <= options
    assert {choosing.criterion(option(key).lstrip("-").replace("-", "_")) for key in OF_PAIRS} == set(OF_PAIRS)


def test_each_stop_of_a_lower_limit_keeps_the_network_it_is_from(folder: Path) -> None:
    comparison = compare(record_files.load_all(folder)[0])
    made = choice(comparison, language("en"))
    assert made is not None
    assert made.licenses == ("apache-2.0", "cc-by-nc-4.0")
    for slider in (each for each in made.sliders if each.floor):
        kept = [len(choose(candidates(comparison), {slider.key: limit}).fits) for limit, _ in slider.stops if limit]
        assert kept == [1, 2, 3], slider.key
        assert slider.stops[0][1].startswith("≥ ")


def test_the_label_of_each_stop_is_the_limit_that_it_applies(folder: Path) -> None:
    """Typed on the command line, it is the same limit; 0.57 / 0.01 is not 56.99999999999999."""
    made = choice(compare(record_files.load_all(folder)[0]), language("en"))
    assert made is not None
    assert {"imagenet_top1", "parameters", "macs", "memory", "throughput_cpu"} <= {each.key for each in made.sliders}
    for each in made.sliders:
        labels = {text: limit for limit, text in each.stops if limit is not None}
        assert len(labels) == len(each.stops) - 1, each.key
        typed = {text: amount(text[2:].replace(",", "").replace("images/s", "/s"), each.amount) for text in labels}
        assert typed == labels
    assert outwards(0.57, 0.01, down=True) == (57.0, 1)


@pytest.mark.parametrize(("limit", "text"), [(0.7762, "77.6"), (0.77618, "77.6"), (0.57, "57.0"), (0.0, "0")])
def test_accuracies_with_the_same_label_have_the_same_stop(limit: float, text: str) -> None:
    (each,) = candidates(compare([samples.record(ROWS["resnet18"])]))
    given = replace(each, figures={TOP1: LimitedValue(limit)})
    stop, other = slider_of(TOP1, "Top-1", [given, given], PERCENT, language("en")).stops
    assert stop == (float(Decimal(text) / 100), f"≥ {text} %")
    assert other == (None, "any")


def typed_on_the_page(code: str, cases: Sequence[tuple[str, Kind]]) -> list[float | None]:
    """What the page takes texts for; None where a text is no limit."""
    script = (ROOT / "templates" / "amounts.js").read_text()
    script += "const [units, decimal, cases] = JSON.parse(process.argv[1]);"
    script += "console.log(JSON.stringify(cases.map(([text, kind]) => amount(text, kind, units, decimal))));"
    given = json.dumps([factors(language(code)), language(code).vega["decimal"], cases])
    return json.loads(subprocess.run(["node", "-e", script, given], capture_output=True, check=True).stdout)  # type: ignore[no-any-return]


def typed_as_an_option(text: str, kind: Kind) -> float | None:
    try:
        return Amount(kind, 1.0 if kind == "share" else math.inf).convert(text, None, None)
    except click.UsageError:
        return None


@pytest.mark.skipif(not shutil.which("node"), reason="needs node")
def test_typed_limits_of_the_page_have_the_grammar_of_the_command_line() -> None:
    cases: list[tuple[str, Kind]] = [
        *((text, "time") for text in ("+50ms", "-50ms", ".5e-1", "5.", "5.e-2 S", "50 µs", "1,5", "1 230 ms", "5 e6")),
        *(
            (text, "time")
            for text in ("nan", "inf", "+inf", "1e9999", "1e-9999", "0", "ms", "e5", "5e", "50мс", "7 x1")
        ),
        *((text, "share") for text in ("150%", "100%", "1.5", "1", "+80 %", "80", "1e-9%")),
        *((text, "size") for text in ("512M", "512MiB", "1.5gb")),
        *((text, "count") for text in ("1e3K", "4.1g", "1,000", "5 constructor")),
        *((text, "rate") for text in ("100/s", "60/min", "9 images/s")),
    ]
    wanted = [typed_as_an_option(*case) for case in cases]
    assert typed_on_the_page("en", cases) == wanted
    assert None in wanted
    assert 0.05 in wanted
    assert typed_on_the_page("ru", [("50ms", "time"), ("1,2,3", "time"), ("1 2 с", "time"), ("150 %", "share")]) == [
        0.05, None, None, None]  # fmt: skip


@pytest.mark.skipif(not shutil.which("node"), reason="needs node")
@pytest.mark.parametrize("code", ["en", "ru"])
def test_the_label_of_a_stop_can_be_typed(folder: Path, code: str) -> None:
    made = choice(compare(record_files.load_all(folder)[0]), language(code))
    assert made is not None
    cases = [(text[2:], each.amount, limit) for each in made.sliders for limit, text in each.stops if limit]
    found = typed_on_the_page(code, [(text, kind) for text, kind, _limit in cases])
    assert found == [limit for _text, _kind, limit in cases]
    given: list[tuple[str, Kind]] = [
        ("33,0 мс", "time"),
        ("1\u00a0230 мс", "time"),
        ("0,5 с", "time"),
        ("4,09 млрд", "count"),
    ]
    assert typed_on_the_page("ru", given) == [0.033, 1.23, 0.5, 4.09e9]


@pytest.mark.parametrize(("code", "decimal"), [("en", "."), ("ru", ",")])
def test_the_page_has_the_units_and_the_decimal_sign_of_its_language(folder: Path, code: str, decimal: str) -> None:
    made = build.build(compare(record_files.load_all(folder)[0]), language(code), [], [])
    page = formats.to_html(replace(made, version="0"))
    units = re.findall(r"<form hidden [^>]*data-units='([^']*)' data-decimal=\"(.)\">", page)
    assert [(json.loads(given), sign) for given, sign in units] == [(factors(language(code)), decimal)]
    assert page.index("const amount = ") < page.index("amount(typed.value")


def test_list_all_and_modes_are_not_mixed_with_names() -> None:
    done = CliRunner().invoke(command, ["list", "--all", "--architectures", "resnet18"])
    assert done.exit_code == 2
    assert "leave out --architectures" in done.output
    for given in (["--architectures", "resnt50"], ["--architecture", "nets.py:NET"], ["--all"]):
        done = CliRunner().invoke(command, ["list", "--modes", *given])
        assert done.exit_code == 2
        assert f"--modes lists execution modes only; leave out {given[0]}" in done.output
    listed = CliRunner().invoke(command, ["list"])
    assert "More architectures: reporter list --all" in listed.output


def test_each_value_that_misses_a_limit_is_listed(folder: Path, tmp_path: Path) -> None:
    """Also one that is reliable, as counts are."""
    for limits in ({"parameters": 2e7, "latency_cpu": 0.1}, {"throughput_cpu": 30.0, "imagenet_top1": 0.72}):
        found = choosing.chosen(folder, limits)
        line = choosing.in_words(found).split(" a limit: ")[1].splitlines()[0]
        for row in found["out"]:
            values = (f"{key} {row_text.value_text(key, row['figures'][key])}" for key in row["above"])
            assert f"{row['architecture']} ({', '.join(values)})" in line


def test_what_would_fit_is_listed_if_nothing_does(folder: Path) -> None:
    """The limit that is printed is accepted as it stands, and the pair that is named fits then."""
    limits = {"parameters": 1.2e7, "throughput_cpu": 100.0}
    found = choosing.chosen(folder, limits)
    (row,) = found["relaxed"]
    assert (row["architecture"], row["key"]) == ("resnet18", "throughput_cpu")
    assert f"no pair fits; one does if a single limit is relaxed:\n- {row['option']}: resnet18" in choosing.in_words(
        found
    )
    done = CliRunner().invoke(command, ["choose", str(folder), "--max-parameters", "12M", *row["option"].split()])
    assert done.output.startswith("1 of 3 architectures fits;")
    assert "no pair fits" not in done.output
    both = choosing.chosen(folder, limits | {"parameters": 1e6})
    assert not both["relaxed"]
    assert [row["key"] for row in both["strictest"]] == list(limits)
    assert "relaxing one limit is not enough" in choosing.in_words(both)
    assert choosing.chosen(folder, {"parameters": 1.2e7})["strictest"] == []


@pytest.mark.parametrize("key", ["latency_cpu", "parameters", "memory", "throughput_cpu", "imagenet_top1"])
def test_a_relaxed_limit_is_rounded_to_the_side_that_fits(folder: Path, key: str) -> None:
    for each in candidates(compare(record_files.load_all(folder)[0])):
        end = each.figures[key].bounds[0 if key in FLOORS else 1]
        limit = amount(relaxed.typed(key, end), kind(key))
        assert limit is not None
        assert limit == pytest.approx(end, rel=0.01)
        assert choose([each], {key: limit}).fits


def test_what_no_run_measured_is_named_with_its_metric(folder: Path) -> None:
    text = choosing.in_words(choosing.chosen(folder, {"process_memory": 2**30}))
    assert "no value is measured: measure with --metrics rss_process_bytes" in text
    assert "- resnet50, vgg16, resnet18: process_memory: not measured" in text
    assert "measure with" not in choosing.in_words(choosing.chosen(folder, {"latency_cuda": 1.0}))


def test_sort_accepts_the_name_of_an_option(folder: Path) -> None:
    assert choosing.chosen(folder, {}, sort="latency-cpu-1thread")["sort"] == "latency_cpu_1thread"
