package revision

import (
	"flag"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	flag.IntVar(fuzzCount, "revision.count", *fuzzCount, "random histories of every mode")
	flag.Uint64Var(fuzzSeed, "revision.seed", *fuzzSeed, "seed of the random histories")
	goleak.VerifyTestMain(m)
}
