# seqdl from a fresh clone: `make demo`, `make test`. Everything that is installed goes into $(VENV);
# only bedtools comes from the system's packages, and only where that needs no password.
#   VENV=/somewhere make demo             another place for the environment
#   WORKERS=8 make test                   so many test processes at once; each wants 2 GB
#   SEQDL_PYTHON=/path/to/python make …   an environment of your own, in which seqdl is installed already
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.ONESHELL:
.SILENT:
.DEFAULT_GOAL := help
.PHONY: help demo notebooks test test-fast install install-test bedtools clean distclean

VENV ?= .venv
PYTHON ?= python3
OUT ?= demo
PYTEST_ARGS ?=
WORKERS ?= 0
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PYTHONUNBUFFERED := 1

ifdef SEQDL_PYTHON
RUN := $(SEQDL_PYTHON)
INSTALLED :=
INSTALLED_TEST :=
else
RUN := $(VENV)/bin/python
INSTALLED := $(VENV)/.seqdl-installed
INSTALLED_TEST := $(VENV)/.seqdl-installed-test
endif

help:
	echo "make demo       set everything up and do the main job on a simulated genome (about 5 minutes)"
	echo "make test       set everything up and run all tests (about 20 minutes)"
	echo "make test-fast  the tests without the slow ones (a few minutes)"
	echo "make notebooks  run every lesson anew and keep its outputs (LESSONS=00_first_steps for one)"
	echo "make install    only set up: $(VENV), the package, bedtools"
	echo "make clean      remove what the demo and the tests wrote;  make distclean: $(VENV) too"

demo: bedtools $(INSTALLED)
	"$(RUN)" -m seqdl.cli.main demo --out "$(OUT)"

test: bedtools $(INSTALLED_TEST)
	"$(RUN)" -m pytest -q -n $(WORKERS) --dist worksteal $(PYTEST_ARGS)

test-fast: bedtools $(INSTALLED_TEST)
	"$(RUN)" -m pytest -q -n $(WORKERS) --dist worksteal -m "not slow" $(PYTEST_ARGS)

notebooks: bedtools $(INSTALLED_TEST)
	"$(RUN)" notebooks/make_lessons.py $(LESSONS)

install: bedtools $(INSTALLED)

install-test: bedtools $(INSTALLED_TEST)

$(VENV)/bin/python:
	if ! "$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
	  echo "seqdl needs Python 3.11 or newer; $(PYTHON) is $$("$(PYTHON)" --version 2>&1). Try: PYTHON=python3.11 make demo" >&2
	  exit 2
	fi
	echo "Making a Python environment in $(VENV) …"
	if ! "$(PYTHON)" -m venv "$(VENV)" >/dev/null 2>&1; then
	  rm -rf "$(VENV)"
	  # Debian keeps venv in a package of its own.
	  package="python$$("$(PYTHON)" -c 'import sys; print("%d.%d" % sys.version_info[:2])')-venv"
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
	    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$$package"; } >/dev/null 2>&1 || true
	  fi
	  if ! "$(PYTHON)" -m venv "$(VENV)"; then
	    rm -rf "$(VENV)"
	    echo "Python cannot make an environment here. Install it first: sudo apt-get install -y $$package" >&2
	    exit 2
	  fi
	fi

# $(call pip_install,what,words): pip's own log goes to a file; the large downloads are told in one line each.
define pip_install
	echo "Installing Python packages$(2); the first time takes 1 to 5 minutes …"
	began=$$SECONDS
	large='Downloading (.*/)?([A-Za-z0-9_.]+)-[^ ]* \(([0-9]+)[0-9.]* ([MG]B)\)'
	if ! "$(VENV)/bin/python" -m pip install --progress-bar off -e '$(1)' 2>&1 | tee "$(VENV)/install.log" | while IFS= read -r line; do
	  if [[ $$line =~ $$large ]]; then
	    if [ "$${BASH_REMATCH[3]}" -ge 10 ] || [ "$${BASH_REMATCH[4]}" = GB ]; then
	      echo "  downloading $${BASH_REMATCH[2]} ($${BASH_REMATCH[3]} $${BASH_REMATCH[4]})"
	    fi
	  elif [[ $$line == "Installing collected packages"* ]]; then
	    echo "  unpacking"
	  fi
	done; then
	  tail -n 15 "$(VENV)/install.log" >&2
	  echo "The Python packages could not be installed (above: the end of $(VENV)/install.log). Is the network there?" >&2
	  exit 1
	fi
	echo "Installed in $$((SECONDS - began)) s."
endef

$(VENV)/.seqdl-installed: setup.cfg pyproject.toml | $(VENV)/bin/python
	$(call pip_install,.[all],)
	touch "$@"

$(VENV)/.seqdl-installed-test: setup.cfg pyproject.toml | $(VENV)/bin/python
	$(call pip_install,.[test], and those that the tests need)
	touch "$@" "$(VENV)/.seqdl-installed"

bedtools:
	if command -v bedtools >/dev/null; then exit 0; fi
	as_root=""
	if [ "$$(id -u)" != 0 ]; then as_root="sudo -n"; fi
	if command -v apt-get >/dev/null && $$as_root true 2>/dev/null; then
	  echo "Installing bedtools …"
	  export DEBIAN_FRONTEND=noninteractive
	  $$as_root apt-get install -y -qq bedtools >/dev/null 2>&1 \
	    || { $$as_root apt-get update -qq && $$as_root apt-get install -y -qq bedtools; } >/dev/null 2>&1 || true
	fi
	command -v bedtools >/dev/null || echo "Note: bedtools is not installed; what needs it is left out. To install it: sudo apt-get install -y bedtools"

clean:
	if [ -f "$(OUT)/demo.json" ]; then rm -rf "$(OUT)"; fi
	rm -rf .pytest_cache .hypothesis build
	find . -path "./$(VENV)" -prune -o \( -name __pycache__ -o -name '*.egg-info' \) -prune -exec rm -rf {} +

distclean: clean
	rm -rf "$(VENV)"
