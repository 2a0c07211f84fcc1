package failover

import (
	"fmt"
	"github.com/faultline-chaos/faultline/results/format"
	"strings"
)

// Sentence is one step of a failover in words, with the lines that tell it.
type Sentence struct {
	Text string
	Refs []string // FILE:LINE
}

// Story tells one episode from its logs and history, to people who have never heard of raft.
// members is how many the cluster has.
func Story(e *Episode, members int) []Sentence {
	s := story{e: e, members: members}
	s.fault()
	told := e.Stale == nil || *e.Stale > 0 // that the old leader stepped down
	for i := range e.Campaigns {
		if t := &e.Campaigns[i]; !told && t.At >= e.SteppedBy.At {
			s.steppedDown()
			told = true
		}
		s.campaign(i)
	}
	if !told {
		s.steppedDown()
	}
	s.split()
	s.victory()
	s.clients("Writes", "writes", e.Writes)
	s.clients("Reads", "reads", e.Reads)
	s.calls()
	s.staleLeader()
	s.rejoining()
	for _, m := range e.Missing {
		s.say(nil, "Not seen: %s.", m)
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
		s.say([]string{e.Issued.Ref, e.T0Ref}, "%s led in term %d when %s was ordered at %s. The first sign of it came %s later, before its whole effect was seen: that is t0.",
			string(e.OldLeader), e.OldTerm, e.Cause(), format.Clock(e.Issued.At), format.MS(e.T0-e.Issued.At))
	case e.Fault != nil:
		s.say([]string{e.Issued.Ref, e.T0Ref}, "%s led in term %d when %s was ordered at %s; its effect was seen %s later: that is t0.",
			string(e.OldLeader), e.OldTerm, e.Cause(), format.Clock(e.Issued.At), format.MS(e.T0-e.Issued.At))
	default:
		s.say([]string{e.T0Ref}, "%s led in term %d. No fault had hit it; the first sign that it was losing its office came at %s: that is t0.",
			format.OrUnknown(string(e.OldLeader)), e.OldTerm, format.Clock(e.T0))
	}
	if e.HandOver != nil {
		s.say([]string{e.HandOver.Ref}, "At t0 + %s %s began to hand its office over.", format.MS(e.HandOver.At-e.T0), string(e.OldLeader))
	}
	if len(e.During) > 0 {
		s.say(nil, "Active then as well, or healed shortly before: %s.", strings.Join(e.During, ", "))
	}
	if e.QuorumLost {
		s.say(nil, "The faults left no majority unharmed: nobody could be elected before one was healed.")
	}
}

// campaign is one member's try to be elected.
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
		add(" had heard nothing from %s for its election timeout: it", string(t.LostLeader))
	}
	if t.Pre {
		add(" asked whether the others would vote for it in term %d (a pre-vote)", t.Term)
	} else {
		add(" began a campaign for term %d", t.Term)
	}
	if i == 0 {
		add("; it was the first survivor to do so")
	}
	if t.Ran != nil && t.Pre {
		refs = append(refs, t.Ran.Ref)
		add(". %s of %s would, and %s later it became candidate, for votes that count", format.Count(t.PreVotes), format.Count(s.members), format.MS(t.Ran.At-t.At))
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
				add(", since %s", r.Why)
			}
		}
	case t.Ran == nil:
		add(". No majority said so, and it did not become candidate")
	default:
		add(". It did not win: no majority gave it a vote")
	}
	s.say(refs, "At t0 + %s %s%s.", format.MS(t.At-e.T0), string(t.Node), text)
}

func (s *story) split() {
	if n := s.e.SplitVotes; n != nil && *n > 0 {
		s.say(nil, "%s without a winner: several members were candidates at once, and the votes were split.", format.Plural(*n, "term went", "terms went"))
	}
}

func (s *story) victory() {
	e := s.e
	switch e.Outcome {
	case Kept:
		s.say(nil, "%s was not replaced: it led on in term %d.", string(e.OldLeader), e.OldTerm)
		return
	case NoLeader:
		return // Missing says so
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
		s.say([]string{e.Accepted.Ref}, "A majority of the members, itself included, knew it as leader at t0 + %s.", format.MS(e.Accepted.At-e.T0))
	}
	if e.Committed != nil {
		how := "by the store's own log"
		if e.CommitBy == "client" {
			how = "at the latest: then a client's write was acknowledged; the store's log does not tell"
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

// clients is one kind of call's outage.
func (s *story) clients(title, name string, o Outage) {
	switch {
	case o.Took != nil:
		slack := ""
		if o.Slack != nil {
			slack = fmt.Sprintf(" It may have ended up to %s before that was seen.", format.MS(*o.Slack))
		}
		s.say([]string{o.LastOK.Ref, o.Back.Ref}, "%s were away for %s: from when the last one that succeeded before t0 was due, to the answer of the first of %s in a row that succeeded.%s",
			title, format.MS(*o.Took), format.Count(Sustained), slack)
	case o.AtLeast != nil:
		s.say([]string{o.LastOK.Ref}, "%s were away for at least %s; then watching ended.", title, format.MS(*o.AtLeast))
	}
}

func (s *story) calls() {
	c := s.e.Calls
	overlap := ""
	if s.e.Ambiguous > 0 {
		overlap = fmt.Sprintf(" %s of unknown outcome overlap it: each may have happened, or may happen yet.", format.Plural(s.e.Ambiguous, "write", "writes"))
	}
	s.say(nil, "Of the workload's calls that began in this time %s succeeded, %s failed%s, and the outcome of %s is unknown.%s",
		format.Count(c.OK), format.Count(c.Failed), c.RejectedText(", "), format.Count(c.Unknown), overlap)
}

func (s *story) steppedDown() {
	e := s.e
	s.say([]string{e.SteppedBy.Ref}, "%s knew that it led no longer at t0 + %s, before %s was elected.", string(e.OldLeader), format.MS(e.SteppedBy.At-e.T0), string(e.NewLeader))
}

func (s *story) staleLeader() {
	e := s.e
	if e.Stale == nil || *e.Stale == 0 {
		return
	}
	s.say([]string{e.SteppedBy.Ref}, "%s believed to lead for %s after %s did, and acknowledged %s in that time.",
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
		text += fmt.Sprintf(" and seen %s later", format.MS(e.Healed.At-e.HealStart.At))
	}
	if e.Rejoined != nil {
		refs = append(refs, e.Rejoined.Ref)
		how := map[string]string{"log": "its log tells that it follows", "poller": "the poller saw it follow", "client": "a call through it succeeded"}[e.RejoinBy]
		text += fmt.Sprintf("; %s was back %s after the order: %s", string(e.OldLeader), format.MS(*e.Rejoin), how)
	}
	s.say(refs, "%s.", text)
	if e.RejoinOutage != nil {
		s.say(nil, "While it rejoined, the longest time without an acknowledged write was %s.", format.MS(*e.RejoinOutage))
	}
}
