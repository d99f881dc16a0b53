"""``python -m benchmarks [NAME …]``: measure this project side by side with what it should be measured against."""

from __future__ import annotations

import sys

from benchmarks import conversion, memory, methods, networks, scaling, start, throughput, tiled, tissue, trust

ALL = {
    "conversion": conversion.main,
    "throughput": throughput.main,
    "tiled": tiled.main,
    "networks": networks.main,
    "scaling": scaling.main,
    "start": start.main,
    "tissue": tissue.main,
    "memory": memory.main,
    "methods": methods.main,
    "trust": trust.main,
}
USUAL = ("start", "conversion", "tiled", "networks", "throughput", "tissue", "scaling")


def main() -> None:
    """Run the benchmarks that are named, or the usual ones."""
    names = sys.argv[1:] or USUAL
    unknown = [name for name in names if name not in ALL]
    if unknown:
        sys.exit(f"there is no benchmark {unknown[0]}; choose from {', '.join(ALL)}")
    for name in names:
        ALL[name]()


if __name__ == "__main__":
    main()
