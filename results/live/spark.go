package live

import (
	"math"
	"strings"
	"time"

	"charm.land/lipgloss/v2"
)

var blocks = []rune(" ▁▂▃▄▅▆▇█")

// low is what the lowest mark of a latency chart stands for at most; each of the eight steps of a row
// doubles it.
const low = time.Millisecond

// level is a latency's height, from 1 to 8 for each row.
func level(d time.Duration, rows int) int {
	if d <= low {
		return 1
	}
	return min(1+int(math.Ceil(math.Log2(float64(d)/float64(low))*float64(rows))), 8*rows)
}

// latencies is a chart of rows lines, the highest first, of what each cell's slowest answer took. Cells
// in which nothing was answered are crossed, those in which some calls were not are of another colour.
func latencies(cells []cell, rows int, of func(*cell) mark) []string {
	out := make([]string, rows)
	for row := range rows {
		var p painter
		base := 8 * (rows - 1 - row) // levels below this row
		for i := range cells {
			m := of(&cells[i])
			style := cyan
			switch {
			case m.ok == 0 && m.bad > 0:
				r := ' '
				if base == 0 {
					r = '×'
				}
				p.add(r, red)
				continue
			case m.ok == 0:
				p.add(' ', cyan)
				continue
			case m.bad > 0:
				style = yellow
			}
			p.add(blocks[min(max(level(m.slowest, rows)-base, 0), 8)], style)
		}
		out[row] = p.String()
	}
	return out
}

// throughput is a line of the workload's calls that ended ok, and the most of them a second.
func throughput(cells []cell) (line string, most float64) {
	top := 0
	for i := range cells {
		top = max(top, cells[i].ended[0])
	}
	var p painter
	for i := range cells {
		n := cells[i].ended[0]
		h := 0
		if n > 0 {
			h = max(1, n*8/top)
		}
		p.add(blocks[h], green)
	}
	return p.String(), float64(top) / Cell.Seconds()
}

// painter joins marks of one style, so that a line has few escapes.
type painter struct {
	out   strings.Builder
	run   []rune
	style lipgloss.Style
}

func (p *painter) add(r rune, s lipgloss.Style) {
	if len(p.run) > 0 && s.GetForeground() != p.style.GetForeground() {
		p.flush()
	}
	p.style = s
	p.run = append(p.run, r)
}

func (p *painter) flush() {
	if len(p.run) > 0 {
		p.out.WriteString(p.style.Render(string(p.run)))
	}
	p.run = p.run[:0]
}

func (p *painter) String() string {
	p.flush()
	return p.out.String()
}
