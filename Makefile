# make            this list
# make demo       the main job on an example
# make test       all tests

GO ?= go
export TORTIE_REQUIRE_KERNEL ?= 0
N ?= 20000
ORACLE_N ?= 60000
FLEET_N ?= 5000
SCENARIO_N ?= 300
FUZZTIME ?= 20s

.PHONY: help build demo test lint difftest oracle fleet fleet-large scenarios intents reverse realapi kubeproxy fuzz bench golden

help: ## show this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "%-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## build bin/tortie
	$(GO) build -o bin/tortie ./cmd/tortie

demo: build ## walk a connection through a captured Calico node
	@sh examples/demo.sh

test: lint ## all tests; kernel tests need root and Debian's tools, and are skipped visibly without
	@if [ "$(TORTIE_REQUIRE_KERNEL)" != 1 ] && { [ "$$(id -u)" != 0 ] || ! command -v nft >/dev/null || ! command -v ipset >/dev/null || ! command -v iptables-legacy-restore >/dev/null; }; then \
	  echo "SKIPPED: the tests that ask a real kernel (they need root, nftables, iptables, ipset, iproute2, conntrack)"; fi
	$(GO) test -timeout 30m ./...

lint: ## gofmt and vet
	@unformatted=$$(gofmt -l cmd compiler dataplane simulator *.go); \
	if [ -n "$$unformatted" ]; then echo "not gofmt'ed:"; echo "$$unformatted"; exit 1; fi
	$(GO) vet ./...

difftest: ## N random rule sets and packets, walk against kernel (root)
	TORTIE_REQUIRE_KERNEL=1 $(GO) test ./simulator/difftest -run TestDiff_Random -v -timeout 6h -difftest.n=$(N)

oracle: ## ORACLE_N random connections, walk against a plain reading of the documentation
	TORTIE_ORACLE_N=$(ORACLE_N) $(GO) test ./cmd/tortie -run TestOracle -v -timeout 6h

fleet: ## FLEET_N connections in random clusters of network namespaces, walk against kernel (root)
	TORTIE_REQUIRE_KERNEL=1 TORTIE_FLEET_N=$(FLEET_N) $(GO) test ./cmd/tortie -run TestFleet -v -timeout 6h

fleet-large: ## 300 connections in a cluster of 1,000 services, in both modes, walk against kernel (root; minutes)
	TORTIE_REQUIRE_KERNEL=1 TORTIE_FLEET_SERVICES=1000 $(GO) test ./cmd/tortie -run TestFleet_Large -v -timeout 2h

scenarios: ## SCENARIO_N random scenarios (from SEED) in random clusters that change, walk against kernel (root)
	@seed=$${SEED:-$$(date +%s)} && echo "SEED=$$seed" && \
	TORTIE_REQUIRE_KERNEL=1 TORTIE_SCENARIO_N=$(SCENARIO_N) TORTIE_SCENARIO_SEED=$$seed $(GO) test ./cmd/tortie -run TestScenario_Random -v -timeout 6h

intents: ## ORACLE_N random connections, meaning of random intents against the walk, enforced and previewed
	TORTIE_INTENT_N=$(ORACLE_N) $(GO) test ./cmd/tortie -run TestIntent_MeaningIsVerdict -v -timeout 6h

reverse: ## ORACLE_N random connections, before and after lifting their policies to intents
	TORTIE_REVERSE_N=$(ORACLE_N) $(GO) test ./cmd/tortie -run TestReverse -v -timeout 6h

realapi: ## what intents compile to, in a real API server (builds one: ten minutes the first time)
	cd compiler/lower/realapi && $(GO) test -v -count=1 -timeout 30m .

kubeproxy: ## random services and settings (SEED) in kube-proxy's own proxiers and here (builds them; root)
	@dir=$$(mktemp -d) && trap 'rm -rf "$$dir"' EXIT && seed=$${SEED:-$$(date +%s)} && echo "SEED=$$seed" && \
	(cd compiler/kubeproxy/oracle && $(GO) run . random "$$dir" "$$seed" 150) && \
	(cd compiler/kubeproxy/oracle && $(GO) run . stale "$$dir/stale.json.gz" "$$seed" 500) && \
	TORTIE_SHAPES=$$dir TORTIE_STALE=$$dir/stale.json.gz $(GO) test ./compiler/kubeproxy -run 'EveryShape|Stale' -v -count=1

fuzz: ## every fuzz target for FUZZTIME
	@for pkg in $$($(GO) list ./...); do \
	  for f in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz'); do \
	    echo "$$pkg $$f"; $(GO) test $$pkg -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) || exit 1; \
	  done; done

bench: ## benchmarks, six runs each; compare two outputs with benchstat
	@mkdir -p .bench
	$(GO) test -run '^$$' -bench . -benchmem -count 6 ./... | tee .bench/$$(date +%Y%m%d-%H%M%S).txt

golden: ## rewrite the expected outputs
	TORTIE_UPDATE=1 $(GO) test -timeout 30m ./...
