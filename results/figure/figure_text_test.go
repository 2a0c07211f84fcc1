package figure

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/plot/font"
	fonts "gonum.org/v1/plot/font/liberation"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/recorder"

	"github.com/faultline-chaos/faultline/history"
	"github.com/faultline-chaos/faultline/results/failover"
	"github.com/faultline-chaos/faultline/results/internal/synthetic"
)

// box is what a text takes on the canvas.
type box struct {
	text           string
	x0, y0, x1, y1 vg.Length
}

// boxes are those of all texts that are painted. A rotated one stands upright.
func boxes(s sketch) []box {
	var rec recorder.Canvas
	s.paint(draw.NewCanvas(&rec, figureWidth, s.height))
	cache := font.NewCache(fonts.Collection())
	var out []box
	type state struct {
		at     vg.Point
		turned bool
	}
	cur, stack := state{}, []state(nil)
	for _, action := range rec.Actions {
		switch x := action.(type) {
		case *recorder.Push:
			stack = append(stack, cur)
		case *recorder.Pop:
			cur, stack = stack[len(stack)-1], stack[:len(stack)-1]
		case *recorder.Translate:
			cur.at = cur.at.Add(x.Point)
		case *recorder.Rotate:
			cur.turned = math.Abs(x.Angle) > 1
		case *recorder.FillString:
			face := cache.Lookup(x.Font, x.Size)
			w, up, down := face.Width(x.String), x.Size*0.72, x.Size*0.2
			p := cur.at.Add(x.Point)
			b := box{x.String, p.X, p.Y - down, p.X + w, p.Y + up}
			if cur.turned { // about the origin that was moved to
				b = box{x.String, cur.at.X - x.Point.Y - up, cur.at.Y + x.Point.X, cur.at.X - x.Point.Y + down, cur.at.Y + x.Point.X + w}
			}
			out = append(out, b)
		}
	}
	return out
}

func textsOf(t *testing.T, p *plan) []string {
	t.Helper()
	var out []string
	for _, b := range boxes(p.draw(p.head, p.table)) {
		out = append(out, b.text)
	}
	return out
}

// requireReadable checks that no text is cut at the edge and that no two lie over one another.
func requireReadable(t *testing.T, p *plan) {
	t.Helper()
	s := p.draw(p.head, p.table)
	all := boxes(s)
	require.NotEmpty(t, all)
	for i, b := range all {
		require.True(t, b.x0 >= 0 && b.x1 <= figureWidth && b.y0 >= 0 && b.y1 <= s.height, "%s: %q is cut: %+v in %v x %v", p.name, b.text, b, figureWidth, s.height)
		for _, o := range all[:i] {
			apart := b.x1 <= o.x0 || o.x1 <= b.x0 || b.y1 <= o.y0 || o.y1 <= b.y0
			require.True(t, apart, "%s: %q and %q overlap: %+v %+v", p.name, b.text, o.text, b, o)
		}
	}
}

// crowdOf is an analysis with n failovers of all kinds, with names of a given length.
func crowdOf(n, long int) failover.Analysis {
	pad := strings.Repeat("x", long)
	pause := 40 * synthetic.Mil
	if n > 7 {
		pause = 300 * synthetic.Mil
	}
	s := synthetic.NewSynthetic(3, pause)
	at := 4 * synthetic.Sec
	faults := []string{"kill", "pause", "isolate", "delay(150ms,jitter=50ms)" + pad}
	for i := range n {
		s.Add(faults[i%len(faults)], true, at, 2*synthetic.Sec, i%5 == 3)
		if i%3 == 0 {
			s.Add(faults[i%len(faults)], false, at+4*synthetic.Sec, synthetic.Sec, false)
		}
		at += 6 * synthetic.Sec
	}
	end := at + 3*synthetic.Sec
	if n <= 7 {
		s.Probe(synthetic.ProbeEvery, synthetic.ProbeTimeout, end-100*synthetic.Mil)
	}
	run, h := s.Finish(end)
	if long > 0 {
		run.System, run.Runtime = "system-"+pad, "runtime-"+pad
		renamed := map[history.NodeID]history.NodeID{}
		for i, id := range run.Nodes {
			renamed[id] = history.NodeID(fmt.Sprintf("%s-%s", id, pad))
			run.Nodes[i] = renamed[id]
		}
		ids, logs := map[history.NodeID]string{}, map[history.NodeID][]history.LogLine{}
		for old, id := range renamed {
			ids[id], logs[id] = run.MemberIDs[old], h.Logs[old]
		}
		run.MemberIDs, h.Logs, h.Nodes = ids, logs, run.Nodes
		for i := range h.Ops {
			op := &h.Ops[i]
			op.Node = renamed[op.Node]
			if op.F == history.FInject || op.F == history.FHeal {
				for old, id := range renamed {
					op.Value = []byte(strings.ReplaceAll(string(op.Value), `"`+string(old)+`"`, `"`+string(id)+`"`))
				}
			}
		}
	}
	return failover.Analyze(run, h)
}

// TestFiguresAreReadable: for few, many and no failovers and for long names no text of any figure is
// cut or lies over another one, and every figure about failovers says how many and how long.
func TestFiguresAreReadable(t *testing.T) {
	for _, n := range []int{0, 1, 2, 7, 60, 300} {
		for _, long := range []int{0, 60} {
			if n >= 60 && long > 0 {
				continue
			}
			t.Run(fmt.Sprintf("%d failovers, %d more letters", n, long), func(t *testing.T) {
				a := crowdOf(n, long)
				require.Len(t, a.Episodes, n)
				plans := plans(&a)
				for i := range plans {
					p := &plans[i]
					if strings.HasPrefix(p.name, "failover-") && i > 12 {
						break // the others are alike
					}
					requireReadable(t, p)
					said := strings.Join(textsOf(t, p), " ")
					if n == 0 || strings.HasPrefix(p.name, "failover-") {
						continue
					}
					for _, word := range []string{"median ", ", p90 ", ", p99 ", ", max ", fmt.Sprintf("(n %d", a.Stat("write outage").N)} {
						require.Contains(t, said, word, p.name)
					}
					if n >= 7 {
						require.Contains(t, said, "median "+a.Stat("write outage").Median.String()+" [", p.name)
					}
				}
			})
		}
	}
}

// TestTextsAreAsWideInAnyFont: where a browser has none of the fonts, no text grows over another one.
func TestTextsAreAsWideInAnyFont(t *testing.T) {
	a := failover.Analyze(synthetic.Probed(synthetic.Mix))
	p := outageCurves(&a)
	s := p.draw(p.head, p.table)
	svg, err := vectorOf(p.name, figureWidth, s.height, s.paint)
	require.NoError(t, err)
	require.Positive(t, strings.Count(string(svg), "<text "))
	require.Equal(t, strings.Count(string(svg), "<text "), strings.Count(string(svg), `<text textLength="`))
	one := `<text x="1" style="font-family:a;font-variant:none;font-weight:bold;font-style:normal;font-size:10px;fill:#000">a &lt; b</text>`
	require.Equal(t, `<text textLength="23.07" lengthAdjust="spacingAndGlyphs" x="1" style="font-family:'Liberation Sans',Arial,Helvetica,sans-serif;font-weight:bold;font-size:10px;fill:#000">a &lt; b</text>`, string(tidySVG([]byte(one))))
}
