package page

import (
	"bytes"
	"cmp"
	"fmt"
	"html/template"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/faultline-chaos/faultline/history"
	"github.com/faultline-chaos/faultline/results"
	"github.com/faultline-chaos/faultline/results/failover"
)

// The page carries lines of the history and of the members' logs, so that a click shows what was
// written then. A long run has more of them than a page can hold: blocks of lines are taken in the
// order of how near they are to a fault, an election or a line that the page refers to, until the
// space is used. The page says what was left out.

const (
	maxPage     = 19 << 20 // bytes; the whole page stays below 20 MB
	maxExcerpts = 5 << 20  // bytes of base64
	excerptRows = 128      // lines a block
	// excerptMisses in a row end the search for a block that still fits.
	excerptMisses = 16
	// A line beyond this is cut, so that one huge value cannot take the whole space.
	maxExcerptLine = 4 << 10
)

// excerpts is the text in the page and what it holds.
type excerpts struct {
	Data template.HTML
	Have []excerptFile
}

// excerptFile is how much of a file the page holds.
type excerptFile struct {
	File  string `json:"file"`
	Lines int    `json:"lines"`
	Have  int    `json:"have"`
}

// Left says whether lines are missing.
func (e excerptFile) Left() bool { return e.Have < e.Lines }

// lineBlock is some lines of one file. Node is empty for the history.
type lineBlock struct {
	node     history.NodeID
	from, to int // indices
	far      time.Duration
}

// excerptsOf takes as much as fits into the given bytes of base64.
func excerptsOf(a *failover.Analysis, space int) (excerpts, error) {
	blocks := lineBlocks(a)
	have := map[history.NodeID]int{}
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	var raw []byte
	ahead, missed := 0, 0 // bytes not yet in b; blocks in a row that did not fit
	// Lines become a fifth or less; base64 adds a third.
	fits := func() bool { return (b.Len()+(ahead+len(raw))/2)*4/3 <= space }
	for _, k := range blocks {
		if missed == excerptMisses {
			break
		}
		raw = appendBlock(a, raw[:0], k)
		if !fits() && ahead > 0 {
			if err := z.Flush(); err != nil { // to know its length
				return excerpts{}, fmt.Errorf("pack lines: %w", err)
			}
			ahead = 0
		}
		if !fits() {
			missed++
			continue
		}
		if _, err := z.Write(raw); err != nil {
			return excerpts{}, fmt.Errorf("pack lines: %w", err)
		}
		ahead, missed = ahead+len(raw), 0
		have[k.node] += k.to - k.from
	}
	if err := z.Close(); err != nil {
		return excerpts{}, fmt.Errorf("pack lines: %w", err)
	}
	out := excerpts{Data: embed(b.Bytes()), Have: []excerptFile{{results.HistoryFile, len(a.History.Ops), have[""]}}}
	for _, id := range results.SortedKeys(a.History.Logs) {
		out.Have = append(out.Have, excerptFile{logFile(id), len(a.History.Logs[id]), have[id]})
	}
	return out, nil
}

func logFile(id history.NodeID) string { return results.LogsDir + "/" + string(id) + ".log" }

// appendBlock writes a block's head, member, first line and count, and its lines. A line of a log
// has its time in µs before it.
func appendBlock(a *failover.Analysis, b []byte, k lineBlock) []byte {
	b = fmt.Appendf(b, "%d %d %s\n", k.from+1, k.to-k.from, k.node)
	for i := k.from; i < k.to; i++ {
		start := len(b)
		if k.node == "" {
			b = bytes.TrimSuffix(a.History.Ops[i].AppendJSON(b), []byte{'\n'})
		} else {
			l := &a.History.Logs[k.node][i]
			b = append(strconv.AppendInt(b, l.At.Microseconds(), 10), ' ')
			b = append(b, strings.ToValidUTF8(l.Text, "\ufffd")...)
		}
		if len(b)-start > maxExcerptLine {
			b = append(b[:start], clipBytes(string(b[start:]), maxExcerptLine)...)
		}
		for j := start; j < len(b); j++ { // a line stays a line
			if b[j] == '\n' {
				b[j] = ' '
			}
		}
		b = append(b, '\n')
	}
	return b
}

