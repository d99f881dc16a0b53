"""An existing Dask scheduler, and how to speak to it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wsi_refocus.errors import UsageError


@dataclass(frozen=True, slots=True)
class Scheduler:
    """An existing Dask scheduler.

    Attributes
    ----------
    address : str
        As ``tcp://host:8786`` or ``tls://host:8786``.
    ca_file, cert, key : str or None
        Files, for TLS: the authority that signed the scheduler's certificate, this program's own certificate, and
        its key, which may be in the certificate's file.
    """

    address: str
    ca_file: str | None = None
    cert: str | None = None
    key: str | None = None

    def security(self) -> Any:
        """Security of the connection; None if there is none.

        Raises
        ------
        UsageError
            If a file is missing, or TLS and the address contradict one another.
        """
        given = [name for name in (self.ca_file, self.cert, self.key) if name is not None]
        is_tls = self.address.startswith("tls://")
        if not given and not is_tls:
            return None
        if not is_tls:
            raise UsageError(f"--scheduler {self.address}: certificates are for schedulers at tls://")
        if self.ca_file is None or self.cert is None:
            raise UsageError(f"--scheduler {self.address}: TLS needs --tls-ca-file and --tls-cert (and --tls-key)")
        for name in given:
            if not Path(name).is_file():
                raise UsageError(f"{name}: there is no such file")
        from distributed.security import Security

        return Security(
            require_encryption=True,
            tls_ca_file=self.ca_file,
            tls_client_cert=self.cert,
            tls_client_key=self.key or self.cert,
        )
