"""What a verification found, for people and for programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong.

    Attributes
    ----------
    check : str
        Check that found it.
    file : str
        File that it is about, relative to the output.
    problem : str
        What is wrong with it.
    """

    check: str
    file: str
    problem: str


@dataclass(frozen=True, slots=True)
class Check:
    """A check that was made, or could not be made.

    Attributes
    ----------
    name : str
        What was compared.
    examined, total : int
        How much of it was looked at, and how much there is.
    unit : str
        What is counted.
    findings : tuple of Finding
        What is wrong.
    notes : tuple of str
        What is worth knowing, and not wrong.
    skipped : str
        Why the check could not be made; empty if it was.
    """

    name: str
    examined: int
    total: int
    unit: str
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    skipped: str = ""

    @property
    def state(self) -> str:
        """``sound``, ``wrong`` or ``skipped``."""
        if self.findings:
            return "wrong"
        return "skipped" if self.skipped else "sound"


@dataclass(frozen=True, slots=True)
class Verification:
    """All checks of an output.

    Attributes
    ----------
    output : str
        Folder of the output.
    checks : tuple of Check
        In the order in which they were made.
    digest : str or None
        SHA-256 of the document of checksums, which stands for all files; None where there is none.
    """

    output: str
    checks: tuple[Check, ...]
    digest: str | None

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Everything that is wrong."""
        return tuple(finding for check in self.checks for finding in check.findings)

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings

    def to_json(self) -> dict[str, Any]:
        """Content of the JSON object that ``--json`` prints."""
        checks = {
            check.name: {
                "state": check.state,
                "examined": check.examined,
                "total": check.total,
                "unit": check.unit,
                "findings": len(check.findings),
                "notes": list(check.notes),
                "skipped": check.skipped or None,
            }
            for check in self.checks
        }
        return {
            "output": self.output,
            "sound": self.sound,
            "digest": self.digest,
            "checks": checks,
            "findings": [asdict(finding) for finding in self.findings],
        }

    def to_text(self) -> str:
        """Lines for a person: one a check, one a finding, and what it comes to."""
        lines = [_line(check) for check in self.checks]
        lines += [f"note: {note}" for check in self.checks for note in check.notes]
        lines += [f"WRONG {finding.check}: {finding.file}: {finding.problem}" for finding in self.findings]
        if self.sound:
            left_out = [check.name for check in self.checks if check.skipped]
            but = f" (not checked: {', '.join(left_out)})" if left_out else ""
            return "\n".join([*lines, f"Sound: {self.output}{but}"])
        count = Counter(finding.file for finding in self.findings)
        files = f"{len(count)} file{'s' if len(count) > 1 else ''}"
        return "\n".join([*lines, f"Not sound, {len(self.findings)} findings in {files}: {self.output}"])


def name_cells(cells: Sequence[tuple[int, int]]) -> str:
    """Name cells by row and column, the first few of many."""
    names = ", ".join(f"{iy},{ix}" for iy, ix in cells[:_SHOWN])
    return f"cell {names}" + (f" and {len(cells) - _SHOWN} more" if len(cells) > _SHOWN else "")


def _line(check: Check) -> str:
    if check.skipped and not check.findings:
        return f"{check.name:<14} not checked: {check.skipped}"
    amount = f"{check.examined}" if check.examined == check.total else f"{check.examined} of {check.total}"
    found = f"{len(check.findings)} wrong" if check.findings else "sound"
    return f"{check.name:<14} {found:<10} {amount} {check.unit}"
