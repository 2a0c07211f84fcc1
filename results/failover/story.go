package failover

import (
	"fmt"
	"strings"

	"github.com/faultline-chaos/faultline/results/format"
)

// Sentence is one step of a failover in words, with the lines that show it.
type Sentence struct {
	Text string
	Refs []string // FILE:LINE
}

// Story describes one episode from its logs and history, for readers who do not know raft.
// members is the size of the cluster.
func Story(e *Episode, members int) []Sentence {
	s := story{e: e, members: members}
	s.fault()
	reported := e.Stale == nil || *e.Stale > 0 // that the old leader stepped down
	for i := range e.Campaigns {
		if t := &e.Campaigns[i]; !reported && t.At >= e.SteppedBy.At {
			s.steppedDown()
			reported = true
		}
		s.campaign(i)
	}
	if !reported {
		s.steppedDown()
	}
	s.split()
	s.victory()
	s.clients("write", e.Writes)
	s.clients("read", e.Reads)
	s.calls()
	s.staleLeader()
	s.rejoining()
	for _, m := range e.Missing {
		s.say(nil, "Not observed: %s.", m)
	}
	return s.out
}

// story gathers sentences.
type story struct {
	e       *Episode
	members int
	out     []Sentence
}

func (s *story) say(refs []string, format string, args ...any) {
	s.out = append(s.out, Sentence{fmt.Sprintf(format, args...), refs})
}

func (s *story) fault() {
	e := s.e
	switch {
	case e.Fault != nil && e.T0 < e.Fault.Confirmed:
		s.say([]string{e.Issued.Ref, e.T0Ref}, "%s was leader in term %d. The fault %s was ordered at %s; its first sign came %s later, before its whole effect was confirmed (t0).",
			string(e.OldLeader), e.OldTerm, e.Cause(), format.Clock(e.Issued.At), format.MS(e.T0-e.Issued.At))
	case e.Fault != nil:
		s.say([]string{e.Issued.Ref, e.T0Ref}, "%s was leader in term %d. The fault %s was ordered at %s and its effect was confirmed %s later (t0).",
			string(e.OldLeader), e.OldTerm, e.Cause(), format.Clock(e.Issued.At), format.MS(e.T0-e.Issued.At))
	default:
		s.say([]string{e.T0Ref}, "%s was leader in term %d. No fault affected it; the first sign that it was losing leadership came at %s (t0).",
			format.OrUnknown(string(e.OldLeader)), e.OldTerm, format.Clock(e.T0))
	}
	if e.HandOver != nil {
		s.say([]string{e.HandOver.Ref}, "At t0 + %s %s began to transfer its leadership.", format.MS(e.HandOver.At-e.T0), string(e.OldLeader))
	}
	if len(e.During) > 0 {
		s.say(nil, "Also active then, or healed shortly before: %s.", strings.Join(e.During, ", "))
	}
	if e.QuorumLost {
		s.say(nil, "The faults left no healthy majority: no member could be elected before one of them was healed.")
	}
}

// campaign is one member's attempt to be elected.
func (s *story) campaign(i int) {
	e := s.e
	t := &e.Campaigns[i]
	refs := []string{t.Ref}
	text := ""
	add := func(format string, args ...any) { text += fmt.Sprintf(format, args...) }
	switch {
	case t.Asked != nil:
		refs = append(refs, t.Asked.Ref)
		add(", which had been asked to take over,")
	case t.Lost != nil:
		refs = append(refs, t.Lost.Ref)
		add(" had not heard from %s for its election timeout and", string(t.LostLeader))
	}
	if t.Pre {
		add(" asked the others whether they would vote for it in term %d (a pre-vote)", t.Term)
	} else {
		add(" began a campaign for term %d", t.Term)
	}
	if i == 0 {
		add("; it was the first survivor to do so")
	}
	if t.Ran != nil && t.Pre {
		refs = append(refs, t.Ran.Ref)
		add(". %s of %s agreed, and %s later it became a candidate and asked for their votes", format.Count(t.PreVotes), format.Count(s.members), format.MS(t.Ran.At-t.At))
	}
	switch {
	case t.Won:
		add(". It won")
	case len(t.Refused) > 0:
		add(". It did not win: ")
		for j, r := range t.Refused {
			refs = append(refs, r.Ref)
			if j > 0 {
				add("; ")
			}
			add("%s refused", string(r.By))
			if r.Why != "" {
				add(", because %s", r.Why)
			}
		}
	case t.Ran == nil:
		add(". No majority agreed, so it did not become a candidate")
	default:
		add(". It did not win: no majority voted for it")
	}
	s.say(refs, "At t0 + %s %s%s.", format.MS(t.At-e.T0), string(t.Node), text)
}

func (s *story) split() {
	if n := s.e.SplitVotes; n != nil && *n > 0 {
		s.say(nil, "%s without a winner: several members were candidates at once and split the votes.", format.Plural(*n, "term ended", "terms ended"))
	}
}

