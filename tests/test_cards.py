"""The cards: what networks are made of, counted a second way, drawn, written down and called again."""

from __future__ import annotations

import re
import shlex
import sys
from functools import cache
from itertools import combinations, permutations
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import samples
from hypothesis import given
from hypothesis import strategies as st
from networks import catalogued, own, shifted_windows, subject, transformer
from texts import texts

from reporter import facts
from reporter.cli.main import command as program
from reporter.host import files
from reporter.metrics import structure as metric
from reporter.model import Reading, Record
from reporter.model.image_sizes import square
from reporter.model.settings import Settings, settings
from reporter.registry.selection import catalog_entries
from reporter.report import build, challenge_entries
from reporter.report.block_diagrams import block_boxes, diagrams, layout
from reporter.report.cards import cards, part_names, provenance, record_structure
from reporter.report.cards.anchors import anchors
from reporter.report.comparison import compare
from reporter.report.language import language
from reporter.report.output import formats
from reporter.worker.counts.layers import call, layers, line, visits
from reporter.worker.counts.stage_costs import stages
from reporter.worker.entry import measure

ENGLISH, RUSSIAN = language("en"), language("ru")
LAYERS = {
    "alexnet": 12, "vgg16": 22, "vgg16_bn": 35, "vgg19": 25, "vgg19_bn": 41, "googlenet": 129, "inception_v2": 214,
    "bn_inception": 153, "inception_v3": 192, "densenet121": 246, "densenet201": 406, "resnet18": 43, "resnet50": 109,
    "resnet101": 211, "se_resnet50": 157, "se_resnet101": 310, "resnext50_32x4d": 109, "se_resnext50_32x4d": 157,
}  # fmt: skip
"""Rows of the table of layers, as in version 0.1.0: pooling counts also where it keeps the shape."""
HOSTILE = '"]<b>`|#{x}'


@cache
def taken(name: str) -> dict[str, Reading]:
    """The readings of a real network, counted once for all tests."""
    return {reading.quantity.key: reading for reading in measure(metric.ENTRIES[0], catalogued(name))}


@cache
def record_of(name: str) -> Record:
    return samples.record(samples.ROWS[0]).model_copy(update={"architecture": name, "readings": taken(name)})


def stages_of(name: str) -> dict[str, record_structure.Stage]:
    return {stage.name: stage for stage in record_structure.stages(record_of(name))}


def drawn(name: str) -> layout.Diagram:
    block = record_structure.block(record_of(name))
    assert block
    return layout.arrange(block_boxes.nodes(block.graph, ENGLISH))


# What a network is made of


@pytest.mark.parametrize("name", catalog_entries())
def test_stages_and_layers_sum_up_to_the_network(name: str) -> None:
    """Parameters by the facts' published count where there is one, multiply-adds to the third digit of G."""
    parts, row = record_structure.stages(record_of(name)), catalog_entries()[name].published
    parameters, macs = sum(stage.parameters for stage in parts), sum(stage.macs for stage in parts)
    heads = {"inception_v3": 27_161_264 - 23_834_568}.get(name, 0)
    assert parameters == row.get("params_counted", parameters) - heads
    assert round(macs / 1e9, 3) == row.get("gmacs_measured", row.get("torchvision_ops_gmacs", round(macs / 1e9, 3)))
    assert macs == catalogued(name).counts.macs == sum(layer.macs for layer in record_structure.layers(record_of(name)))
    assert parameters == sum(layer.parameters for layer in record_structure.layers(record_of(name)))
    assert len(parts) < 20
    assert taken(name)["layers"].value == LAYERS[name] == len(record_structure.layers(record_of(name)))


@pytest.mark.parametrize("build", [transformer, shifted_windows])
def test_layers_of_transformers_sum_up_to_the_network(build: Any) -> None:
    """Attention reads the weights of linear layers that do not run; tokens and tables belong to modules with others."""
    measured = subject(own(build))
    rows = layers(visits(measured.meta, measured.input(1, "meta")))
    assert sum(row["macs"] for row in rows) == measured.counts.macs
    assert sum(row["parameters"] for row in rows) == sum(each.numel() for each in measured.meta.parameters())
    attention = [row for row in rows if "Attention" in row["kind"]]
    assert len(attention) == {transformer: 2, shifted_windows: 4}[build]
    assert all(row["parameters"] and row["macs"] for row in attention)
    if build is transformer:
        tokens, width = 5, 64
        assert attention[0]["parameters"] == 4 * (width + 1) * width
        assert attention[0]["macs"] == 4 * tokens * width**2 + 2 * tokens**2 * width
        assert rows[-1] == {
            "name": "forward", "kind": "VisionTransformer", "output": "1000", "parameters": width, "macs": 0,
        }  # fmt: skip


