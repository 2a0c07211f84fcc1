package seam

import (
	"context"
	"crypto/rand"
	"maps"
	mrand "math/rand/v2"
	"os"
	"runtime"
	"slices"
	"sync"
	"time"
)

func bad(ctx context.Context, m map[string]int, c chan int) {
	go bad(ctx, m, c) // want "go statement: use Env.Parallel"
	select {          // want "select: use Env.Sleep"
	case <-ctx.Done(): // want "receive from a channel"
	default:
	}
	c <- 1        // want "send on a channel"
	for range c { // want "receive from a channel"
	}
	for k := range m { // want "range over a map: sort the keys"
		_ = k
	}
	for k := range maps.Keys(m) { // want "maps.Keys has no order"
		_ = k
	}
	_ = make(chan int)                                 // want "a channel: use"
	time.Sleep(time.Second)                            // want "time.Sleep: use Env.Sleep"
	now := time.Now                                    // want "time.Now: use Env.Now"
	_ = now                                            //
	_ = mrand.IntN(3)                                  // want "math/rand/v2.IntN: use Env.Rand"
	_, _ = rand.Read(nil)                              // want "crypto/rand.Read: use Env.Rand"
	_ = rand.Reader                                    // want "crypto/rand.Reader: use Env.Rand"
	_ = os.Getpid()                                    // want "os.Getpid: use a writer"
	_ = runtime.NumGoroutine()                         // want "runtime.NumGoroutine: use nothing"
	var mu sync.Mutex                                  // want "sync.Mutex: use nothing: tasks run one at a time"
	mu.Lock()                                          //
	var wg sync.WaitGroup                              // want "sync.WaitGroup: use Env.Parallel"
	wg.Wait()                                          //
	_, cancel := context.WithTimeout(ctx, time.Second) // want "context.WithTimeout: use Env.WithTimeout"
	cancel()
	_ = context.Background() // want "context.Background: use the context that was passed"
	for range m {            //seam:ok
		// want "seam:ok needs a reason" -1
	}
	_ = len(m) //seam:ok because it is quick // want "seam:ok excuses nothing"
}

type hidden = map[string]int

type guarded struct {
	mu sync.RWMutex // want "sync.RWMutex: use nothing"
}

func good(ctx context.Context, m hidden, d time.Duration) error {
	r := mrand.New(mrand.NewPCG(1, 2))
	_ = r.IntN(3)
	for range m { //seam:ok only counts
	}
	for _, k := range slices.Sorted(maps.Keys(m)) {
		_ = k
	}
	for i := range 3 {
		_ = i
	}
	if ctx.Err() != nil {
		return context.Cause(context.WithoutCancel(ctx))
	}
	var err *os.PathError
	_ = d + time.Millisecond
	return err
}
