"""How often pixels are read: every block of the slide about once, and nothing of the output."""

from pathlib import Path

import pytest
import tifffile

from tests.ngff.stores import opened_files
from wsi_refocus.config import make_settings
from wsi_refocus.methods import MethodTraits, make_method
from wsi_refocus.ngff.store import create_store
from wsi_refocus.pipeline.engine import LocalEngine
from wsi_refocus.pipeline.journal import Journal
from wsi_refocus.pipeline.prepare import prepare, view_of
from wsi_refocus.pipeline.progress import Silence
from wsi_refocus.pipeline.record import RunRecord
from wsi_refocus.pipeline.survey import survey_slide
from wsi_refocus.pipeline.worker import ShardWorker


@pytest.mark.parametrize(("method", "most"), [("sharpest", 1.1), ("tsva", 1.35)])
def test_blocks_are_decoded_about_once(slide: Path, weights: Path, tmp_path: Path, method: str, most: float) -> None:
    """Beyond once, only the halo's blocks along the borders of shards."""
    settings = make_settings(method=method, checkpoint=str(weights) if method == "tsva" else None, workers=0)
    view = view_of(str(slide), None, settings)
    with view.open() as source:
        job = prepare(view, source, settings, lambda spec: MethodTraits.of(make_method(spec)))
        survey = survey_slide(job, LocalEngine(2), Silence())
    record = RunRecord(job.identity, view, (0, 1), job.method, job.layout, settings.tile, survey)
    Journal(tmp_path).begin(record.to_json())
    create_store(tmp_path, record.layout)
    worker = ShardWorker(str(tmp_path), record, threads=2)
    try:
        with opened_files() as opened:
            for index in record.layout.shards:
                worker.make(index)
        read = worker.planes._pair.source._chosen[0][0]._source.segments_read
    finally:
        worker.close()
    with tifffile.TiffFile(slide) as tiff:
        blocks = sum(len(page.dataoffsets) for page in tiff.pages[:2])
    assert 0.5 * blocks < read <= most * blocks
    chunks = [entry for entry in opened if f"{tmp_path}/0/c/" in str(entry)]
    assert len(chunks) == len(record.layout.shards)