def test_layers_are_modules_that_hold_weights_multiply_pool_or_change_the_shape() -> None:
    """A norm with an activation as a submodule, too; no activation of any class, and nothing that does not run."""
    import torch
    from torch import nn

    class NormAct(nn.BatchNorm2d):
        def __init__(self, channels: int) -> None:
            super().__init__(channels)
            self.act = nn.LeakyReLU()

        def forward(self, maps: Any) -> Any:
            return self.act(super().forward(maps))

    parts = (
        nn.Conv2d(3, 8, 3, padding=1), NormAct(8), nn.Mish(), nn.Dropout2d(), nn.Softmax(1), nn.MaxPool2d(3, 1, 1),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Tanh(), nn.Linear(8, 5),
    )  # fmt: skip
    network = nn.Sequential(*parts).eval().to("meta")
    network[0].register_module("unused", nn.Linear(3, 3))
    rows = layers(visits(network, torch.empty(1, 3, 8, 8, device="meta")))
    assert [(row["name"], row["parameters"], row["macs"]) for row in rows] == [
        ("0", 8 * 28, 64 * 8 * 27),
        ("1", 16, 0),
        ("5", 0, 0),
        ("6", 0, 0),
        ("7", 0, 0),
        ("9", 45, 40),
    ]


def test_the_first_linear_layer_of_vgg16_holds_three_quarters_of_its_weights() -> None:
    """512 x 7 x 7 inputs to 4,096 outputs with a bias each; conv1 by hand: 3 x 3 kernels on 224 x 224 outputs."""
    made = stages_of("vgg16")
    assert made["classifier.0"].parameters == 512 * 7 * 7 * 4096 + 4096 == 102_764_544
    assert made["classifier.0"].macs == 512 * 7 * 7 * 4096
    assert round(100 * made["classifier.0"].parameters / 138_357_544) == 74
    first = next(iter(made.values()))
    assert (first.name, first.level, first.output) == ("features.0 – features.4", 0, "64×112×112")
    assert first.parameters == 64 * (9 * 3 + 1) + 64 * (9 * 64 + 1)
    assert first.macs == 224 * 224 * 64 * 9 * (3 + 64)
    (price,) = (cost.parameters for cost in cards.costs(list(made.values()), ENGLISH) if cost.name == "classifier.0")
    assert (price.text, price.share) == ("103 M", "74 %")


def test_stages_have_the_names_that_one_looks_for() -> None:
    assert list(stages_of("resnet50")) == ["conv1 – maxpool", "layer1", "layer2", "layer3", "layer4", "fc"]
    assert [stage.kind for stage in stages_of("resnet50").values()][1:5] == [f"{n} × Bottleneck" for n in (3, 4, 6, 3)]
    dense = [name.removeprefix("features.") for name in stages_of("densenet121")]
    assert dense[1:3] == ["denseblock1", "transition1"]
    assert {"inception3a", "inception4e – maxpool4", "fc"} <= set(stages_of("googlenet"))
    kinds = {name: stage.kind for name, stage in stages_of("googlenet").items()}
    assert kinds["conv1 – maxpool1"] == "Conv2d(7×7, stride=2), MaxPool2d(3×3, stride=2)"
    assert kinds["inception3a"] == "Inception"
    assert list(stages_of("alexnet"))[-3:] == ["classifier.1", "classifier.4", "classifier.6"]


def test_what_runs_outside_of_all_parts_is_a_stage_too() -> None:
    """A product in the forward pass, a parameter of the network's own, a layer that never runs: the sums hold."""
    import torch
    from torch import nn

    class Odd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.ones(8, 8))
            self.unused, self.conv = nn.Linear(3, 3), nn.Conv2d(3, 8, 3, padding=1)
            self.again = self.conv

        def forward(self, images: Any) -> Any:
            return torch.matmul(self.conv(images), self.scale)

    network = Odd().to("meta")
    made = stages(network, visits(network, torch.empty(1, 3, 8, 8, device="meta")), square(8))
    assert {row["name"]: (row["parameters"], row["macs"]) for row in made} == {
        "conv": (8 * 28, 64 * 8 * 27),
        "unused": (12, 0),
        "scale": (64, 0),
        "forward": (0, 8 * 8 * 8 * 8),
    }


