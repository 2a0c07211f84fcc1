# Bare `make` lists the targets.
.DEFAULT_GOAL := help
SHELL := /bin/bash

export CGO_ENABLED ?= 0
GO      ?= go
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X main.version=$(VERSION)
TIME    ?= 60s
SEED    ?= 0
COUNT   ?= 910000
RUNTIME ?= auto
FLAGS   ?=
SHARD   ?= 1/1
MUTANTS ?= .
BASE    ?= origin/main

.PHONY: help
help: ## list the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "  Variables: TIME=60s SEED=0 RUNTIME=auto|docker|local|sim FLAGS='...' (make chaos)"

.PHONY: build
build: bin/faultline bin/raftkv ## build bin/faultline and bin/raftkv

# What is compiled in. Folders of runs and sweeps are output, and newer than any binary.
SOURCES := go.mod go.sum $(shell find . \( -path ./.git -o -path ./tools -o -path ./bin -o -path ./results/runs -o -path ./results/sweeps -o -name testdata \) -prune \
           -o -type f \( -name '*.go' -o -name '*.tmpl' -o -name '*.css' -o -name '*.js' -o -name '*.html' -o -name '*.txt' -o -name '*.yaml' \) -not -name '*_test.go' -print)

# compile builds the target from a package, with flags, and says so first: a cold build takes minutes. What
# a debugger would read is stripped when linking (-s -w), so the compiler need not write it: a tenth of its time.
compile = @echo "building $@ (minutes the first time, seconds after that) ..." >&2; \
	$(GO) build -trimpath $(2) -gcflags=all=-dwarf=false -ldflags '$(LDFLAGS)' -o $@ $(1)

bin/faultline: $(SOURCES)
	$(call compile,./cmd/faultline)

bin/raftkv: $(SOURCES)
	$(call compile,./cmd/raftkv)

# The same two with planted bugs compiled in, apart from the real ones.
bin/bugs/faultline: $(SOURCES)
	$(call compile,./cmd/faultline,-tags bugs)

bin/bugs/raftkv: $(SOURCES)
	$(call compile,./cmd/raftkv,-tags bugs)

.PHONY: chaos
chaos: build ## run a cluster, inject faults for 60 s, judge and report (TIME, SEED, RUNTIME, FLAGS)
	bin/faultline run --runtime $(RUNTIME) --time $(TIME) --seed $(SEED) $(FLAGS)

.PHONY: basics
basics: build ## check the facts of leader election one by one (SEED, RUNTIME, FLAGS)
	bin/faultline run election-basics --runtime $(RUNTIME) --seed $(SEED) $(FLAGS)

.PHONY: test
test: ## run all tests: unit, property, simulation, runtimes; with the race detector
	@# What draws does so in one goroutine, and the commands' scripts draw with it: under the race
	@# detector that alone takes ten minutes. What runs concurrently is tested with it in its own package.
	CGO_ENABLED=1 $(GO) test -race -timeout 20m $$($(GO) list ./... | grep -v -e '/results/figure$$' -e '/results/page$$' -e '/cmd/faultline$$')
	$(GO) test -timeout 10m ./results/figure ./results/page ./cmd/faultline

.PHONY: sim
sim: build ## simulate 500 seeds, each twice, and check their histories
	bin/faultline sim --seeds 1-500

.PHONY: prove
prove: bin/bugs/faultline bin/bugs/raftkv ## check that every planted bug is caught
	bin/bugs/faultline prove

.PHONY: nightly
nightly: build etcd ## run the nightly matrix: every scenario on raftkv and etcd (SHARD=1/1, RUNTIME, SEED, FLAGS)
	bin/faultline nightly --runtime $(RUNTIME) --systems raftkv,etcd --shard $(SHARD) --seed $(SEED) $(FLAGS)

.PHONY: bench
bench: build ## run all benchmarks once: start-up, fault injection, simulation
	$(GO) test -run '^$$' -bench . -benchtime 1x ./...

.PHONY: bench-check
bench-check: build ## measure the checkers over history sizes, compared with porcupine (30 min; FLAGS=--short: 2 min)
	$(GO) run ./internal/benchcheck $(FLAGS)

.PHONY: mutants
mutants: ## switch off the checkers' rules one by one: a test must notice each (SHARD=1/1, MUTANTS=pattern)
	$(GO) test ./checker/register ./checker/revision -run 'TestMutants' -count 1 -v -timeout 2h -args -mutants '$(MUTANTS)' -mutants.shard $(SHARD)

.PHONY: fuzz
fuzz: ## fuzz the checkers against their oracles (TIME for each)
	$(GO) test ./checker/register -run '^$$' -fuzz FuzzCheck -fuzztime $(TIME)
	$(GO) test ./checker/revision -run '^$$' -fuzz FuzzCheck -fuzztime $(TIME)

.PHONY: fuzz-nightly
fuzz-nightly: ## check ten million random small histories against each oracle (SEED, COUNT per mode)
	@echo "seed $(SEED): repeat with SEED=$(SEED) COUNT=$(COUNT)"
	$(GO) test ./checker/register -run 'TestAgainstOracle|TestAgainstPorcupine|TestOracleAgainstPorcupine|TestCore|TestStream' \
	    -count 1 -timeout 5h -register.seed $(SEED) -register.count $(COUNT)
	$(GO) test ./checker/revision -run 'TestAgainstOracle|TestLong' \
	    -count 1 -timeout 5h -revision.seed $(SEED) -revision.count $(COUNT) -revision.long 1000000

.PHONY: lint
lint: ## run gofumpt, go vet, golangci-lint, actionlint
	$(GO) vet ./...
	$(GO) tool -modfile=tools/go.mod golangci-lint run
	$(GO) tool -modfile=tools/actionlint/go.mod actionlint

.PHONY: commits
commits: ## subjects of the commits since BASE: at most 72 characters
	@git log --format=%s $(BASE)..HEAD | awk 'length > 72 {print "too long (" length "): " $$0; bad = 1} END {exit bad}'

.PHONY: vulncheck
vulncheck: ## look for known vulnerabilities in the dependencies
	$(GO) tool -modfile=tools/go.mod govulncheck ./...

.PHONY: etcd
etcd: bin/etcd bin/etcdctl ## build etcd and etcdctl into bin/, to test them with the same scenarios

bin/etcd: tools/etcd/go.mod tools/etcd/main.go
	cd tools/etcd && $(GO) build -trimpath -o ../../$@ .

bin/etcdctl: tools/etcd/go.mod
	cd tools/etcd && $(GO) build -trimpath -o ../../$@ go.etcd.io/etcd/etcdctl/v3

.PHONY: clean
clean: ## remove the binaries and the leftovers of runs
	@if [ -x bin/faultline ]; then bin/faultline clean; fi
	rm -rf bin
