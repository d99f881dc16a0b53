# Everything runs in .venv, made from constraints.txt. PYTHON and TORCH can be set:
#   make run PYTHON=python3.12
#   make run TORCH='torch==2.13.0 --index-url <PyTorch index for your CUDA>'
PYTHON ?= python3
TORCH ?= torch==2.13.0
BIN := .venv/bin
# what is imported is compiled then, and kept, once: compiling all of it takes longer than installing
unexport PYTHONDONTWRITEBYTECODE
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --constraint constraints.txt
SAMPLE := sample_slides/cmu-1-two-shot.ome.tiff
RESULT := build/cmu-1.refocused.ome.zarr

MOST := '.[view,remote,cluster,dicom,dev]'

.PHONY: help run test check format test-viewers test-long test-faults fuzz bench lock samples clean

help:
	@echo "make run           set up, and refocus the sample slide"
	@echo "make test          set up, and run the tests"
	@echo "make check         ruff, mypy and import-linter"
	@echo "make test-viewers  show the sample's result in real viewers"
	@echo "make test-long     run the tests that the others leave out for their time"
	@echo "make test-faults   let things go wrong at length: killed processes, full disks, SLURM"
	@echo "make fuzz          feed the parsers what a coverage-guided fuzzer finds (SECONDS=120 each)"
	@echo "make bench         measure throughput side by side with bare alternatives"

.venv/made:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "wsi-refocus needs Python 3.11 or newer: make PYTHON=python3.11")'
	$(PYTHON) -m venv .venv
	@touch $@

.venv/ready: pyproject.toml constraints.txt | .venv/made
	$(PIP) $(TORCH)
	$(PIP) --editable '.[view,remote,cluster]'
	@touch $@

.venv/ready-dev: pyproject.toml constraints.txt | .venv/made
	$(PIP) $(TORCH)
	$(PIP) --editable $(MOST)
	@touch .venv/ready $@

.venv/ready-bench: .venv/ready-dev
	$(PIP) --editable '.[bench]'
	@touch $@

run: .venv/ready
	@mkdir -p build
	$(BIN)/wsi-refocus run $(SAMPLE) --output $(RESULT) --reference sample_slides/cmu-1-truth.ome.tiff --overwrite

test: .venv/ready-dev
	$(BIN)/python -m pytest --numprocesses=auto --maxprocesses=3 --dist=loadfile --no-loadscope-reorder

check: .venv/ready-dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: .venv/ready-dev
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

test-viewers: .venv/ready-dev
	bash tests/viewers/setup.sh
	$(BIN)/python -m pytest tests/viewers -m viewers

test-long: .venv/ready-dev
	$(BIN)/python -m pytest tests -m long --timeout=3600

test-faults: .venv/ready-dev
	$(BIN)/python -m pytest tests -m "faults or slurm" --timeout=3600

.venv/ready-fuzz: .venv/ready-dev
	$(PIP) --editable '.[fuzz,dev]'
	@touch $@

fuzz: .venv/ready-fuzz
	@mkdir -p build/fuzz
	for target in ome_xml tiff ome_zarr checkpoint manifest; do $(BIN)/python -m fuzz $$target build/fuzz/$$target \
	  -max_total_time=$(or $(SECONDS),120) -timeout=20 -rss_limit_mb=3000 -artifact_prefix=build/fuzz/ || exit 1; done

bench: .venv/ready-bench
	$(BIN)/python -m benchmarks

samples: .venv/ready
	@test -n "$(SLIDE)" || (echo "usage: make samples SLIDE=path/to/CMU-1-Small-Region.svs" && exit 2)
	$(BIN)/python sample_slides/make_samples.py $(SLIDE)

lock: .venv/ready-bench
	$(BIN)/python -m pip freeze --exclude-editable | sed 's/^torch==\([0-9.]*\)+.*/torch==\1/' > constraints.txt

clean:
	rm -rf .venv build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
