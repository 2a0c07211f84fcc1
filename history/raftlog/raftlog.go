// Package raftlog reads what members say about elections in their logs, in the words of
// go.etcd.io/raft, whatever log format these words stand in: raftkv and etcd share them. It is the
// product's only reader of such lines; what a line means is decided here and nowhere else.
//
// A system says which language its log speaks (harness.System); only where it is [Language] does
// anybody read it with this package. The oracle internal/recount has a reading of its own, on purpose:
// it is what an error in this one is found by.
package raftlog

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/faultline-chaos/faultline/history"
)

// Language is the name of this language.
const Language history.LogLanguage = "raft"

// Spoken says whether a log is in raft's words, as a run records its language. Runs that record none are
// of before there were systems without: theirs is. A system that speaks none records history.NoLogLanguage.
func Spoken(l history.LogLanguage) bool { return l == "" || l == Language }

// Kind says what a raft member told in one line of its log.
type Kind string

// The kinds, with the words of go.etcd.io/raft v3.7.0 (raft.go, node.go) that they are read from.
const (
	Started         Kind = "started"          // newRaft X [peers: [..], term: T, ..
	BecameFollower  Kind = "follower"         // X became follower at term T
	BecamePre       Kind = "pre-candidate"    // X became pre-candidate at term T
	BecameCandidate Kind = "candidate"        // X became candidate at term T
	BecameLeader    Kind = "leader"           // X became leader at term T
	Campaign        Kind = "campaign"         // X is starting a new election at term T
	SentVote        Kind = "sent-vote"        // X [..] sent MsgVote request to Y at term T
	SentPreVote     Kind = "sent-pre-vote"    // X [..] sent MsgPreVote request to Y at term T
	GotVote         Kind = "got-vote"         // X received MsgVoteResp from Y at term T
	GotPreVote      Kind = "got-pre-vote"     // X received MsgPreVoteResp from Y at term T
	Tally           Kind = "tally"            // X has received N MsgVoteResp votes and M vote rejections
	VoteRejected    Kind = "vote-rejected"    // X received MsgVoteResp rejection from Y at term T
	PreVoteRejected Kind = "pre-vote-refused" // X received MsgPreVoteResp rejection from Y at term T
	Cast            Kind = "cast"             // X [..] cast MsgVote for Y [..] at term T
	CastPre         Kind = "cast-pre"         // X [..] cast MsgPreVote for Y [..] at term T
	Rejected        Kind = "rejected"         // X [..] rejected Msg(Pre)Vote from Y [..] at term T
	LeaseIgnored    Kind = "lease-ignored"    // X [..] ignored Msg(Pre)Vote from Y [..] at term T: lease is not expired
	SteppedDown     Kind = "stepped-down"     // X stepped down to follower since quorum is not active
	LeaderKnown     Kind = "leader-known"     // raft.node: X elected leader Y at term T; changed leader from .. to Y
	LeaderLost      Kind = "leader-lost"      // raft.node: X lost leader Y at term T
	TransferStarted Kind = "transfer"         // X [term T] starts to transfer leadership to Y
	TimeoutNow      Kind = "timeout-now"      // X [term T] received MsgTimeoutNow from Y
	FirstCommit     Kind = "first-commit"     // committed first entry of term T (the store's own)
	LastBeat        Kind = "last-heartbeat"   // X heard the last timed heartbeat of Y N ms ago (the store's own)
)

// Event is one line of a member's log that tells something about elections.
type Event struct {
	At     time.Duration  `json:"at"`
	Node   history.NodeID `json:"node"` // whose log it is
	Kind   Kind           `json:"kind"`
	Term   uint64         `json:"term,omitempty"`  // 0: the line does not tell
	Peer   string         `json:"peer,omitempty"`  // the other member: its node where the id is known, else the raft id
	Why    string         `json:"why,omitempty"`   // of a refusal, in words: what the voter's line says about itself and the candidate
	Votes  int            `json:"votes,omitempty"` // of tally: granted so far, its own among them
	Ago    time.Duration  `json:"ago,omitempty"`   // of last-heartbeat: how long before At it arrived
	Line   int            `json:"line"`            // in the file Source names, from 1
	Source string         `json:"source"`          // logs/NODE.log or, where a member has no log, history.jsonl
}

// Ref is where the event is told, as FILE:LINE.
func (e Event) Ref() string { return fmt.Sprintf("%s:%d", e.Source, e.Line) }

type pattern struct {
	kind Kind
	mark string // cheap: a line without it cannot match
	re   *regexp.Regexp
}

