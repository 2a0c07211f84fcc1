package sweep

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"
)

//go:embed figure16.txt
var figure16 string

// figure16Of is every trial of a line in the paper, read from the author's own vector figures.
var figure16Of = sync.OnceValues(func() (map[string]Sample, error) { return parseFigure16(figure16) })

func parseFigure16(text string) (map[string]Sample, error) {
	out := map[string]Sample{}
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) == 0 || fields[0] == "#" {
			continue
		}
		var s Sample
		for _, f := range fields[1:] {
			v, err := strconv.ParseFloat(f, 64)
			if err != nil {
				return nil, fmt.Errorf("read line %s of figure 16: %w", fields[0], err)
			}
			s.Values = append(s.Values, time.Duration(v*float64(time.Millisecond)))
		}
		out[fields[0]] = s
	}
	return out, nil
}

// Trials16 are the paper's own trials of the line; none where they are not known.
func (l PaperLine) Trials16() (Sample, error) {
	all, err := figure16Of()
	return all[l.Name()], err
}
