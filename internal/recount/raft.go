package recount

import (
	"cmp"
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// event is what one line of a member's log, or one look of the poller, tells about an election.
type event struct {
	at         time.Duration
	node, what string
	term       uint64
	peer       string // another member
	line       int
	mine, its  position // of a refusal: the voter's log and the candidate's
	voted      bool     // of a refusal: the voter had voted
}

// position is the last entry of a log.
type position struct{ term, index uint64 }

func (p position) after(q position) bool {
	return p.term > q.term || p.term == q.term && p.index > q.index
}

// words of raft's lines, by what they tell.
var lines = []struct {
	what string
	re   *regexp.Regexp
}{
	{"follower", regexp.MustCompile(`(\w+) became follower at term (\d+)`)},
	{"pre", regexp.MustCompile(`(\w+) became pre-candidate at term (\d+)`)},
	{"candidate", regexp.MustCompile(`(\w+) became candidate at term (\d+)`)},
	{"leader", regexp.MustCompile(`(\w+) became leader at term (\d+)`)},
	{"campaign", regexp.MustCompile(`(\w+) is starting a new election at term (\d+)`)},
	{"no-vote", regexp.MustCompile(`(\w+) received Msg(?:Pre)?VoteResp rejection from (\w+) at term (\d+)`)},
	{"vote", regexp.MustCompile(`(\w+) received MsgVoteResp from (\w+) at term (\d+)`)},
	{"pre-vote", regexp.MustCompile(`(\w+) received MsgPreVoteResp from (\w+) at term (\d+)`)},
	{"refused", regexp.MustCompile(`(\w+) \[logterm: (\d+), index: (\d+), vote: (\w+)\] rejected Msg(?:Pre)?Vote from (\w+) \[logterm: (\d+), index: (\d+)\] at term (\d+)`)},
	{"lease", regexp.MustCompile(`(\w+) \[.*\] ignored Msg(?:Pre)?Vote from (\w+) \[.*\] at term (\d+): lease is not expired`)},
	{"stepped", regexp.MustCompile(`(\w+) stepped down to follower since quorum is not active`)},
	{"knows", regexp.MustCompile(`(\w+) elected leader (\w+) at term (\d+)`)},
	{"knows", regexp.MustCompile(`(\w+) changed leader from \w+ to (\w+) at term (\d+)`)},
	{"lost", regexp.MustCompile(`(\w+) lost leader (\w+) at term (\d+)`)},
	{"transfer", regexp.MustCompile(`(\w+) \[term (\d+)\] starts to transfer leadership to (\w+)`)},
	{"commit", regexp.MustCompile(`(committed) first entry of term (\d+)`)},
	{"started", regexp.MustCompile(`newRaft (\w+) \[peers: \[[^\]]*\], term: (\d+)`)},
}

func number(s string) uint64 {
	n, _ := strconv.ParseUint(s, 10, 64) // digits, by the expressions above
	return n
}

func (r *files) findEvents() {
	names := map[string]string{}
	for node, id := range r.run.MemberIDs {
		names[strings.TrimLeft(id, "0")] = node
	}
	roles := map[string]bool{}
	for node, log := range r.logs {
		for i, l := range log {
			if !strings.Contains(l.text, "term") && !strings.Contains(l.text, "quorum") {
				continue // none of the lines below
			}
			for _, p := range lines {
				m := p.re.FindStringSubmatch(l.text)
				if m == nil {
					continue
				}
				e := event{at: l.at, node: node, what: p.what, line: i + 1}
				switch {
				case p.what == "refused":
					e.mine, e.its = position{number(m[2]), number(m[3])}, position{number(m[6]), number(m[7])}
					e.voted, e.peer, e.term = strings.Trim(m[4], "0") != "", m[5], number(m[8])
				case p.what == "transfer":
					e.term, e.peer = number(m[2]), m[3]
				case len(m) == 4:
					e.peer, e.term = m[2], number(m[3])
				case len(m) == 3:
					e.term = number(m[2])
				}
				if names[m[1]] == "" && p.what != "commit" {
					names[m[1]] = node
				}
				switch p.what {
				case "follower", "pre", "candidate", "leader":
					roles[node] = true
				}
				r.events = append(r.events, e)
				break
			}
		}
	}
	for i := range r.events {
		if n := names[r.events[i].peer]; n != "" {
			r.events[i].peer = n
		}
	}
	r.pollerEvents(roles)
	slices.SortStableFunc(r.events, func(a, b event) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.node, b.node), cmp.Compare(a.line, b.line))
	})
}

// status is what the poller saw of a member.
type status struct {
	Role   string
	Term   uint64
	Leader string
}

// pollerEvents stand in for members whose logs tell no roles.
func (r *files) pollerEvents(roles map[string]bool) {
	last := map[string]status{}
	for i, o := range r.ops {
		var now status
		if o.F != "status" || o.Process != -2 || roles[o.Node] || json.Unmarshal(o.Value, &now) != nil || now == last[o.Node] {
			continue
		}
		last[o.Node] = now
		switch now.Role {
		case "leader", "follower", "candidate":
			r.events = append(r.events, event{at: o.Time, node: o.Node, what: now.Role, term: now.Term, peer: now.Leader, line: i + 1})
		}
	}
}

// reign is one member's time as leader of one term.
type reign struct {
	node     string
	term     uint64
	from, to time.Duration
	knew     bool // that it was over
}

func (r *files) findReigns() {
	for _, node := range r.run.Nodes {
		for i, e := range r.events {
			if e.node != node || e.what != "leader" {
				continue
			}
			if n := len(r.reigns); n > 0 && r.reigns[n-1].node == node && r.reigns[n-1].term == e.term && r.reigns[n-1].to > e.at {
				continue // the poller saw it again
			}
			g := reign{node: node, term: e.term, from: e.at, to: r.end}
			for _, after := range r.events[i+1:] {
				if after.node == node && slices.Contains([]string{"leader", "follower", "pre", "candidate", "stepped", "started"}, after.what) && (after.what != "leader" || after.term != e.term) {
					g.to, g.knew = after.at, true
					break
				}
			}
			for _, f := range r.faults {
				if f.landed && f.Effect.Gone && slices.Contains(f.Affected, node) && f.effect() >= g.from && f.effect() < g.to {
					g.to, g.knew = f.effect(), false
				}
			}
			r.reigns = append(r.reigns, g)
		}
	}
	slices.SortStableFunc(r.reigns, func(a, b reign) int { return cmp.Or(cmp.Compare(a.term, b.term), cmp.Compare(a.from, b.from)) })
}

// leader is who led in the highest term at t.
func (r *files) leader(t time.Duration) *reign {
	for i := len(r.reigns) - 1; i >= 0; i-- {
		if g := &r.reigns[i]; g.from <= t && t < g.to {
			return g
		}
	}
	return nil
}