def test_layers_are_written_down_as_one_builds_them() -> None:
    from torch import nn

    assert call(nn.Conv2d(64, 64, (1, 7), stride=2, groups=32)) == "Conv2d(1×7, stride=2, groups=32)"
    assert call(nn.MaxPool2d(3, 2)) == "MaxPool2d(3×3, stride=2)"
    assert call(nn.AdaptiveAvgPool2d(1)) == "AdaptiveAvgPool2d(1×1)"
    assert call(nn.Linear(3, 4)) == "Linear"
    assert call(nn.LPPool2d(2, 3)) == "LPPool2d(3×3, stride=3)"
    assert call(nn.LPPool2d(2, (3, 1), stride=(1, 1))) == "LPPool2d(3×1)"
    assert call(nn.AdaptiveAvgPool2d((None, 7))) == "AdaptiveAvgPool2d(None×7)"
    other = nn.ReLU()
    other.kernel_size, other.stride, other.output_size = "same", 0.5, nn.Parameter()  # type: ignore[assignment]
    assert call(other) == "ReLU"
    other.kernel_size = 3
    assert call(other) == "ReLU(3×3)"
    small = subject(own())
    rows = layers(visits(small.meta, small.input(1, "meta")))
    assert [(row["kind"], row["output"]) for row in rows][:2] == [
        ("Conv2d(3×3)", "8×30×30"),
        ("BatchNorm2d", "8×30×30"),
    ]


@given(texts(min_size=1), st.integers(0, 2**40))
def test_a_layer_is_read_as_it_was_written(name: str, count: int) -> None:
    """A record has it as a line, whatever the network calls it."""
    row = {"name": name, "kind": "Conv2d(3×3, stride=2)", "output": "8×30×30", "parameters": count, "macs": 3 * count}
    assert record_structure.Layer.model_validate(line(row)).model_dump() == row


GRAPHS = st.lists(
    st.builds(
        lambda op, sources, within: {"op": op, "output": "8×4×4", "from": sources, "within": within},
        st.sampled_from(["Conv2d", "ReLU", "cat", "add", "Identity", "Linear"]),
        st.lists(st.integers(-2, 40), max_size=3),
        st.sampled_from(["", "one", "two"]),
    ),
    min_size=1,
    max_size=40,
)


@given(GRAPHS, st.booleans())
def test_any_graph_is_drawn_or_no_graph(graph: list[dict[str, Any]], mended: bool) -> None:
    """A record may have been edited by hand: what reads something that comes later is no graph of a block."""
    if mended:
        for place, step in enumerate(graph):
            step["from"] = [source % place for source in step["from"]] if place else []
    record = samples.lecture()[0]
    block = record.readings["block_parameters"]
    reading = block.model_copy(update={"detail": block.detail | {"graph": graph}})
    found = record_structure.block(record.model_copy(update={"readings": {"block_parameters": reading}}))
    assert (found is not None) >= mended
    if found:
        drawn = layout.arrange(block_boxes.nodes(found.graph, ENGLISH))
        assert not any(one.overlaps(other) for one, other in combinations(drawn.boxes, 2))
        assert diagrams.to_svg(drawn, "any", ENGLISH)
        assert diagrams.to_mermaid(drawn.nodes)


@pytest.mark.parametrize("layer", ["", "conv1; Conv2d", "a; b; c; many; few", 3, None])
def test_what_is_no_layer_is_none(layer: object) -> None:
    record = samples.lecture()[0]
    reading = record.readings["layers"]
    broken = reading.model_copy(update={"detail": reading.detail | {"layers": [layer]}})
    assert not record_structure.layers(record.model_copy(update={"readings": {"layers": broken}}))
    assert record_structure.layers(record)


# The block


def test_blocks_have_the_weights_that_the_lecture_counts() -> None:
    """69,632 and 70,144 weights (ResNeXt paper, sect. 4), 70,400 and 71,168 with the two of each normalised channel."""
    assert taken("resnet50")["block_parameters"].value == 69_632 + 2 * (64 + 64 + 256) == 70_400
    assert taken("resnext50_32x4d")["block_parameters"].value == 70_144 + 2 * (128 + 128 + 256) == 71_168
    gate = 2 * 256 * 16 + 256 + 16
    assert taken("se_resnet50")["block_parameters"].value == 70_400 + gate