func (s *story) victory() {
	e := s.e
	switch e.Outcome {
	case Kept:
		s.say(nil, "%s was not replaced: it remained leader in term %d.", string(e.OldLeader), e.OldTerm)
		return
	case NoLeader:
		return // Missing has it
	}
	var from, refs []string
	for _, v := range e.Votes {
		if v.Granted && !v.Pre {
			who := v.From
			if who == string(e.NewLeader) {
				who += " (its own)"
			}
			from, refs = append(from, who), append(refs, v.Ref)
		}
	}
	how := ""
	if len(from) > 0 {
		how = fmt.Sprintf("With the votes of %s, %s of %s, ", enumerate(from), format.Count(len(from)), format.Count(s.members))
	}
	s.say(append(refs, e.Elected.Ref), "%s%s became leader of term %d at t0 + %s.", how, string(e.NewLeader), e.NewTerm, format.MS(*e.Election))
	if e.Accepted != nil {
		s.say([]string{e.Accepted.Ref}, "By t0 + %s a majority of the members, including itself, knew it as leader.", format.MS(e.Accepted.At-e.T0))
	}
	if e.Committed != nil {
		how := "from the store's log"
		if e.CommitBy == "client" {
			how = "at the latest: a client's write was acknowledged then; no log reports the commit"
		}
		s.say([]string{e.Committed.Ref}, "The first commit of term %d came at t0 + %s (%s).", e.NewTerm, format.MS(*e.WriteReady), how)
	}
}

// enumerate is "a", "a and b", "a, b and c".
func enumerate(words []string) string {
	n := len(words)
	if n < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:n-1], ", ") + " and " + words[n-1]
}

// clients describes the outage of one kind of call, "write" or "read".
func (s *story) clients(kind string, o Outage) {
	switch {
	case o.Took != nil:
		slack := ""
		if o.Slack != nil {
			slack = fmt.Sprintf(" It may have ended up to %s earlier.", format.MS(*o.Slack))
		}
		s.say([]string{o.LastOK.Ref, o.Back.Ref}, "The %s outage lasted %s: from when the last successful %s before t0 was due to the answer of the first of %s successful %ss in a row.%s",
			kind, format.MS(*o.Took), kind, format.Count(Sustained), kind, slack)
	case o.AtLeast != nil:
		s.say([]string{o.LastOK.Ref}, "The %s outage lasted at least %s; it had not ended when watching ended.", kind, format.MS(*o.AtLeast))
	}
}

func (s *story) calls() {
	c := s.e.Calls
	overlap := ""
	if s.e.Ambiguous > 0 {
		overlap = " " + format.Plural(s.e.Ambiguous, "write of unknown outcome overlaps the outage: it may have taken effect, or may still do so.",
			"writes of unknown outcome overlap the outage: each may have taken effect, or may still do so.")
	}
	s.say(nil, "Of the workload's calls that began in this time, %s succeeded, %s failed%s, and the outcome of %s is unknown.%s",
		format.Count(c.OK), format.Count(c.Failed), c.RejectedText(", "), format.Count(c.Unknown), overlap)
}

func (s *story) steppedDown() {
	e := s.e
	s.say([]string{e.SteppedBy.Ref}, "%s learned at t0 + %s that it was no longer leader, before %s was elected.", string(e.OldLeader), format.MS(e.SteppedBy.At-e.T0), string(e.NewLeader))
}

func (s *story) staleLeader() {
	e := s.e
	if e.Stale == nil || *e.Stale == 0 {
		return
	}
	s.say([]string{e.SteppedBy.Ref}, "%s still believed itself leader for %s after %s was elected, and acknowledged %s in that time.",
		string(e.OldLeader), format.MS(*e.Stale), string(e.NewLeader), format.Plural(e.StaleOK, "call", "calls"))
}

func (s *story) rejoining() {
	e := s.e
	if e.HealStart == nil {
		return
	}
	refs := []string{e.HealStart.Ref}
	text := fmt.Sprintf("Healing was ordered at t0 + %s", format.MS(e.HealStart.At-e.T0))
	if e.Healed != nil {
		refs = append(refs, e.Healed.Ref)
		text += fmt.Sprintf(" and confirmed %s later", format.MS(e.Healed.At-e.HealStart.At))
	}
	if e.Rejoined != nil {
		refs = append(refs, e.Rejoined.Ref)
		how := map[string]string{"log": "its log shows that it follows the new leader", "poller": "the status poller saw it follow the new leader", "client": "a call through it succeeded"}[e.RejoinBy]
		text += fmt.Sprintf("; %s was back %s after the order: %s", string(e.OldLeader), format.MS(*e.Rejoin), how)
	}
	s.say(refs, "%s.", text)
	if e.RejoinOutage != nil {
		s.say(nil, "While it rejoined, the longest time without an acknowledged write was %s.", format.MS(*e.RejoinOutage))
	}
}
