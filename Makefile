# `make` lists the targets. Each check that CI runs is one of them.
# Works with GNU make 3.81 (macOS) and later; needs Go, and for some targets what they name.

SHELL := /bin/bash
GO ?= go

# Which packages to test: make test PKGS=./internal/route/...
PKGS ?= ./...
# More flags for go test: make test TESTFLAGS='-run Retry -v'
TESTFLAGS ?=
# How much each fuzz target runs: a count of executions (100000x) or a time (10m).
FUZZTIME ?= 100000x
# Flags for make bench-proxy: make bench-proxy BENCHFLAGS='-quick -only h1'
BENCHFLAGS ?=

# Tools have module files of their own, so that what they need stays out of ours.
BUF  := $(GO) tool -modfile=tools/go.mod buf
LINT := $(GO) tool -modfile=$(CURDIR)/tools/lint/go.mod golangci-lint

.DEFAULT_GOAL := help

##@ Everyday

.PHONY: help
help: ## list the targets
	@awk 'BEGIN {FS = ":.*## "} \
		/^##@/ {printf "\n%s\n", substr($$0, 5)} \
		/^[a-z0-9-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

.PHONY: build
build: ## build bin/banyan
	$(GO) build -o bin/banyan ./cmd/banyan

.PHONY: shop
shop: ## run the example shop in the foreground (Ctrl-C stops it)
	$(GO) run ./cmd/banyan up examples/shop

.PHONY: test
test: test-go test-shop test-tools test-python test-node test-web ## run the unit tests: everything, with Go alone or with Python and Node.js too

.PHONY: clean
clean: ## remove what make made (not the Go caches, not .banyan/)
	rm -rf bin

##@ Tests, one by one

.PHONY: test-go
test-go: ## Go tests of the main module (PKGS, TESTFLAGS)
	$(GO) test $(TESTFLAGS) $(PKGS)

.PHONY: test-shop
test-shop: ## Go tests of the example shop
	cd examples/shop && $(GO) test $(TESTFLAGS) ./...

.PHONY: test-tools
test-tools: ## Go tests of the tools that have some
	cd tools/lazyfs && $(GO) test $(TESTFLAGS) ./...

.PHONY: test-python
test-python: ## tests of the shop's Python service, where there is Python 3
	@if command -v python3 >/dev/null; then \
		echo 'cd examples/shop/recommendation && python3 -m unittest'; \
		cd examples/shop/recommendation && PYTHONDONTWRITEBYTECODE=1 python3 -m unittest; \
	else \
		echo 'skipped: the Python service (install Python 3 from your package manager or python.org to test it)'; \
	fi

.PHONY: test-node
test-node: ## tests of the shop's Node.js service, where there is Node.js 18 or later
	@if command -v node >/dev/null && node -e 'process.exit(process.versions.node.split(".")[0] >= 18 ? 0 : 1)'; then \
		echo 'cd examples/shop/notification && node --test'; \
		cd examples/shop/notification && node --test; \
	else \
		echo 'skipped: the Node.js service (install Node.js 18 or later from your package manager or nodejs.org to test it)'; \
	fi

.PHONY: test-race
test-race: ## Go tests under the race detector (PKGS, TESTFLAGS; needs a C compiler)
	$(GO) test -race $(TESTFLAGS) $(PKGS)

.PHONY: test-portable
test-portable: ## what must work off Linux: it compiles, and the packages that touch no kernel pass
	$(GO) build ./...
	$(GO) test $(TESTFLAGS) ./appfile/... ./internal/archtest/... ./internal/fault/... ./internal/gateway/... \
		./internal/model/... ./internal/proxy/cache/... ./internal/proxy/h1/... ./internal/proxy/h2/... ./internal/proxy/message/... \
		./internal/proxy/policy/... ./internal/reconcile/... ./internal/route/...

.PHONY: e2e
e2e: ## end-to-end tests of the real binary and the shop (long)
	BANYAN_E2E=full $(GO) test -count=1 -timeout 20m $(TESTFLAGS) ./e2e/...
	BANYAN_E2E=full $(GO) test -count=1 -timeout 5m -run 'TestGRPCInterop|TestIdleConnectionMemory|TestSlowReaderMemory' $(TESTFLAGS) ./internal/proxy

.PHONY: nats-server
nats-server: ## build bin/nats-server, which tests of the bus want (without it they are skipped)
	cd tools/nats && $(GO) build -o ../../bin/nats-server github.com/nats-io/nats-server/v2

.PHONY: kafka
kafka: ## get Kafka into bin/kafka, which tests of the bus want (needs Maven and Java 17; without it they are skipped)
	@if command -v mvn >/dev/null && command -v java >/dev/null; then \
		echo 'mvn -f tools/kafka/pom.xml dependency:copy-dependencies'; \
		rm -rf bin/kafka; \
		mvn -B -q -Dstyle.color=never -f tools/kafka/pom.xml dependency:copy-dependencies -DoutputDirectory=$(CURDIR)/bin/kafka; \
	else \
		echo 'skipped: the tests against Kafka (install Maven and Java 17 or later to run them)'; \
	fi

