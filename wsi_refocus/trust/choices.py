"""What a user may choose about trust."""

from __future__ import annotations

from typing import Literal

Policy = Literal["keep-sharper", "flag", "off"]
"""What is done with a tile that is not believed: the sharper shot is written, it is only marked, or none is judged."""
Uncertainty = Literal["subset", "full"]
"""How much of every tile is predicted again."""
