"""The vocabulary of reports: one term for each thing, unambiguous comparisons, and Russian as in textbooks."""

from __future__ import annotations

import json
import re

import pytest
import samples
import words
from babel.messages.pofile import read_po
from commands import ROOT

from reporter.host import machine
from reporter.model import Record
from reporter.model.settings import Settings
from reporter.report import units
from reporter.report.cards import cards, record_structure
from reporter.report.cards.record_structure import Stage
from reporter.report.comparison import compare
from reporter.report.findings import key_findings
from reporter.report.language import FOLDER, Language, language
from reporter.report.output.markdown import escape
from reporter.report.page import run_environment

ENGLISH, RUSSIAN = language("en"), language("ru")
AMBIGUOUS = re.compile(
    r"\btimes (fewer|less|smaller|lower|more)\b|multiply-adds (against|an?d )|against (time|multiply)|\bgrids?\b"
    r"|\brightly\b|centre|normalis|recognis",
    re.IGNORECASE,
)
CALQUES = re.compile(
    r"умножени\w+[ -](и |со )?сложени|родного размера|раз за прогон|макс-пулинг|max-pool|гейт|на одном кадре|склеива"
    r"|[Оо]бходн\w+ пут|[Сс]корость роста|\b[Ээ]тап|\bпакет\w* и |имена говорят|говорят их имена|\b1000\b|\b1500\b"
    r"|в \{\w+\} раза? меньше|больше чем на десятую|\bG MAC\b|сверх точного|без сетки"
    r"|\b[Пп]рогон|\b[Вв]рем(ена|ён|енам|енах)\b|\bопора|за основу|сам(ой|а) torch"
    r"|ошибк\w+ (её )?выхода|реестр|голов[аыу]\b|не слит|градиент течёт",
)


def russian_texts() -> list[str]:
    """All translations of ru.po."""
    with (FOLDER / "ru.po").open("rb") as file:
        catalog = read_po(file, locale="ru")
    return [text for m in catalog if m.id for text in ([m.string] if isinstance(m.string, str) else m.string)]


def test_messages_have_no_ambiguous_comparison_and_no_second_term() -> None:
    ids = [text for found in words.messages().values() for text in ([found] if isinstance(found, str) else found)]
    assert len(ids) > 500
    assert [text for text in ids if AMBIGUOUS.search(text)] == []


def test_russian_texts_use_the_terms_of_textbooks() -> None:
    texts = russian_texts()
    assert len(texts) > 500
    assert [text for text in texts if CALQUES.search(text)] == []


def test_a_number_does_not_decide_the_form_of_the_noun_after_it() -> None:
    """A Russian noun after a number has three forms: such a message has a plural, or the number stands last."""
    with (FOLDER / "ru.po").open("rb") as file:
        texts = [str(message.string) for message in read_po(file, locale="ru") if isinstance(message.id, str)]
    nouns = "архитектур|сет[иье]|строк|времён|тензор|пиксел|значени|запуск|раз[а ]"
    counts = "count|known|often|equal|shown|noisy|pixels|all|longer|fewer"
    assert [text for text in texts if re.search(rf"\{{({counts})\}}[ \u00a0]({nouns})", text)] == []


def test_the_texts_of_committed_records_are_translated() -> None:
    """Records keep the definitions of the version that measured them."""
    (path,) = (ROOT / "results/reference/records").glob("*/resnet18.json")
    readings = json.loads(path.read_text(encoding="utf-8"))["readings"].values()
    texts = {str(reading["quantity"][key]) for reading in readings for key in ("title", "definition")}
    prose = [text for text in texts if " " in text and not text.startswith("ImageNet top-")]
    assert len(prose) > 20
    assert [text for text in prose if RUSSIAN._(text) == text] == []


@pytest.mark.parametrize(
    ("slower", "words"),
    [(1.3, "в 1,3 раза дольше"), (3, "в 3,0 раза дольше"), (11, "в 11 раз дольше"), (22, "в 22 раза дольше")],
)
def test_a_ratio_agrees_with_its_noun(slower: float, words: str) -> None:
    records = [_timed("resnet18", 0.02), _timed("resnet50", 0.02 * slower)]
    found = key_findings.fastest(compare(records), RUSSIAN) or ""
    assert words in found
    assert f"takes {units.ratio(ENGLISH, slower)} times as long" in (
        key_findings.fastest(compare(records), ENGLISH) or ""
    )


def _timed(name: str, seconds: float) -> Record:
    found = next(record for record in samples.lecture() if record.architecture == name)
    time = samples.reading("latency_cpu_1thread", *samples.times(seconds, spread=0.001))
    return found.model_copy(update={"readings": found.readings | {"latency_cpu_1thread": time}})


@pytest.mark.parametrize(
    ("value", "base", "text"),
    [(0.83, 1, "17"), (1.0, 3.0, "67"), (97.5, 100, "2.5"), (4, 1000, "99.6"), (9996, 1e4, "0.040")],
)
def test_fewer_is_a_percentage_that_is_neither_0_nor_100(value: float, base: float, text: str) -> None:
    assert units.fewer(ENGLISH, value, base) == text


@pytest.mark.parametrize("tongue", [ENGLISH, RUSSIAN], ids=["en", "ru"])
def test_a_small_share_is_no_inequality(tongue: Language) -> None:
    record = samples.lecture()[0]
    shares = [price.share for cost in cards.costs(_stages(record), tongue) for price in (cost.parameters, cost.macs)]
    assert {"under 0.1 %", "менее 0,1 %"} & set(shares)
    assert not any("<" in share for share in shares)


def _stages(record: Record) -> list[Stage]:
    """The stages of a record, the first with next to no cost."""
    first, *rest = record_structure.stages(record)
    return [first.model_copy(update={"parameters": 1, "macs": 1}), *rest]


def test_a_name_inside_a_file_name_is_no_code_span() -> None:
    names = frozenset({"alexnet", "timm:resnet18"})
    assert "`" not in escape("alexnet-owt-7be5be79.pth is missing", names)
    assert "`" not in escape("see tables/alexnet.csv", names)
    assert escape("use alexnet.", names) == "use `alexnet`."
    assert escape("alexnet, timm:resnet18", names) == "`alexnet`, `timm:resnet18`"


def test_shares_in_reasons_have_a_space_before_the_sign() -> None:
    for tongue in (ENGLISH, RUSSIAN):
        assert "37\u00a0%" in tongue.translate("the 95 % interval spans 37% of the median")


def test_the_environment_has_labels_in_words() -> None:
    settings, facts = run_environment.setting_labels(RUSSIAN), run_environment.machine_labels(RUSSIAN)
    assert set(Settings.model_fields) - set(settings) == {"ray_address"}, "of one executor"
    assert set(machine.facts()) <= set(facts)
    labels = (*settings.values(), *facts.values())
    assert [label for label in labels if not re.search("[а-я]|^Seed$", label, re.I)] == []


def test_notes_name_no_library_whose_weights_a_network_does_not_have() -> None:
    """Captions are those of all networks, also of timm's."""
    captions = [text for text in words.messages() if "bubble" in text]
    assert captions
    assert not any("torchvision" in text for text in captions)
