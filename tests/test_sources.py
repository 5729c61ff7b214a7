"""What the definition of an architecture depends on: its source and that beside it, and nothing else."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from commands import call
from networks import definition_of_0_1_0

from reporter.model import Architecture, sources
from reporter.registry.selection import catalog_entries
from reporter.run import roster
from reporter.worker import references

MAIN = '''"""A network."""

from __future__ import annotations

import math
import os

from torch import nn

WIDTH = 8
OTHER_WIDTH = 4


def body(width):
    """Its body."""
    return nn.Conv2d(3, width, 7, stride=4)


def build(classes):
    # as small as can be
    return nn.Sequential(body(WIDTH), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(WIDTH, classes))


def other(classes):
    return nn.Sequential(body(OTHER_WIDTH), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(OTHER_WIDTH, classes))
'''
UNCHANGED = [
    ("import math\nimport os\n", "import os\nimport math\n"),
    ("import math\n", "import math, json\n"),
    ("import math\nimport os\n\nfrom torch import nn\n", "from torch import nn\nimport os\n"),
    ("    # as small as can be\n", ""),
    ('    """Its body."""\n', '    """The body."""\n'),
    ('    """Its body."""\n', ""),
    ("(3, width, 7, stride=4)", "(\n        3,\n        width,\n        7,\n        stride=4,\n    )"),
    ("OTHER_WIDTH = 4", "OTHER_WIDTH = 5"),
    ("def other(classes):\n    return ", "def other(classes):\n    print()\n    return "),
]
CHANGED = [
    ("(3, width, 7, stride=4)", "(3, width, 3, stride=4)"),
    ("\nWIDTH = 8", "\nWIDTH = 16"),
    ("from torch import nn\n", "from torch.nn import quantized as nn\n"),
    ("\n\ndef other", "\n\nbody.width = 3\n\n\ndef other"),
    ("\n\ndef other", "\n\nif os.environ:\n    WIDTH = 3\n\n\ndef other"),
    ("\n\ndef other", "\n\nfor WIDTH in range(9):\n    pass\n\n\ndef other"),
    ("\n\ndef other", "\n\n@math.register\ndef more():\n    pass\n\n\ndef other"),
    ("nn.Linear(WIDTH, classes)", "nn.Linear(WIDTH, globals()['OTHER_WIDTH'])"),
]


earlier: dict[str, object] = {}
"""The modules that were imported before a test began: of thousands, none is its own."""


@pytest.fixture(autouse=True)
def _apart(tmp_path: Path) -> Iterator[None]:
    """Modules of a test's own folder, and the places to look for them, do not outlive it."""
    path = list(sys.path)
    earlier.clear()
    earlier.update(sys.modules)
    yield
    sys.path[:] = path
    _forget(tmp_path)


def _forget(folder: Path) -> None:
    """Takes away the modules of a folder, or of one below it."""
    new = [(name, module) for name, module in list(sys.modules.items()) if earlier.get(name) is not module]
    for name, _ in [each for each in new if _lies_in(each[1], folder)]:
        del sys.modules[name]
    importlib.invalidate_caches()


def definition(path: Path, name: str = "build") -> str:
    """What the parent makes of what a worker says, as for a module that nobody has loaded before."""
    _forget(path.parent)
    reference = f"{path}:{name}"
    return roster.described(reference, references.described(reference)).definition


def _lies_in(module: object, folder: Path) -> bool:
    """Whether its file is in a folder, or the package itself where that has no file."""
    return str(getattr(module, "__file__", None) or next(iter(getattr(module, "__path__", ())), "")).startswith(
        f"{folder}/"
    )


@pytest.mark.parametrize(("before", "after"), UNCHANGED)
def test_what_does_not_make_another_architecture(before: str, after: str, tmp_path: Path) -> None:
    path = tmp_path / "net.py"
    path.write_text(MAIN)
    first = definition(path)
    assert before in MAIN
    path.write_text(MAIN.replace(before, after))
    assert definition(path) == first


@pytest.mark.parametrize(("before", "after"), CHANGED)
def test_what_makes_another_architecture(before: str, after: str, tmp_path: Path) -> None:
    path = tmp_path / "net.py"
    path.write_text(MAIN)
    first = sources.of_name(_loaded(path), "build")
    assert before in MAIN
    path.write_text(MAIN.replace(before, after))
    assert sources.of_name(_loaded(path), "build") != first


def _loaded(path: Path) -> object:
    """A module of a file without running it."""
    spec = importlib.util.spec_from_file_location("net", path)
    assert spec
    return importlib.util.module_from_spec(spec)


BESIDE = "from torch import nn\n\n\ndef body():\n    return nn.Conv2d(3, 8, {size}, stride=4)\n"
HEAD = "nn.Sequential({body}, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, classes))"
SPLIT = {
    "from ... import": ({"blocks.py": BESIDE}, "from blocks import body\n", "body()"),
    "import": ({"blocks.py": BESIDE}, "import blocks\n", "blocks.body()"),
    "in a function": ({"blocks.py": BESIDE}, "", "__import__('blocks').body()"),
    "by a name": ({"blocks.py": BESIDE}, "import importlib\n", "importlib.import_module('blocks').body()"),
    "by a computed name": ({"blocks.py": BESIDE}, "from importlib import import_module as get\n",
                           "get('bl' + 'ocks').body()"),
    "of a file that is imported": ({"blocks.py": BESIDE, "between.py": "from blocks import body\n"},
                                   "from between import body\n", "body()"),
    "a package, relative": ({"parts/blocks.py": BESIDE, "parts/__init__.py": "from .blocks import body\n"},
                            "from parts import body\n", "body()"),
    "from . import": ({"parts/blocks.py": BESIDE, "parts/__init__.py": "from . import blocks\n"},
                      "import parts\n", "parts.blocks.body()"),
    "from .. import": ({"parts/blocks.py": BESIDE, "parts/__init__.py": "", "parts/deep/__init__.py": "",
                        "parts/deep/er.py": "from ..blocks import body\n"},
                       "from parts.deep import er\n", "er.body()"),
    "import with dots": ({"parts/blocks.py": BESIDE, "parts/__init__.py": ""}, "import parts.blocks\n",
                         "parts.blocks.body()"),
    "a folder without __init__": ({"parts/blocks.py": BESIDE}, "from parts import blocks\n", "blocks.body()"),
    "a star": ({"blocks.py": BESIDE}, "from blocks import *\n", "body()"),
    "where it is needed": ({"blocks.py": BESIDE}, "def body():\n    from blocks import body\n    return body()\n",
                           "body()"),
}  # fmt: skip


