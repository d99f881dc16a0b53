"""What is told about a checkpoint, in its header and beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ModelCard:
    """Where the weights of a checkpoint come from and what they are good for.

    Attributes
    ----------
    summary : str
        What the network does, in a sentence or two.
    data : str
        What it was trained on.
    licence : str
        Licence of the weights, as an SPDX identifier.
    training : Mapping of str to str
        How it was trained: optimiser, steps, loss and so on.
    results : Mapping of str to str
        What was measured with it, on what.
    limits : str
        What it is not good for.
    """

    summary: str
    data: str
    licence: str
    training: Mapping[str, str] = field(default_factory=dict)
    results: Mapping[str, str] = field(default_factory=dict)
    limits: str = ""

    def to_markdown(self, name: str, facts: Mapping[str, str]) -> str:
        """Card for people.

        Parameters
        ----------
        name
            Name of the checkpoint.
        facts
            What can be said from the weights themselves: architecture, size, hash.
        """
        parts = [f"# {name}", self.summary, _table(facts), f"## Data\n\n{self.data}"]
        if self.training:
            parts.append(f"## Training\n\n{_table(self.training)}")
        if self.results:
            parts.append(f"## Results\n\n{_table(self.results)}")
        if self.limits:
            parts.append(f"## Limits\n\n{self.limits}")
        parts.append(f"## Licence\n\n{self.licence}")
        return "\n\n".join(parts) + "\n"


def _table(rows: Mapping[str, str]) -> str:
    escaped = [(key, str(value).replace("|", "\\|").replace("\n", " ")) for key, value in rows.items()]
    return "\n".join(["| | |", "|---|---|", *(f"| {key} | {value} |" for key, value in escaped)])
