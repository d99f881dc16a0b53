"""Whether an output says all that it has to say of where it comes from."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from wsi_refocus.errors import UsageError
from wsi_refocus.methods import is_trained
from wsi_refocus.ngff.metadata import ATTRIBUTE
from wsi_refocus.verification.findings import Check, Finding
from wsi_refocus.verification.subject import Subject

NAME = "provenance"
RUN_RECORD = "run.json"
"""The run's record, in the root of the output; those of older versions have none."""
_REQUIRED: Mapping[str, tuple[str, ...]] = {
    "statement": (),
    "version": (),
    "source": ("paths", "fingerprints", "format"),
    "planes": ("indices", "reason"),
    "alignment": ("shift_px", "gain", "grid_of_plane"),
    "method": ("name", "device"),
    "settings": (),
    "versions": ("python", "numpy", "zarr"),
    "finished": (),
    "seconds": (),
    "slide": ("name", "mpp"),
}
_FILES = ("icc_profile", "source_ome_xml", "quality_table", "quality_image", "phase")


def check_provenance(subject: Subject, root_document: str) -> Check:
    """Look for everything that the provenance must hold, and for the files that it names.

    Parameters
    ----------
    subject
        The output.
    root_document
        File that holds the provenance.
    """
    problems = [(root_document, problem) for problem in _gaps(subject.provenance)]
    problems += [(name, "is named in the provenance, and missing") for name in _absent(subject)]
    problems += [(RUN_RECORD, problem) for problem in _record_problems(subject)]
    findings = tuple(Finding(NAME, file, problem) for file, problem in problems)
    known = (subject.path / RUN_RECORD).is_file()
    notes = () if known else ("the run's record is not in the output: it was written by an older version",)
    total = sum(max(1, len(keys)) for keys in _REQUIRED.values())
    return Check(NAME, total, total, "entries", findings, notes)


def _gaps(provenance: Mapping[str, Any]) -> Iterator[str]:
    for key, inner in _REQUIRED.items():
        part = provenance.get(key)
        if part in (None, "", {}, []) or (inner and not isinstance(part, Mapping)):
            yield f"its attribute {ATTRIBUTE}.{key} is missing or empty"
            continue
        for name in inner:
            if part.get(name) in (None, "", {}, []):
                yield f"its attribute {ATTRIBUTE}.{key}.{name} is missing or empty"
    source, method = (provenance[key] if isinstance(provenance.get(key), dict) else {} for key in ("source", "method"))
    if len(source.get("paths") or ()) != len(source.get("fingerprints") or ()):
        yield f"its attribute {ATTRIBUTE}.source has not one fingerprint a file"
    if _is_trained(method.get("name")) and not method.get("checkpoint_sha256"):
        yield f"its attribute {ATTRIBUTE}.method.checkpoint_sha256 is missing: which weights were used?"
    trust = provenance.get("trust")
    if trust is not None and not (isinstance(trust, Mapping) and trust.get("policy")):
        yield f"its attribute {ATTRIBUTE}.trust.policy is missing or empty"


def _is_trained(method: object) -> bool:
    """Whether a method needs weights; not known of a method of another version."""
    try:
        return is_trained(str(method))
    except UsageError:
        return False


def _absent(subject: Subject) -> Iterator[str]:
    contents = subject.provenance.get("slide")
    if isinstance(contents, Mapping):
        named = [contents.get(key) for key in _FILES]
        yield from (str(name) for name in named if name and not (subject.path / str(name)).exists())


def _record_problems(subject: Subject) -> Iterator[str]:
    """What is wrong with the run's record, if there is one."""
    file = subject.path / RUN_RECORD
    if not file.is_file():
        return
    try:
        record = json.loads(file.read_text(encoding="utf-8"))
        size, planes = list(record["layout"]["size"]), list(record["planes"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        yield f"cannot be read ({type(error).__name__}: {error})"
        return
    levels = subject.images.get("")
    if levels is not None and size != list(levels[0].size):
        yield f"speaks of {size[0]} × {size[1]} pixels, and level 0 has {levels[0].size[0]} × {levels[0].size[1]}"
    said = subject.provenance.get("planes")
    if isinstance(said, Mapping) and said.get("indices") != planes:
        yield f"names the planes {planes}, and the provenance {said.get('indices')}"
