# make run    the portal with a demo, everything it needs included
# make test   every test; options for pytest in ARGS, as in: make test ARGS="tests/users -k import"
# make chaos  servers and workers broken in the middle of an import, one test after the other
# make bench  every speed we promise, measured; in a minute: make bench SCALE=small

PYTHON ?= python3
BIN := .venv/bin
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"

.PHONY: run test chaos test-servers bench lint format screens messages lock clean

run: .venv/local
	@exec $(BIN)/python -m tools.run

test: .venv/dev
	@exec $(BIN)/python -m tools.suite $(ARGS)

chaos: .venv/dev
	@exec $(BIN)/python -m tools.suite tests/chaos -n 0 -s $(ARGS)

# Servers for tests that stay up; `source .local/test.env`, then run pytest as often as you like.
test-servers: .venv/dev
	@exec $(BIN)/python -m tools.embedded test-env

# With servers of its own that keep their data in .local/bench/. ARGS=--markdown prints the last run.
bench: .venv/dev
	@exec $(BIN)/python -m tests.bench $(ARGS)

lint: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	git ls-files "templates/**.html" "*/templates/**.html" | xargs -r $(BIN)/djade --check --target-version 5.2
	$(BIN)/lint-imports
	$(BIN)/python -m tools.suite --manage makemigrations --check --dry-run
	BASE_URL=https://portal.example $(BIN)/python -m tools.suite --manage check --deploy --fail-level WARNING

format: .venv/dev
	$(BIN)/ruff check --fix --quiet .
	$(BIN)/ruff format --quiet .
	git ls-files "templates/**.html" | xargs -r $(BIN)/djade --target-version 5.2

screens: .venv/dev
	@exec $(BIN)/python -m tools.suite --run tests.screens $(ARGS)

# The only command that needs GNU gettext; running and testing compile with polib.
messages: .venv/local
	$(BIN)/python -m tools.messages collect
	$(BIN)/python -m tools.messages compile

# Each file of requirements/ names every version and its hashes, and no package index.
lock: .venv/bin/uv
	$(LOCK) pyproject.toml --extra local --extra dev -o requirements/dev.txt
	$(LOCK) pyproject.toml --extra local -c requirements/dev.txt -o requirements/local.txt
	$(LOCK) pyproject.toml -c requirements/dev.txt -o requirements/app.txt
	echo uv | $(LOCK) - -c requirements/dev.txt -o requirements/bootstrap.txt

.venv/bin/uv: requirements/bootstrap.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; name one, as in: make run PYTHON=python3.13")'
	$(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bootstrap.txt
	@touch $@

# pip is the second choice because uv does not read pip's settings, where an index may be named.
.venv/local: .venv/bin/uv requirements/local.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements/local.txt \
		|| $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/local.txt
	@touch $@

.venv/dev: .venv/bin/uv requirements/dev.txt
	$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes requirements/dev.txt \
		|| $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@ .venv/local

clean:
	rm -rf .venv staticfiles
