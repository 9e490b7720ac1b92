# SPDX-License-Identifier: Apache-2.0
#
# The front door. Each target does everything it needs, also on a machine that has nothing yet.
# The work is done by meson, ninja and the scripts in tools/.

BUILD := build
RELEASE := $(BUILD)/release
PREFIX ?= /usr/local
CONFIG ?=
STEPS ?=

.PHONY: help build release run demo test fuzz bench soak torture streams testssl install clean
.DEFAULT_GOAL := build

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | while IFS="$$(printf '\t')" read -r name words; do \
		printf '  make %-9s %s\n' "$$name" "$$words"; done

build: ## an optimised gatehouse in build/ (the default)
	@tools/deps build
	@test -f $(BUILD)/build.ninja || out=$$(meson setup $(BUILD) --prefix=$(PREFIX) 2>&1) || { echo "$$out"; exit 1; }
	@ninja -C $(BUILD) --quiet

release: ## the gatehouse to ship, in build/release: built, put to work, and built again by what that counted
	@tools/deps build
	@tools/release $(RELEASE) $(PREFIX)

run: build ## build it and start the demonstration (CONFIG=FILE: start it with that file)
	@exec $(BUILD)/gatehouse $(if $(CONFIG),run -c $(CONFIG),demo)

demo: run

test: ## everything that must hold, in about a quarter of an hour (STEPS="units budget": only these)
	@tools/deps test
	@tools/test $(STEPS)

fuzz: ## each fuzzer for ten minutes (FUZZ_SECONDS=N: for N seconds)
	@tools/deps test
	@FUZZ_SECONDS=$${FUZZ_SECONDS:-600} tools/test build_fuzzers fuzz

bench: release ## measure it beside nginx and HAProxy
	@tools/deps bench
	@bench/run

soak: build ## ten minutes of mixed abuse; memory must stay flat
	@tools/deps test
	@GATEHOUSE=$(BUILD)/gatehouse /usr/bin/python3 tests/soak.py

torture: build ## a quarter of an hour of reloads, replacements, floods and broken upstreams under load, of which no client may notice anything
	@tools/deps test
	@GATEHOUSE=$(BUILD)/gatehouse /usr/bin/python3 tests/torture.py reload
	@GATEHOUSE=$(BUILD)/gatehouse /usr/bin/python3 tests/torture.py replace
	@GATEHOUSE=$(BUILD)/gatehouse /usr/bin/python3 tests/torture.py resets
	@GATEHOUSE=$(BUILD)/gatehouse /usr/bin/python3 tests/torture.py posts
	@GATEHOUSE=$(BUILD)/gatehouse /usr/bin/python3 tests/torture.py idle
	@GATEHOUSE=$(BUILD)/gatehouse /usr/bin/python3 tests/torture.py refused
	@GATEHOUSE=$(BUILD)/gatehouse /usr/bin/python3 tests/torture.py large
	@GATEHOUSE=$(BUILD)/gatehouse /usr/bin/python3 tests/torture.py scrape

streams: release ## what 10,000 open WebSockets cost, and how long an event is under way
	@tools/deps test
	@GATEHOUSE=$(RELEASE)/gatehouse /usr/bin/python3 tests/streams.py tunnels
	@GATEHOUSE=$(RELEASE)/gatehouse /usr/bin/python3 tests/streams.py events

testssl: build ## what testssl.sh says of TLS by default; nothing of severity MEDIUM or above
	@tools/deps test
	@tools/testssl $(BUILD)/gatehouse

install: release ## into PREFIX (/usr/local), under DESTDIR where that is set
	@meson install -C $(RELEASE) $(if $(DESTDIR),--destdir=$(DESTDIR))

clean: ## remove build/, and with it every build and log
	rm -rf $(BUILD)