// Groups are named: id is the member whose line it is, term the term, peer the other member.
var patterns = []pattern{
	{BecameFollower, "became follower", regexp.MustCompile(`(?P<id>[0-9a-f]+) became follower at term (?P<term>\d+)`)},
	{BecamePre, "became pre-candidate", regexp.MustCompile(`(?P<id>[0-9a-f]+) became pre-candidate at term (?P<term>\d+)`)},
	{BecameCandidate, "became candidate", regexp.MustCompile(`(?P<id>[0-9a-f]+) became candidate at term (?P<term>\d+)`)},
	{BecameLeader, "became leader", regexp.MustCompile(`(?P<id>[0-9a-f]+) became leader at term (?P<term>\d+)`)},
	{Campaign, "is starting a new election", regexp.MustCompile(`(?P<id>[0-9a-f]+) is starting a new election at term (?P<term>\d+)`)},
	{SentVote, "sent MsgVote request", regexp.MustCompile(`(?P<id>[0-9a-f]+) \[.*\] sent MsgVote request to (?P<peer>[0-9a-f]+) at term (?P<term>\d+)`)},
	{SentPreVote, "sent MsgPreVote request", regexp.MustCompile(`(?P<id>[0-9a-f]+) \[.*\] sent MsgPreVote request to (?P<peer>[0-9a-f]+) at term (?P<term>\d+)`)},
	{Tally, "MsgVoteResp votes and", regexp.MustCompile(`(?P<id>[0-9a-f]+) has received (?P<votes>\d+) MsgVoteResp votes and \d+ vote rejections`)},
	{VoteRejected, "received MsgVoteResp rejection", regexp.MustCompile(`(?P<id>[0-9a-f]+) received MsgVoteResp rejection from (?P<peer>[0-9a-f]+) at term (?P<term>\d+)`)},
	{PreVoteRejected, "received MsgPreVoteResp rejection", regexp.MustCompile(`(?P<id>[0-9a-f]+) received MsgPreVoteResp rejection from (?P<peer>[0-9a-f]+) at term (?P<term>\d+)`)},
	{GotVote, "received MsgVoteResp from", regexp.MustCompile(`(?P<id>[0-9a-f]+) received MsgVoteResp from (?P<peer>[0-9a-f]+) at term (?P<term>\d+)`)},
	{GotPreVote, "received MsgPreVoteResp from", regexp.MustCompile(`(?P<id>[0-9a-f]+) received MsgPreVoteResp from (?P<peer>[0-9a-f]+) at term (?P<term>\d+)`)},
	{Cast, "cast MsgVote for", regexp.MustCompile(`(?P<id>[0-9a-f]+) \[.*\] cast MsgVote for (?P<peer>[0-9a-f]+) \[.*\] at term (?P<term>\d+)`)},
	{CastPre, "cast MsgPreVote for", regexp.MustCompile(`(?P<id>[0-9a-f]+) \[.*\] cast MsgPreVote for (?P<peer>[0-9a-f]+) \[.*\] at term (?P<term>\d+)`)},
	{Rejected, "rejected Msg", regexp.MustCompile(`(?P<id>[0-9a-f]+) \[(?P<mine>.*)\] rejected Msg(?:Pre)?Vote from (?P<peer>[0-9a-f]+) \[(?P<theirs>.*)\] at term (?P<term>\d+)`)},
	{LeaseIgnored, "lease is not expired", regexp.MustCompile(`(?P<id>[0-9a-f]+) \[.*\] ignored Msg(?:Pre)?Vote from (?P<peer>[0-9a-f]+) \[.*\] at term (?P<term>\d+): lease is not expired`)},
	{SteppedDown, "stepped down to follower", regexp.MustCompile(`(?P<id>[0-9a-f]+) stepped down to follower since quorum is not active`)},
	{LeaderKnown, "elected leader", regexp.MustCompile(`(?P<id>[0-9a-f]+) elected leader (?P<peer>[0-9a-f]+) at term (?P<term>\d+)`)},
	{LeaderKnown, "changed leader", regexp.MustCompile(`(?P<id>[0-9a-f]+) changed leader from [0-9a-f]+ to (?P<peer>[0-9a-f]+) at term (?P<term>\d+)`)},
	{LeaderLost, "lost leader", regexp.MustCompile(`(?P<id>[0-9a-f]+) lost leader (?P<peer>[0-9a-f]+) at term (?P<term>\d+)`)},
	{TransferStarted, "starts to transfer leadership", regexp.MustCompile(`(?P<id>[0-9a-f]+) \[term (?P<term>\d+)\] starts to transfer leadership to (?P<peer>[0-9a-f]+)`)},
	{TimeoutNow, "received MsgTimeoutNow", regexp.MustCompile(`(?P<id>[0-9a-f]+) \[term (?P<term>\d+)\] received MsgTimeoutNow from (?P<peer>[0-9a-f]+)`)},
	{FirstCommit, "committed first entry of term", regexp.MustCompile(`committed first entry of term (?P<term>\d+)`)},
	{LastBeat, "heard the last timed heartbeat of", regexp.MustCompile(`(?P<id>[0-9a-f]+) heard the last timed heartbeat of (?P<peer>[0-9a-f]+) (?P<ago>[0-9]+\.[0-9]+ms) ago`)},
	{Started, "newRaft ", regexp.MustCompile(`newRaft (?P<id>[0-9a-f]+) \[peers: \[[^\]]*\], term: (?P<term>\d+)`)},
}

