"""Control groups of both versions: nested ones, fractional quotas, namespaces."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest

from reporter.host import cgroups, confinement, machine

Tree = Callable[..., None]
UNIFIED = "35 30 0:26 {root} {place} rw,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate"
OLDER = "40 32 0:35 {root} {place} rw,relatime - cgroup cgroup rw,cpu,cpuacct"


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tree:
    """Lets this process be in a group of a tree of files, on a machine with 16 processors."""

    def make(membership: str, files: dict[str, str], mount: str = UNIFIED, root: str = "/") -> None:
        place = tmp_path / "group files"
        for name, text in files.items():
            path = place / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        (tmp_path / "cgroup").write_text(membership)
        other = "22 30 0:5 / /dev rw,nosuid - devtmpfs udev rw,size=10\n"
        mounted = mount.format(root=root, place=str(place).replace(" ", r"\040"))
        (tmp_path / "mountinfo").write_text(other + mounted + "\n")
        monkeypatch.setattr(cgroups, "MEMBERSHIP", tmp_path / "cgroup")
        monkeypatch.setattr(cgroups, "MOUNTS", tmp_path / "mountinfo")
        monkeypatch.setattr(machine, "affinity", lambda: frozenset(range(16)))

    return make


def threads() -> int:
    return machine.usable_threads.__wrapped__()


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"a/b/cpu.max": "200000 100000", "a/cpu.max": "max 100000"}, 2),
        ({"a/b/cpu.max": "max 100000", "a/cpu.max": "300000 100000"}, 3),
        ({"a/b/cpu.max": "800000 100000", "a/cpu.max": "400000 100000", "cpu.max": "500000 100000"}, 4),
        ({"a/b/cpu.max": "150000 100000"}, 2),
        ({"a/b/cpu.max": "250001 100000"}, 3),
        ({"a/b/cpu.max": "20000 100000"}, 1),
        ({"a/b/cpu.max": "6400000 100000"}, 16),
        ({"a/b/cpu.max": "max"}, 16),
        ({"a/b/cpu.max": ""}, 16),
        ({"a/c/cpu.max": "100000 100000", "b/cpu.max": "100000 100000"}, 16),
        ({}, 16),
    ],
)
def test_the_tightest_quota_of_all_groups_counts(tree: Tree, files: dict[str, str], expected: int) -> None:
    tree("0::/a/b\n", files)
    assert threads() == expected


@pytest.mark.parametrize(
    ("quota", "fact"),
    [("50000", 0.5), ("150000", 1.5), ("100000", None), ("200000", None), ("1650000", None), ("max", None)],
)
def test_a_fractional_quota_is_a_fact_of_the_machine(
    quota: str, fact: float | None, tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a processor and a whole one are both one thread; keys of machines with whole quotas stay as they are."""
    tree("0::/a\n", {"a/cpu.max": f"{quota} 100000"})
    facts = machine.facts.__wrapped__()
    assert facts.get("cpu_quota") == fact
    monkeypatch.setattr(machine, "facts", lambda: facts)
    key = machine.key()
    without = {name: value for name, value in facts.items() if name != "cpu_quota"}
    monkeypatch.setattr(machine, "facts", lambda: without)
    assert (machine.key() == key) == (fact is None)


def older(folder: str, quota: int, period: int = 100_000) -> dict[str, str]:
    return {f"{folder}cpu.cfs_quota_us": f"{quota}\n", f"{folder}cpu.cfs_period_us": f"{period}\n"}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (older("a/b/", -1) | older("a/", 300_000), 3),
        (older("a/b/", 250_000) | older("a/", -1) | older("", -1), 3),
        (older("a/b/", 5_000, 10_000) | older("a/", 300_000), 1),
        (older("a/b/", -1) | older("a/", -1), 16),
    ],
)
@pytest.mark.parametrize("controllers", ["cpu,cpuacct", "cpuacct,cpu"])
def test_quotas_of_version_1(tree: Tree, files: dict[str, str], expected: int, controllers: str) -> None:
    membership = f"5:memory:/a/other\n4:{controllers}:/a/b\n3:cpuset:/\n0::/elsewhere\n"
    tree(membership, files, mount=OLDER)
    assert threads() == expected


@pytest.mark.parametrize(
    ("membership", "root", "files", "expected"),
    [
        ("0::/docker/1234\n", "/docker/1234", {"cpu.max": "200000 100000"}, 2),
        ("0::/docker/1234/sub\n", "/docker/1234", {"sub/cpu.max": "200000 100000"}, 2),
        ("0::/kubepods/pod7\n", "/docker/1234", {"cpu.max": "200000 100000"}, 2),
        ("0::/../../user.slice\n", "/", {"cpu.max": "200000 100000"}, 2),
        ("0::/\n", "/../..", {"cpu.max": "200000 100000"}, 2),
        ("0::/\n", "/", {"cpu.max": "200000 100000"}, 2),
        ("nonsense\n", "/", {"cpu.max": "200000 100000"}, 16),
        ("", "/", {"cpu.max": "200000 100000"}, 16),
    ],
)
def test_a_group_that_is_seen_from_another_namespace(
    tree: Tree, membership: str, root: str, files: dict[str, str], expected: int
) -> None:
    tree(membership, files, root=root)
    assert threads() == expected


def test_no_control_groups_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cgroups, "MOUNTS", tmp_path / "missing")
    assert cgroups.processors() == math.inf


def test_the_memory_limit_is_found_by_the_same_way(tree: Tree) -> None:
    files = {"a/memory.max": str(2**30), "a/memory.current": str(2**29), "a/memory.stat": f"inactive_file {2**20}\n"}
    tree("0::/a/b\n", {**files, "a/b/memory.max": "max", "a/b/memory.current": "5"})
    assert confinement.available_memory() == min(2**29 + 2**20, confinement.available_memory())
    assert list(confinement._left_in_groups()) == [2**29 + 2**20]
