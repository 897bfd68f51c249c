PYTHON ?= python3
BIN = .venv/bin
INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: setup demo test lint bench docs clean

setup: .venv/installed

.venv/installed: setup.cfg pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "Python >= 3.10 is needed; set PYTHON=")'
	@echo "Installing into .venv (a few minutes the first time) ..."
	@$(PYTHON) -m venv .venv
	@$(INSTALL) -e ".[plot,test]"
	@touch $@

.venv/bench-installed: .venv/installed
	@$(INSTALL) -e ".[bench]"
	@touch $@

.venv/docs-installed: .venv/installed
	@$(INSTALL) -e ".[docs]"
	@touch $@

demo: setup
	OMP_NUM_THREADS=1 $(BIN)/skaug compare --demo --jobs 2

test: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/numpydoc lint $$(find skaug -name '*.py')

bench: .venv/bench-installed
	@status=0; for file in benchmarks/bench_isda.py benchmarks/bench_net.py \
		benchmarks/bench_batch_augmentation.py benchmarks/bench_potential.py \
		benchmarks/bench_influence.py benchmarks/bench_growth.py \
		benchmarks/bench_signals.py benchmarks/bench_shl.py benchmarks/bench_wearable.py \
		benchmarks/bench_transforms.py \
		benchmarks/bench_isda_gain.py benchmarks/bench_pooled.py \
		benchmarks/bench_few_labels.py benchmarks/bench_views.py \
		benchmarks/bench_imbalance.py benchmarks/bench_sampler_cost.py \
		benchmarks/bench_hard_region_gain.py benchmarks/bench_hardness.py \
		benchmarks/bench_refine.py benchmarks/bench_ihda.py \
		benchmarks/bench_influence_augmenter.py benchmarks/bench_resample.py \
		benchmarks/bench_methods.py benchmarks/bench_search.py \
		benchmarks/bench_exchange.py; do \
		echo "== $$file"; $(BIN)/python $$file || status=1; done; exit $$status

docs: .venv/docs-installed
	$(BIN)/sphinx-build -W --keep-going -q docs docs/_build/html
	@echo "Open docs/_build/html/index.html"

clean:
	rm -rf .venv build dist skaug-compare bench_methods docs/_build docs/auto_examples docs/generated *.egg-info .pytest_cache .ruff_cache
