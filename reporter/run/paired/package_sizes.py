"""The size of packages before they are installed: an estimate from the packages of this environment."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from importlib import metadata

from reporter.model.plurals import counted

WITH_CUDA = 6
"""GB of an environment whose torch is built with CUDA: 5.6 GB with torch 2.14.1 and CUDA 13.0, rounded up."""
WITHOUT_CUDA = "+cpu"
"""The end of the version of a torch that is built without CUDA."""


def in_words(requirements: Sequence[str]) -> str:
    """The size of an environment with these packages, `NAME` or `NAME==VERSION`, and all that they require.

    The size of packages that are not installed here is not known. A torch here that is built without CUDA requires
    none of its libraries, which another one may.
    """
    names = [requirement.partition("==")[0] for requirement in requirements]
    unknown = sum(_version(name) is None for name in names)
    text = f"about {gigabytes(names):.1f} GB"
    text += f" and {counted(unknown, 'package')} of unknown size" if unknown else ""
    of_torch = [requirement for requirement in requirements if requirement.partition("==")[0] == "torch"]
    other = any(not requirement.endswith(WITHOUT_CUDA) for requirement in of_torch)
    return f"{text}, with CUDA up to {WITH_CUDA} GB" if other and _is_without_cuda() else text


def _is_without_cuda() -> bool:
    return (_version("torch") or "").endswith(WITHOUT_CUDA)


def _version(name: str) -> str | None:
    """The version of a package in this environment; None if it is not installed."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def gigabytes(names: Iterable[str]) -> float:
    """What packages and all that they require take in this environment: an estimate for other versions of them."""
    waiting, seen, size = [(name, "") for name in names], set[tuple[str, str]](), 0
    while waiting:
        written, extra = waiting.pop()
        name = re.sub(r"[-_.]+", "-", written).lower()
        if (name, extra) in seen:
            continue
        try:
            found = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
        if all(each != name for each, _ in seen):
            size += sum(file.size or 0 for file in found.files or ())
        seen.add((name, extra))
        waiting += [each for text in found.requires or () for each in _required(text, extra)]
    return size / 1e9


def _required(requirement: str, extra: str) -> Iterator[tuple[str, str]]:
    """The package in a requirement, without and with each extra that it names; none if it is of another extra.

    The CUDA libraries of torch are required by extras of a package without files.
    """
    found = re.match(r"([A-Za-z0-9._-]+)\s*(?:\[([^\]]*)\])?", requirement)
    of = re.search(r"""extra\s*==\s*["']([^"']+)""", requirement)
    if found and (of is None or of[1] == extra):
        yield found[1], ""
        yield from ((found[1], each.strip()) for each in (found[2] or "").split(",") if each.strip())
