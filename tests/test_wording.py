"""The wording of documentation, docstrings and messages: no expression of tests/data/private_words.txt may be added."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator

import pytest
from commands import ROOT

DATA = ROOT / "tests" / "data"
LEFT = DATA / "private_words_left.txt"
"""Files with such expressions: how many each still contains."""
WORDS = [
    re.compile(line, re.IGNORECASE)
    for line in (DATA / "private_words.txt").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
]
ANY = re.compile("|".join(f"(?:{word.pattern})" for word in WORDS), re.IGNORECASE)
PATTERNS = (
    *("*.md", "*.yml", "CITATION.cff", "docs/*.md", "docs/*.py", "benchmarks/*.md", "benchmarks/*.py", "tests/*.md"),
    *("reporter/**/*.py", "reporter/facts/cards.toml", "templates/**/*.j2", ".ci/*.py", ".github/**/*.yml"),
)
"""Not results/ and tests/golden/: messages of the program are checked where they are written."""


def checked() -> list[str]:
    """The files whose wording is checked."""
    return sorted(path.relative_to(ROOT).as_posix() for pattern in PATTERNS for path in ROOT.glob(pattern))


def prose(path: str, text: str) -> Iterator[str]:
    """The texts of a file that people read: of Python its strings and comments; quoted paragraphs are left out."""
    if not path.endswith(".py"):
        yield "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("> "))
        return
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
    # The tokens of a module take as long as its tree: only where what follows some "#" has such an expression.
    if any(ANY.search(" ".join(rest.split())) for _, _, rest in (line.partition("#") for line in text.splitlines())):
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT:
                yield token.string


def found(path: str, text: str) -> list[str]:
    """The expressions of the list in a file, also across line breaks; one that two lines match is found twice."""
    parts = (" ".join(part.split()) for part in prose(path, text))
    return [match.group() for part in parts if ANY.search(part) for word in WORDS for match in word.finditer(part)]


@pytest.fixture(scope="module")
def counts() -> dict[str, list[str]]:
    texts = {path: (ROOT / path).read_text(encoding="utf-8") for path in checked()}
    return {path: words for path, text in texts.items() if (words := found(path, text))}


def left() -> dict[str, int]:
    rows = (line.split() for line in LEFT.read_text(encoding="utf-8").splitlines() if not line.startswith("#"))
    return {path: int(count) for count, path in rows}


def test_no_private_expression_is_added(counts: dict[str, list[str]], request: pytest.FixtureRequest) -> None:
    """`pytest --accept` takes over a lower count, also of a renamed file; never a higher total."""
    allowed = left()
    total = sum(map(len, counts.values()))
    if request.config.getoption("--accept") and total <= sum(allowed.values()):
        head = [line for line in LEFT.read_text(encoding="utf-8").splitlines() if line.startswith("#")]
        rows = [f"{len(words)} {path}" for path, words in sorted(counts.items())]
        LEFT.write_text("\n".join((*head, *rows)) + "\n", encoding="utf-8")
        allowed = left()
    more = {path: words for path, words in counts.items() if len(words) > allowed.get(path, 0)}
    assert not more, "see tests/data/private_words.txt for the expressions to avoid"
    fewer = {path for path, count in allowed.items() if len(counts.get(path, ())) < count}
    assert not fewer, f"fewer expressions than {LEFT.name} allows: run pytest --accept to lower its counts"


def test_the_documentation_contains_no_private_expression(counts: dict[str, list[str]]) -> None:
    """Only the changelog and recorded output of the program still do."""
    texts = {path for path in counts if path.endswith((".md", ".yml", ".cff"))}
    assert texts <= {"CHANGELOG.md", "benchmarks/ab_torch.md"}


def test_the_check_reads_docstrings_messages_and_comments() -> None:
    text = '"""Nobody\'s."""\n# and so it goes on\nprint(f"{1} is told from {2}")\ntold = 1\n'
    assert found("reporter/x.py", text) == ["Nobody's", "told from", "told", "goes on"]
    assert found("docs/x.md", "A word.\n> he said: not so\nIt goes\n  on.\n") == ["goes on"]
    assert {"README.md", "CONTRIBUTING.md", "action.yml", "docs/api.md", "reporter/__init__.py"} <= set(checked())
