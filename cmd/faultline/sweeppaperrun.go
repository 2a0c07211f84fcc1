package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"sync"
	"time"

	"github.com/faultline-chaos/faultline/harness/local"
	"github.com/faultline-chaos/faultline/systems"
)

// simulate does trials on all cores. What they yield does not depend on how many there are. done is
// called by one goroutine at a time.
func (p *paperSweep) simulate(interrupted context.Context, todo []paperTodo, done func(paperTodo, paperTrial) error) error {
	ctx, stop := context.WithCancel(interrupted)
	defer stop()
	var (
		wg     sync.WaitGroup
		mu     sync.Mutex
		failed error
	)
	next := make(chan paperTodo)
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for t := range next {
				got, err := paperSetup(t.line).Trial(ctx, t.seed)
				if err != nil {
					err = fmt.Errorf("line %s: %w", t.line.Name(), err)
				}
				mu.Lock()
				if err == nil {
					err = done(t, newPaperTrial(t.line, t.trial, t.seed, got))
				}
				if err != nil && failed == nil {
					failed = err
					stop()
				}
				mu.Unlock()
			}
		})
	}
	for _, t := range todo {
		if ctx.Err() != nil {
			break
		}
		next <- t
	}
	close(next)
	wg.Wait()
	return failed
}

// crashProcesses does trials on real processes, one after the other.
func (p *paperSweep) crashProcesses(ctx context.Context, todo []paperTodo, done func(paperTodo, paperTrial) error) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	run := fmt.Sprintf("faultline-paper-%x-%d", p.Seed, os.Getpid())
	return systems.RunPaperProcesses(ctx, &local.Runtime{}, run, self, []string{paperNodeName}, func(ctx context.Context, servers *systems.PaperProcesses) error {
		for _, t := range todo {
			got, ruler, err := servers.Trial(ctx, paperSetup(t.line), t.seed)
			if err != nil {
				return fmt.Errorf("line %s: %w", t.line.Name(), err)
			}
			trial := newPaperTrial(t.line, t.trial, t.seed, got)
			trial.DelaysUS, trial.LateUS = microseconds(ruler.Delays), microseconds(ruler.Late)
			if err := done(t, trial); err != nil {
				return err
			}
		}
		return nil
	})
}

func microseconds(of []time.Duration) (us []int64) {
	for _, d := range of {
		us = append(us, d.Microseconds())
	}
	return us
}
