# `make` checks and tests; `make help` lists the verbs. Needs python3, make and a package index:
# pip fetches uv, uv fetches Python 3.13 where it is missing and everything that is locked.

# The first python3 that runs: a version manager's stand-in fails where 3.13 is not installed.
PYTHON3 := $(shell for p in python3 /usr/bin/python3; do "$$p" -c "" 2>/dev/null && echo "$$p" && break; done)
UV := .local/uv/bin/uv
ifdef PIP_INDEX_URL # uv does not read pip's settings
export UV_DEFAULT_INDEX ?= $(PIP_INDEX_URL)
endif
READY := .venv/.ready
SCANNER := .local/checkov/.ready
BENCH := PYTHONPATH=functions:infrastructure:tests .venv/bin/python -m benchmarks
LOCAL := PYTHONPATH=infrastructure .venv/bin/python -m local

# sam looks for python3.13 on the path and asks for a region even where none matters.
SAM := PATH="$(CURDIR)/.venv/bin:$$PATH" SAM_CLI_TELEMETRY=0 AWS_DEFAULT_REGION=us-east-1 sam

SOAK ?=
HOST ?= 127.0.0.1
STUDY ?= TMB-301
ACCEPT ?= application/json
METHOD ?= POST
get: CALL ?= /studies/$(STUDY)/summary

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.PHONY: all help check scan test soak mutants bench bench-large demo up get send post down init check-definition replay audit-trail verify build schema contract requirements

all: check test

help: ## list the verbs
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

check: $(READY) ## lint, types, template, locks
	@.venv/bin/ruff check --quiet
	@.venv/bin/ruff format --check --quiet
	@.venv/bin/mypy functions infrastructure
	@$(SAM) validate --lint
	@.venv/bin/python infrastructure/local/requirements.py --check

scan: $(SCANNER) ## the template by checkov's rules; of one that is not followed its resource says why
	@$(SCANNER:.ready=bin/checkov) --file template.yaml --framework cloudformation \
	  --skip-download --quiet --compact

# Files are spread over the cores; each worker has an emulator and a deployment of its own.
test: $(READY) ## every test (those of sam local only where Docker runs)
	@.venv/bin/pytest -n auto --dist loadfile

soak: $(READY) ## the long runs: 20,000 histories, 100,000 events through faults and kills
	@.venv/bin/python tests/long_runs.py $(SOAK)

mutants: $(READY) ## a sample of mutants of the code: a test must notice each; ONLY=part of a file's name
	@.venv/bin/python tests/mutants.py $(ONLY)

bench: $(READY) ## what an event costs, beside the budgets; needs valgrind
	@$(BENCH)

bench-large: $(READY) ## the long ones: a store of 400,000 subjects
	@$(BENCH) --large

demo: $(READY) ## TMB-301 from its events to its documents: out/TMB-301/
	@$(LOCAL) demo

up: $(READY) ## leave the stack running and print a call to try
	@$(LOCAL) up --host "$(HOST)"

get: $(READY) ## a signed GET to the stack of `make up`: make get CALL=/studies/TMB-301/summary
	@$(LOCAL) get "$(CALL)" --accept "$(ACCEPT)"

# BODY comes by the environment, where make puts it: between quotes its own would be lost.
send: $(READY) ## a call that changes something: make send CALL=/studies/TMB-301/reports BODY='{"reason": "…"}'
	@$(LOCAL) send "$(CALL)" --method "$(METHOD)" --body "$$BODY"

post: $(READY) ## a file of events to it: make post EVENTS=events/tmb-301/feed.ndjson
	@$(LOCAL) post "$(STUDY)" "$(EVENTS)"

down: $(READY) ## end the stack of `make up`
	@$(LOCAL) down

init: $(READY) ## a commented definition to start from: make init STUDY=MY-1
	@$(LOCAL) init "$(if $(filter command line environment,$(origin STUDY)),$(STUDY))" "$(OUT)"

check-definition: $(READY) ## all that is wrong with a definition, and its empty shells: DEFINITION=…
	@PYTHONPATH=infrastructure .venv/bin/python -m local.checking "$(DEFINITION)"

replay: $(READY) ## any study on a stack of its own: make replay DEFINITION=… EVENTS=… OUT=…
	@$(LOCAL) replay "$(DEFINITION)" "$(EVENTS)" "$(OUT)"

audit-trail: $(READY) ## a report of that stack with its journals: make audit-trail OUT=out/cut
	@$(LOCAL) audit-trail "$(OUT)" --study "$(STUDY)"

verify: $(READY) ## prove documents: make verify DIR=out/cut KEY=signing-key.pem AGAINST=out/earlier
	@$(LOCAL) verify "$(DIR)" --key "$(KEY)" --against "$(AGAINST)"

build: $(READY) ## the artefact for AWS, in .aws-sam/build
	@$(SAM) build --config-env production

schema: $(READY) ## the JSON Schema of study definitions, from the models
	@PYTHONPATH=functions:infrastructure .venv/bin/python -m local.schema docs/study-definition.schema.json

contract: $(READY) ## openapi.json and the JSON Schemas of events, from the models and the routes
	@PYTHONPATH=functions:infrastructure .venv/bin/python -m local.contract functions/trial/web/contract

requirements: $(UV) ## resolve and lock the dependencies anew
	@$(UV) run --quiet --no-project --python 3.13 infrastructure/local/requirements.py $(UV)

# The stamps below hold a step's result; make repeats a step only when its lock has changed.
$(UV): infrastructure/uv.txt
	@test -n "$(PYTHON3)" || { echo "No python3 found: install Python 3.9 or later." >&2; exit 1; }
	@$(PYTHON3) -c "import ensurepip, venv" 2>/dev/null || { \
	  echo "This Python cannot make virtual environments: install the package python3-venv" >&2; \
	  echo "(Debian, Ubuntu: apt install python3-venv) and run make again." >&2; exit 1; }
	@echo "Fetching uv"
	@rm -rf .local/uv
	@$(PYTHON3) -m venv .local/uv
	@.local/uv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

$(READY): requirements-dev.txt $(UV)
	@echo "Making .venv with Python 3.13 and the locked packages"
	@$(UV) venv --quiet --allow-existing --python 3.13 .venv
	@$(UV) pip sync --quiet --require-hashes --compile-bytecode --python .venv requirements-dev.txt
	@touch $@

$(SCANNER): infrastructure/checkov.txt $(UV)
	@$(UV) venv --quiet --allow-existing --python 3.13 $(@D)
	@$(UV) pip sync --quiet --require-hashes --python $(@D) $<
	@touch $@
