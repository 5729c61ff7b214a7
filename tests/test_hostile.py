"""Names that nobody should trust, through every output; nothing that is read can name code or leave its folder."""

from __future__ import annotations

import ast
import csv
import json
import pickle
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import samples
from commands import drawing_every
from markdown_it import MarkdownIt
from markdown_it.token import Token

import reporter
from reporter.compare.folders import compare_results, read
from reporter.host import files
from reporter.model import Record, ReporterError
from reporter.model.fields import legible
from reporter.model.settings import settings
from reporter.registry.selection import dataset, select
from reporter.report import build
from reporter.report.between_runs.changes import as_json, in_words
from reporter.report.drawing import drawn_charts
from reporter.report.language import language
from reporter.report.output import csv_tables, latex
from reporter.store import record_files

PACKAGE = Path(reporter.__file__).parent
NASTY = (
    "<script>alert(1)</script>", "</script><img src=x onerror=alert(1)>", "\"><svg onload=alert(1)>", "' onclick='x",
    "<!-- -->", "]]>", "&lt;b&gt;&amp;&#60;", "javascript:alert(1)", "a|b", "a\\|b", "../x", "..", ".hidden", "a/b\\c",
    "=1+1", "@SUM(A1)", "+1", "-1+cmd|' /C calc'!A0", "\t=1", "{{7*7}}", "{% raw %}", "{count}", "%s %d", "$x$",
    "\\input{/etc/passwd}", "\\end{tabular}", "[2cm]", "*x*", "~~x~~", "# heading", "1. list", "- item", "![a](b)",
    "[a](http://b)", "`code`", "``", "--", "'quotes' \"double\"", "two\nlines", "carriage\rreturn", "nul\x00byte",
    "\x1b[31mred", "\u202egnp.exe", "zero\u200bwidth", "\ufeffbom", "\u2028separator", "emoji 🦊👩‍🚀", "Ünïcödé مرحبا",
    "#010203", "id=\"a\" class=\"b\"", "url(#a)", "1.23456789", "²", "NaN", "null", "con", " padded ", "x" * 200,
)  # fmt: skip
SEEN = {name: legible(name) for name in NASTY}
MACHINE = "<b>|=machine|</b>"


def dressed(row: tuple[Any, ...], name: str) -> Record:
    """A record that has the name wherever a record has a text."""
    made = samples.record((name, name, *row[2:]))
    own = samples.quantity("own", name, "1", "size").model_copy(update={"definition": name})
    readings = made.readings | {
        "own": samples.reading("depth", 3).model_copy(update={"quantity": own}),
        "latency_cuda": samples.reading("latency_cuda", status="failed", reason=name),
        "macs_fvcore": samples.reading("macs_fvcore", 7, operators={name: 7}, because={name: 7}, verdict=name),
        "finetune_top1": samples.reading(
            "finetune_top1", 0.5, weights=name, weights_reason=name, dataset=name, recipe={"optimizer": name}
        ),
    }
    about = {name: name, "list": [name], "steps": 3}
    changed: dict[str, Any] = {
        "paper": name,
        "variant": name,
        "settings": about,
        "machine_facts": about,
        "environment": {name: name},
    }
    published = {**made.published, "source": name, "paper_protocol": name, "paper_1crop_top1_err": name}
    changed |= {"architecture": name, "family": name}  # as it would stand in a file: a copy is not checked
    return made.model_copy(update={**changed, "published": published, "readings": readings})


def folder_of(folder: Path, names: tuple[str, ...]) -> Path:
    """A results folder, with one record of a second machine, written as the measuring side writes them."""
    rows = [samples.ROWS[rank % len(samples.ROWS)] for rank in range(len(names))]
    made = [dressed(row, name) for row, name in zip(rows, names, strict=True)]
    for record in (*made, made[0].model_copy(update={"machine": MACHINE})):
        path = record_files.record_path(folder, record.machine, legible(record.architecture))
        files.write(path, files.dumps(record.model_dump(mode="json", by_alias=True)))
    return folder


@pytest.fixture(scope="module", params=[pytest.param(1, marks=pytest.mark.slow), 5], ids=["all", "some"])
def every(request: pytest.FixtureRequest) -> int:
    """Of how many charts one is drawn."""
    return int(request.param)


