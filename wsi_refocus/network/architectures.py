"""The architectures that a checkpoint can hold, by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError
from torch import nn

from wsi_refocus.network.burst import Burst, BurstConfig
from wsi_refocus.network.lite import LiteConfig, TsvaLite
from wsi_refocus.network.tsva import Tsva, TsvaConfig
from wsi_refocus.network.unet import Unet, UnetConfig

MAX_NUMBER = 1024
"""Most that any number of a configuration can be; the architectures' own limits are narrower."""


@dataclass(frozen=True, slots=True)
class Architecture:
    """A kind of network.

    Attributes
    ----------
    network : type
        Class of the network; its instances keep their configuration as ``config``.
    config : type
        Frozen dataclass of the configuration, which refuses sizes beyond reason.
    """

    network: Callable[[Any], nn.Module]
    config: type[Any]

    def build(self, config: dict[str, Any]) -> nn.Module:
        """Build an untrained network.

        Parameters
        ----------
        config
            Fields of the configuration; those left out keep their default.

        Raises
        ------
        ValueError
            If a field is unknown, of another type or out of range.
        """
        fields = TypeAdapter(self.config)
        unknown = config.keys() - self.config.__dataclass_fields__.keys()
        if unknown:
            raise ValueError(f"unknown configuration: {', '.join(sorted(unknown))}")
        large = [name for name, value in config.items() if _largest(value) > MAX_NUMBER]
        if large:
            raise ValueError(f"{large[0]} is larger than {MAX_NUMBER}")
        try:
            return self.network(fields.validate_python(config))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise ValueError(f"{where}: {first['msg']}" if where else first["msg"]) from None


ARCHITECTURES = {
    "tsva": Architecture(Tsva, TsvaConfig),
    "tsva-lite": Architecture(TsvaLite, LiteConfig),
    "unet": Architecture(Unet, UnetConfig),
    "burst": Architecture(Burst, BurstConfig),
}


def describe_architecture(network: nn.Module) -> tuple[str, dict[str, Any]]:
    """Name and configuration from which a network can be built again.

    Raises
    ------
    ValueError
        If the network is of none of the known architectures.
    """
    for name, architecture in ARCHITECTURES.items():
        if type(network) is architecture.network:
            return name, asdict(network.config)  # type: ignore[call-overload]
    raise ValueError(f"{type(network).__name__} is none of the known architectures: {', '.join(ARCHITECTURES)}")


def _largest(value: Any) -> float:
    """Largest number, or length, in a value of a configuration."""
    if isinstance(value, str | list | tuple):
        inner = [] if isinstance(value, str) else [_largest(item) for item in value]
        return max([len(value), *inner])
    return abs(value) if isinstance(value, int | float) else 0
