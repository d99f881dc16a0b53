import math
from dataclasses import fields

from wsi_refocus.quality.record import COLUMNS, CellRecord, Decision


def test_every_column_is_explained_in_order():
    assert tuple(COLUMNS) == tuple(field.name for field in fields(CellRecord))
    assert all(column.meaning for column in COLUMNS.values())


def test_row_holds_plain_values():
    row = CellRecord(iy=1, ix=2, y=512, x=1024, height=512, width=100, decision=Decision.FLAGGED).as_row()
    assert tuple(row) == tuple(COLUMNS)
    assert row["decision"] == "flagged"
    assert type(row["decision"]) is str
    assert row["sharper"] == -1
    assert math.isnan(row["psnr_output"])
