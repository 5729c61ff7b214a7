"""Words of the command line become architectures and data sets; torchvision is asked only where it must be."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reporter import facts
from reporter.architectures.torchvision import discover
from reporter.model import Architecture, ReporterError
from reporter.registry.selection import catalog_entries, dataset, datasets, select
from reporter.worker.lookup import find

LECTURE = [
    *("alexnet", "vgg16", "vgg16_bn", "vgg19", "vgg19_bn", "googlenet", "inception_v2", "bn_inception", "inception_v3"),
    *("densenet121", "densenet201", "resnet18", "resnet50", "resnet101", "se_resnet50", "se_resnet101"),
    *("resnext50_32x4d", "se_resnext50_32x4d"),
]
WORDS = [*LECTURE, "lecture", "torchvision", "all", "VGG", "resnet*", "vit_b_16"]


def never() -> tuple[Architecture, ...]:
    raise AssertionError("torchvision is not needed for this")


def names(*words: str) -> list[str]:
    return [entry.name for entry in select(words, discover)]


def test_the_lecture_comes_in_its_order_without_torchvision() -> None:
    assert [entry.name for entry in select("lecture", never)] == LECTURE
    assert set(catalog_entries()) == set(LECTURE)


@given(st.lists(st.sampled_from(LECTURE), min_size=1))
def test_known_names_need_no_torchvision(words: list[str]) -> None:
    chosen = [entry.name for entry in select(words, never)]
    assert chosen == list(dict.fromkeys(words))
    assert chosen == [entry.name for entry in select(", ".join(words) + ",", never)]


@settings(deadline=None)  # the first call imports torchvision
@given(st.lists(st.sampled_from(WORDS), min_size=1))
def test_a_selection_is_its_parts_in_order_and_each_once(words: list[str]) -> None:
    assert names(*words) == list(dict.fromkeys(name for word in words for name in names(word)))


def test_sets_families_and_globs() -> None:
    assert names("torchvision") == [entry.name for entry in discover()]
    assert set(names("all")) == {*names("torchvision"), *LECTURE}
    assert set(names("VGG")) == set(names("vgg")) == set(names("vgg*"))
    assert len(names("vgg")) == 8
    assert set(names("Inception")) == {"googlenet", "bn_inception", "inception_v2", "inception_v3"}
    assert set(names("se-resnext", "*32x8d")) == {"se_resnext50_32x4d", "resnext101_32x8d"}
    assert "wide_resnet50_2" not in names("ResNet")
    assert names("vgg1[39]") == ["vgg19", "vgg13"]


@pytest.mark.parametrize("word", ["My*", "my*"])
def test_globs_find_names_with_capitals(word: str) -> None:
    """Those of packages that add architectures."""
    mine = Architecture("MyNet", "Mine", None, "", lambda classes: None)  # type: ignore[arg-type, return-value]
    assert select(word, lambda: (mine,)) == (mine,)


@pytest.mark.parametrize(
    ("word", "right"),
    [
        ("resnet51", "resnet50"),
        ("lectrue", "lecture"),
        ("ResNet50x", "resnet50"),
        ("vgg_16", "vgg16"),
        ("vit*x", "vit_"),
    ],
)
def test_an_unknown_name_gets_one_line_with_the_nearest(word: str, right: str) -> None:
    with pytest.raises(ReporterError, match=f"unknown architecture .*{right}") as caught:
        select(["alexnet", word], discover)
    assert repr(word) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("spec", ["", " , ", []])
def test_nothing_named_is_an_error(spec: str | list[str]) -> None:
    with pytest.raises(ReporterError, match="no architecture is named"):
        select(spec, never)


def test_a_worker_finds_every_architecture_by_its_name() -> None:
    assert all(find(entry.name) is entry for entry in select("all", discover))
    for wrong in ("vgg", "resnet*", "lecture"):
        with pytest.raises(ReporterError, match="unknown architecture"):
            find(wrong)


def test_data_sets_of_the_contract() -> None:
    contract = {"digits", "fashion-mnist", "cifar10", "imagenette", "flowers102", "oxford-pets", "synthetic"}
    assert set(datasets()) == {*contract, "imagefolder"}
    assert all(dataset(name).name == name for name in datasets() if name != "imagefolder")
    assert dataset("imagefolder:/some/where").name == "imagefolder"


@pytest.mark.parametrize(
    ("name", "right"),
    [("digit", "'digits'"), ("cifar-10", "'cifar10'"), ("imagefolder", "imagefolder:PATH"), ("digits:x", "'digits'")],
)
def test_an_unknown_data_set_gets_one_line_with_the_nearest(name: str, right: str) -> None:
    with pytest.raises(ReporterError, match=right):
        dataset(name)


def test_every_row_of_the_facts_has_a_family_and_every_prefix_stands_once() -> None:
    assert all(facts.family(name) for name in facts.architectures())
    prefixes = [row["prefix"] for row in facts.families()]
    assert len(set(prefixes)) == len(prefixes)
    assert facts.family("swin_v2_b") != facts.family("swin_b")
    assert facts.family("never_heard_of") is None


def test_the_timeline_says_of_each_number_what_it_is() -> None:
    rows = facts.timeline()
    assert {"2010", "2012", "2017", "human"} <= {row["year"] for row in rows}
    assert all(row["source"] and row["value_kind"] and float(row["top5_error_percent"]) for row in rows)
    assert sum(row["is_winner"] == "yes" for row in rows) == 10
