"""The quality table of an output: Parquet inside the store, CSV outside it."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from wsi_refocus.errors import OutputError
from wsi_refocus.ngff.files import explained, write_whole
from wsi_refocus.ngff.stored import said

if TYPE_CHECKING:  # workers only want to know where the table lies
    import pandas as pd

QUALITY_TABLE = "tables/quality.parquet"
"""Where the table lies in an output."""


def write_quality(path: str | Path, frame: pd.DataFrame, columns: Mapping[str, tuple[str, str]] | None = None) -> None:
    """Write the quality table into an output.

    Parameters
    ----------
    path
        Folder of the output.
    frame
        One row for every cell.
    columns
        Unit and meaning of columns; kept as metadata of the Parquet fields.

    Raises
    ------
    OutputError
        If the disk is full or the folder cannot be written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    described = columns or {}
    table = pa.Table.from_pandas(frame, preserve_index=False)
    fields = [
        column.with_metadata(dict(zip(("unit", "meaning"), described[column.name], strict=True)))
        if column.name in described
        else column
        for column in table.schema
    ]
    buffer = io.BytesIO()
    pq.write_table(table.cast(pa.schema(fields, metadata=table.schema.metadata)), buffer, compression="zstd")
    with explained(path):
        write_whole(Path(path) / QUALITY_TABLE, buffer.getvalue())


def read_quality(path: str | Path) -> pd.DataFrame:
    """Read the quality table of an output.

    Parameters
    ----------
    path
        Folder of the output.

    Returns
    -------
    DataFrame
        One row for every cell. ``frame.attrs["units"]`` and ``frame.attrs["meanings"]`` tell of the columns.

    Raises
    ------
    OutputError
        If there is no table, or it is damaged.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = Path(path) / QUALITY_TABLE
    try:
        table = pq.read_table(file, partitioning=None)
        frame: pd.DataFrame = table.to_pandas()
    except FileNotFoundError:
        raise OutputError(f"{path}: holds no quality table; name the folder of a finished output") from None
    except (OSError, ValueError, pa.ArrowException) as error:
        raise OutputError(f"{file}: the quality table cannot be read ({said(error)}); run with --overwrite") from None
    for attribute, key in (("units", b"unit"), ("meanings", b"meaning")):
        frame.attrs[attribute] = {
            column.name: column.metadata[key].decode("utf-8")
            for column in table.schema
            if column.metadata and key in column.metadata
        }
    return frame


def write_quality_csv(file: str | Path, frame: pd.DataFrame) -> None:
    """Write the quality table as CSV; what was not measured is left empty.

    Parameters
    ----------
    file
        File to write.
    frame
        One row for every cell.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    text = frame.to_csv(None, index=False)
    with explained(file):
        write_whole(Path(file), text.encode("utf-8"))
