package history

import (
	"encoding/json"
	"fmt"
	"time"
)

// Sequence checks what a history promises from one line to the next: indexes without gaps, time that
// does not go back, and completions that fit their invocations. The zero value is at the start.
type Sequence struct {
	count     int64
	last      time.Duration
	processes processes
	faults    map[string]bool // injections and healings that were begun
}

// Next looks at the line after those before. An error is a *DamageError without its Line; line is
// where its Column is looked up.
func (s *Sequence) Next(r *RawOp, line []byte) error {
	if r.Index != s.count {
		return &DamageError{Column: column(line, "index"), Err: fmt.Errorf("index %d, want %d: lines are missing or doubled", r.Index, s.count)}
	}
	if r.Time < s.last {
		return &DamageError{Column: column(line, "time"), Err: fmt.Errorf("time %d is before %d, that of the line above", r.Time, s.last)}
	}
	s.count, s.last = s.count+1, r.Time
	switch {
	case r.Process >= 0:
		if err := s.client(r); err != nil {
			return &DamageError{Column: column(line, "process"), Err: err}
		}
	case r.Process == NemesisProcess:
		if err := s.nemesis(r); err != nil {
			return &DamageError{Column: column(line, "value"), Err: err}
		}
	case r.Process != HarnessProcess:
		return &DamageError{Column: column(line, "process"), Err: fmt.Errorf("process %d: allowed are clients from 0, %d and %d", r.Process, NemesisProcess, HarnessProcess)}
	}
	return nil
}

func (s *Sequence) client(r *RawOp) error {
	p := s.processes.at(r.Process)
	if r.Type == Invoke {
		if p.open {
			return fmt.Errorf("process %d invokes %s while its %s is open", r.Process, r.F, p.f)
		}
		if p.retired {
			return fmt.Errorf("process %d invokes %s after a call of unknown outcome", r.Process, r.F)
		}
		p.open, p.f = true, word(r.F)
		return nil
	}
	if !p.open || p.f != string(r.F) {
		return fmt.Errorf("process %d completes %s without an invocation", r.Process, r.F)
	}
	p.open, p.retired = false, r.Type == Info
	return nil
}

func (s *Sequence) nemesis(r *RawOp) error {
	f := string(r.F)
	if f != FInject && f != FHeal {
		return nil
	}
	var v FaultValue
	if err := json.Unmarshal(r.Value, &v); err != nil {
		return fmt.Errorf("value of %s: %w", f, err)
	}
	if v.Issued < 0 || v.Issued > r.Time || v.Confirmed < 0 || v.Confirmed > r.Time {
		return fmt.Errorf("%s of %q says that it was issued at %d and confirmed at %d, which is not before it was recorded", f, v.ID, v.Issued, v.Confirmed)
	}
	key := f + " " + v.ID
	if r.Type == Invoke {
		if s.faults == nil {
			s.faults = map[string]bool{}
		}
		s.faults[key] = true
		return nil
	}
	if !s.faults[key] {
		return fmt.Errorf("the nemesis completes %s of %q without an invocation", f, v.ID)
	}
	return nil
}

// Slot is a small number of the process of the line that Next took last, the same for all its lines:
// processes are numbered in the order of first use. It is for clients alone.
func (s *Sequence) Slot() int { return s.processes.last }

// process is what a client's process is at.
type process struct {
	open, retired bool
	f             string // of the open or last call
}

// processes gives each process a slot. They count from 0, so that a slice finds nearly all; probes
// and other large numbers are in a map.
type processes struct {
	slots []process
	low   []int32 // by process: its slot + 1; 0: none yet
	high  map[int64]int32
	last  int
}

const lowProcesses = 1 << 20

func (s *processes) at(i int64) *process {
	var slot int32
	if i < lowProcesses {
		for int64(len(s.low)) <= i {
			s.low = append(s.low, 0)
		}
		slot = s.low[i]
	} else {
		slot = s.high[i]
	}
	if slot == 0 {
		s.slots = append(s.slots, process{})
		slot = int32(len(s.slots)) // a history of 2^31 processes does not fit in memory
		if i < lowProcesses {
			s.low[i] = slot
		} else {
			if s.high == nil {
				s.high = map[int64]int32{}
			}
			s.high[i] = slot
		}
	}
	s.last = int(slot) - 1
	return &s.slots[s.last]
}