@pytest.mark.parametrize(
    ("name", "block", "kind", "repeats"),
    [
        ("resnet18", "layer1.0", "BasicBlock", 8),
        ("resnet50", "layer1.1", "Bottleneck", 16),
        ("googlenet", "inception4b", "Inception", 9),
        ("inception_v3", "Mixed_6b", "InceptionC", 4),
        ("densenet121", "features.denseblock1", "DenseBlock", 4),
        ("vgg16", "features.10 – features.16", "3 × Conv2d(3×3), MaxPool2d(2×2, stride=2)", 0),
        ("alexnet", "", "AlexNet", 0),
    ],
)
def test_the_typical_block(name: str, block: str, kind: str, repeats: int) -> None:
    found = record_structure.block(record_of(name))
    assert found
    assert (found.name, found.kind, found.repeats) == (block, kind, repeats)


def test_a_bottleneck_is_a_chain_with_a_shortcut() -> None:
    nodes = drawn("resnet50").nodes
    assert [(*node.title, *node.small) for node in nodes] == [
        ("input 256×56×56",),
        ("conv 1×1, 64", "BN", "ReLU"),
        ("conv 3×3, 64", "BN", "ReLU"),
        ("conv 1×1, 256", "BN"),
        ("+", "ReLU"),
    ]
    assert [node.sources for node in nodes] == [(), (0,), (1,), (2,), (3, 0)]
    grouped = drawn("resnext50_32x4d").nodes[2]
    assert (grouped.title, grouped.small) == (("conv 3×3, 128",), ("32 groups", "BN", "ReLU"))


def test_a_dense_block_of_six_layers_has_21_connections() -> None:
    """L (L + 1) / 2 of the paper counts what the layers read: 1 + 2 + ... + 6; the last box joins all seven."""
    nodes = drawn("densenet121").nodes
    layers = [node for node in nodes if node.look == "part"]
    assert sum(len(layer.sources) for layer in layers) == 6 * 7 // 2
    assert len(nodes[-1].sources) == 7
    assert layers[0].title == ("denselayer1", "BN, ReLU, conv 1×1, 128", "BN, ReLU, conv 3×3, 32")
    assert layers[0].small == ()


def test_a_box_of_several_operators_has_them_in_the_order_in_which_they_run() -> None:
    """A convolution before its norm, too; what follows the last one is small."""
    steps = ("Conv2d", "8×4×4"), ("BatchNorm2d", "8×4×4"), ("ReLU", "8×4×4"), ("Conv2d", "9×4×4"), ("BatchNorm2d", "")
    row = {"within": "part", "kernel": "3×3"}
    made = [{"op": op, "output": output, "from": [], **row} for op, output in steps]
    box = block_boxes._Box([record_structure.Operator.model_validate(each) for each in made], [], "part")
    node = block_boxes._node(box, ENGLISH)
    assert (node.title, node.small) == (("part", "conv 3×3, 8", "BN, ReLU, conv 3×3, 9"), ("BN",))


def test_the_gate_of_squeeze_and_excitation_stands_between_its_two_ways() -> None:
    nodes = drawn("se_resnet50").nodes
    times, plus = (next(i for i, node in enumerate(nodes) if node.title == (sign,)) for sign in "×+")
    assert len(nodes[times].sources) == 2
    assert "sigmoid" in nodes[times - 1].small
    assert set(nodes[plus].sources) == {times, 0}


def test_branches_stand_side_by_side() -> None:
    """Fig. 7 of the Inception paper: six columns, 1x3 beside 3x1, all joined by one concatenation."""
    diagram = drawn("inception_v2")
    assert len(diagram.nodes[-1].sources) == 6
    assert len({round(box.left + box.right) for box in diagram.boxes[1:-1]}) >= 6