@pytest.fixture(scope="module")
def written(every: int, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = folder_of(tmp_path_factory.mktemp("hostile") / "results", NASTY)
    with drawing_every(every):
        build.write(folder, ["en"])
    return folder


@pytest.fixture(scope="module")
def harmless(every: int, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with names that mean no harm: whatever else stands in the hostile one came from a name."""
    folder = folder_of(tmp_path_factory.mktemp("harmless") / "results", ("one", "two", "three", "four"))
    with drawing_every(every):
        build.write(folder, ["en"])
    return folder


@dataclass
class Page(HTMLParser):
    """The elements, attributes and names of rows of a page."""

    elements: Counter[str] = field(default_factory=Counter)
    attributes: set[str] = field(default_factory=set)
    links: list[dict[str, str | None]] = field(default_factory=list)
    rows: dict[str, list[str]] = field(default_factory=dict)
    inside: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements[tag] += 1
        self.attributes |= {name for name, _ in attrs}
        known = dict(attrs)
        if tag == "a" or {"href", "src", "xlink:href"} & set(known):
            self.links.append({"tag": tag, **known})
        if tag == "div" and str(known.get("id", "")).startswith("table-"):
            self.inside = self.rows.setdefault(str(known["id"]), [])
        if tag == "th" and known.get("scope") == "row":
            self.inside.append("")
            self.head = True

    def handle_endtag(self, tag: str) -> None:
        self.head = self.head and tag != "th"

    def handle_data(self, data: str) -> None:
        if self.head:
            self.inside[-1] += data

    head = False


@cache
def parsed(path: Path) -> Page:
    page = Page()
    page.feed(path.read_text(encoding="utf-8"))
    page.close()
    return page


def test_in_html_a_name_is_text(written: Path, harmless: Path) -> None:
    page, plain = parsed(written / "report.html"), parsed(harmless / "report.html")
    assert page.elements["script"] == plain.elements["script"]
    wrapped = {"tspan"}  # the second line of a title, which has the number of networks
    assert set(page.elements) - wrapped == set(plain.elements) - wrapped
    assert page.attributes <= plain.attributes | {"dy", "data-order"}  # of such a line, and of a paper's own accuracy
    assert not {attribute for attribute in page.attributes if attribute.startswith("on")}
    assert Counter(page.rows["table-overview"]) == Counter([*SEEN.values(), SEEN[NASTY[0]]])
    places, own = ({str(link.get("href")) for link in each.links if link["tag"] == "a"} for each in (page, plain))
    assert {place for place in places if not place.startswith(("#card-", "tables/layers-"))} <= own, "none but our own"
    shape = re.compile(r"#card-[\w.-]*|tables/layers-[\w.%-]*")
    assert [place for place in places - own if not shape.fullmatch(place)] == [], "of its anchors"
    assert {link["tag"] for link in page.links} == {link["tag"] for link in plain.links}


def test_the_page_asks_for_nothing(written: Path) -> None:
    text = (written / "report.html").read_text(encoding="utf-8")
    (policy,) = re.findall(r'<meta http-equiv="Content-Security-Policy" content="([^"]+)">', text)
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert set(rules) - {"default-src"} <= {"script-src", "style-src", "img-src", "base-uri", "form-action"}
    assert (rules["base-uri"], rules["form-action"]) == ("'none'", "'none'")
    assert not re.search(r"https?:|//|\*", policy)
    style = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    assert not re.search(r"@import|url\((?!#)", " ".join(style))


def test_links_go_nowhere_else_without_saying_so(written: Path) -> None:
    page = parsed(written / "report.html")
    assert page.links
    for link in page.links:
        place = str(link.get("href") or link.get("src") or link.get("xlink:href") or "")
        outward = link["tag"] == "a" and place.startswith("https://")
        assert outward or place.startswith(("#", "data:", "figures/", "tables/")), link
        assert not outward or "noopener" in str(link.get("rel")).split(), link


def rendered(token: Token) -> str:
    return "".join(child.content for child in token.children or ())


def test_in_markdown_a_name_is_text(written: Path, harmless: Path) -> None:
    """Read by a CommonMark parser with tables, as the files on a forge are."""
    parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    tokens, plain = (parser.parse((each / "report.md").read_text(encoding="utf-8")) for each in (written, harmless))
    counts, wanted = (Counter(token.type for token in each) for each in (tokens, plain))
    assert set(counts) == set(wanted)
    heads, own = (
        {rendered(each[at + 1]) for at, t in enumerate(each) if t.type == "heading_open"} for each in (tokens, plain)
    )
    assert heads - own <= set(SEEN.values()), "a card is headed by its network"
    names = [child for token in tokens for child in token.children or () if child.type == "code_inline"]
    assert set(SEEN.values()) <= {child.content for child in names}
    kinds, allowed = ({child.type for token in each for child in token.children or ()} for each in (tokens, plain))
    assert kinds <= allowed
    first = [tokens[at + 2].content for at, token in enumerate(tokens) if token.type == "tr_open"]
    shown = {rendered(parser.parseInline(text)[0]) for text in first}
    assert set(SEEN.values()) <= shown


def in_its_fonts(name: str) -> str:
    """What pdflatex has no sign for is written as a question mark."""
    plain = re.sub(r"\s*[\r\n\t]\s*", " ", name)
    return latex.CYRILLIC.sub("?", "".join(sign if latex.tex(sign) != "?" else "?" for sign in plain))


def test_in_latex_a_name_is_text(written: Path) -> None:
    back = {code: character for character, code in latex.ESCAPES.items()}
    token = re.compile("|".join(map(re.escape, sorted(back, key=len, reverse=True))) + r"|\{\}")
    rows = (written / "tables" / "overview.tex").read_text(encoding="utf-8").splitlines()
    body = rows[rows.index(r"\midrule") + 1 : rows.index(r"\bottomrule")]
    names = [token.sub(lambda found: back.get(found[0], ""), row.split(" & ")[0]) for row in body]
    assert Counter(names) == Counter(map(in_its_fonts, [*SEEN.values(), SEEN[NASTY[0]]]))
    known = {"begin", "end", "toprule", "midrule", "bottomrule", "textbf", "usepackage", "bfseries"}
    known |= {"raggedright", "arraybackslash", "resizebox", "linewidth", "input"}
    known |= set(re.findall(r"\\([A-Za-z]+)", " ".join(latex.ESCAPES.values())))
    for path in (written / "tables").glob("*.tex"):
        text = path.read_text(encoding="utf-8")
        commands = set(re.findall(r"\\([A-Za-z]+)", text))
        assert commands <= known
        assert not re.search(r"\\\\\n[\[*]|(?:top|mid)rule\n[\[*]", text), "a row that begins so is no length"


def test_in_csv_no_name_is_a_formula(written: Path) -> None:
    tables = sorted((written / "tables").glob("*.csv"))
    assert len(tables) >= 9
    for path in tables:
        with path.open(encoding="utf-8-sig", newline="") as file:
            cells = [cell for row in csv.reader(file) for cell in row]
        for cell in cells:
            assert not re.match(r"\s*[=+@＝＋－＠]|\s*-(?![\d.]+(e-?\d+)?$)", cell), (path.name, cell)
    with (written / "tables" / "overview.csv").open(encoding="utf-8-sig", newline="") as file:
        names = {row["architecture"] for row in csv.DictReader(file)}
    assert names == {str(csv_tables.guard(seen)) for seen in SEEN.values()}


def test_in_pictures_a_name_is_text(written: Path, harmless: Path) -> None:
    for path in sorted((written / "figures").glob("*.svg")):
        tree = ElementTree.parse(path)
        plain = ElementTree.parse(harmless / "figures" / path.name)
        assert {node.tag for node in tree.iter()} <= {node.tag for node in plain.iter()}
        assert {key for node in tree.iter() for key in node.attrib} <= {k for node in plain.iter() for k in node.attrib}
        assert path.with_suffix(".png").read_bytes().startswith(b"\x89PNG")


def test_in_a_picture_the_name_is_whole(tmp_path: Path) -> None:
    """Each name once in a chart that names every network."""
    from reporter.model import Chart
    from reporter.registry.catalog import collect
    from reporter.report.comparison import compare

    short = [name for name in NASTY if len(name) < 40]
    bars = [collect("reporter.charts", Chart)["parameters"]]
    texts: list[str] = []
    for names in (short[:30], short[30:]):
        store_of = folder_of(tmp_path / str(len(texts)), tuple(names))
        (picture,) = drawn_charts.draw(compare(record_files.load_all(store_of)[0]), language("en"), bars)
        texts += [
            "".join(node.itertext())
            for node in ElementTree.fromstring(picture.file).iter()
            if node.tag.endswith("text")
        ]
    assert {" ".join(SEEN[name].split()) for name in short} <= {" ".join(text.split()) for text in texts}


def test_a_name_leads_to_no_file_elsewhere(written: Path, harmless: Path) -> None:
    assert [path.name for path in written.parent.iterdir()] == [written.name]
    here, there = (
        {str(p.relative_to(each)) for p in each.rglob("*.*") if "records" not in p.parts}
        for each in (written, harmless)
    )
    assert here - there == {path for path in here - there if path.startswith("tables/layers-")}, "only their own files"
    records = list((written / "records").rglob("*.json"))
    assert len(records) == len(NASTY) + 1
    assert {len(path.relative_to(written).parts) for path in records} == {3}


@pytest.mark.parametrize("name", ["..", ".", "../../x", "/etc/passwd", "a/b", "", "x" * 9000, "🦊" * 200, "nul\x00"])
def test_a_record_stays_in_its_folder(tmp_path: Path, name: str) -> None:
    path = record_files.record_path(tmp_path, name, name)
    assert path.parent.parent == tmp_path / "records" or not name
    assert path.resolve().is_relative_to(tmp_path / "records")
    assert all(len(part.encode()) < 256 and "\x00" not in part for part in path.parts)


def test_compare_tells_names_as_text(tmp_path: Path) -> None:
    """No escape sequence reaches the terminal; all changes of one metric are one line."""
    base, new = folder_of(tmp_path / "base", NASTY), folder_of(tmp_path / "new", NASTY)
    for path in (new / "records" / "quiet").iterdir():
        document = json.loads(path.read_text("utf-8"))
        document["readings"]["parameters"]["samples"][0] += 1
        path.write_text(json.dumps(document), "utf-8")
    found = compare_results(read(base, "BASE"), read(new, "NEW"))
    text = in_words(found)
    (line,) = [line for line in text.split("\n") if "Parameters changed" in line]
    assert line.startswith("- Parameters changed: ")
    assert f" and {len(NASTY) - 5} more;" in line
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", text)
    document = json.loads(files.dumps(as_json(found, "a", "b")))
    assert {change["architecture"] for change in document["changes"]} == set(SEEN.values())


FORBIDDEN = {"pickle", "_pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib", "yaml", "runpy", "code"}
"""Modules that run what they read."""
BUILTINS = {"eval", "exec", "compile", "__import__", "breakpoint"}
IMPORTS = {"import_module", "exec_module", "run_path", "run_module", "entry_points"}
"""What imports a module by a name that is computed."""
LOADERS = {"load_state_dict_from_url", "get_state_dict", "_load_from_pickle", "load_pickle"}
"""What reads checkpoints; `torch.load` and `numpy.load` besides."""
EXCEPTIONS = {
    ("host/read_ahead.py", "pickle"): "objects from its own child process, which reads records by their schema",
    ("engines/openvino.py", "import_module"): "openvino and nncf",
    ("host/preloading.py", "import_module"): "modules of reporter.worker",
    ("registry/catalog.py", "import_module"): "the files of a folder of reporter",
    ("registry/plugins.py", "entry_points"): "installed packages",
    ("run/executors/registry.py", "import_module"): "one of two modules of reporter",
    ("run/paired/bootstrap.py", "import_module"): "torch, torchvision and timm",
    ("run/paired/side.py", "import_module"): "modules of reporter.worker",
    ("worker/references.py", "import_module"): "the module that --architecture or a caller in Python names",
    ("worker/references.py", "exec_module"): "the file that --architecture or a caller in Python names",
}
"""Where the package unpickles or imports by a computed name, each with what it is."""


def loading(tree: ast.AST) -> Iterator[str]:
    """What source text uses of what could run code that it reads; checkpoints are loaded with weights_only."""
    safe = {
        id(loader)
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and any(ast.unparse(each) == "weights_only=True" for each in call.keywords)
        for loader in (call.func, *call.args[:1])  # the first argument of functools.partial
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from {alias.name.split(".")[0] for alias in node.names} & FORBIDDEN
        elif isinstance(node, ast.ImportFrom) and not all(alias.name.endswith("Error") for alias in node.names):
            yield from {(node.module or "").split(".")[0]} & FORBIDDEN
        elif isinstance(node, ast.Name) and node.id in BUILTINS | IMPORTS | LOADERS and id(node) not in safe:
            yield node.id
        elif isinstance(node, ast.Attribute) and id(node) not in safe:
            if node.attr in IMPORTS | LOADERS:
                yield node.attr
            elif ast.unparse(node) in ("torch.load", "np.load", "numpy.load"):
                yield ast.unparse(node)


def test_nothing_is_unpickled_or_evaluated() -> None:
    """The source of the whole package: no module runs what it reads, except where EXCEPTIONS has what it is."""
    sources = {path.relative_to(PACKAGE).as_posix(): path for path in PACKAGE.rglob("*.py")}
    assert {"worker/references.py", "store/record_files.py"} <= sources.keys()
    found = {(name, each) for name, path in sources.items() for each in loading(ast.parse(path.read_text("utf-8")))}
    assert found == EXCEPTIONS.keys()


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import pickle", ["pickle"]),
        ("from pickle import loads", ["pickle"]),
        ("from pickle import UnpicklingError", []),
        ("eval(text)", ["eval"]),
        ("network.eval()", []),
        ("map(exec, texts)", ["exec"]),
        ("partial(import_module, name)", ["import_module"]),
        ("importlib.import_module(name)", ["import_module"]),
        ("torch.load(path)", ["torch.load"]),
        ("torch.load(path, weights_only=False)", ["torch.load"]),
        ("torch.load(path, weights_only=True)", []),
        ("attempt(partial(torch.load, path, weights_only=True))", []),
        ("attempt(partial(torch.load, path))", ["torch.load"]),
        ("weights.get_state_dict(check_hash=True)", ["get_state_dict"]),
    ],
)
def test_what_could_run_code_is_recognized(source: str, found: list[str]) -> None:
    assert list(loading(ast.parse(source))) == found


class Malice:
    """Unpickled, it writes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.path,))


