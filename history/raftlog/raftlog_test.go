package raftlog

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/history"
)

// FuzzRead: no line of a log breaks it.
func FuzzRead(f *testing.F) {
	f.Add("raft2026/11/25 07:00:00 INFO: 1 [logterm: 3, index: 9, vote: 0] rejected MsgVote from 2 [logterm: 3, index: 8] at term 4")
	f.Add("2026-11-25T07:00:00Z\tinfo\traft\t8e9e05c52164694d became leader at term 99999999999999999999999")
	f.Fuzz(func(t *testing.T, text string) {
		logs := map[history.NodeID][]history.LogLine{"n1": {{At: 1, Text: text}}}
		for _, e := range Read(logs, nil) {
			require.Equal(t, 1, e.Line)
		}
	})
}

func TestReadsEveryMessage(t *testing.T) {
	for _, c := range []struct {
		text string
		want Event
	}{
		{"newRaft a [peers: [a,b,c], term: 3, commit: 9, applied: 0, lastindex: 9, lastterm: 3]", Event{Kind: Started, Term: 3}},
		{"a became follower at term 3", Event{Kind: BecameFollower, Term: 3}},
		{"a became pre-candidate at term 3", Event{Kind: BecamePre, Term: 3}},
		{"a became candidate at term 4", Event{Kind: BecameCandidate, Term: 4}},
		{"a became leader at term 4", Event{Kind: BecameLeader, Term: 4}},
		{"a is starting a new election at term 3", Event{Kind: Campaign, Term: 3}},
		{"a [logterm: 3, index: 9] sent MsgPreVote request to b at term 3", Event{Kind: SentPreVote, Term: 3, Peer: "n2"}},
		{"a [logterm: 3, index: 9] sent MsgVote request to b at term 4", Event{Kind: SentVote, Term: 4, Peer: "n2"}},
		{"a received MsgPreVoteResp from b at term 3", Event{Kind: GotPreVote, Term: 3, Peer: "n2"}},
		{"a received MsgVoteResp from c at term 4", Event{Kind: GotVote, Term: 4, Peer: "c"}},
		{"a has received 2 MsgVoteResp votes and 0 vote rejections", Event{Kind: Tally, Votes: 2}},
		{"a received MsgVoteResp rejection from b at term 4", Event{Kind: VoteRejected, Term: 4, Peer: "n2"}},
		{"a received MsgPreVoteResp rejection from b at term 4", Event{Kind: PreVoteRejected, Term: 4, Peer: "n2"}},
		{"a [logterm: 3, index: 9, vote: 0] cast MsgVote for b [logterm: 3, index: 9] at term 4", Event{Kind: Cast, Term: 4, Peer: "n2"}},
		{"a [logterm: 3, index: 9, vote: 0] cast MsgPreVote for b [logterm: 3, index: 9] at term 3", Event{Kind: CastPre, Term: 3, Peer: "n2"}},
		{"a [logterm: 3, index: 9, vote: 0] rejected MsgVote from b [logterm: 3, index: 8] at term 4", Event{Kind: Rejected, Term: 4, Peer: "n2", Why: "its own log was longer: entry 9 of term 3 against entry 8 of term 3"}},
		{"a [logterm: 3, index: 9, vote: b] ignored MsgPreVote from b [logterm: 3, index: 9] at term 3: lease is not expired (remaining ticks: 4)", Event{Kind: LeaseIgnored, Term: 3, Peer: "n2", Why: "it had heard from a leader within the last election timeout"}},
		{"a stepped down to follower since quorum is not active", Event{Kind: SteppedDown}},
		{"raft.node: a elected leader b at term 4", Event{Kind: LeaderKnown, Term: 4, Peer: "n2"}},
		{"raft.node: a changed leader from c to b at term 4", Event{Kind: LeaderKnown, Term: 4, Peer: "n2"}},
		{"raft.node: a lost leader b at term 4", Event{Kind: LeaderLost, Term: 4, Peer: "n2"}},
		{"a [term 4] starts to transfer leadership to b", Event{Kind: TransferStarted, Term: 4, Peer: "n2"}},
		{"a [term 4] received MsgTimeoutNow from b and starts an election to get leadership.", Event{Kind: TimeoutNow, Term: 4, Peer: "n2"}},
		{"committed first entry of term 4", Event{Kind: FirstCommit, Term: 4}},
		{"a heard the last timed heartbeat of b 1034.250ms ago", Event{Kind: LastBeat, Peer: "n2", Ago: 1034250 * time.Microsecond}},
	} {
		for _, form := range []string{`{"level":"info","logger":"raft","msg":"%"}`, "2026/11/25 07:00:00 INFO: %"} {
			c.want.At, c.want.Node, c.want.Line, c.want.Source = 7, "n1", 2, "logs/n1.log"
			logs := map[history.NodeID][]history.LogLine{
				"n1": {{At: 1, Text: "a bit of nothing"}, {At: 7, Text: strings.ReplaceAll(form, "%", c.text)}},
				"n2": {},
			}
			got := Read(logs, map[history.NodeID]string{"n2": "b"})
			require.Equal(t, []Event{c.want}, got, c.text)
		}
	}
}
