# SPDX-License-Identifier: Apache-2.0
# What a newcomer types. Every target works on a fresh Debian 12: `deps` installs what is missing.
# Arguments for the targets below that take some: make bench ARGS='--pipeline 64'
.PHONY: help deps configure build run stop test transcripts differential fuzz bench kills cuts rounds sim suite test-containers format format-check lint clean

help:
	@echo 'make build   the release build, in build/release/bin'
	@echo 'make run     three nodes on loopback, ports 7000 to 7002; make stop ends them'
	@echo 'make test    every test, unit tests also under ASan+UBSan and TSan, and fuzzing'
	@echo 'make lint    the house rules; make format applies the code style'
	@echo 'make transcripts   what clients see, against Henge and the redis-server of Debian'
	@echo 'make differential  random calls to both for five minutes, until replies differ'
	@echo 'make kills   two hundred times kill -9 under load, failing disks, damaged files'
	@echo 'make cuts    a hundred cuts of the link of a follower, also during full syncs and with kills'
	@echo 'make rounds  a hundred faults on a cluster in network namespaces, three times; ROUNDS=20 SEED=1'
	@echo 'make test-containers   builds the image, and brings up deploy/compose.yaml with podman'
	@echo 'make sim     a hundred thousand seeds of the simulated cluster: make sim SEEDS=1000 FIRST=1'
	@echo 'make suite   the Tcl suites of a checkout of Redis or Valkey: make suite SUITE=dir'
	@echo 'make fuzz    each fuzzer for a minute; make bench measures beside redis-server'
	@echo 'make clean   removes what was built'

deps:
	@scripts/deps

# Left out once configured: ninja itself sees when CMake files change.
build/%/build.ninja: | deps
	cmake --preset $*

configure: build/release/build.ninja

build: deps configure
	cmake --build --preset release

run: configure
	cmake --build --preset release --target henge-server
	@scripts/run

stop:
	@scripts/stop

test:
	scripts/test

transcripts: build
	/usr/bin/python3 tests/compat/run.py --target both $(ARGS)

differential: build
	/usr/bin/python3 tests/compat/differential --seconds 300 $(ARGS)

fuzz: deps
	scripts/fuzz $(ARGS)

kills: build
	HENGE_KILLS=200 /usr/bin/python3 tests/system/kills_test.py build/release/bin/henge-server $(ARGS)
	HENGE_FAULTS=50 /usr/bin/python3 tests/system/faults_test.py build/release/bin/henge-server
	HENGE_MUTATIONS=2000 /usr/bin/python3 tests/system/damage_test.py build/release/bin/henge-server

cuts: build
	HENGE_CUTS=100 /usr/bin/python3 tests/system/cuts_test.py build/release/bin/henge-server $(ARGS)

ROUNDS ?= 100
SEED ?= $(shell date +%s)
rounds: build
	scripts/deps network
	HENGE_ROUNDS_NETWORK=1 HENGE_ROUNDS=$(ROUNDS) HENGE_SEED=$(SEED) /usr/bin/python3 tests/system/rounds_test.py build/release/bin/henge-server $(ARGS)

test-containers:
	scripts/deps containers
	/usr/bin/python3 tests/containers/containers_test.py $(ARGS)

SEEDS ?= 100000
FIRST ?= 1
sim: configure
	cmake --build --preset release --target sim
	build/release/bin/sim $(SEEDS) $(FIRST)

suite: build
	tests/suites/run.py $(SUITE) $(ARGS)

bench: build
	scripts/bench $(ARGS)

format: deps
	git ls-files '*.h' '*.cc' | xargs clang-format-19 -i

format-check: deps
	git ls-files '*.h' '*.cc' | xargs clang-format-19 --dry-run --Werror

lint: deps
	/usr/bin/python3 tests/lint/lint.py .

clean:
	rm -rf build