@pytest.mark.parametrize("name", catalog_entries())
@pytest.mark.parametrize("tongue", [ENGLISH, RUSSIAN], ids=["en", "ru"])
def test_no_box_overlaps_another_and_no_wire_crosses_a_box(name: str, tongue: Any) -> None:
    block = record_structure.block(record_of(name))
    assert block
    diagram = layout.arrange(block_boxes.nodes(block.graph, tongue))
    assert 3 <= len(diagram.nodes) <= block_boxes.MANY
    assert not any(one.overlaps(other) for one, other in combinations(diagram.boxes, 2))
    assert all(box.left >= 0 and box.right <= diagram.width and box.bottom <= diagram.height for box in diagram.boxes)
    for wire in diagram.wires:
        others = [box for place, box in enumerate(diagram.boxes) if place not in (wire.source, wire.target)]
        upright = [(a, b) for a, b in zip(wire.points, wire.points[1:], strict=False) if a[0] == b[0]]
        for (x, top), (_, bottom) in upright:
            assert not any(box.left < x < box.right and box.top < bottom and top < box.bottom for box in others), wire
    ElementTree.fromstring(diagrams.to_svg(diagram, name, tongue))


def test_lines_at_the_side_have_a_color_each_where_more_than_two_boxes_have_some() -> None:
    colors = {
        name: set(re.findall(r'"wire bus ?(\w*)"', diagrams.to_svg(drawn(name), name, ENGLISH)))
        for name in ("resnet50", "densenet121")
    }
    assert colors["resnet50"] == {""}
    assert colors["densenet121"] >= {"bus0", "bus1", "bus2"}


@pytest.mark.slow
def test_every_network_of_torchvision_is_drawn() -> None:
    from reporter.architectures.torchvision import discover

    for entry in discover():
        diagram = drawn(entry.name)
        assert not any(one.overlaps(other) for one, other in combinations(diagram.boxes, 2)), entry.name
        made = record_structure.stages(record_of(entry.name))
        assert sum(stage.macs for stage in made) == subject(entry.name).counts.macs, entry.name


def test_sizes_of_pooling_functions_are_numbers() -> None:
    """Also where the forward pass computes them, or where they are pairs: a record takes nothing else."""
    from torch import Tensor, nn
    from torch.nn import functional

    class Gated(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.gate = nn.Conv2d(4, 4, 3, padding=1), nn.Conv2d(4, 4, 1)

        def forward(self, maps: Tensor) -> Tensor:
            maps = self.conv(maps)
            small = functional.max_pool2d(maps, (3, 3), stride=(2, 2))
            mean = functional.avg_pool2d(small, small.size(2))
            return maps * self.gate(functional.adaptive_avg_pool2d(mean, mean.shape[2:])).sigmoid()

    def network(classes: int) -> nn.Module:
        layers = nn.Conv2d(3, 4, 3, padding=1), Gated(), Gated(), nn.AdaptiveAvgPool2d(1), nn.Flatten()
        return nn.Sequential(*layers, nn.Linear(4, classes))

    *_, found = measure(metric.ENTRIES[0], subject(own(build=network)))
    assert found.measured, found.reason
    graph = record_structure.RecordedBlock.model_validate(found.detail).graph
    pooling = {each.op: (each.kernel, each.stride) for each in graph if each.op.endswith("pool2d")}
    assert pooling == {"max_pool2d": ("3×3", 2), "avg_pool2d": ("15×15", 15), "adaptive_avg_pool2d": ("1×1", 1)}


def test_a_network_that_cannot_be_traced_says_so() -> None:
    from torch import nn

    class Moody(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 8, 3)

        def forward(self, images: Any) -> Any:
            return self.conv(images) if images.shape[0] > 0 and len(images) else images

    readings = measure(metric.ENTRIES[0], subject(own(build=lambda classes: Moody())))
    (reason,) = (reading.reason for reading in readings if reading.status == "unsupported")
    assert reason.startswith("torch.fx cannot trace it: ")
    assert RUSSIAN.translate(reason).startswith("torch.fx не может")


# How it is shown


def test_the_errors_of_the_challenge_are_those_of_ensembles() -> None:
    """No single network was entered: of each error of ILSVRC the card names the ensemble."""
    found: dict[str, str] = {}
    for name, card in facts.cards().items():
        for sentence in card["changed"].split(". "):
            if (error := re.search(r"top-5 error of ([\d.]+) %", sentence)) and "ILSVRC" in sentence:
                found[name] = error[1]
                assert "ensemble" in sentence, name
                assert "ансамбл" in RUSSIAN.translate(card["changed"]).lower(), name
    assert found == {
        "alexnet": "16.4", "googlenet": "6.7", "resnet*": "3.57", "resnext*": "3.03", "se_resnet*": "2.25",
    }  # fmt: skip
    entered = {f"{entry.error:.2f}" for entry in challenge_entries.entries() if entry.ensemble}
    entered |= {f"{entry.error:.1f}" for entry in challenge_entries.entries() if entry.ensemble}
    assert entered >= set(found.values())


def test_senet_154_is_one_network_of_an_ensemble() -> None:
    changed = facts.card("se_resnext50_32x4d")["changed"]
    assert "SENet-154, part of the ensemble that won ILSVRC-2017," in changed
    assert "SENet-154 из ансамбля, победившего на ILSVRC-2017," in RUSSIAN.translate(changed)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("3 × Conv2d(3×3), MaxPool2d(2×2, stride=2)", "3 × conv 3×3, max pooling 2×2 /2"),
        ("Conv2d(1×7, stride=2, groups=32)", "conv 1×7 /2 (32 groups)"),
        ("AvgPool2d(2×2, stride=2), AdaptiveAvgPool2d(6×6)", "average pooling 2×2 /2, average pooling to 6×6"),
        ("AdaptiveAvgPool2d(1×1), Linear", "global average pooling, linear layer"),
        ("2 × 3 × Bottleneck, 4 × SqueezedBottleneck", "2 × 3 × bottleneck, 4 × SE bottleneck"),
        ("Inception, InceptionC, InceptionAux", "Inception module, Inception module C, InceptionAux"),
        ("6 × DenseLayer, Transition", "6 × dense layer, transition layer"),
        ("4 × OwnBlock, Conv2d(stride=2), Odd(3)", "4 × OwnBlock, Conv2d(stride=2), Odd(3)"),
        ("", ""),
    ],
)
def test_parts_have_words_and_other_classes_keep_their_names(kind: str, words: str) -> None:
    assert part_names.words(kind, ENGLISH) == words


