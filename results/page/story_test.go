package page

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/history"
	"github.com/faultline-chaos/faultline/results"
	"github.com/faultline-chaos/faultline/results/failover"
	"github.com/faultline-chaos/faultline/results/internal/synthetic"
)

// TestStories holds the words of typical and of odd elections; read them as somebody who has never heard
// of raft. Each reference must name the line that says it.
func TestStories(t *testing.T) {
	loss := func(fault string, split, refused bool) func(*synthetic.Synthetic) {
		return func(s *synthetic.Synthetic) {
			k := synthetic.Lose(rand.New(rand.NewPCG(3, 3)), fault, "n1", "n2", "n3", 2, 4*synthetic.Sec)
			if make := synthetic.Kinds[fault]; make != nil {
				make(&k)
			} else {
				synthetic.Further[fault](&k)
			}
			if split || refused {
				k.LoseFirst("n2", "n3", split)
			}
			s.Trouble(k)
		}
	}
	var b strings.Builder
	for _, c := range []struct {
		name string
		make func(*synthetic.Synthetic)
	}{
		{"a leader is killed", loss("kill", false, false)},
		{"a leader is cut off, and knows it late", loss("partition", false, false)},
		{"a leader is paused; the first campaign is refused", loss("pause", false, true)},
		{"a leader is killed; votes are split", loss("kill", true, false)},
		{"a leader is not heard", loss("mute", false, false)},
		{"a leader is slow, and stays", loss("delay(50ms)", false, false)},
		{"nobody is elected", synthetic.Censored},
		{"nothing was broken", synthetic.Unprovoked},
	} {
		s := synthetic.NewKnown(3)
		c.make(s)
		if len(s.Known) == 0 {
			s.Known = nil
		}
		a := failover.Analyze(s.ProbedUntil(12 * synthetic.Sec))
		require.NotEmpty(t, a.Episodes, c.name)
		fmt.Fprintf(&b, "# %s\n", c.name)
		for i := range a.Episodes {
			tellStory(t, &b, &a, &a.Episodes[i])
		}
		b.WriteString("\n")
	}
	golden(t, "stories.txt", []byte(b.String()))
}

func tellStory(t *testing.T, b *strings.Builder, a *failover.Analysis, e *failover.Episode) {
	t.Helper()
	for _, s := range failover.Story(e, len(a.Run.Nodes)) {
		fmt.Fprintf(b, "- %s\n", s.Text)
		for _, r := range s.Refs {
			v := refViewOf(a, r)
			require.NotEmptyf(t, v.Line, "%s: there is no line %s", s.Text, r)
			line := v.Line
			if _, msg, ok := strings.Cut(line, `"msg":"`); ok {
				line = strings.TrimSuffix(msg, `","ts":"2026-11-25T07:00:00.000Z"}`)
			}
			for node, id := range a.Run.MemberIDs {
				line = strings.ReplaceAll(line, id, string(node))
			}
			fmt.Fprintf(b, "    %s: %s\n", v.File, clip(line))
		}
	}
}

// TestStoriesNameWhoIsMeant: each sentence about a member links to a line of that member, or of the
// history.
func TestStoriesNameWhoIsMeant(t *testing.T) {
	a := failover.Analyze(synthetic.Probed(synthetic.Mix))
	for i := range a.Episodes {
		for _, s := range failover.Story(&a.Episodes[i], 3) {
			for _, r := range s.Refs {
				file, _, ok := splitRef(r)
				require.True(t, ok)
				if file == results.HistoryFile {
					continue
				}
				node := strings.TrimSuffix(strings.TrimPrefix(file, results.LogsDir+"/"), ".log")
				require.Contains(t, a.Run.Nodes, history.NodeID(node))
				if !strings.Contains(s.Text, "A majority of the members") && !strings.Contains(s.Text, "The first commit") {
					require.Contains(t, s.Text, node, "%s is not told by %s", s.Text, r)
				}
			}
		}
	}
}
