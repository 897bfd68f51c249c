PYTHON ?= python3
OLDEST_PYTHON ?= python3.10
VENV ?= .venv
CONSTRAINTS ?= constraints.txt
BIN = $(VENV)/bin
# Bytecode is written when a module is first imported: that of all of torch would take longer
# than what the commands here import.
INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile -c $(CONSTRAINTS)
VERSION = $(shell sed -n 's/^__version__ = "\(.*\)"/\1/p' skaug/__init__.py)
SOURCE ?= build/source
PAGES = $(ADDRESS)/blob/v$(VERSION)

.PHONY: setup demo test test-oldest lint bench docs source dist clean

setup: $(VENV)/installed

$(VENV)/installed: setup.cfg pyproject.toml $(CONSTRAINTS)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "Python >= 3.10 is needed; set PYTHON=")'
	@echo "Installing into $(VENV) (a few minutes the first time) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(INSTALL) -e ".[plot,test]"
	@touch $@

$(VENV)/bench-installed: $(VENV)/installed
	@$(INSTALL) -e ".[bench]"
	@touch $@

$(VENV)/docs-installed: $(VENV)/installed
	@$(INSTALL) -e ".[docs]"
	@touch $@

demo: setup
	OMP_NUM_THREADS=1 $(BIN)/skaug compare --demo --jobs 2

test: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest $(TESTS)

# The oldest versions that setup.cfg allows. On Linux the oldest torch brings what it needs
# for GPUs, also where there is none: 6 GB on the disk. Printed examples are left out: their
# last digits are those of the newest versions.
test-oldest:
	$(MAKE) test TESTS=tests VENV=.venv-oldest CONSTRAINTS=constraints-oldest.txt \
		PYTHON=$(OLDEST_PYTHON)

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/numpydoc lint $$(find skaug -name '*.py')

bench: $(VENV)/bench-installed
	@status=0; for file in benchmarks/bench_isda.py benchmarks/bench_net.py \
		benchmarks/bench_batch_augmentation.py benchmarks/bench_potential.py \
		benchmarks/bench_influence.py benchmarks/bench_growth.py \
		benchmarks/bench_signals.py benchmarks/bench_shl.py benchmarks/bench_wearable.py \
		benchmarks/bench_transforms.py \
		benchmarks/bench_isda_gain.py benchmarks/bench_pooled.py \
		benchmarks/bench_losses.py \
		benchmarks/bench_gans.py \
		benchmarks/bench_few_labels.py benchmarks/bench_views.py \
		benchmarks/bench_imbalance.py benchmarks/bench_sampler_cost.py \
		benchmarks/bench_hard_region_gain.py benchmarks/bench_hardness.py \
		benchmarks/bench_refine.py benchmarks/bench_finished.py \
		benchmarks/bench_sweeps.py benchmarks/bench_ihda.py \
		benchmarks/bench_influence_augmenter.py benchmarks/bench_network.py \
		benchmarks/bench_draws.py benchmarks/bench_resample.py \
		benchmarks/bench_bfloat16.py \
		benchmarks/bench_methods.py benchmarks/bench_search.py \
		benchmarks/bench_exchange.py benchmarks/bench_resume.py \
		benchmarks/fuzz.py; do \
		echo "== $$file"; $(BIN)/python $$file || status=1; done; exit $$status

docs: $(VENV)/docs-installed
	$(BIN)/sphinx-build -W --keep-going -q docs docs/_build/html
	@echo "Open docs/_build/html/index.html"

# A package index shows the README without the files beside it: its links become absolute.
source:
	@test -n "$(ADDRESS)" || { echo "Set ADDRESS= to the public address of the source."; exit 1; }
	rm -rf $(SOURCE) && mkdir -p $(SOURCE)
	git archive HEAD | tar -x -C $(SOURCE)
	sed -Ei -e 's#^(!\[.*\]\()([a-z])#\1$(ADDRESS)/raw/v$(VERSION)/\2#' \
		-e 's#\]\(([A-Za-z][^:)]*\))#]($(PAGES)/\1#g' $(SOURCE)/README.md
	sed -i 's#^classifiers =#project_urls =\n    Source = $(ADDRESS)\n    Changes = $(PAGES)/CHANGES.md\n&#' \
		$(SOURCE)/setup.cfg

dist: setup source
	$(INSTALL) build
	$(BIN)/python -m build --outdir dist $(SOURCE)

clean:
	rm -rf .venv .venv-oldest build dist skaug-compare bench_methods docs/_build docs/auto_examples docs/generated *.egg-info .pytest_cache .ruff_cache