@given(texts())
def test_any_part_without_a_word_stays(kind: str) -> None:
    kind = f"<{kind.replace(',', '')}>"
    assert part_names.words(kind, ENGLISH) == part_names.title(kind, ENGLISH) == part_names.computing(kind) == kind


def test_a_block_that_is_one_convolution_is_called_so() -> None:
    """Records of version 0.1.0 have the class of such blocks."""
    kinds = {
        "conv1.conv": "Conv2d(7×7, stride=2)", "conv1.bn": "BatchNorm2d", "maxpool1": "MaxPool2d(3×3, stride=2)",
        "conv2.conv": "Conv2d(1×1)", "conv2.bn": "BatchNorm2d", "conv22.conv": "Conv2d(5×5)",
        "branch.one.conv": "Conv2d(1×1)", "branch.two.conv": "Conv2d(3×3)", "gate.conv": "Conv2d(1×1)",
        "gate.fc": "Linear",
    }  # fmt: skip
    layers = [
        record_structure.Layer(name=name, kind=kind, output="", parameters=0, macs=0) for name, kind in kinds.items()
    ]
    pooled = "BasicConv2d, MaxPool2d(3×3, stride=2)"
    assert part_names.opened(pooled, "conv1 – maxpool1", layers) == "Conv2d(7×7, stride=2), MaxPool2d(3×3, stride=2)"
    assert part_names.opened("BasicConv2d", "conv2", layers) == "Conv2d(1×1)"
    assert part_names.opened("2 × BasicConv2d", "branch", layers) == "Conv2d(1×1), Conv2d(3×3)"
    for name, kind in {
        "branch": "Inception",
        "gate": "Gate",
        "no such part": "BasicConv2d",
        "gate.fc": "Linear",
    }.items():
        assert part_names.opened(kind, name, layers) == kind


@pytest.mark.parametrize(
    ("name", "english", "russian", "source"),
    [
        (
            "resnet50",
            "Bottleneck, 16 times in the architecture. Shown: one at 56×56, 70,400 parameters.",
            "Bottleneck-блок: 16 раз в сети. Показан при 56×56, параметров: 70\u00a0400.",
            "layer1.1: Bottleneck",
        ),
        (
            "inception_v3",
            "Inception module C, 4 times in the architecture. Shown: one at 17×17, 1,297,408 parameters.",
            "Модуль Inception C: 4 раза в сети. Показан при 17×17, параметров: 1\u00a0297\u00a0408.",
            "Mixed_6b: InceptionC",
        ),
        (
            "vgg16",
            "No repeated block. Shown: the first of the stages with the most MACs, 3 × conv 3×3 at 56×56, 1,475,328 "
            "parameters.",
            "Повторяющегося блока нет. Показана первая из стадий с наибольшим числом MAC, 3 × свёртка 3×3, 56×56, "
            "параметров: 1\u00a0475\u00a0328.",
            "features.10 – features.16: 3 × Conv2d(3×3), MaxPool2d(2×2, stride=2)",
        ),
    ],
)
def test_a_caption_describes_the_block_and_names_its_source(name: str, english: str, russian: str, source: str) -> None:
    for tongue, caption in ((ENGLISH, english), (RUSSIAN, russian)):
        drawing = cards.card(record_of(name), "card-0", tongue).drawing
        assert drawing
        assert (drawing.caption, drawing.source) == (caption, source)


