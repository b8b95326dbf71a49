# SPDX-License-Identifier: Apache-2.0
.PHONY: deps build test format lint
deps:
	scripts/deps
build: deps
	cmake --preset release
	cmake --build --preset release
test:
	scripts/test
format:
	git ls-files '*.h' '*.cc' | xargs clang-format-19 -i
lint:
	python3 tests/lint/lint.py .
