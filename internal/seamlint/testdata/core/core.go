package core

import (
	"context" //
	"math/rand/v2"
	"sync"
	"time"
)

type bad struct {
	mu  sync.Mutex      // want "sync.Mutex: use nothing: a core has no goroutines"
	ctx context.Context // want "context.Context: use nothing"
	r   *rand.Rand
}

func (b *bad) tick(m map[int]int) time.Duration {
	_ = rand.New(b.r)               // want "math/rand/v2.New: use randomness that the configuration passes"
	_ = sync.OnceFunc(func() {})    // want "sync.OnceFunc: use nothing"
	_ = time.Since(time.Unix(0, 0)) // want "time.Since: use ticks"
	go b.tick(nil)                  // want "go statement: use nothing"
	for range m {                   // want "range over a map"
	}
	return time.Duration(b.r.IntN(3)) * time.Second
}