.PHONY: test-brokers
test-brokers: ## the bus over a real Kafka, RabbitMQ and a cluster of NATS servers (after make kafka nats-server, and installing rabbitmq-server; long)
	BANYAN_BROKERS=full $(GO) test -count=1 -p 1 -timeout 15m $(TESTFLAGS) ./internal/bus/kafka ./internal/bus/nats ./internal/bus/rabbitmq
	BANYAN_BROKERS=full $(GO) test -count=1 -timeout 10m -run TestEventsOverRabbitMQ $(TESTFLAGS) ./e2e

.PHONY: test-postgres
test-postgres: ## databases on PostgreSQL 14, 16, 17 and 18, which npm gets (x86-64 Linux; with root, in a checkout that others may enter)
	mkdir -p bin/postgres && cp tools/postgres/package.json tools/postgres/package-lock.json bin/postgres
	cd bin/postgres && npm ci --no-audit --no-fund && npm rebuild
	for v in 14 16 17 18; do \
		BANYAN_POSTGRES_BIN=$(CURDIR)/bin/postgres/node_modules/postgres-$$v/native/bin \
			$(GO) test -count=1 $(TESTFLAGS) ./internal/postgres ./internal/outbox || exit 1; \
	done

.PHONY: test-power
test-power: ## an app on a file system that loses what was not synced, again and again (needs root and FUSE; without them it is skipped)
	BANYAN_E2E=long $(GO) test -count=1 -timeout 20m -run TestPowerFails -v $(TESTFLAGS) ./e2e

.PHONY: soak-sagas
soak-sagas: ## sagas under faults for ROUNDS faults (200; about 20 minutes), BETWEEN apart (4s), started in LANES at a time (40); the seed is printed, and BANYAN_E2E_SEED sets it
	BANYAN_E2E=long BANYAN_E2E_ROUNDS=$(or $(ROUNDS),200) BANYAN_E2E_LANES=$(or $(LANES),40) BANYAN_E2E_BETWEEN=$(or $(BETWEEN),4s) $(GO) test -count=1 -timeout 6h -run TestSagasWhateverFails -v $(TESTFLAGS) ./e2e

.PHONY: web-setup
web-setup: ## get what building and testing the dashboard needs (Node.js 20.19 or later with npm; without them that is skipped)
	@if command -v npm >/dev/null && node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 20 || (a == 20 && b >= 19) ? 0 : 1)'; then \
		echo 'cd web && npm ci'; \
		cd web && npm ci --no-audit --no-fund; \
	else \
		echo 'skipped: the dashboard (install Node.js 20.19 or later with npm to build it)'; \
	fi

.PHONY: test-web
test-web: ## tests of the dashboard's logic, after make web-setup
	@if [ -d web/node_modules ]; then \
		echo 'cd web && npm test'; \
		cd web && npm test; \
	else \
		echo 'skipped: the dashboard (run make web-setup to test it)'; \
	fi

.PHONY: otel-clients
otel-clients: ## get OpenTelemetry's SDKs for Go, Python and Node, for the tests of what takes telemetry in (what is not to be had is left out)
	mkdir -p bin/otel && cp tools/otel/package.json tools/otel/sdk.mjs bin/otel
	cd tools/otel && $(GO) build -o ../../bin/otel/sdk .
	@if command -v python3 >/dev/null; then \
		echo 'pip install -r tools/otel/requirements.txt'; \
		python3 -m venv bin/otel/python && bin/otel/python/bin/pip install --quiet -r tools/otel/requirements.txt; \
	else \
		echo 'skipped: the SDK for Python (install Python 3.9 or later, with venv)'; \
	fi
	@if command -v npm >/dev/null; then \
		echo 'npm install @opentelemetry/sdk-node'; \
		cd bin/otel && npm install --no-audit --no-fund --silent; \
	else \
		echo 'skipped: the SDK for Node (install Node.js 20 or later with npm)'; \
	fi

.PHONY: soak-telemetry
soak-telemetry: ## the store of telemetry under two thousand machines that stop at any write (a few minutes)
	BANYAN_E2E=long $(GO) test -count=1 -timeout 30m -run 'TestCrashes|TestStops' -v $(TESTFLAGS) ./internal/telemetry/store

.PHONY: e2e-setup
e2e-setup: ## get what the browser tests need (needs npm and a Chromium; without them they are skipped)
	@if [ ! -f e2e/browser/package-lock.json ]; then \
		echo 'skipped: no browser tests here'; \
	elif ! command -v npm >/dev/null; then \
		echo 'skipped: the browser tests (install Node.js with npm to run them)'; \
	else \
		echo 'cd e2e/browser && npm ci'; \
		cd e2e/browser && npm ci --no-audit --no-fund; \
	fi

