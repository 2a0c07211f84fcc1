package sim_test

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/harness/sim"
)

// trail is what two equal runs have in common.
type trail struct {
	Stats         sim.Stats
	History, Logs [32]byte
}

func trailOf(t testing.TB, seed uint64, o sim.Options) trail {
	t.Helper()
	out := storm(t.Context(), seed, toy{}, o)
	require.NoErrorf(t, out.err, "seed %d", seed)
	return trail{out.stats, sha256.Sum256(out.history), sha256.Sum256([]byte(out.logs))}
}

func TestSameSeedSameBytes(t *testing.T) {
	for seed := range uint64(2) {
		first := trailOf(t, seed, sim.Options{})
		require.Equal(t, first, trailOf(t, seed, sim.Options{}), "again")
		require.Equal(t, first, trailOf(t, seed, sim.Options{Strict: true}), "strict")
		require.Equal(t, first, trailOf(t, seed, sim.Options{Copy: sim.CopyAlways}), "messages are copied")
		require.Equal(t, first, trailOf(t, seed, sim.Options{Copy: sim.CopyNever}), "messages are not copied")
		require.Equal(t, first, trailOf(t, seed, sim.Options{Watchdog: time.Minute}), "watched")
		hostile := sim.Options{Hostile: 5 * time.Second, TickJitter: 0.1}
		rough := trailOf(t, seed, hostile)
		require.Equal(t, rough, trailOf(t, seed, hostile), "hostile")
		require.NotEqual(t, first, rough)
		procs := runtime.GOMAXPROCS(1)
		alone := trailOf(t, seed, sim.Options{})
		runtime.GOMAXPROCS(procs)
		require.Equal(t, first, alone, "GOMAXPROCS=1")
		require.NotEqual(t, first.Stats.Hash, trailOf(t, seed+100, sim.Options{}).Stats.Hash, "another seed")
	}
}

func TestSameSeedSameBytesInAnotherProcess(t *testing.T) {
	const seeds, variable = 2, "SIM_TRAILS"
	if os.Getenv(variable) != "" { // the other process
		for seed := range uint64(seeds) {
			b, err := json.Marshal(trailOf(t, seed, sim.Options{}))
			require.NoError(t, err)
			fmt.Printf("trail %s\n", b)
		}
		return
	}
	want := ""
	for seed := range uint64(seeds) {
		b, err := json.Marshal(trailOf(t, seed, sim.Options{}))
		require.NoError(t, err)
		want += fmt.Sprintf("trail %s\n", b)
	}
	for _, env := range []string{"GOGC=100", "GOGC=10", "GOMAXPROCS=1"} {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
		cmd.Env = append(os.Environ(), variable+"=1", env)
		out, err := cmd.Output()
		require.NoError(t, err)
		require.Contains(t, string(out), want, env)
	}
}

// Simulations share nothing: side by side they give the same bytes.
func TestSideBySide(t *testing.T) {
	const n = 4
	var alone, together [n]trail
	for i := range alone {
		alone[i] = trailOf(t, uint64(i), sim.Options{})
	}
	var wg sync.WaitGroup
	for i := range together {
		wg.Go(func() { together[i] = trailOf(t, uint64(i), sim.Options{}) })
	}
	wg.Wait()
	require.Equal(t, alone, together)
}

// The hash sees what is not deterministic.
func TestHashSeesGlobalRandomness(t *testing.T) {
	one := storm(t.Context(), 1, toy{bug: "global-rand"}, sim.Options{})
	two := storm(t.Context(), 1, toy{bug: "global-rand"}, sim.Options{})
	require.NotEqual(t, one.stats.Hash, two.stats.Hash)
}

// Copying messages is what finds a machine that changes one that it shares with its sender.
func TestCopyFindsSharedMessages(t *testing.T) {
	shared := storm(t.Context(), 1, toy{bug: "alias"}, sim.Options{Copy: sim.CopyNever})
	copied := storm(t.Context(), 1, toy{bug: "alias"}, sim.Options{Copy: sim.CopyAlways})
	require.NotEqual(t, shared.stats.Hash, copied.stats.Hash)
	some := map[bool]int{}
	for seed := range uint64(8) {
		hash := storm(t.Context(), seed, toy{bug: "alias"}, sim.Options{}).stats.Hash
		some[hash == storm(t.Context(), seed, toy{bug: "alias"}, sim.Options{Copy: sim.CopyAlways}).stats.Hash]++
	}
	require.Len(t, some, 2, "by default some runs copy: %v", some)
	require.Less(t, some[true], some[false], strconv.Itoa(some[true]))
}
