# `make` checks and tests; `make help` lists the commands. Needs python3, make and a package index:
# pip fetches uv, uv fetches Python 3.13 where it is missing and everything that is locked.

# The first python3 that runs: a version manager's stand-in fails where 3.13 is not installed.
PYTHON3 := $(shell for p in python3 /usr/bin/python3; do "$$p" -c "" 2>/dev/null && echo "$$p" && break; done)
UV := .local/uv/bin/uv
ifdef PIP_INDEX_URL # uv does not read pip's settings
export UV_DEFAULT_INDEX ?= $(PIP_INDEX_URL)
endif
# Python keeps what it has compiled: the workers of a test run would all do that again.
unexport PYTHONDONTWRITEBYTECODE
READY := .venv/.ready
SCANNER := .local/checkov/.ready
READERS := .local/readers/.ready
NPM_LOCK := $(addprefix tests/standards/readers/,package.json package-lock.json)
BENCH := PYTHONPATH=functions:infrastructure:tests .venv/bin/python -m benchmarks
LOCAL := PYTHONPATH=infrastructure .venv/bin/python -m local

# sam looks for python3.13 on the path and asks for a region even where none matters.
SAM := PATH="$(CURDIR)/.venv/bin:$$PATH" SAM_CLI_TELEMETRY=0 AWS_DEFAULT_REGION=us-east-1 sam

# What make coverage runs, the pure core's tests but for the longest, with the property that holds
# what is counted by change; and make test-quick, less of it and the import rules.
CORE := $(sort $(wildcard tests/core/test_*.py))
LONGEST := tables names blinding attribution fisher listing_dates listings acceptance any_definition
# What takes longest of the rest under measurement, and reaches little that others do not.
UNMEASURED := grading scales arrangement kinds messages content library_recounted arms formulas
LONG := messages wording flow methods content arms testing severity partial_dates figures \
  unreported denominators discrepancies library_recounted
COVERED := $(filter-out $(patsubst %,tests/core/test_%.py,$(LONGEST) $(UNMEASURED)),$(CORE)) \
  tests/properties/test_counted_by_change.py
QUICK := $(filter-out $(patsubst %,tests/core/test_%.py,$(LONGEST) $(LONG)),$(CORE)) \
  tests/repository/test_imports.py

# Files whole, the longest first (tests/conftest.py).
WHOLE_FILES := -n auto --dist loadfile --no-loadscope-reorder

SOAK ?=
HOST ?= 127.0.0.1
STUDY ?= TMB-301
ACCEPT ?= application/json
METHOD ?= POST
get: CALL ?= /studies/$(STUDY)/summary

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.PHONY: all help demo room up get send post down check test test-rest test-quick coverage soak mutants bench bench-large scan readers init check-definition replay audit-trail verify build invoke schema contract gallery requirements

all: check test

##@ Start

help: ## list the commands
	@awk -F ':.*## ' '/^##@ / {printf "\n%s\n", substr($$0, 5)} \
	  /^[a-z-]+:.*## / {printf "  make %-17s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(READY) ## replay TMB-301 into out/TMB-301/ and compare it with what was published
	@$(LOCAL) demo

room: $(READY) ## open the reading room on TMB-301; or on DEFINITION=… EVENTS=…, at PORT=…
	@$(LOCAL) room $(if $(PORT),--port "$(PORT)") "$(DEFINITION)" "$(EVENTS)"

up: $(READY) ## start the local stack and leave it running; prints its addresses and calls to try
	@$(LOCAL) up --host "$(HOST)"

get: $(READY) ## a signed GET: make get CALL=/studies/TMB-301/summary
	@$(LOCAL) get "$(CALL)" --accept "$(ACCEPT)"

# BODY comes by the environment, where make puts it: between quotes its own would be lost.
send: $(READY) ## a signed call that changes something: make send CALL=/studies/TMB-301/reports BODY='{"reason": "…"}'
	@$(LOCAL) send "$(CALL)" --method "$(METHOD)" --body "$$BODY"

post: $(READY) ## post a file of events: make post EVENTS=events/tmb-301/feed.ndjson
	@$(LOCAL) post "$(STUDY)" "$(EVENTS)"

down: $(READY) ## stop that stack and delete all that it holds
	@$(LOCAL) down

##@ Test

check: $(READY) ## lint, format, types, template, and whether the locks are current
	@.venv/bin/ruff check --quiet
	@.venv/bin/ruff format --check --quiet
	@.venv/bin/mypy functions infrastructure benchmarks
	@$(SAM) validate --lint
	@.venv/bin/python infrastructure/local/requirements.py --check

# A worker on each core, with an emulator of its own; one of them has the deployment.
test: $(READY) ## every test; PART=core or PART=core/test_rules.py: some of them
	@test -e "tests/$(PART)" || { echo "PART must be a folder or a file in tests/, such as core" >&2; exit 2; }
	@.venv/bin/pytest $(WHOLE_FILES) $(if $(PART),tests/$(PART))

# CI runs no test twice.
test-rest: $(READY) ## the tests that make coverage leaves out: with it, all of them
	@.venv/bin/pytest $(WHOLE_FILES) $(addprefix --ignore=,$(COVERED))

test-quick: $(READY) ## the rules, the statistics and the imports, without an emulator: under a minute
	@.venv/bin/pytest -n auto --dist worksteal $(QUICK)

coverage: $(READY) ## lines and branches that tests of the core reach; fails below the share in pyproject.toml
	@.venv/bin/pytest -n auto --dist worksteal --cov --cov-report= --cov-fail-under=0 $(COVERED)
	@.venv/bin/coverage report

