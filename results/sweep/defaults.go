package sweep

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// DefaultTimeout and DefaultHeartbeat are etcd's, and this repository's store's.
const (
	DefaultTimeout   = time.Second
	DefaultHeartbeat = 100 * time.Millisecond
)

// DefaultTolerance is how far a phase may be from what is expected, as a share of that.
const DefaultTolerance = 0.15

// Expected is what the death of a leader must lead to with default timeouts, PreVote and CheckQuorum on
// and 0.5 ms from member to member: computed by driving go.etcd.io/raft v3.6.0 in virtual time, by
// another program than this repository's simulation. Times count from the death.
type Expected struct {
	Members                          int
	Detection                        time.Duration // median, of the first campaign of a survivor
	Commit50, Commit90, Commit99     time.Duration // of the first commit in the new term
	LostFirst                        float64       // share of failovers whose first campaign is lost, since voters still honour the dead leader
	roundTrip, election50, elected90 time.Duration
}

// ExpectedDefaults are known for 3 and 5 members.
func ExpectedDefaults() []Expected {
	const ms = time.Millisecond
	out := []Expected{
		{Members: 3, Detection: 1135 * ms, Commit50: 1187 * ms, Commit90: 1583 * ms, Commit99: 1817 * ms, LostFirst: 0.10, roundTrip: ms},
		{Members: 5, Detection: 1009 * ms, Commit50: 1062 * ms, Commit90: 1334 * ms, Commit99: 1564 * ms, LostFirst: 0.18, roundTrip: ms},
	}
	for i := range out { // a leader commits its first entry one round trip after its election
		e := &out[i]
		e.election50, e.elected90 = e.Commit50-e.roundTrip, e.Commit90-e.roundTrip
	}
	return out
}

// DefaultResult is a cell beside what is expected.
type DefaultResult struct {
	Result
	Expected Expected
	Checks   []Check
	Within   bool // all checks are
}

// JudgeDefaults holds a cell of default timeouts against what is expected of so many members. It is
// false for other timeouts or numbers of members.
func JudgeDefaults(r Result) (DefaultResult, bool) {
	d := DefaultResult{Result: r, Within: r.Problem == "" && !r.Leaderless}
	for _, e := range ExpectedDefaults() {
		if e.Members == r.Members {
			d.Expected = e
		}
	}
	if d.Expected.Members == 0 || r.Timeout != DefaultTimeout || r.Heartbeat != DefaultHeartbeat {
		return d, false
	}
	e := d.Expected
	detected, elected, committed := r.Detection.Figures(), r.Election.Figures(), r.WriteReady.Figures()
	for _, c := range []struct {
		what      string
		f         Figures
		got, want time.Duration
		open      bool
	}{
		{"detection p50", detected, detected.P50, e.Detection, detected.Open50},
		{"election p50", elected, elected.P50, e.election50, elected.Open50},
		{"election p90", elected, elected.P90, e.elected90, elected.Open90},
		{"first commit p50", committed, committed.P50, e.Commit50, committed.Open50},
		{"first commit p90", committed, committed.P90, e.Commit90, committed.Open90},
	} {
		k := Check{What: c.what, Measured: c.got, Expected: c.want, Off: float64(c.got)/float64(c.want) - 1}
		k.Within = c.f.N > 0 && !c.open && math.Abs(k.Off) <= DefaultTolerance
		d.Within = d.Within && k.Within
		d.Checks = append(d.Checks, k)
	}
	return d, true
}

// String says in one line whether it is within, and if not what is not.
func (d DefaultResult) String() string {
	var parts, off []string
	for _, k := range d.Checks {
		parts = append(parts, fmt.Sprintf("%s %s (expected %s, %+.0f %%)", k.What, Millis(k.Measured), Millis(k.Expected), k.Off*100))
		if !k.Within {
			off = append(off, k.What)
		}
	}
	f := d.WriteReady.Figures()
	verdict := fmt.Sprintf("all within %.0f %%", DefaultTolerance*100)
	if !d.Within {
		verdict = fmt.Sprintf("NOT within %.0f %%: %s", DefaultTolerance*100, strings.Join(off, ", "))
	}
	return fmt.Sprintf("%s, n=%d, %d censored: %s: %s", d.series(), f.N, f.Censored, strings.Join(parts, ", "), verdict)
}

// DefaultRows are the results as a table, its head first: a row a number.
func DefaultRows(ds []DefaultResult) [][]string {
	out := [][]string{{"system", "members", "what", "n", "censored", "measured", "95 %", "expected", "off", "within 15 %"}}
	for _, d := range ds {
		if d.Problem != "" {
			out = append(out, []string{d.System, fmt.Sprint(d.Members), "broken: " + d.Problem})
			continue
		}
		for _, k := range d.Checks {
			s, interval := d.sampleOf(k.What), "–"
			if strings.HasSuffix(k.What, "p50") {
				if low, high, ok := s.MedianInterval(); ok {
					interval = fmt.Sprintf("%s to %s", Millis(low), Millis(high))
				}
			}
			within := "yes"
			if !k.Within {
				within = "NO"
			}
			f := s.Figures()
			out = append(out, []string{
				d.System, fmt.Sprint(d.Members), k.What, fmt.Sprint(f.N), fmt.Sprint(f.Censored), Millis(k.Measured), interval, Millis(k.Expected), fmt.Sprintf("%+.1f %%", k.Off*100), within,
			})
		}
	}
	return out
}

func (d DefaultResult) sampleOf(what string) Sample {
	switch {
	case strings.HasPrefix(what, "detection"):
		return d.Detection
	case strings.HasPrefix(what, "election"):
		return d.Election
	}
	return d.WriteReady
}

// AllDefaultsWithin says whether every cell is within, and there is one.
func AllDefaultsWithin(ds []DefaultResult) bool {
	for _, d := range ds {
		if !d.Within {
			return false
		}
	}
	return len(ds) > 0
}

// DefaultNotes say what is compared with what.
func DefaultNotes(ds []DefaultResult) []string {
	out := []string{
		"Expected: raft itself, driven in virtual time by another program, with an election timeout of 1000 ms (10 to 19 ticks of one heartbeat, redrawn at each reset), a heartbeat of 100 ms, PreVote and CheckQuorum, and 0.5 ms from member to member. A leader's election is expected one round trip before its first commit.",
		"The cluster is idle until the kill: a leader that serves writes is heard of more often than by heartbeats, which moves all of this by up to half a heartbeat. From the kill on clients write through the survivors.",
		"Times count from when the kill was confirmed. Detection: the first campaign of a survivor, pre-votes included. Election: a leader with a majority of votes. First commit: in the new term.",
		"Median of nearest rank with its interval of order statistics (95 %). Within: each number differs from the expected one by at most 15 %.",
	}
	for _, d := range ds {
		if n := len(d.Election.Values) - len(d.WriteReady.Values); n > 0 {
			out = append(out, fmt.Sprintf("%s: of %d elections the first commit of %d was not seen before the old leader came back; those are left out.", d.series(), len(d.Election.Values), n))
		}
		switch d.CommitBy {
		case "client":
			out = append(out, fmt.Sprintf("%s does not log its first commit: there it is the first write that was acknowledged after the election; clients ask each survivor anew 10 ms after an attempt failed, or got no answer within 50 ms, so it may be seen late by as much.", d.series()))
		case "both":
			out = append(out, fmt.Sprintf("%s: some first commits are from the log, some are the first acknowledged write.", d.series()))
		}
	}
	return out
}
