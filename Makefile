# `make` lists what there is. Everything runs in .venv, which is made on first use.

PYTHON ?= python3
PY := .venv/bin/python
EPOCHS ?=
# PyTorch's threads wait for each other only briefly before they sleep: with another program running, long waits are a crawl.
export GOMP_SPINCOUNT ?= 3000

help:
	@echo "make s6          build, train and inspect the network: _out/S6.html (EPOCHS=1 for a quick look)"
	@echo "make test        check everything, as before a commit"
	@echo "make twice       run each cell of each notebook two times in a row"
	@echo "make lab         open the course in JupyterLab"
	@echo "make notebooks   after an edit: export, run all notebooks, clean, README"
	@echo "make readme      build README.md from nbs/index.ipynb"
	@echo "make site        build the course as a web site: _out/site/html, and a zip of it to take along"
	@echo "make weights     train the weights that the package carries, and write their model card"
	@echo "make bench       measure again what the course says about speed and accuracy (ROW=time-to-99: one row)"
	@echo
	@echo "make TARGET PYTHON=python3.12   makes .venv with that Python"

s6: .venv/.course
	@$(if $(EPOCHS),S6_EPOCHS=$(EPOCHS)) $(PY) tools/run_notebook.py --report _out nbs/S6.ipynb

test: .venv/.dev
	@$(PY) tools/run_tests.py

twice: .venv/.dev
	@S6_EPOCHS=1 OMP_NUM_THREADS=1 $(PY) tools/run_notebook.py --twice --limit 900 --at-once 2 $$(find nbs -name '*.ipynb' -not -path '*/.*')

lab: .venv/.course
	@$(PY) -m jupyterlab --ip=127.0.0.1 nbs/index.ipynb

notebooks: .venv/.dev
	.venv/bin/nbdev_export
	$(PY) tools/run_notebook.py --inplace $$(find nbs -name '*.ipynb' -not -path '*/.*' | sort)
	$(PY) tools/readme.py

readme: .venv/.dev
	$(PY) tools/readme.py

site: .venv/.dev
	@$(PY) tools/build_site.py

bench: .venv/.dev
	@$(PY) -c "import kornia" 2>/dev/null || $(PY) -m pip install -q kornia  # a peer in one row, nothing that the course needs
	$(PY) bench/run.py $(ROW)

weights: .venv/.dev
	$(PY) bench/weights.py
	$(PY) bench/unknown.py

# What the learner needs, and what whoever works on the course needs besides.
.venv/.course .venv/.dev: .venv/.%: settings.ini setup.py pyproject.toml
	@bash tools/install.sh $* $(PYTHON)

.PHONY: help s6 test twice lab notebooks readme site bench weights