@pytest.mark.parametrize("kind", SPLIT)
def test_a_file_that_is_imported_from_beside_it_counts(kind: str, tmp_path: Path) -> None:
    files, imports, body = SPLIT[kind]
    main = f"from torch import nn\n{imports}\ndef build(classes):\n    return {HEAD.format(body=body)}\n"
    for name, text in {**files, "net.py": main}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).write_text(text.format(size=7))
    place = next(tmp_path / name for name, text in files.items() if text == BESIDE)
    first = definition(tmp_path / "net.py")
    place.write_text("# a comment\n" + BESIDE.format(size=7))
    assert definition(tmp_path / "net.py") == first
    place.write_text(BESIDE.format(size=3))
    assert definition(tmp_path / "net.py") != first
    (tmp_path / "unrelated.py").write_text("1\n")
    place.write_text(BESIDE.format(size=7))
    assert definition(tmp_path / "net.py") == first


def test_of_installed_packages_only_its_own_counts(tmp_path: Path) -> None:
    """As for an architecture that an installed package offers."""
    site = tmp_path / "site-packages"
    for name in ("nets_of_mine", "others"):
        (site / name).mkdir(parents=True)
        (site / name / "__init__.py").write_text("")
        (site / name / "blocks.py").write_text("WIDTH = 8\n")
    (site / "nets_of_mine" / "nets.py").write_text(
        "import others.blocks\nfrom . import blocks\n\n\ndef build(classes):\n    return blocks.WIDTH, others.blocks\n"
    )
    sys.path.append(str(site))
    build = importlib.import_module("nets_of_mine.nets").build
    first = Architecture("a", "f", None, "", build).definition
    (site / "others" / "blocks.py").write_text("WIDTH = 9\n")
    assert Architecture("a", "f", None, "", build).definition == first
    (site / "nets_of_mine" / "blocks.py").write_text("WIDTH = 9\n")
    assert Architecture("a", "f", None, "", build).definition != first


def test_arguments_of_a_partial_and_of_an_enclosing_function_count() -> None:
    def made(width: int) -> object:
        return lambda classes: width

    def definition(build: object) -> str:
        return Architecture("a", "f", None, "", build).definition

    assert definition(partial(made, 3)) == definition(partial(made, 3)) != definition(partial(made, 4))
    assert definition(partial(made, width=[3, {"a": made}])) != definition(partial(made, width=[3, {"a": definition}]))
    assert definition(made(3)) == definition(made(3)) != definition(made(4))


def test_a_source_that_did_not_change_is_parsed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[bytes] = []
    parse = sources.ast.parse

    def counting(source: bytes) -> object:
        parsed.append(source)
        return parse(source)

    monkeypatch.setattr(sources.ast, "parse", counting)
    sources._read.cache_clear()
    first = sources.of_function(definition_of_0_1_0)
    assert parsed
    assert (sources.of_function(definition_of_0_1_0), len(parsed)) == (first, len(set(parsed)))


def test_the_architectures_of_one_file_are_apart_and_need_no_torch() -> None:
    entries = catalog_entries()
    digests = {name: entry.definition for name, entry in entries.items()}
    assert len(set(digests.values())) == len(digests)
    assert all(digest.startswith(sources.PREFIX) for digest in digests.values())


def test_a_definition_of_reporter_0_1_0_is_that_of_the_whole_file() -> None:
    entry = catalog_entries()["resnet18"]
    other = Architecture("resnet18", "ResNet", 2015, "", entry.build, learning_rate=1)
    old = definition_of_0_1_0(entry)
    assert entry.is_defined_by(entry.definition)
    assert entry.is_defined_by(old)
    assert not entry.is_defined_by("0" * 12)
    assert not other.is_defined_by(old)
    assert not other.is_defined_by(entry.definition)


def test_a_network_in_two_files_is_measured_again_when_either_changes(tmp_path: Path) -> None:
    """Through the command."""
    beside, main, folder = tmp_path / "blocks_beside.py", tmp_path / "net.py", tmp_path / "r"
    beside.write_text(BESIDE.format(size=7))
    main.write_text(f"from torch import nn\n\nfrom blocks_beside import body\n\n\ndef build(classes):\n"
                    f"    return {HEAD.format(body='body()')}\n")  # fmt: skip
    options = ("--out", folder, "--architecture", f"{main}:build", "--metrics", "parameters", "--preset", "quick")
    assert "net parameters" in call(*options, report=False).stderr
    beside.write_text("# reformatted\n\n" + BESIDE.format(size=7))
    assert "nothing to do" in call(*options, report=False).stderr
    beside.write_text(BESIDE.format(size=3))
    assert "net parameters" in call(*options, report=False).stderr
