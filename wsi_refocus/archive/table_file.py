"""Tables that people write, as CSV or Parquet, read as rows of cells with nothing guessed."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from wsi_refocus.errors import UsageError

_LARGEST = 32 * 2**20
_ROWS = 1_000_000
_LONGEST = 4096
"""Most bytes, rows, and characters of a cell; what is beyond is no table of slides."""

Row = Mapping[str, Any]


def read_table(file: Path) -> tuple[list[str], list[tuple[int, Row]]]:
    """Read a table.

    Parameters
    ----------
    file
        Parquet by its ending; else CSV in UTF-8, with or without byte order mark, separated by comma, semicolon or
        tab, whichever its first line has most of.

    Returns
    -------
    columns : list of str
        Names of the columns, without spaces around them.
    rows : list of (int, dict)
        Number of each row as spreadsheets count, the head being 1, and its cells that are not empty.

    Raises
    ------
    UsageError
        If it is not there, too large, or no table.
    """
    try:
        if file.stat().st_size > _LARGEST:
            raise UsageError(f"{file}: is larger than {_LARGEST // 2**20} MiB, which no manifest should be; split it")
        read = _read_parquet if file.suffix.lower() in (".parquet", ".pq") else _read_csv
        columns, cells = read(file)
        rows = [(number, _filled(file, number, row)) for number, row in cells]
    except UsageError:
        raise
    except FileNotFoundError:
        raise UsageError(f"{file}: there is no such manifest; check the path") from None
    except Exception as error:  # csv and pyarrow raise whatever their parsing trips over
        said = " ".join(str(error).split())[:120]
        raise UsageError(f"{file}: cannot be read as a table ({said}); give CSV or Parquet") from None
    twice = sorted({name for name in columns if columns.count(name) > 1})
    if twice:
        raise UsageError(f"{file}: has the column {twice[0]} twice; name each once")
    return columns, rows


def _filled(file: Path, number: int, row: Row) -> Row:
    cells = {name: value.strip() if isinstance(value, str) else value for name, value in row.items()}
    for name, value in cells.items():
        if isinstance(value, str) and (len(value) > _LONGEST or "\0" in value):
            raise UsageError(f"{file}: row {number}: {name} is no text that a manifest can hold; check the file")
    return {name: value for name, value in cells.items() if not _is_empty(value)}


def _is_empty(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value) or (isinstance(value, float) and value != value)


def _read_csv(file: Path) -> tuple[list[str], Iterator[tuple[int, Row]]]:
    text = file.read_bytes().decode("utf-8-sig")
    separator = max(",;\t", key=text.partition("\n")[0].count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True, skipinitialspace=True)
    columns = [name.strip() for name in next(reader, [])]
    if not columns:
        raise UsageError(f"{file}: cannot be read as a table (it is empty); give CSV or Parquet")
    return columns, _csv_rows(file, columns, reader)


def _csv_rows(file: Path, columns: list[str], reader: Iterator[list[str]]) -> Iterator[tuple[int, Row]]:
    for number, cells in enumerate(reader, start=2):
        if len(cells) > len(columns) and any(cell.strip() for cell in cells[len(columns) :]):
            raise UsageError(
                f"{file}: row {number} has {len(cells)} cells for {len(columns)} columns; put cells that hold the "
                "separator in quotes"
            )
        if any(cell.strip() for cell in cells):
            yield number, dict(zip(columns, cells, strict=False))


def _read_parquet(file: Path) -> tuple[list[str], Iterator[tuple[int, Row]]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pq.ParquetFile(file) as opened:
        about, schema = opened.metadata, opened.schema_arrow
        unpacked = sum(about.row_group(i).total_byte_size for i in range(about.num_row_groups))
        if about.num_rows > _ROWS or unpacked > 8 * _LARGEST:
            raise UsageError(f"{file}: holds {about.num_rows} rows, which no manifest should; split it")
        texts = [each.name for each in schema if pa.types.is_string(each.type) or pa.types.is_large_string(each.type)]
    # a text that stands in many rows is kept once, so that a small file cannot fill the memory
    table = pq.read_table(file, read_dictionary=texts)
    texts_of = (text for name in texts for part in table[name].chunks for text in _texts(part))
    longest = max((len(text or "") for text in texts_of), default=0)
    if longest > _LONGEST:
        raise UsageError(f"{file}: holds a text of {longest} characters, which no manifest should; check the file")
    return table.column_names, enumerate(table.to_pylist(), start=2)


def _texts(part: Any) -> list[str | None]:
    """Distinct texts of a column, or all where they are not kept as such."""
    texts: list[str | None] = getattr(part, "dictionary", part).to_pylist()
    return texts
