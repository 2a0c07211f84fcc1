package recount

import (
	"cmp"
	"slices"
	"time"
)

// episode is one trouble of a leader.
type episode struct {
	id       string
	fault    *fault // nil: none
	during   []string
	old      string
	oldTerm  uint64
	t0       time.Duration
	watched  time.Duration
	elected  *reign
	kept     bool
	noQuorum bool
	tries    []*try
	split    int
	detected *time.Duration
	stepped  *time.Duration // when the old leader knew
	stale    *time.Duration
	staleOK  int
	votes    []ballot // that the winner got or was refused
	accepted *time.Duration
	commit   *time.Duration
	byLog    bool
	writes   outage
	reads    outage
	partial  time.Duration
	calls    counts
	unsure   int
	rejoined *time.Duration
	rejoinBy string         // log, poller or client
	away     *time.Duration // longest time without a write while it rejoined
	steady   *time.Duration
	atLeast  *time.Duration // for steady
}

// try is one campaign.
type try struct {
	node     string
	at       time.Duration
	term     uint64
	pre      bool
	ran      *time.Duration
	won      bool
	preVotes int
	votes    int
	why      []refusal
}

type refusal struct{ by, why string }

type ballot struct {
	from    string
	granted bool
	at      time.Duration
}

func (e *episode) begin() time.Duration {
	if e.fault != nil {
		return min(e.fault.Issued, e.t0)
	}
	return e.t0
}

func (r *files) findEpisodes() {
	seen := map[uint64]bool{}
	if len(r.reigns) > 0 {
		seen[r.reigns[0].term] = true
	}
	for _, f := range r.faults {
		if !f.landed || !f.leaderHit {
			continue
		}
		e := &episode{fault: f, old: f.Leader, oldTerm: f.Term, t0: f.Confirmed}
		if l := r.leader(f.Issued); l != nil {
			e.old, e.oldTerm = l.node, l.term
		}
		if n := len(r.episodes); n > 0 && r.episodes[n-1].oldTerm == e.oldTerm && r.episodes[n-1].fault.active(f.Issued, r.load) {
			r.episodes[n-1].during = append(r.episodes[n-1].during, f.ID)
			continue
		}
		r.episodes = append(r.episodes, e)
	}
	for _, e := range r.episodes {
		e.t0 = r.effect(e)
	}
	for i, e := range r.episodes {
		until := r.load
		if i+1 < len(r.episodes) {
			until = r.episodes[i+1].fault.Issued
		}
		if g := r.successor(e, until); g != nil {
			seen[g.term] = true
		}
	}
	for i := 1; i < len(r.reigns); i++ {
		if g := &r.reigns[i]; !seen[g.term] {
			r.episodes = append(r.episodes, r.withoutFault(&r.reigns[i-1], g))
		}
	}
	slices.SortStableFunc(r.episodes, func(a, b *episode) int { return cmp.Compare(a.t0, b.t0) })
	for i, e := range r.episodes {
		e.id, e.watched = key("e%d", i+1), r.load
		if i+1 < len(r.episodes) {
			e.watched = r.episodes[i+1].begin()
		}
	}
}

// effect is when the fault was confirmed, or the first sign of it where the leader was replaced before.
func (r *files) effect(e *episode) time.Duration {
	f := e.fault
	for _, v := range r.events {
		inside := v.at >= f.Issued && v.at < f.Confirmed
		if inside && v.what == "transfer" && v.node == e.old && v.term == e.oldTerm {
			return v.at
		}
		if !inside || v.term < e.oldTerm || v.what != "campaign" && v.what != "pre" && v.what != "candidate" {
			continue
		}
		for _, g := range r.reigns {
			if g.term > e.oldTerm && g.from >= f.Issued && g.from < f.Confirmed {
				return v.at
			}
		}
	}
	return f.Confirmed
}

// withoutFault begins with the first sign that somebody would follow.
func (r *files) withoutFault(old, next *reign) *episode {
	e := &episode{old: old.node, oldTerm: old.term, t0: next.from}
	if old.knew && old.to < e.t0 {
		e.t0 = old.to
	}
	for _, v := range r.events {
		if slices.Contains([]string{"campaign", "pre", "candidate", "transfer"}, v.what) && v.at > old.from && v.at >= next.from-10*r.wait && v.at < e.t0 && v.term+1 >= old.term {
			e.t0 = v.at
			break
		}
	}
	return e
}

func (r *files) successor(e *episode, until time.Duration) *reign {
	for i := range r.reigns {
		if g := &r.reigns[i]; g.term > e.oldTerm && g.from >= e.begin() && g.from <= until {
			return g
		}
	}
	return nil
}

