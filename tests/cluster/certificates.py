"""Certificates for loopback, made on the spot."""

from pathlib import Path

from distributed.security import Security


def write_certificates(folder: Path) -> tuple[Path, Path, Path]:
    """Write an authority, a certificate and its key; returns their paths."""
    made = Security.temporary().get_tls_config_for_role("client")
    paths = {name: folder / f"{name}.pem" for name in ("ca_file", "cert", "key")}
    for name, path in paths.items():
        path.write_text(made[name])
    return paths["ca_file"], paths["cert"], paths["key"]