@pytest.mark.parametrize(
    ("macs", "opening"), [((5, 5, 3), "the first of the stages with the most"), ((5, 4, 3), "the stage with the most")]
)
def test_a_caption_names_the_first_of_stages_with_equal_macs(macs: tuple[int, ...], opening: str) -> None:
    rows = [
        {"name": name, "kind": "Conv2d(3×3)", "level": at, "output": "8×4×4", "parameters": 9, "macs": count}
        for at, (name, count) in enumerate(zip(("conv1", "conv2", "conv3"), macs, strict=True))
    ]
    record = samples.record(samples.ROWS[1])
    block = record.readings["block_parameters"]
    detail = {**block.detail, "name": "conv1", "kind": "Conv2d(3×3)", "repeats": 0}
    changed = {
        "layers": samples.reading("layers", 3, stages=rows, layers=[]),
        "block_parameters": block.model_copy(update={"detail": detail}),
    }
    drawing = cards.drawing(record.model_copy(update={"readings": record.readings | changed}), ENGLISH)
    assert drawing
    assert drawing.caption.startswith(f"No repeated block. Shown: {opening} MACs, conv 3×3 at ")


def graph(op: str) -> list[record_structure.Operator]:
    row = {"output": "8×4×4", "within": HOSTILE}
    made = [{"op": "input", "from": [], **row}, {"op": op, "from": [0], **row}]
    return [record_structure.Operator.model_validate(each) for each in made]


def test_a_chain_may_be_deeper_than_a_recursion() -> None:
    count = sys.getrecursionlimit() + 50
    boxes = [block_boxes.Node((str(at),), (), "", (at - 1,) * (at > 0), "plain") for at in range(count)]
    diagram = layout.arrange(boxes)
    middles = {(box.left + box.right) / 2 for box in diagram.boxes}
    assert max(middles) - min(middles) < 1e-6, "one below the other"
    tops = [box.top for box in diagram.boxes]
    assert tops == sorted(set(tops))


def test_mermaid_shows_whatever_a_label_holds_as_text() -> None:
    text = diagrams.to_mermaid(block_boxes.nodes(graph(HOSTILE), ENGLISH))
    assert text.splitlines()[2] == '  n1["#34;#93;#60;b#62;#96;#124;#35;#123;x#125;"]'
    assert text.splitlines()[3] == "  n0 --> n1"
    svg = diagrams.to_svg(layout.arrange(block_boxes.nodes(graph(HOSTILE), ENGLISH)), HOSTILE, ENGLISH)
    assert "<b>" not in svg
    ElementTree.fromstring(svg)


def test_a_label_with_the_text_of_an_attribute_stays_as_it_is() -> None:
    """Text that looks like the attribute of the small line is text; only that line has the attribute."""
    label = "class=small"
    node = block_boxes.Node((label,), (label,), "", (), "plain")
    svg = ElementTree.fromstring(diagrams.to_svg(layout.arrange([node]), label, ENGLISH))
    texts = [each for each in svg.iter() if each.tag.endswith("text")]
    assert [(each.text, each.get("class")) for each in texts] == [(label, None), (label, "small")]


def test_the_command_gives_the_same_settings_again() -> None:
    asked = Settings(
        architectures=("resnet*", "vgg16"), metrics=("size", "latency"), preset="quick", weights="random", steps=7,
        dataset="imagefolder:some  folder", timeout=90.5, lang=("en", "ru"), fresh=True, fail_on="any",
    )  # fmt: skip
    record = record_of("resnet18").model_copy(update={"settings": asked.model_dump(mode="json")})
    words = shlex.split(provenance.command(record))
    assert "imagefolder:some  folder" in words, "with both spaces"
    assert words[:5] == ["python", "-m", "reporter", "--out", "DIR"]
    parsed = dict(program.make_context("reporter", words[3:]).params)
    again = settings({key: value for key, value in parsed.items() if key not in ("out", "config", "label", "progress")})
    default = Settings()
    expected = {"architectures": ("resnet18",), "lang": default.lang, "fresh": False, "fail_on": default.fail_on}
    assert again == asked.model_copy(update=expected)
    plain = record_of("resnet18").model_copy(update={"settings": default.model_dump(mode="json")})
    assert provenance.command(plain) == "python -m reporter --out DIR --architectures resnet18"


