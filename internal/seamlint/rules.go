package seamlint

import "go/types"

// Rules say what is forbidden beside goroutines, channels and ranges over maps.
type Rules struct {
	Tasks   string // to use instead of goroutines
	Waiting string // to use instead of channels
	// Names are functions and types of a package that must not be used, with what to use instead;
	// "*" is every function and variable but those that map to "".
	Names map[string]map[string]string
}

func (r Rules) forbidden(pkg, name string, obj types.Object) (instead string, ok bool) {
	names := r.Names[pkg]
	if use, ok := names[name]; ok {
		return use, use != ""
	}
	_, isType := obj.(*types.TypeName)
	_, isConst := obj.(*types.Const)
	use, ok := names["*"]
	return use, ok && !isType && !isConst
}

const sleepLoop = "Env.Sleep in a loop, or ctx.Err"

// Seam is for blocking code that runs on goroutines and in simulations alike.
func Seam() Rules {
	const (
		timeout  = "Env.WithTimeout"
		given    = "the context that was passed"
		random   = "Env.Rand"
		constant = "nothing: it differs from run to run"
		lock     = "nothing: tasks run one at a time; a leaf lock that is never held in a call to Env, Cluster or KV may be excused"
	)
	return Rules{
		Tasks: "Env.Parallel", Waiting: sleepLoop,
		Names: map[string]map[string]string{
			"time": clock("Env.Now", "Env.Sleep"),
			"context": {
				"WithCancel": timeout, "WithCancelCause": timeout, "WithTimeout": timeout, "WithTimeoutCause": timeout,
				"WithDeadline": timeout, "WithDeadlineCause": timeout, "AfterFunc": "Env.Parallel", "Background": given, "TODO": given,
			},
			"math/rand":    {"*": random},
			"math/rand/v2": {"*": random, "New": "", "NewPCG": "", "NewChaCha8": "", "NewZipf": ""},
			"crypto/rand":  {"*": random},
			"hash/maphash": {"*": "hash/fnv"},
			"runtime":      {"*": constant},
			"os":           {"*": "a writer that the caller passes"},
			"os/exec":      {"*": "a Cluster"},
			"net":          {"*": "a Cluster"},
			"net/http":     {"*": "a Cluster"},
			"sync": {
				"WaitGroup": "Env.Parallel", "Cond": sleepLoop, "Map": "a map", "Pool": constant, "Once": "a variable",
				"OnceFunc": "a variable", "OnceValue": "a variable", "OnceValues": "a variable", "Mutex": lock, "RWMutex": lock,
			},
		},
	}
}

// Core is for machines without I/O: their inputs are calls, and they wait for nothing.
func Core() Rules {
	const (
		input   = "nothing: a core has no goroutines and waits for nothing; what happens comes as an input"
		random  = "randomness that the configuration passes"
		nothing = "nothing: a core has no I/O"
	)
	return Rules{
		Tasks: input, Waiting: input,
		Names: map[string]map[string]string{
			"time":         clock("ticks", "ticks"),
			"context":      {"*": input, "Context": input},
			"math/rand":    {"*": random},
			"math/rand/v2": {"*": random},
			"crypto/rand":  {"*": random},
			"hash/maphash": {"*": "a hash without a random seed"},
			"runtime":      {"*": nothing},
			"os":           {"*": nothing},
			"os/exec":      {"*": nothing},
			"net":          {"*": nothing},
			"net/http":     {"*": nothing},
			"sync": {
				"*": input, "Mutex": input, "RWMutex": input, "WaitGroup": input, "Cond": input, "Map": input, "Pool": input, "Once": input,
			},
		},
	}
}

// clock are package time's ways to the machine's clock.
func clock(now, sleep string) map[string]string {
	return map[string]string{
		"Now": now, "Since": now, "Until": now,
		"Sleep": sleep, "After": sleep, "AfterFunc": sleep, "Tick": sleep, "NewTimer": sleep, "NewTicker": sleep,
	}
}
