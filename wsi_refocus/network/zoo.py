"""The weights that come with the package."""

from __future__ import annotations

from pathlib import Path

from wsi_refocus.errors import CheckpointError

DEFAULT = "tsva-lite"
FOLDER = Path(__file__).parent / "weights"
_HALOS = {"tsva-lite": 64}
"""Pixels after which the surroundings of a tile change less than a grey level, where that was measured and is less
than the architecture can reach (docs/performance.md)."""


def bundled_checkpoints() -> dict[str, Path]:
    """Names of the bundled checkpoints and where they lie."""
    return {path.stem: path for path in sorted(FOLDER.glob("*.safetensors"))}


def find_checkpoint(name_or_path: str | Path) -> Path:
    """Path of a checkpoint that is named by its path or, if bundled, by its name.

    Raises
    ------
    CheckpointError
        If there is neither such a file nor such a name.
    """
    bundled = bundled_checkpoints()
    if str(name_or_path) in bundled:
        return bundled[str(name_or_path)]
    if Path(name_or_path).exists():
        return Path(name_or_path)
    names = f"; bundled are: {', '.join(bundled)}" if bundled else ""
    raise CheckpointError(f"{name_or_path}: there is no such checkpoint; name a .safetensors file{names}")


def default_checkpoint() -> Path:
    """Path of the checkpoint that is used where none is named.

    Raises
    ------
    CheckpointError
        If the package was installed without its weights.
    """
    bundled = bundled_checkpoints()
    if DEFAULT not in bundled:
        raise CheckpointError(
            f"the bundled weights {DEFAULT}.safetensors are not installed; "
            "install wsi-refocus again or name a checkpoint"
        )
    return bundled[DEFAULT]


def measured_halo(path: Path) -> int | None:
    """Halo in pixels that was measured for bundled weights; None for any other, to which nothing but theory applies."""
    return _HALOS.get(path.stem) if path in bundled_checkpoints().values() else None