def test_a_stranger_gets_a_card_without_words_of_others() -> None:
    """A network of one's own that is called like one of a family, in a family of its own."""
    stranger = record_of("resnet18").model_copy(
        update={"architecture": "resnet_tiny", "family": "Mine", "paper": "none"}
    )
    made = cards.card(stranger, "card-0", ENGLISH)
    assert made.words == {"idea": ""}
    assert made.link == ""
    assert made.drawing
    assert made.costs
    bare = cards.card(stranger.model_copy(update={"readings": {}}), "card-0", ENGLISH)
    assert (bare.drawing, bare.costs, bare.tables) == (None, (), ())


@pytest.mark.parametrize("name", catalog_entries())
def test_the_lecture_has_an_idea_and_a_paper_for_each(name: str) -> None:
    row = facts.card(name)
    assert len(re.findall(r"\.(?: |$)", row["idea"])) == 2, "two sentences"
    assert row["changed"].endswith(".")
    assert RUSSIAN._(row["idea"]) != row["idea"]
    entry = catalog_entries()[name]
    record = record_of(name).model_copy(update={"family": entry.family, "paper": entry.paper})
    assert cards.link(record).startswith("https://")
    made = cards.card(record, "card-0", ENGLISH)
    assert made.drawing
    shown = [made.drawing.caption, *(cost.words for cost in made.costs)]
    assert [words for words in shown if re.search(r"[a-z][A-Z]|_|[a-z]\.\w|\dd\b", words)] == [], "names of code"
    assert [cost.name for cost in made.costs] == list(stages_of(name)), "the modules, beside the words"


def test_names_that_differ_in_signs_only_have_anchors_and_files_of_their_own() -> None:
    """Also where the number that makes an anchor differ is a part of another name."""
    names = ("net-v", "net-v-2", "net:v")
    made = cards.cards(compare([samples.record((name, *samples.ROWS[9][1:])) for name in names]), ENGLISH)
    assert [card.name for card in made] == list(names)
    assert len({card.anchor for card in made}) == 3
    assert len({table.name for card in made for table in card.tables}) == 3
    for some in permutations((*names, "net v", "net-v-1", "net-v-3")):
        assert len(set(anchors(some).values())) == len(some)
    assert anchors(["resnet18", "timm:resnet18", "a|b"])["timm:resnet18"] == "card-timm-resnet18"


def test_long_names_have_files_that_can_be_written(tmp_path: Path) -> None:
    """Names may have 1000 characters, those of files 255 bytes."""
    names = ("n" * 1000, f"{'n' * 999}v", "n" * 150)
    made = cards.cards(compare([samples.record((name, *samples.ROWS[9][1:])) for name in names]), ENGLISH)
    files_of = [f"{table.name}{RUSSIAN.suffix}.csv" for card in made for table in card.tables]
    for name in files_of:
        files.write(tmp_path / name, "")
    assert len({path.name for path in tmp_path.iterdir()}) == 3
    assert f"card-{names[2]}" in {card.anchor for card in made}


def test_a_page_holds_a_card_for_each_network_with_an_anchor_of_its_own() -> None:
    comparison = compare(samples.few())
    whole = build.build(comparison, ENGLISH, [], [])
    page, text = formats.to_html(whole), formats.to_markdown(whole)
    anchors = re.findall(r'<article class="card" id="([^"]+)"', page)
    assert len(anchors) == len(set(anchors)) == len(comparison.networks)
    assert text.count("```mermaid") == len(comparison.networks)
    files = [table.name for table in whole.tables if table.name != "choosing"]
    assert [name for name in files if not re.fullmatch(r"[a-z][\w.-]*", name)] == []
    assert len(set(files)) == len(files) == len(comparison.networks) + 1
    assert all(f"(tables/{name}.csv)" in text for name in files)
    assert "--architectures &#39;&lt;script&gt;alert(1)&lt;/script&gt;&#39;" in page