def test_a_pickle_in_place_of_a_checkpoint_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch
    from test_training import subject
    from torchvision.models import get_model_weights

    from reporter.worker.learning.training_steps import learner

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    url = get_model_weights("resnet18")["IMAGENET1K_V1"].url
    checkpoint = tmp_path / "hub" / "checkpoints" / url.rsplit("/", 1)[-1]
    checkpoint.parent.mkdir(parents=True)
    ran = tmp_path / "ran"
    pickle.loads(pickle.dumps(Malice(ran)))
    assert ran.exists(), "the pickle is malicious indeed"
    ran.unlink()
    for save in (
        lambda: checkpoint.write_bytes(pickle.dumps(Malice(ran))),
        lambda: torch.save(Malice(ran), checkpoint),
    ):
        save()
        try:
            weights = learner(subject("resnet18", weights="auto"), 10, seed=0)[1]["weights"]
        except (pickle.UnpicklingError, OSError, RuntimeError, ValueError) as error:
            weights = f"refused: {error}"
        assert weights == "random" or weights.startswith("refused")
        assert not ran.exists()


@pytest.mark.parametrize("field_name", ["__class__", "__reduce__", "py/object", "build", "module"])
def test_a_record_can_name_no_code(tmp_path: Path, field_name: str) -> None:
    record_files.save(tmp_path, samples.record(samples.ROWS[0]))
    (path,) = tmp_path.rglob("*.json")
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | {field_name: "os.system"}), "utf-8")
    with pytest.raises(ReporterError, match=rf"not a record: {re.escape(field_name)}: Extra inputs are not permitted"):
        record_files.load(path)


