package recount

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// elsewhere are fields that are not computed here: references to lines, words, and what only one side
// can know. The phase within the heartbeat has a test of its own in results.
var elsewhere = regexp.MustCompile(`(^|\.)(ref|t0_ref|last_ref|back_ref|Name|Doc|heartbeat\.at|heartbeat|silence|effect)$|\.(missing|affected)\.|\.campaigns\.\d+\.(asked|lost)\.|\.lost_leader$|\.votes\.\d+\.pre$`)

// Compare holds an analysis (failover.Analysis, of which only the numbers are looked at) against the
// values: both must have the same names with the same numbers. It says what is wrong, and how many
// were compared.
func (v Values) Compare(analysis any) (wrong []string, compared int, err error) {
	b, err := json.Marshal(analysis)
	if err != nil {
		return nil, 0, fmt.Errorf("encode the analysis: %w", err)
	}
	type named struct {
		ID string `json:"id"`
	}
	var a struct {
		End, Ops, ByF, Faults, Episodes, Controls, Baseline, Stats, Probes json.RawMessage
		Groups                                                             []struct {
			Fault, Target       string
			Lost                int
			Writes, Reads, Gaps json.RawMessage
			Episodes            []named
			Controls            []struct{ Fault named }
		}
	}
	if err := json.Unmarshal(b, &a); err != nil {
		return nil, 0, fmt.Errorf("decode the analysis: %w", err)
	}
	seen := Values{}
	for name, part := range map[string]json.RawMessage{"End": a.End, "Ops": a.Ops, "ByF": a.ByF, "Faults": a.Faults, "Episodes": a.Episodes,
		"Controls": a.Controls, "Baseline": a.Baseline, "Stats": a.Stats, "Probes": a.Probes} {
		if err := seen.flatten(name, part); err != nil {
			return nil, 0, err
		}
	}
	for i := range a.Groups {
		g, name := &a.Groups[i], key("Groups.%d", i)
		seen.put(name+".Fault", g.Fault)
		seen.put(name+".Target", g.Target)
		seen.put(name+".Lost", g.Lost)
		for j, e := range g.Episodes {
			seen.put(key("%s.Episodes.%d", name, j), e.ID)
		}
		for j := range g.Controls {
			seen.put(key("%s.Controls.%d", name, j), g.Controls[j].Fault.ID)
		}
		for what, part := range map[string]json.RawMessage{".Writes": g.Writes, ".Reads": g.Reads, ".Gaps": g.Gaps} {
			if err := seen.flatten(name+what, part); err != nil {
				return nil, 0, err
			}
		}
	}
	return v.differences(seen), len(seen), nil
}

// Failovers holds failovers.jsonl in a folder against the values.
func (v Values) Failovers(dir string) (wrong []string, err error) {
	b, err := os.ReadFile(filepath.Join(dir, "failovers.jsonl"))
	if err != nil {
		return nil, err
	}
	lines := bytes.TrimSpace(bytes.ReplaceAll(bytes.TrimSpace(b), []byte("\n"), []byte(",")))
	seen := Values{}
	if err := seen.flatten("Episodes", slices.Concat([]byte("["), lines, []byte("]"))); err != nil {
		return nil, fmt.Errorf("failovers.jsonl: %w", err)
	}
	episodes := Values{}
	for name, x := range v {
		if strings.HasPrefix(name, "Episodes.") {
			episodes[name] = x
		}
	}
	return episodes.differences(seen), nil
}

// flatten adds the leaves of JSON by their names. Elements of a list are named by their id or name, or
// else by their number.
func (v Values) flatten(name string, part []byte) error {
	if len(part) == 0 {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(part))
	d.UseNumber()
	var x any
	if err := d.Decode(&x); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	v.leaves(name, x)
	return nil
}

func (v Values) leaves(name string, x any) {
	switch x := x.(type) {
	case nil:
	case map[string]any:
		for k, y := range x {
			v.leaves(name+"."+k, y)
		}
	case []any:
		for i, y := range x {
			k := strconv.Itoa(i)
			if m, ok := y.(map[string]any); ok {
				for _, field := range []string{"id", "Name"} {
					if s, ok := m[field].(string); ok {
						k = s
					}
				}
			}
			v.leaves(name+"."+k, y)
		}
	default:
		if !elsewhere.MatchString(name) {
			v[name] = fmt.Sprint(x)
		}
	}
}

// differences says where what was seen is not as it is here.
func (v Values) differences(seen Values) (wrong []string) {
	all := maps.Clone(v)
	maps.Copy(all, seen)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		want, ok := v[name]
		got, is := seen[name]
		switch {
		case !ok:
			wrong = append(wrong, fmt.Sprintf("nothing computes %s again, which is %s", name, got))
		case !is:
			wrong = append(wrong, fmt.Sprintf("%s is %s, and is not there", name, want))
		case !same(got, want):
			wrong = append(wrong, fmt.Sprintf("%s is %s, and not %s", name, want, got))
		}
	}
	return wrong
}

// same says whether two texts are equal, or the same fraction but for rounding.
func same(a, b string) bool {
	x, errX := strconv.ParseFloat(a, 64)
	y, errY := strconv.ParseFloat(b, 64)
	fraction := strings.ContainsAny(a+b, ".e") && errX == nil && errY == nil
	return a == b || fraction && math.Abs(x-y) <= 1e-9*math.Max(math.Abs(x), math.Abs(y))
}
