package sim

import (
	"math/rand/v2"
	"slices"
)

// write is a record that is not durable yet.
type write struct {
	record any
	token  uint64
	sync   bool
}

// writes are a member's records between its machine and its disk, oldest first: those that the
// operating system has, those that are on their way, and those that wait in the process. All that
// gathers while the disk is busy goes with one sync.
type writes struct {
	queue   []write
	written int // so many the operating system has: they outlive the process, but not the power
	sent    int // so many it has or is getting
	busy    bool
}

// add takes a record. Where nobody waits for it and nothing is under way, it is written at once.
func (w *writes) add(x write) {
	w.queue = append(w.queue, x)
	w.pass()
}

func (w *writes) pass() {
	for !w.busy && w.written < len(w.queue) && w.queue[w.written].token == 0 && !w.queue[w.written].sync {
		w.written++
		w.sent = w.written
	}
}

// start sends on what waits. It is false if that is nothing, or the disk is busy.
func (w *writes) start() (sync, ok bool) {
	if w.busy || w.sent == len(w.queue) {
		return false, false
	}
	for _, x := range w.queue[w.sent:] {
		sync = sync || x.sync
	}
	w.sent, w.busy = len(w.queue), true
	return sync, true
}

// arrive ends what start began and returns the last token of it. What is durable goes to d.
func (w *writes) arrive(d Disk) (token uint64) {
	sync := false
	for _, x := range w.queue[w.written:w.sent] {
		token = max(token, x.token)
		sync = sync || x.sync
	}
	w.written, w.busy = w.sent, false
	if sync {
		w.keep(d, w.sent)
		w.queue = slices.Delete(w.queue, 0, w.sent)
		w.written, w.sent = 0, 0
	}
	w.pass()
	return token
}

func (w *writes) keep(d Disk, n int) {
	for _, x := range w.queue[:n] {
		d.Apply(x.record)
	}
}

// ending says how a process ends.
type ending int

const (
	killed    ending = iota // what the operating system has survives, and any prefix of the rest
	powerLost               // any prefix of what was not synced survives
	stopped                 // everything survives
)

// end leaves on the disk what survives.
func (w *writes) end(d Disk, how ending, r *rand.Rand) {
	n := len(w.queue)
	least := 0
	switch how {
	case killed:
		least = w.written
	case powerLost:
	case stopped:
		least = n
	}
	if n > least {
		n = least + r.IntN(n-least+1)
	}
	w.keep(d, n)
	*w = writes{}
}