// Parse reads one line of a log; ok is false where it tells nothing about elections. The text is searched, not decoded: zap's JSON and plain lines both carry
// raft's words unchanged, since none of them has a character that JSON escapes. The event has no time
// and place, and its Peer is a raft id.
func Parse(text string) (e Event, ok bool) {
	e, _, ok = match(text)
	return e, ok
}

// match is Parse, and whose line it is: a raft id.
func match(text string) (e Event, id string, ok bool) {
	for _, p := range patterns {
		if !strings.Contains(text, p.mark) {
			continue
		}
		m := p.re.FindStringSubmatch(text)
		if m == nil {
			continue
		}
		e.Kind = p.kind
		var mine, theirs string
		for i, name := range p.re.SubexpNames() {
			switch name {
			case "id":
				id = m[i]
			case "peer":
				e.Peer = m[i]
			case "term":
				var err error
				if e.Term, err = strconv.ParseUint(m[i], 10, 64); err != nil {
					return e, "", false // digits, but no term has more than 64 bits
				}
			case "votes":
				e.Votes, _ = strconv.Atoi(m[i]) // digits; there are seven members at most
			case "ago":
				e.Ago, _ = time.ParseDuration(m[i]) // digits and a unit
			case "mine":
				mine = m[i]
			case "theirs":
				theirs = m[i]
			}
		}
		switch p.kind {
		case Rejected:
			e.Why = refusalWhy(mine, theirs)
		case LeaseIgnored:
			e.Why = "it had heard from a leader within the last election timeout"
		}
		return e, id, true
	}
	return e, "", false
}

// refusalWhy compares what a voter's line says: "logterm: 2, index: 99, vote: 0" of itself, and the
// first two of the candidate. These are raft's rules for a vote (Raft paper, sections 5.2 and 5.4.1).
func refusalWhy(mine, theirs string) string {
	var a, b struct{ term, index uint64 }
	var vote string
	if n, _ := fmt.Sscanf(mine, "logterm: %d, index: %d, vote: %s", &a.term, &a.index, &vote); n < 2 {
		return ""
	}
	if n, _ := fmt.Sscanf(theirs, "logterm: %d, index: %d", &b.term, &b.index); n < 2 {
		return ""
	}
	switch {
	case a.term > b.term || a.term == b.term && a.index > b.index:
		return fmt.Sprintf("its own log was longer: entry %d of term %d against entry %d of term %d", a.index, a.term, b.index, b.term)
	case strings.Trim(vote, "0") != "":
		return "it had already voted in this term"
	}
	return "it knew a newer term"
}

// Read reads what the members' logs tell about elections, in the order of time. ids maps nodes
// to raft ids; a node that is missing is named by its own log.
func Read(logs map[history.NodeID][]history.LogLine, ids map[history.NodeID]string) []Event {
	names := map[string]string{}
	for node, id := range ids {
		names[strings.TrimLeft(id, "0")] = string(node)
	}
	var out []Event
	for _, node := range slices.Sorted(maps.Keys(logs)) {
		for i, l := range logs[node] {
			e, id, ok := match(l.Text)
			if !ok {
				continue
			}
			if id != "" && names[id] == "" {
				names[id] = string(node)
			}
			e.At, e.Node, e.Line, e.Source = l.At, node, i+1, "logs/"+string(node)+".log"
			out = append(out, e)
		}
	}
	for i := range out {
		if n := names[out[i].Peer]; n != "" {
			out[i].Peer = n
		}
	}
	Sort(out)
	return out
}

// Sort puts events in the order of time, and those of one time in that of members and lines.
func Sort(events []Event) {
	slices.SortStableFunc(events, func(a, b Event) int {
		return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.Node, b.Node), cmp.Compare(a.Line, b.Line))
	})
}
