package results

import (
	"fmt"
	"strings"
)

// Sentence is one step of a failover in words, with the lines that tell it.
type Sentence struct {
	Text string
	Refs []string // FILE:LINE
}

// Story tells one episode from its logs and history.
func (e *Episode) Story() []Sentence {
	var out []Sentence
	say := func(refs []string, format string, args ...any) {
		out = append(out, Sentence{fmt.Sprintf(format, args...), refs})
	}
	if e.Fault != nil {
		say([]string{e.Issued.Ref, e.T0Ref}, "%s led in term %d when %s was ordered at %s; its effect was seen %s later: that is t0.", e.OldLeader, e.OldTerm, e.Cause(), clock(e.Issued.At), ms(e.T0-e.Issued.At))
	} else {
		say([]string{e.T0Ref}, "%s led in term %d. No fault had hit it; the first sign that it was losing its office came at %s: that is t0.", orUnknown(string(e.OldLeader)), e.OldTerm, clock(e.T0))
		if len(e.During) > 0 {
			say(nil, "Active then, or healed shortly before: %s.", strings.Join(e.During, ", "))
		}
	}
	for i := range e.Campaigns {
		tellCampaign(&e.Campaigns[i], i, e, say)
	}
	if e.SplitVotes > 0 {
		say(nil, "%s went without a winner: the votes were split.", plural(e.SplitVotes, "term", "terms"))
	}
	tellVictory(e, say)
	tellClients(e, say)
	tellOldLeader(e, say)
	for _, m := range e.Missing {
		say(nil, "Not seen: %s.", m)
	}
	return out
}

type sayer func(refs []string, format string, args ...any)

func tellCampaign(t *Try, i int, e *Episode, say sayer) {
	refs := []string{t.Ref}
	what := fmt.Sprintf("%s began a campaign for term %d", t.Node, t.Term)
	if t.Pre {
		what = fmt.Sprintf("%s asked for pre-votes for term %d", t.Node, t.Term)
	}
	if i == 0 {
		what += ", the first survivor to notice"
	}
	if t.Ran != nil && t.Pre {
		what += fmt.Sprintf(", got them, and became candidate %s later", ms(t.Ran.At-t.At))
		refs = append(refs, t.Ran.Ref)
	}
	switch {
	case t.Won:
		what += ". It won"
	case len(t.Refused) > 0:
		var why []string
		for _, r := range t.Refused {
			words := fmt.Sprintf("%s refused", r.By)
			if r.Why != "" {
				words += ", since " + r.Why
			}
			why, refs = append(why, words), append(refs, r.Ref)
		}
		what += ". It did not win: " + strings.Join(why, "; ")
	case t.Ran == nil:
		what += ". It did not become candidate"
	default:
		what += ". It did not win"
	}
	say(refs, "At t0 + %s %s.", ms(t.At-e.T0), what)
}

func tellVictory(e *Episode, say sayer) {
	switch e.Outcome {
	case Kept:
		say(nil, "%s was not replaced: it led on in term %d.", e.OldLeader, e.OldTerm)
		return
	case NoLeader:
		return // Missing says so
	}
	var from, refs []string
	for _, v := range e.Votes {
		if v.Granted && !v.Pre {
			from, refs = append(from, v.From), append(refs, v.Ref)
		}
	}
	if len(from) > 0 {
		say(append(refs, e.Elected.Ref), "With the votes of %s, %s became leader of term %d at t0 + %s.", strings.Join(from, " and "), e.NewLeader, e.NewTerm, ms(*e.Election))
	} else {
		say([]string{e.Elected.Ref}, "%s became leader of term %d at t0 + %s.", e.NewLeader, e.NewTerm, ms(*e.Election))
	}
	if e.Accepted != nil {
		say([]string{e.Accepted.Ref}, "A majority followed it at t0 + %s.", ms(e.Accepted.At-e.T0))
	}
	if e.Committed != nil {
		how := "by the store's own log"
		if e.CommitBy == "client" {
			how = "at the latest: then a client's write was acknowledged; the store's log does not tell"
		}
		say([]string{e.Committed.Ref}, "The first commit of term %d came at t0 + %s (%s).", e.NewTerm, ms(*e.WriteReady), how)
	}
}

func tellClients(e *Episode, say sayer) {
	for _, k := range []struct {
		name string
		o    Outage
	}{{"Writes", e.Writes}, {"Reads", e.Reads}} {
		switch {
		case k.o.Took != nil:
			say([]string{k.o.LastOK.Ref, k.o.Back.Ref}, "%s were away for %s: from the last one due before t0 to the first of %d in a row.%s", k.name, ms(*k.o.Took), Sustained, slackText(k.o))
		case k.o.AtLeast != nil:
			say([]string{k.o.LastOK.Ref}, "%s were away for at least %s; then watching ended.", k.name, ms(*k.o.AtLeast))
		}
	}
	say(nil, "Meanwhile %s ended well, %s failed, and the outcome of %s is unknown; %s of unknown outcome overlap the outage.", plural(e.Calls.OK, "call", "calls"), count(e.Calls.Failed), count(e.Calls.Unknown), plural(e.Ambiguous, "write", "writes"))
}

func tellOldLeader(e *Episode, say sayer) {
	if e.Stale != nil && e.SteppedBy != nil {
		if *e.Stale > 0 {
			say([]string{e.SteppedBy.Ref}, "%s believed to lead for %s after %s did, and acknowledged %s in that time.", e.OldLeader, ms(*e.Stale), e.NewLeader, plural(e.StaleOK, "call", "calls"))
		} else {
			say([]string{e.SteppedBy.Ref}, "%s had stepped down before %s was elected.", e.OldLeader, e.NewLeader)
		}
	}
	if e.HealStart == nil {
		return
	}
	refs := []string{e.HealStart.Ref}
	text := fmt.Sprintf("Healing was ordered at t0 + %s", ms(e.HealStart.At-e.T0))
	if e.Healed != nil {
		refs = append(refs, e.Healed.Ref)
		text += fmt.Sprintf(" and seen %s later", ms(e.Healed.At-e.HealStart.At))
	}
	if e.Rejoined != nil {
		refs = append(refs, e.Rejoined.Ref)
		how := map[string]string{"log": "its log tells that it follows", "poller": "the poller saw it follow", "client": "a call through it succeeded"}[e.RejoinBy]
		text += fmt.Sprintf("; %s was back %s after the order: %s", e.OldLeader, ms(*e.Rejoin), how)
	}
	say(refs, "%s.", text)
	if e.RejoinOutage != nil {
		say(nil, "While it rejoined, the longest time without an acknowledged write was %s.", ms(*e.RejoinOutage))
	}
}

func slackText(o Outage) string {
	if o.Slack == nil {
		return ""
	}
	return fmt.Sprintf(" The last that failed was due %s before that.", ms(*o.Slack))
}