// measure finds an episode's moments.
func (r *files) measure(e *episode) {
	for _, f := range r.faults {
		if f != e.fault && len(f.Nodes) > 0 && !slices.Contains(e.during, f.ID) && f.Issued <= e.t0 && e.t0 < f.over(r.load)+2*r.wait {
			e.during = append(e.during, f.ID)
		}
	}
	e.elected = r.successor(e, e.watched)
	stop := e.watched
	if e.elected != nil {
		stop = e.elected.from
	} else {
		l := r.leader(e.watched - 1)
		e.kept = l != nil && l.term == e.oldTerm && (e.fault == nil || !e.fault.Effect.Gone)
	}
	r.campaigns(e, stop)
	if e.kept {
		stop = e.t0
	}
	for _, f := range r.faults {
		if at := max(e.begin(), f.Issued); at <= stop && f.active(at, r.load) && r.broken(f, at) {
			e.noQuorum = true
		}
	}
	r.votes(e)
	r.commits(e)
	e.writes, e.reads = r.outage(e, false), r.outage(e, true)
	r.load0(e)
	r.rejoining(e)
	r.staleness(e)
	r.steadiness(e)
}

// campaigns are those of members that the fault does not hold.
func (r *files) campaigns(e *episode, stop time.Duration) {
	now := map[string]*try{}
	begin := func(v event, term uint64) *try {
		t := &try{node: v.node, at: v.at, term: term}
		e.tries = append(e.tries, t)
		now[v.node] = t
		return t
	}
	for _, v := range r.events {
		if v.at < e.begin() || v.at > stop {
			continue
		}
		if f := e.fault; f != nil && slices.Contains(f.Affected, v.node) && (f.order == nil || v.at < *f.order) {
			continue
		}
		t := now[v.node]
		switch v.what {
		case "campaign":
			begin(v, v.term+1)
		case "pre":
			if t == nil || t.pre || t.ran != nil {
				t = begin(v, v.term+1)
			}
			t.pre = true
		case "candidate":
			if t == nil || t.ran != nil {
				t = begin(v, v.term)
			}
			at := v.at
			t.term, t.ran = v.term, &at
		case "leader", "follower":
			if t != nil && v.what == "leader" {
				t.won = true
			}
			delete(now, v.node)
		case "pre-vote":
			if t != nil {
				t.preVotes++
			}
		case "vote":
			if t != nil {
				t.votes++
			}
		case "no-vote":
			if t != nil {
				t.refuse(v.peer, "")
			}
		case "refused", "lease":
			if t := now[v.peer]; t != nil {
				t.refuse(v.node, v.reason())
			}
		}
	}
	ran := map[uint64]int{}
	for _, t := range e.tries {
		if t.ran != nil && (e.elected == nil || t.term != e.elected.term) {
			ran[t.term]++
		}
	}
	for _, n := range ran {
		if n > 1 {
			e.split++
		}
	}
	if len(e.tries) > 0 {
		e.detected = &e.tries[0].at
	}
}

func (t *try) refuse(by, why string) {
	for i := range t.why {
		if t.why[i].by == by {
			if t.why[i].why == "" {
				t.why[i].why = why
			}
			return
		}
	}
	t.why = append(t.why, refusal{by, why})
}

func (v *event) reason() string {
	switch {
	case v.what == "lease":
		return "it had heard from a leader within the last election timeout"
	case v.mine.after(v.its):
		return key("its own log was longer: entry %d of term %d against entry %d of term %d", v.mine.index, v.mine.term, v.its.index, v.its.term)
	case v.voted:
		return "it had already voted in this term"
	}
	return "it knew a newer term"
}

// votes are the winner's; it finds when, too, a majority knew it.
func (r *files) votes(e *episode) {
	if e.elected == nil {
		return
	}
	from := e.begin()
	for _, t := range e.tries {
		if t.node == e.elected.node {
			from = t.at
		}
	}
	knows := map[string]bool{e.elected.node: true}
	for _, v := range r.events {
		if slices.Contains([]string{"vote", "pre-vote", "no-vote"}, v.what) && v.node == e.elected.node && v.at >= from && v.at <= e.elected.from {
			e.votes = append(e.votes, ballot{v.peer, v.what != "no-vote", v.at})
		}
		if v.what == "knows" && v.term == e.elected.term && v.peer == e.elected.node && v.at <= e.watched && e.accepted == nil {
			if knows[v.node] = true; 2*len(knows) > len(r.run.Nodes) {
				at := max(v.at, e.elected.from)
				e.accepted = &at
			}
		}
	}
}

func (r *files) commits(e *episode) {
	if e.elected == nil {
		return
	}
	for _, v := range r.events {
		if v.what == "commit" && v.term == e.elected.term && v.at <= e.watched {
			at := v.at
			e.commit, e.byLog = &at, true
			return
		}
	}
	list, _ := r.ruler(false)
	for _, c := range list {
		if !c.read && c.outcome == "ok" && (c.free || c.node == e.elected.node) && c.done >= e.elected.from && c.done <= e.watched && (e.commit == nil || c.done < *e.commit) {
			e.commit = &c.done
		}
	}
}