.PHONY: fuzz
fuzz: ## run each fuzz target for FUZZTIME (100000x; or a time, 10m)
	GO='$(GO)' tools/fuzz $(FUZZTIME) $(PKGS)

.PHONY: cover
cover: ## measure test coverage: a figure per package, and bin/cover.html
	@mkdir -p bin
	$(GO) test -coverprofile=bin/cover.out $(TESTFLAGS) $(PKGS)
	$(GO) tool cover -html=bin/cover.out -o bin/cover.html
	@$(GO) tool cover -func=bin/cover.out | tail -n 1

.PHONY: bench
bench: ## list the benchmarks; each is one command
	@$(GO) list -f '{{if eq .Name "main"}}{{slice .ImportPath 28}}	{{.Doc}}{{end}}' ./bench/... 2>/dev/null | \
		awk -F '	' 'NF == 2 {printf "go run ./%-22s %s\n", $$1, $$2}'
	@echo "go test -run '^$$' -bench . PACKAGE   measure one package"

.PHONY: bench-proxy
bench-proxy: bench-proxy-peers ## measure the data plane beside nginx, HAProxy and Caddy (12 minutes; BENCHFLAGS=-quick: 2)
	$(GO) run ./bench/proxy $(BENCHFLAGS)

# Without them, or without the rights to install them, what is there is measured.
.PHONY: bench-proxy-peers
bench-proxy-peers:
	-@for p in nginx haproxy caddy; do command -v $$p >/dev/null || missing=1; done; \
	[ -z "$$missing" ] || apt-get install -y --no-install-recommends nginx-light haproxy caddy

.PHONY: bench-bus
bench-bus: ## measure events beside JetStream, RabbitMQ and Kafka (15 minutes; BENCHFLAGS=-quick: 2)
	$(GO) run ./bench/bus $(BENCHFLAGS)

.PHONY: bench-saga
bench-saga: ## measure sagas of three HTTP steps (4 minutes; BENCHFLAGS=-quick: 1)
	$(GO) run ./bench/saga $(BENCHFLAGS)

.PHONY: bench-telemetry
bench-telemetry: ## measure the store of spans and logs beside rows in SQLite (2 minutes; BENCHFLAGS='-spans 10000000': 10)
	$(GO) run ./bench/telemetry $(BENCHFLAGS)

##@ Checks

.PHONY: ci
ci: lint generate-check web-check test test-race fuzz e2e ## all that CI runs on Linux

.PHONY: lint
lint: lint-fmt lint-vet lint-go lint-shop lint-tidy lint-proto ## all the checks below that read the source

.PHONY: lint-fmt
lint-fmt: ## Go files are formatted
	@unformatted=$$(git ls-files -co --exclude-standard '*.go' | while read -r f; do [ ! -f "$$f" ] || echo "$$f"; done | xargs "$$($(GO) env GOROOT)/bin/gofmt" -l) && \
	if [ -n "$$unformatted" ]; then \
		printf 'run gofmt -w on:\n%s\n' "$$unformatted"; exit 1; \
	fi

.PHONY: lint-vet
lint-vet: ## go vet, for Linux and macOS
	GOOS=linux $(GO) vet ./...
	GOOS=darwin $(GO) vet ./...

.PHONY: lint-go
lint-go: ## golangci-lint on the main module (its first build takes two minutes)
	$(LINT) run

.PHONY: lint-shop
lint-shop: ## golangci-lint on the example shop
	cd examples/shop && $(LINT) run --config $(CURDIR)/.golangci.yml

.PHONY: lint-tidy
lint-tidy: ## go.mod and go.sum hold what is used and no more
	$(GO) mod tidy -e -diff # -e: tests of a dependency import what third_party leaves out
	cd examples/shop && $(GO) mod tidy -diff
	cd tools/lazyfs && $(GO) mod tidy -diff

.PHONY: lint-proto
lint-proto: ## buf's lint and format on the control API
	$(BUF) lint
	$(BUF) format --diff --exit-code

##@ Generated files

.PHONY: generate
generate: ## make the generated files anew: proto code, JSON Schema
	$(BUF) generate
	$(GO) generate ./...

.PHONY: web
web: web-setup ## build the dashboard from web/ into internal/dash/dist, which is committed
	cd web && npm run build

.PHONY: web-check
web-check: ## the dashboard's source is sound, and internal/dash/dist is what it builds to, after make web-setup
	@if [ -d web/node_modules ]; then \
		echo 'cd web && npm run check' && (cd web && npm run check) && \
		echo 'tools/web-check' && tools/web-check; \
	else \
		echo 'skipped: the dashboard (run make web-setup to check it)'; \
	fi

.PHONY: generate-check
generate-check: ## the generated files are what `make generate` makes
	tools/generate-check