// lineBlocks are all blocks of all files, those first that matter most.
func lineBlocks(a *failover.Analysis) []lineBlock {
	moments := noteworthy(a)
	cited := citedLines(a)
	var out []lineBlock
	cut := func(node history.NodeID, n int, when func(i int) time.Duration, nearer time.Duration) {
		for from := 0; from < n; from += excerptRows {
			k := lineBlock{node: node, from: from, to: min(n, from+excerptRows)}
			k.far = distance(moments, when(k.from), when(k.to-1)) / nearer
			if cited[citedBlock{node, from / excerptRows}] {
				k.far = 0
			}
			out = append(out, k)
		}
	}
	for _, id := range results.SortedKeys(a.History.Logs) {
		// Logs say more in a line than the history does, so more of them is taken.
		lines := a.History.Logs[id]
		cut(id, len(lines), func(i int) time.Duration { return lines[i].At }, 16)
	}
	ops := a.History.Ops
	cut("", len(ops), func(i int) time.Duration { return ops[i].Time }, 1)
	slices.SortStableFunc(out, func(x, y lineBlock) int { return cmp.Compare(x.far, y.far) })
	return out
}

// noteworthy is when something was broken, healed or elected, sorted.
func noteworthy(a *failover.Analysis) []time.Duration {
	var out []time.Duration
	for i := range a.Faults {
		f := &a.Faults[i]
		out = append(out, f.Issued, f.EffectStart)
		if f.HealIssued != nil {
			out = append(out, *f.HealIssued, f.End(a.End))
		}
	}
	for _, l := range a.Leaderships {
		out = append(out, l.From, l.To)
	}
	for i := range a.Episodes {
		e := &a.Episodes[i]
		for _, m := range []*failover.Mark{e.Detected, e.Elected, e.Committed, e.Writes.Back, e.Reads.Back} {
			if m != nil {
				out = append(out, m.At)
			}
		}
	}
	slices.Sort(out)
	return out
}

// distance is how far the moments are from the time from..to; 0 where one lies in it.
func distance(moments []time.Duration, from, to time.Duration) time.Duration {
	i, _ := slices.BinarySearch(moments, from)
	far := time.Duration(math.MaxInt64)
	if i < len(moments) {
		far = max(0, moments[i]-to)
	}
	if i > 0 {
		far = min(far, from-moments[i-1])
	}
	return far
}

// citedBlock is a block by its number in its file.
type citedBlock struct {
	node history.NodeID
	n    int
}

// citedLines are the blocks with lines that the page refers to, with a few lines of context.
func citedLines(a *failover.Analysis) map[citedBlock]bool {
	out := map[citedBlock]bool{}
	cite := func(node history.NodeID, line int) {
		for _, l := range []int{line - contextRows, line, line + contextRows} {
			out[citedBlock{node, max(0, l-1) / excerptRows}] = true
		}
	}
	citeRef := func(ref string) {
		file, n, ok := splitRef(ref)
		if !ok {
			return
		}
		node := history.NodeID(strings.TrimSuffix(strings.TrimPrefix(file, results.LogsDir+"/"), ".log"))
		if file == results.HistoryFile {
			node = ""
		}
		cite(node, n)
	}
	for i := range a.Faults {
		f := &a.Faults[i]
		for _, l := range []int{f.Line, f.DoneLine, f.HealLine, f.HealedLine} {
			if l > 0 {
				cite("", l)
			}
		}
	}
	for i := range a.Episodes {
		for _, s := range failover.Story(&a.Episodes[i], len(a.Run.Nodes)) {
			for _, r := range s.Refs {
				citeRef(r)
			}
		}
	}
	for i := range a.Run.Verdicts {
		e := a.Run.Verdicts[i].Evidence
		for _, n := range e[:min(len(e), maxEvidence)] {
			cite("", n+1)
		}
	}
	for i := range a.Controls {
		for _, l := range a.Controls[i].Errors {
			cite("", l)
		}
	}
	return out
}

// contextRows is how many lines above and below a line the page shows with it.
const contextRows = 6

// splitRef takes FILE:LINE apart; words after it are not part of it.
func splitRef(ref string) (file string, line int, ok bool) {
	ref, _, _ = strings.Cut(ref, " ")
	i := strings.LastIndexByte(ref, ':')
	if i < 0 {
		return ref, 0, false
	}
	n, err := strconv.Atoi(ref[i+1:])
	return ref[:i], n, err == nil && n > 0
}