soak: $(READY) ## long runs, for hours: 20,000 histories, 100,000 events through faults and kills
	@.venv/bin/python tests/long_runs.py $(SOAK)

mutants: $(READY) ## change a line at a time: a test must fail for each; ONLY=part of a file's name
	@.venv/bin/python tests/mutants.py $(ONLY)

bench: $(READY) ## what an event costs, beside its budgets; needs valgrind
	@$(BENCH)

bench-large: $(READY) ## the same for stores of up to 400,000 subjects; says how long each takes
	@$(BENCH) --large

scan: $(SCANNER) ## the template by checkov's rules; a resource that breaks one says why
	@$(SCANNER:.ready=bin/checkov) --file template.yaml --framework cloudformation \
	  --skip-download --quiet --compact

readers: $(READERS) ## install what opens workbooks in browsers (Node.js, 270 MB): tests open every workbook in it
	@true

##@ Run a study of your own

init: $(READY) ## write a commented definition to start from: make init STUDY=MY-1
	@$(LOCAL) init "$(if $(filter command line environment,$(origin STUDY)),$(STUDY))" "$(OUT)"

check-definition: $(READY) ## every error of a definition with its line, then its empty shells: DEFINITION=…
	@PYTHONPATH=infrastructure .venv/bin/python -m local.checking "$(DEFINITION)"

replay: $(READY) ## events to documents, on a stack of its own: DEFINITION=… EVENTS=… OUT=…
	@$(LOCAL) replay "$(DEFINITION)" "$(EVENTS)" "$(OUT)"

##@ Prove its documents

audit-trail: $(READY) ## a report of the stack of `make up`, with its journals: OUT=out/cut
	@$(LOCAL) audit-trail "$(OUT)" --study "$(STUDY)"

verify: $(READY) ## check documents against journals: DIR=out/cut KEY=signing-key.pem AGAINST=out/earlier
	@$(LOCAL) verify "$(DIR)" --key "$(KEY)" --against "$(AGAINST)"

##@ Maintain

build: $(READY) ## build for AWS, into .aws-sam/build: arm64, or ARCHITECTURE=x86_64
	@$(SAM) build --config-env production $(if $(ARCHITECTURE),--parameter-overrides Architecture=$(ARCHITECTURE))
	@PYTHONPATH=infrastructure .venv/bin/python -m local.bytecode .aws-sam/build/*/

invoke: $(READY) ## one Lambda event in a container: make invoke EVENT=events/api/get-summary.json
	@$(LOCAL) invoke "$(EVENT)"

schema: $(READY) ## renew the JSON Schema of study definitions from the models
	@PYTHONPATH=functions:infrastructure .venv/bin/python -m local.schema docs/study-definition.schema.json

contract: $(READY) ## renew openapi.json and the JSON Schemas of events from the models and the routes
	@PYTHONPATH=functions:infrastructure .venv/bin/python -m local.contract functions/trial/web/contract

gallery: $(READY) ## draw the pictures of docs/gallery.md anew
	@PYTHONPATH=functions:infrastructure .venv/bin/python -m local.gallery docs/gallery.md

requirements: $(UV) ## lock what pyproject.toml asks for; UPGRADE=1: everything at its newest version
	@$(UV) run --quiet --no-project --python 3.13 infrastructure/local/requirements.py $(UV) $(if $(UPGRADE),--upgrade)

# The stamps below hold a step's result; make repeats a step only when its lock has changed.
$(UV): infrastructure/uv.txt
	@test -n "$(PYTHON3)" || { echo "No python3 found: install Python 3.9 or later." >&2; exit 1; }
	@$(PYTHON3) -c "import ensurepip, venv" 2>/dev/null || { \
	  echo "This Python cannot make virtual environments: install the package python3-venv" >&2; \
	  echo "(Debian, Ubuntu: apt install python3-venv) and run make again." >&2; exit 1; }
	@echo "Set-up 1 of 3: uv, which installs the rest"
	@rm -rf .local/uv
	@$(PYTHON3) -m venv .local/uv
	@.local/uv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

$(READY): requirements-dev.txt $(UV)
	@echo "Set-up 2 of 3: Python 3.13, found here or fetched, in .venv"
	@$(UV) venv --quiet --allow-existing --python 3.13 .venv
	@echo "Set-up 3 of 3: $$(grep -c '^[a-z].*==' $<) locked packages, some 900 MB in .venv; a few minutes the first time"
	@$(UV) pip sync --quiet --require-hashes --compile-bytecode --python .venv $<
	@touch $@
	@echo "Set-up done."

$(SCANNER): infrastructure/checkov.txt $(UV)
	@echo "Set-up of checkov, in an environment of its own: $$(grep -c '^[a-z].*==' $<) locked packages"
	@$(UV) venv --quiet --allow-existing --python 3.13 $(@D)
	@$(UV) pip sync --quiet --require-hashes --python $(@D) $<
	@touch $@

$(READERS): infrastructure/readers.txt $(NPM_LOCK) $(UV)
	@echo "Set-up of readers of workbooks, in an environment of its own: Node.js from PyPI, the rest from npm"
	@$(UV) venv --quiet --allow-existing --python 3.13 $(@D)
	@$(UV) pip sync --quiet --require-hashes --python $(@D) $<
	@cp $(NPM_LOCK) $(@D)
	@PATH="$(CURDIR)/$(@D)/bin:$$PATH" npm ci --prefix $(@D) --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null
	@touch $@
