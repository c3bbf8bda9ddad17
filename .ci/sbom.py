"""Write a software bill of materials: the models that the wheel contains, and the packages that it needs.

    python .ci/sbom.py OUT.json

The models have their hashes, and the licences in checkpoints/LICENSES.md. The packages are torch and those of
requirements.lock, which are tested together. The form is CycloneDX 1.6 (https://cyclonedx.org/docs/1.6/json/).
"""

from __future__ import annotations

import hashlib
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import DisjunctiveLicense
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from seqshell import __version__

ROOT = Path(__file__).parents[1]
PINNED = re.compile(r"^([a-z0-9._-]+)==([^\s;]+)", re.MULTILINE)
SPDX = {"Apache-2.0"}  # of the licences in LICENSES.md, those with a SPDX name


def bill() -> Bom:
    """seqshell, which depends on packages and contains models."""
    bom = Bom()
    seqshell = bom.metadata.component = Component(
        name="seqshell",
        version=__version__,
        type=ComponentType.APPLICATION,
        licenses=[DisjunctiveLicense(id=_project()["license"])],
        purl=PackageURL("pypi", name="seqshell", version=__version__),
        bom_ref="seqshell",
    )
    parts = [*_packages(), *_models()]
    bom.components.update(parts)
    bom.register_dependency(seqshell, parts)
    return bom


def _project() -> dict[str, str]:
    found: dict[str, str] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return found


def _packages() -> Iterator[Component]:
    """torch, and each package of requirements.lock; that file has the hashes of their files, several for each."""
    torch = re.search(r"^torch==(\S+)", (ROOT / "constraints.txt").read_text("utf-8"), re.MULTILINE)
    assert torch is not None, "constraints.txt names no version of torch"
    locked = PINNED.findall((ROOT / "requirements.lock").read_text("utf-8"))
    for name, version in [("torch", torch[1]), *locked]:
        yield Component(
            name=name,
            version=version,
            type=ComponentType.LIBRARY,
            purl=PackageURL("pypi", name=name, version=version),
            bom_ref=name,
        )


def _models() -> Iterator[Component]:
    """The models that ship."""
    table = (ROOT / "checkpoints" / "LICENSES.md").read_text("utf-8")
    licences = dict(re.findall(r"^\| (\S+) \| ([^|]+) \|", table, re.MULTILINE))
    for path in sorted((ROOT / "checkpoints").glob("*.safetensors")):
        licence = licences[path.stem]
        yield Component(
            name=path.stem,
            type=ComponentType.MACHINE_LEARNING_MODEL,
            hashes=[HashType(alg=HashAlgorithm.SHA_256, content=hashlib.sha256(path.read_bytes()).hexdigest())],
            licenses=[DisjunctiveLicense(id=licence) if licence in SPDX else DisjunctiveLicense(name=licence)],
            bom_ref=f"model-{path.stem}",
        )


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python .ci/sbom.py OUT.json")
    JsonV1Dot6(bill()).output_to_file(sys.argv[1], allow_overwrite=True, indent=2)
