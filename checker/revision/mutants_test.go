package revision

import (
	"flag"
	"testing"

	"github.com/faultline-chaos/faultline/internal/mutants"
)

var (
	onlyMutants  = flag.String("mutants", "", "pattern of the names of the mutants to try; else the first")
	mutantsShard = flag.String("mutants.shard", "1/1", "which part of them")
)

// TestMutants switches the rules off one by one. TestAgainstOracle must notice; where a rule only
// spares work, TestWork.
func TestMutants(t *testing.T) {
	mutants.Suite{
		Package: "github.com/faultline-chaos/faultline/checker/revision",
		Mutants: weakened, Verdicts: "TestAgainstOracle", Work: "TestWork",
		Files: []string{
			"revision.go", "prepare.go", "hints.go", "choose.go", "blame.go", "replay.go", "model.go",
			"oracle_test.go", "kept_test.go", "random_test.go", "verdicts_test.go", "simulate_test.go", "work_test.go",
		},
		Few:  "*fuzzCount = 1000",
		Only: *onlyMutants, Shard: *mutantsShard,
	}.Run(t)
}

var weakened = []mutants.Mutant{
	{Name: "how much was deleted", File: "model.go", Old: `if sure && n != o.Outputs[i].Count {`, New: `if sure && false {`},
	// The order of revisions.
	{Name: "a return before the call", File: "prepare.go", Old: `case o.Return < o.Call:`, New: `case false:`},
	{Name: "a revision before the initial one", File: "prepare.go", Old: `case o.Rev < c.Initial:`, New: `case o.Rev < 0:`},
	{Name: "a read is a write", File: "prepare.go", Old: `if a.Kind == Put || a.Kind == Delete && o.Outputs[i].Count > 0 {`, New: `if a.Kind != Get || a.Kind == Delete && o.Outputs[i].Count > 0 {`},
	{Name: "two writes of one revision", File: "prepare.go", Old: `if other := c.writer[s]; other >= 0 {`, New: `if other := c.writer[s]; false {`},
	{Name: "a value that nobody wrote", File: "prepare.go", Old: `if !written && !logged[p] {`, New: `if false {`, Work: true},
	{Name: "a value of a revision that no write has", File: "prepare.go", Old: "\t\treturn c.illegal(by, mod, \"it shows a value of revision %d, which no write can have\", mod)", New: "\t\treturn true", Work: true},
	{Name: "an unknown write at two revisions", File: "prepare.go", Old: `if before, ok := at[w]; ok && before != mod {`, New: `if before, ok := at[w]; false && ok {`},
	{Name: "an unknown write at another's revision", File: "prepare.go", Old: `if other := c.writer[s]; other >= 0 && other != w {`, New: `if other := c.writer[s]; false {`},
	{Name: "an identified write is a candidate, too", File: "prepare.go", Old: `if _, ok := at[int32(i)]; !ok && !c.Ops[i].known()`, New: `if _, ok := at[int32(i)]; (ok || !ok) && !c.Ops[i].known()`},
	{Name: "a value of several writers names one", File: "prepare.go", Old: `writers[p] = several`, New: `writers[p] = w`},
	{Name: "candidates are counted whenever they were called", File: "prepare.go", Old: `if called < c.result.Gaps {`, New: `if false {`, Work: true},
	{Name: "a deadline without its reads", File: "prepare.go", Old: `if c.Ops[r].Return < first {`, New: `if false {`},
	{Name: "a deadline without its writes", File: "prepare.go", Old: `w >= 0 && c.Ops[w].Return < first {`, New: `false {`},

	// The log.
	{Name: "the log has no event of a revision", File: "prepare.go", Old: `if c.events[s+1] == 0 {`, New: `if false {`},
	{Name: "the log is not compared with what was done", File: "replay.go", Old: "\t\t\tproblem = m.follows(events, rev)\n", New: ""},
	{Name: "the log may leave out a change", File: "model.go", Old: `if len(changed) > 0 {`, New: `if false {`},
	{Name: "the log removes what is absent", File: "model.go", Old: `case m.keys[e.Key].version == 0 && !m.unsure(e.Key):`, New: `case false:`},

	// What replies say.
	{Name: "a comparison that failed", File: "model.go", Old: `if o.Succeeded && !hold || !o.Succeeded && hold && all {`, New: `if !o.Succeeded && hold && all {`},
	{Name: "no comparison failed", File: "model.go", Old: `if o.Succeeded && !hold || !o.Succeeded && hold && all {`, New: `if o.Succeeded && !hold || false && all {`},
	{Name: "a comparison of an absent key's value", File: "model.go", Old: `return e.version > 0 && (e.value == c.Value) == (c.Relation == Equal)`, New: `return (e.version > 0 && e.value == c.Value) == (c.Relation == Equal)`},
	{Name: "a key that was absent is found", File: "model.go", Old: `case found && e.version == 0:`, New: `case false:`},
	{Name: "a key that was there is not found", File: "model.go", Old: `case !found && e.version > 0:`, New: `case false:`},
	{Name: "another value", File: "model.go", Old: `case found && items[0].Value != e.value:`, New: `case false:`},
	{Name: "another revision of the key", File: "model.go", Old: `case found && items[0].Mod != 0 && items[0].Mod != e.mod:`, New: `case false:`},
	{Name: "a new key keeps its version", File: "model.go", Old: "\t\te.create = rev\n", New: ""},
	{Name: "a write that returned before an earlier one was called", File: "replay.go", Old: "\t\tif o.Return < m.call {\n\t\t\treturn conflict{int(writer)", New: "\t\tif false {\n\t\t\treturn conflict{int(writer)"},
	{Name: "a read that returned before an earlier write was called", File: "replay.go", Old: "\t\tif o.Return < m.call {\n\t\t\treturn conflict{int(i)", New: "\t\tif false {\n\t\t\treturn conflict{int(i)"},
	{Name: "reads of one revision order each other", File: "replay.go", Old: "\t\tif problem := m.definite(o, rev); problem != \"\" {\n\t\t\treturn conflict{op: int(i)", New: "\t\tm.called(i, o.Call)\n\t\tif problem := m.definite(o, rev); problem != \"\" {\n\t\t\treturn conflict{op: int(i)"},
	{Name: "an identified write that changes nothing", File: "replay.go", Old: `if len(m.touched) == 0 && m.dirty == nil {`, New: `if false {`, Work: true},

	// Gaps.
	{Name: "a candidate twice", File: "choose.go", Old: `if s.user[i] < 0 {`, New: `if true {`},
	{Name: "a candidate after its deadline", File: "choose.go", Old: "\t\t\tif o.Call > s.deadline[slot] {\n\t\t\t\tbreak\n\t\t\t}\n", New: ""},
	{Name: "a candidate that changes nothing", File: "choose.go", Old: "\tif len(m.touched) == 0 {\n\t\treturn false\n\t}\n\tfor _, k", New: "\tfor _, k"},
	{Name: "a candidate without the value that was seen there", File: "choose.go", Old: `e.version == 0 || e.value != p.value || e.mod != c.rev(slot)`, New: `false && e.version == 0 && p.key < 0`, Work: true},
	{Name: "shapes forget what is compared", File: "hints.go", Old: `b = binary.AppendVarint(b, cmp.Number)`, New: ``},
	{Name: "shapes forget values that are looked at", File: "hints.go", Old: `v := int64(a.Value); looked[pair{a.Key, a.Value}]`, New: `v := int64(a.Value); false`},
	{Name: "a key is quiet before its value", File: "hints.go", Old: `if first := c.slot(item.Mod) + 1; item.Mod != 0 && first <= last {`, New: `if first := c.slot(item.Mod) - 1; item.Mod != 0 && first <= last {`},
	{Name: "an absent key is quiet whatever may have deleted it", File: "hints.go", Old: ` && !unsure[a.Key] {`, New: ` && unsure != nil {`},
	{Name: "an absent key is quiet since the beginning", File: "hints.go", Old: `first = d[k-1] + 1`, New: `first = 1`},

	// Which choice a contradiction hangs on.
	{Name: "only the latest choice is made anew", File: "choose.go", Old: "\t\ts.stack = s.stack[:last]\n\t\tbecause = ch.ruled\n", New: "\t\treturn false\n"},
	{Name: "a contradiction forgets what it hangs on", File: "choose.go", Old: "\t\t\tch.ruled.add(choice, on)\n", New: "\t\t\t_, _ = choice, on\n"},
	{Name: "gaps that did not write a key do not matter", File: "choose.go", Old: "\t\t\ts.unwritten(to, l, all)\n", New: ""},
	{Name: "candidates in use elsewhere do not matter", File: "choose.go", Old: "\t\t\t\tch.ruled.exactly(s.user[i])\n", New: ""},
	{Name: "why a candidate cannot be does not matter", File: "choose.go", Old: "\t\t\ts.expand(ch.ruled, s.m.looks)\n", New: ""},
	{Name: "what a candidate compares does not matter", File: "choose.go", Old: "\t\t\tall(ch.why.looks)\n", New: ""},
	{Name: "what an identified write might have done does not matter", File: "replay.go", Old: "\to.eachWritten(m.spare)\n", New: ""},
	{Name: "what an identified write compares does not matter", File: "replay.go", Old: `m.by = m.seeing(o, nobodyChose)`, New: `m.by = nil`},
	{Name: "puts may make a key absent", File: "blame.go", Old: `look{effect{k, Delete}, e.there, m.at, e.alive}`, New: `look{effect{k, Put}, e.there, m.at, e.alive}`},
	{Name: "deletes may make a key present", File: "blame.go", Old: `look{effect{k, Put}, e.since, m.at, e.why}`, New: `look{effect{k, Delete}, e.since, m.at, e.why}`},
	{Name: "an identified put keeps a key there for certain", File: "model.go", Old: "\t\te.alive = &cause{choice: nobodyChose, looks: m.by.looks, before: e.alive}\n", New: "\t\te.there, e.alive = rev, nil\n"},
	{Name: "how old a key is hangs on nothing", File: "model.go", Old: `e.age = m.aged(k, &old, rev)`, New: `_ = old`},
	{Name: "what the log contradicts hangs on nothing", File: "replay.go", Old: `if m.note && len(events) > 0 {`, New: `if false {`},
	{Name: "every choice is gone back to", File: "choose.go", Old: "\tbecause := conditions{}\n", New: "\tbecause := conditions{}\n\tfor i := range s.stack {\n\t\tbecause.exactly(i)\n\t}\n", Work: true},
	{Name: "a gap that did not write a key tries all others", File: "choose.go", Old: `to.add(i, condition{without: without})`, New: `to.exactly(i)`, Work: true},
	{Name: "candidates in the order of their calls", File: "choose.go", Old: `cmp.Compare(a.until, b.until), `, New: ``, Work: true},
}