@pytest.mark.parametrize(
    "line", ['executor = "os:system"', '"__import__" = "os"', 'plugins = ["x"]', 'architectures = "os.system"',
             'architectures = "../../evil"', 'architectures = "evil.py:NET"', 'dataset = "../evil"',
             'dataset = "os.system"', 'metrics = "os.system"',
             'lang = "../../evil"', 'preset = "__class__"'],
)  # fmt: skip
def test_a_config_file_can_name_no_code(tmp_path: Path, line: str) -> None:
    from reporter.run.executors.registry import choose_executor
    from reporter.run.preparation import choose_metrics

    config = tmp_path / "config.toml"
    config.write_text(line + "\n", encoding="utf-8")

    def choose() -> None:
        chosen = settings({}, config)
        choose_executor(chosen)
        select(chosen.architectures, list)
        dataset(chosen.dataset)
        choose_metrics(chosen.metrics)
        for code in chosen.lang:
            language(code)

    with pytest.raises(ReporterError):
        choose()


def test_a_data_set_of_ones_own_is_where_one_says(tmp_path: Path) -> None:
    """`imagefolder:PATH` names a folder that is read, and nothing else takes a path."""
    assert dataset(f"imagefolder:{tmp_path}").name == "imagefolder"
    for name in ("digits:/etc", "synthetic:/etc/passwd", "/etc/passwd", "imagefolder"):
        with pytest.raises(ReporterError):
            dataset(name)
