"""Every word of the reports exists in every language, with the same blanks."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
import reasons
import samples
import words
from babel.messages.pofile import denormalize, read_po

from reporter.host import gpu_state
from reporter.model import Claim, ReporterError
from reporter.model.device_states import STATES, notes
from reporter.model.modes import Mode
from reporter.registry.catalog import collect
from reporter.registry.execution_modes import Kind, obstacle
from reporter.report.comparison import compare
from reporter.report.language import FOLDER, RECORDED, available, language
from reporter.report.page.claim_sections import try_claims
from reporter.tables import measured_vs_published, published_accuracy

CATALOGUES = sorted(FOLDER.glob("*.po"))
NEVER_COMPOSED = {"no {} weights: {} could not be downloaded: {}"}
"""Of two texts that are both assigned to a name, the one that is assigned later."""
RECORD_TEXTS = Path(__file__).parent / "data" / "record_texts.txt"


@pytest.fixture(params=CATALOGUES, ids=lambda path: path.stem)
def path(request: pytest.FixtureRequest) -> Path:
    return request.param


def test_nothing_is_untranslated(path: Path) -> None:
    with path.open("rb") as file:
        catalogue = read_po(file, locale=path.stem)
    known = {message.id if isinstance(message.id, str) else message.id[0] for message in catalogue if message.string}
    assert [message for message in words.messages() if message not in known] == []
    assert not any(message.fuzzy for message in catalogue)


def test_no_message_is_left_over(path: Path) -> None:
    """A message is one of the reports, or a text of the program that records contain.

    tests/data/record_texts.txt has the texts that the program composes, and those that earlier versions recorded. A
    message with the flag `recorded` is such a text, too, with its blanks.
    """
    listed = RECORD_TEXTS.read_text(encoding="utf-8").splitlines()
    with path.open("rb") as file:
        catalogue = read_po(file, locale=path.stem)
    known = {str(message.id) for message in catalogue if message.id and isinstance(message.id, str)}
    assert sorted(set(listed) - known) == []
    sources = [file for end in ("py", "csv", "toml") for file in sorted(words.PACKAGE.glob(f"**/*.{end}"))]
    literals = re.sub(r'"\s*\n\s*f?"', "", "\n".join(file.read_text(encoding="utf-8") for file in sources))
    text = re.sub(r'\\"|""', '"', literals)
    plain = (message for message in catalogue if message.id and RECORDED not in message.flags)
    ids = (message.id if isinstance(message.id, str) else message.id[0] for message in plain)
    unused = [each for each in ids if each not in words.messages() and each not in listed]
    assert [each for each in unused if each not in text] == []


def test_no_message_is_repeated(path: Path) -> None:
    """Babel keeps the last translation of a message without a word."""
    entries = re.findall(r'^msgid ((?:"[^\n]*"\n)+)', path.read_text(encoding="utf-8"), re.MULTILINE)
    counts = Counter(denormalize(entry) for entry in entries)
    assert counts[""] == 1, "the head"
    assert len(counts) > 1000
    assert [message for message, count in counts.items() if count > 1] == []


def test_blanks_are_the_same(path: Path) -> None:
    with path.open("rb") as file:
        catalogue = read_po(file, locale=path.stem)
    for message in catalogue:
        if message.id:
            ids = [message.id] if isinstance(message.id, str) else message.id
            strings = [message.string] if isinstance(message.string, str) else message.string
            wanted = set(re.findall(r"\{\w+\}", " ".join(ids)))
            assert all(set(re.findall(r"\{\w+\}", text)) == wanted for text in strings), message.id


def test_russian_numbers_and_terms() -> None:
    """A group of three digits follows a no-break space; there is one word for cross-entropy."""
    with (FOLDER / "ru.po").open("rb") as file:
        catalogue = read_po(file, locale="ru")
    checked = 0
    for message in catalogue:
        english, russian = (text if isinstance(text, str) else " ".join(text) for text in (message.id, message.string))
        for number in re.findall(r"(?<![\d,.])\d{1,3}(?:,\d{3})+(?![\d,])", english):
            checked += 1
            assert number.replace(",", "\N{NO-BREAK SPACE}") in russian, english
        assert "перекрёстная энтропия" not in russian.lower()
    assert checked > 20


def test_plurals() -> None:
    one, many = "{count} architecture, measured on {date}", "{count} architectures, measured on {date}"
    texts = [language("ru").ngettext(one, many, count) for count in (1, 3, 5, 11, 21)]
    assert [text.split()[1].rstrip(",") for text in texts] == ["сеть", "сети", "сетей", "сетей", "сеть"]


def test_sources_and_protocols_are_translated() -> None:
    """In the tables of published figures and of the evidence for claims; titles of papers are not."""
    comparison, russian = compare(samples.with_gradients(samples.lecture())), language("ru")
    claims = try_claims(collect("reporter.claims", Claim).values(), samples.evidence(), comparison, russian)
    published = (measured_vs_published.make(comparison, russian), published_accuracy.make(comparison, russian))
    texts = []
    for table in (*published, claims.table):
        assert table
        keys = [column.key for column in table.columns]
        at = [keys.index(key) for key in ("source", "paper_protocol") if key in keys]
        texts += [row[place].text for row in table.rows for place in at]
    texts.append(next(note for note in published[0].notes if note.startswith("Источники глубин")))
    assert len(set(texts)) > 30
    prose = r"\b(sect|Tables?|Figs?|abstract|paper|crops?|nets?|not|own|count|authors)\b"
    assert [text for text in texts if re.search(prose, text.replace("tf-slim nets/", ""))] == []


def test_sentences_of_records_are_translated() -> None:
    translate = language("ru").translate
    assert translate("the 95 % interval spans 48% of the median") == "95-процентный интервал занимает 48\u00a0% медианы"
    assert translate("out of it; the largest batch that fits: 5") == "out of it; наибольший батч, который помещается: 5"
    assert translate("no such sentence and nothing else") == "no such sentence and nothing else"
    assert translate(None) == ""
    assert language("en").translate("anything") == "anything"


def test_reasons_are_translated(path: Path) -> None:
    """Every reason of a reading that the package composes, as tests/reasons.py finds them in its code.

    Texts of other packages within them stay as they are.
    """
    found = reasons.reasons()
    prose = {text: text.replace(reasons.BLANK, "1") for text in found if re.search("[a-z]{2}.* [a-z]{2}", text)}
    translate = language(path.stem).translate
    missing = [
        f"{found[text]}: {text}"
        for text, example in prose.items()
        if translate(example) == example and translate(f"ValueError: {example}") == f"ValueError: {example}"
    ]
    assert len(prose) > 150
    assert [each for each in missing if each.partition(": ")[2] not in NEVER_COMPOSED] == []


def test_a_reason_within_a_reason_is_translated() -> None:
    translate = language("ru").translate
    within = "not run: a smaller one did not fit (needs about 3,200 MiB, and 1,024 MiB are available; it was not run)"
    assert not re.search("[a-z]", translate(within))
    assert translate("ValueError: /data: there is no such folder; other words").startswith("ValueError: /data: there")
    layout = "wanted: train/CLASS/*.jpg and val/CLASS/*.jpg, or CLASS/*.jpg"
    assert "такой папки нет" in translate(f"FileNotFoundError: /data: there is no such folder; {layout}")
    failed = translate("torch.compile failed: BackendCompilerFailed: 5% of it")
    assert failed == "torch.compile: не удалось: BackendCompilerFailed: 5\u00a0% of it"


def test_notes_on_devices_are_translated() -> None:
    """What limits the clock of a GPU, other processes on it, and why a mode is not available on a device."""
    states = [
        {"limits": list(gpu_state.LIMITS.values()), "settled": False, "seconds": 3.0},
        {"other_processes": 1, "other_memory_mib": 300},
    ]
    clauses = [
        *notes({STATES: states}),
        *notes({STATES: [{"other_processes": 1, "other_memory_mib": None}, {"settled": False}]}),
        *notes({STATES: [{"other_processes": 2, "other_memory_mib": 300}]}),
        *notes({STATES: [{"other_processes": 2, "other_memory_mib": None}]}),
        *(obstacle(Mode(precision="tf32"), Kind(device, ("bf16",)), {}) for device in ("cpu", "mps", "cuda")),
    ]
    assert len(clauses) == len(set(gpu_state.LIMITS.values())) + 9
    assert [clause for clause in clauses if not re.search("[а-я]", language("ru").translate(clause))] == []
    assert language("ru").translate(clauses[0]) == "устройство занимал ещё 1 процесс (300 МиБ)"


def test_errors_of_urllib_are_readable() -> None:
    """Earlier versions recorded them as Python prints them."""
    opening = "no IMAGENET1K_V1 weights: resnet18-f37072fd.pth is not in torch hub's checkpoints and"
    recorded = f"{opening} <urlopen error [Errno -2] Name or service not known>"
    english, russian = (language(code).translate(recorded) for code in ("en", "ru"))
    assert english == f"{opening} could not be downloaded: Name or service not known"
    assert "не удалось загрузить: Name or service not known" in russian
    assert language("en").translate("<urlopen error timed out>") == "timed out"
    ssl = "<urlopen error [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed (_ssl.c:1006)>"
    assert language("en").translate(f"digits: {ssl}") == "digits: certificate verify failed (_ssl.c:1006)"


@pytest.mark.parametrize(
    ("recorded", "english", "russian"),
    [
        (
            "torch.fx cannot trace it: RuntimeError: ShapeProp error for: node=%add : [num_users=1] = call_function"
            "[target=operator.add](args = (%bn3, %shortcut), kwargs = {}) with meta={}\n\nWhile executing %add"
            + " :"
            * 300,
            "torch.fx cannot trace it: shapes are not determined",
            "torch.fx не может его протрассировать: формы тензоров не определены",
        ),
        (
            "takes images of 224 pixels, not the 80 of the fine-tuning (RuntimeError: The size of tensor a (3))",
            "takes images of 224 pixels, not the 80 of the fine-tuning",
            "принимает изображения 224 пикс., а не 80, как при дообучении",
        ),
    ],
)
def test_errors_of_torch_are_left_to_the_files(recorded: str, english: str, russian: str) -> None:
    """A report states what is wrong; summary.json has the whole error."""
    assert language("en").translate(recorded) == english
    assert language("ru").translate(recorded) == russian


def test_names_dates_and_numbers() -> None:
    assert available() == ["en", "ru"]
    assert language("ru").name == "русский"
    assert language("ru").date("2026-01-02T03:04:05+00:00") == "2 января 2026\u00a0г., 03:04 UTC"
    assert language("en").date("not a date") == "not a date"
    assert language("ru").calendar_day("2026-01-02T23:04:05-03:00") == "3 января 2026\u00a0г."
    assert language("en").calendar_day("2026-01-02T03:04:05+00:00") == "2 January 2026"
    assert language("en").calendar_day("not a date") == "not a date"


def test_an_unknown_language_is_named() -> None:
    with pytest.raises(ReporterError, match="no language 'rus'; did you mean 'ru'"):
        language("rus")


def test_collect_finds_no_language_modules() -> None:
    """The catalogues are data: a language is one .po file."""
    assert collect("reporter.languages", object) == {}  # type: ignore[type-var]
