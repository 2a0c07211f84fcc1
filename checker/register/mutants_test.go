package register

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
		Package: "github.com/faultline-chaos/faultline/checker/register",
		Mutants: weakened, Verdicts: "TestAgainstOracle", Work: "TestWork",
		Files: []string{
			"register.go", "prepare.go", "sweep.go", "moves.go", "reached.go", "frontier.go", "mask.go",
			"oracle_test.go", "kept_test.go", "verdicts_test.go", "simulate_test.go", "work_test.go",
		},
		Few:  "*fuzzCount = 1000",
		Only: *onlyMutants, Shard: *mutantsShard,
	}.Run(t)
}

// Why nothing notices.
const (
	swaps = "Of dead chains, or blind deletes, the one with the earliest deadline is tried, and all of them end in the same " +
		"state. Where another one ran here and the earliest after it, they change places. Where the earliest had hidden " +
		"before, it runs here, and the other one hides just before it: begin and expandDeletes hide all that is complete."
	pruned = "prune leaves out what add leaves out, too, at the next deadline that is not met: between two of those no " +
		"configuration comes to the frontier."
)

var weakened = []mutants.Mutant{
	// What ops are.
	{Name: "a return before the call", File: "prepare.go", Old: `if o.Return < o.Call {`, New: `if false {`},
	{Name: "repeated values", File: "prepare.go", Old: `x.writers > 1 && x.looks > 0`, New: `false`},
	{Name: "repeated values that nobody looks at", File: "prepare.go", Old: `x.writers > 1 && x.looks > 0`, New: `x.writers > 1`},
	{Name: "a read of unknown outcome says something", File: "prepare.go", Old: "\t\tcase !o.must:\n\t\tcase o.val == Absent:", New: "\t\tcase o.val == Absent:"},
	{Name: "a failed compare-and-set of unknown outcome says something", File: "prepare.go", Old: "\t\tif o.must {\n\t\t\to.role, o.val = differs, intern(in.Old)", New: "\t\tif true {\n\t\t\to.role, o.val = differs, intern(in.Old)"},
	{Name: "a missed delete of unknown outcome says something", File: "prepare.go", Old: "\t\tif o.must {\n\t\t\to.role = missed", New: "\t\tif true {\n\t\t\to.role = missed"},
	{Name: "a found delete of unknown outcome says something", File: "prepare.go", Old: "case !o.must:\n\t\t\to.role = anonDelete", New: "case !o.must && in.Kind != DeleteFound:\n\t\t\to.role = anonDelete"},
	{Name: "an unknown delete never ran", File: "prepare.go", Old: `o.role = anonDelete`, New: `o.role = dropped`},
	{Name: "a found delete does not tell", File: "prepare.go", Old: `o.role = found`, New: `o.role = blind`},
	{Name: "a blind delete found something", File: "prepare.go", Old: "\t\t\to.role = blind", New: "\t\t\to.role = found"},
	{Name: "a get of absence is a failed delete of nothing", File: "prepare.go", Old: "case o.val == Absent:\n\t\t\to.role = missed", New: "case o.val == Absent:\n\t\t\to.role = dropped"},
	{Name: "a failed compare-and-set says nothing", File: "prepare.go", Old: `o.role, o.val = differs, intern(in.Old)`, New: `o.role, o.val = dropped, intern(in.Old)`},
	{Name: "a failed compare-and-set looks at nothing", File: "prepare.go", Old: "\t\t\ts.vals[o.val].looks++\n\t\t\ts.vals[o.val].differing++", New: "\t\t\ts.vals[o.val].differing++"},
	{Name: "a compare-and-set looks at nothing", File: "prepare.go", Old: "\t\t\ts.vals[o.src].looks++", New: ""},
	{Name: "a read looks at nothing", File: "prepare.go", Old: "\t\t\tx.looks++\n", New: ""},

	// Which unknown writes ran.
	{Name: "a value that nobody wrote", File: "prepare.go", Old: "\t\t\treturn s.illegal(int(by), \"nobody wrote the value that was seen\")", New: "\t\t\treturn Legal"},
	{Name: "an unknown write that was seen need not have run", File: "prepare.go", Old: "\t\t\ts.ops[w].must = true\n", New: ""},
	{Name: "what an unknown write replaced need not have been there", File: "prepare.go", Old: "\t\t\twork = append(work, w)\n", New: ""},
	{Name: "what a compare-and-set replaced need not have been there", File: "prepare.go", Old: `return need(src, i)`, New: `return Legal`},
	{Name: "two compare-and-sets of one value", File: "prepare.go", Old: `x.succ >= 0 && x.succ != i`, New: `false`},
	{Name: "a compare-and-set does not follow what it replaced", File: "prepare.go", Old: "\t\tx.succ = i\n", New: ""},
	{Name: "a failed compare-and-set from a value that nobody wrote is kept", File: "prepare.go", Old: `o.role == differs && o.val != Absent && s.vals[o.val].writer < 0`, New: `false`, Work: true},
	{Name: "an unknown compare-and-set from a replaced value is kept", File: "prepare.go", Old: `x.succ >= 0 || x.differing == 0`, New: `x.differing == 0`, Work: true},
	{Name: "an unknown compare-and-set that helps nobody is kept", File: "prepare.go", Old: `x.succ >= 0 || x.differing == 0`, New: `x.succ >= 0`, Work: true},
	{Name: "every unknown compare-and-set is dropped", File: "prepare.go", Old: `x.succ >= 0 || x.differing == 0`, New: `true || x.succ >= 0`},
	{Name: "no unknown write is tracked", File: "prepare.go", Old: `s.vals[o.val].differing > 0`, New: `false`},
	{Name: "every unknown write is tracked", File: "prepare.go", Old: `s.vals[o.val].differing > 0`, New: `true`, Work: true},
	{Name: "an unknown create is a put", File: "prepare.go", Old: `return anonCreate`, New: `return anonPut`},
	{Name: "an unknown put is a create", File: "prepare.go", Old: `return anonPut`, New: `return anonCreate`},
	{Name: "an unknown compare-and-set is a put", File: "prepare.go", Old: `return anonSwap`, New: `return anonPut`},

	// Chains and deadlines.
	{Name: "compare-and-sets in a circle", File: "prepare.go", Old: `return s.illegal(i, "compare-and-sets form a circle")`, New: `o.role = dropped`},
	{Name: "a chain ends after its head", File: "prepare.go", Old: "\t\ti = x.succ\n", New: "\t\ti = -1\n"},
	{Name: "a chain is complete before its reads are called", File: "prepare.go", Old: `c.left += 1 + x.uncalled`, New: `c.left++`},
	{Name: "a put is a create", File: "prepare.go", Old: `put: s.ops[head].src == anyState`, New: `put: false`},
	{Name: "a create is a put", File: "prepare.go", Old: `put: s.ops[head].src == anyState`, New: `put: true`},
	{Name: "a deadline without the write's own return", File: "prepare.go", Old: `min(c.deadline, o.ret, s.vals[o.val].firstReturn)`, New: `min(c.deadline, s.vals[o.val].firstReturn)`},
	{Name: "a deadline without its reads", File: "prepare.go", Old: `min(c.deadline, o.ret, s.vals[o.val].firstReturn)`, New: `min(c.deadline, o.ret)`},
	{Name: "a deadline without what follows", File: "prepare.go", Old: `min(c.deadline, o.ret, s.vals[o.val].firstReturn)`, New: `min(o.ret, s.vals[o.val].firstReturn)`},
	{Name: "a deadline of the last read", File: "prepare.go", Old: `= min(x.firstReturn, o.ret), max`, New: `= o.ret, max`},
	{Name: "an effect before the call", File: "prepare.go", Old: `if o.ret < o.call {`, New: `if false {`},
	{Name: "equal deadlines in any order", File: "prepare.go", Old: `cmp.Compare(a.pos, b.pos), cmp.Compare(a.op, b.op)`, New: `cmp.Compare(b.pos, a.pos), cmp.Compare(a.op, b.op)`},
	{Name: "a deadline of a read", File: "prepare.go", Old: `case missed, differs, writer, found, blind:`, New: `case missed, differs, writer, blind:`},
	{Name: "a blind delete has no deadline", File: "prepare.go", Old: `case missed, differs, writer, found, blind:`, New: `case missed, differs, writer, found:`},
	{Name: "a failed compare-and-set has no deadline", File: "prepare.go", Old: `case missed, differs, writer, found, blind:`, New: `case missed, writer, found, blind:`},
	{Name: "an observation of absence has no deadline", File: "prepare.go", Old: `case missed, differs, writer, found, blind:`, New: `case differs, writer, found, blind:`},
	{Name: "calls out of order", File: "prepare.go", Old: `if !slices.IsSortedFunc(calls, order) {`, New: `if false {`},
	{Name: "deadlines out of order", File: "prepare.go", Old: "\tslices.SortFunc(deadlines, order)\n", New: ""},
	{Name: "what returns at the instant of a call is before it", File: "sweep.go", Old: `calls[0].at <= until {`, New: `calls[0].at < until {`},

	// Calls.
	{Name: "absence seen at once is seen for nothing", File: "sweep.go", Old: `case o.role == missed && c.state == Absent, o.role == differs && c.state != o.val:`, New: `case o.role == differs && c.state != o.val:`},
	{Name: "another value seen at once is seen for nothing", File: "sweep.go", Old: `case o.role == missed && c.state == Absent, o.role == differs && c.state != o.val:`, New: `case o.role == missed && c.state == Absent:`},
	{Name: "absence seen in any state", File: "sweep.go", Old: `o.role == missed && c.state == Absent, o`, New: `o.role == missed, o`},
	{Name: "another value seen in any state", File: "sweep.go", Old: `o.role == differs && c.state != o.val:`, New: `o.role == differs:`},
	{Name: "a blind delete called in absence does not hide", File: "sweep.go", Old: "\t\t\tc.opt.set(o.slot)\n", New: ""},
	{Name: "a blind delete called in any state hides", File: "sweep.go", Old: `case o.role == blind && c.state == Absent:`, New: `case o.role == blind:`},
	{Name: "the replacement of a value may come before its call", File: "moves.go", Old: `if x.succCalled {`, New: `if true {`},
	{Name: "an unknown swap has no effect", File: "sweep.go", Old: "\t\ts.vals[o.src].swaps++\n", New: ""},
	{Name: "a chain that is complete stays open", File: "sweep.go", Old: "\t\ts.open = slices.Delete(s.open, i, i+1)\n", New: "\t\t_ = i\n"},
	{Name: "no chain is dead", File: "sweep.go", Old: `c.dead = s.vals[tail].differing == 0`, New: `c.dead = false`, Work: true},
	{Name: "every chain is dead", File: "sweep.go", Old: `c.dead = s.vals[tail].differing == 0`, New: `c.dead = true`},
	{Name: "a chain that lies in the state when it is complete is not done", File: "sweep.go", Old: "\t\t\tif c.slot >= 0 {\n\t\t\t\tf.done.set(c.slot)\n\t\t\t}\n", New: ""},
	{Name: "a dead chain in the state is not left", File: "sweep.go", Old: "\t\t\tif c.dead {\n\t\t\t\ts.enter(f, tail)\n\t\t\t}\n", New: "", Work: true},
	{Name: "a chain that completes in the anonymous state does not hide", File: "sweep.go", Old: "\t\t\tf.opt.set(c.slot)\n", New: "", Work: true},
	{Name: "a create that completes in the anonymous state hides", File: "sweep.go", Old: `c.slot >= 0 && f.state == anonymous && c.put && c.dead`, New: `c.slot >= 0 && f.state == anonymous && c.dead`},
	{Name: "a chain that is looked at hides when it completes", File: "sweep.go", Old: `c.slot >= 0 && f.state == anonymous && c.put && c.dead`, New: `c.slot >= 0 && f.state == anonymous && c.put`},
	{Name: "a chain hides in any state when it completes", File: "sweep.go", Old: `c.slot >= 0 && f.state == anonymous && c.put && c.dead`, New: `c.slot >= 0 && c.put && c.dead`},

	// Deadlines.
	{Name: "a later write of a chain is always there", File: "sweep.go", Old: `return !inside || s.vals[c.state].pos >= o.pos`, New: `return true`},
	{Name: "a later write of a chain is there with any state of it", File: "sweep.go", Old: `return !inside || s.vals[c.state].pos >= o.pos`, New: `return !inside || s.vals[c.state].pos >= 0`},
	{Name: "the head of an incomplete chain is always there", File: "sweep.go", Old: "\treturn inside\n", New: "\treturn true\n"},
	{Name: "a head that hid has not run", File: "sweep.go", Old: "\t\t\thidden = s.dueSlot\n", New: ""},
	{Name: "a blind delete that hid has not run", File: "sweep.go", Old: "\t\thidden = o.slot\n", New: ""},
	{Name: "what hid must have run", File: "sweep.go", Old: "\t\t\ts.add(&s.kept, committed)\n", New: "\t\t\ts.add(&s.kept, committed)\n\t\t\tcontinue\n"},
	{Name: "a met deadline is searched", File: "sweep.go", Old: `if !s.satisfied(&s.frontier[j], i) {`, New: `if j >= 0 {`, Work: true},
	{Name: "no deadline is searched", File: "sweep.go", Old: `if !s.satisfied(&s.frontier[j], i) {`, New: `if j < 0 {`},
	{Name: "a head leaves its chain unbegun", File: "sweep.go", Old: `slot, c.slot, c.begun = c.slot, -1, true`, New: `slot, c.slot = c.slot, -1`, Work: true},
	{Name: "a slot is not freed", File: "sweep.go", Old: "\ts.free.set(slot)\n", New: "", Work: true},
	{Name: "a freed slot keeps its meaning", File: "sweep.go", Old: "\t\ts.in[c].clear(slot)\n", New: "\t\t_ = c\n"},
	{Name: "a freed slot stays done", File: "sweep.go", Old: "\t\ts.frontier[i].done.clear(slot)\n", New: ""},
	{Name: "a value stays looked at", File: "sweep.go", Old: "\t\tx.differing--\n", New: "", Work: true},
	{Name: "a value with calls to come is quiet", File: "sweep.go", Old: `v > anonymous && x.uncalled == 0 && x.succ < 0 && x.differing == 0`, New: `v > anonymous && x.succ < 0 && x.differing == 0`},
	{Name: "a value that was replaced is quiet", File: "sweep.go", Old: `v > anonymous && x.uncalled == 0 && x.succ < 0 && x.differing == 0`, New: `v > anonymous && x.uncalled == 0 && x.differing == 0`},
	{Name: "a value that is looked at is quiet", File: "sweep.go", Old: `v > anonymous && x.uncalled == 0 && x.succ < 0 && x.differing == 0`, New: `v > anonymous && x.uncalled == 0 && x.succ < 0`},
	{Name: "nothing is quiet", File: "sweep.go", Old: `v > anonymous && x.uncalled == 0 && x.succ < 0 && x.differing == 0`, New: `v > anonymous && x == nil`},
	{Name: "a quiet state is not left", File: "sweep.go", Old: "\t\t\ts.enter(c, v)\n", New: "", Work: true},
	{Name: "a tracked write stays tracked", File: "sweep.go", Old: `if w < 0 || s.ops[w].role != tracked {`, New: `if true {`, Work: true},
	{Name: "a tracked put that becomes anonymous is free", File: "sweep.go", Old: "\t\t\tc.puts++\n", New: ""},
	{Name: "a tracked create that becomes anonymous is free", File: "sweep.go", Old: "\t\t\tc.creates++\n", New: ""},
	{Name: "a tracked write that becomes anonymous is not counted", File: "sweep.go", Old: "\to.slot = -1\n\ts.count(o)\n", New: "\to.slot = -1\n"},

	// Moves.
	{Name: "entering a state says nothing to failed compare-and-sets", File: "moves.go", Old: "\tc.done = c.done.or(s.in[differing].without(s.vals[y].differs))\n", New: ""},
	{Name: "entering a state satisfies failed compare-and-sets from it", File: "moves.go", Old: `s.in[differing].without(s.vals[y].differs)`, New: `s.in[differing]`},
	{Name: "absence is not observed when entered", File: "moves.go", Old: "\t\tc.done = c.done.or(s.in[missing])\n", New: ""},
	{Name: "puts do not hide in the anonymous state", File: "moves.go", Old: "\t\tc.opt = c.opt.or(s.in[deadPuts].without(c.done))\n", New: "", Work: true},
	{Name: "puts that are looked at hide in the anonymous state", File: "moves.go", Old: "\t\tc.opt = c.opt.or(s.in[deadPuts].without(c.done))\n", New: "\t\tc.opt = c.opt.or(s.in[puts].without(c.done))\n"},
	{Name: "puts do not hide before a write", File: "moves.go", Old: `s.in[puts].or(s.in[blinds]).without(c.done)`, New: `s.in[blinds].without(c.done)`},
	{Name: "blind deletes do not hide before a write", File: "moves.go", Old: `s.in[puts].or(s.in[blinds]).without(c.done)`, New: `s.in[puts].without(c.done)`},
	{Name: "creates hide before a write", File: "moves.go", Old: `s.in[puts].or(s.in[blinds]).without(c.done)`, New: `s.in[puts].or(s.in[blinds]).or(s.in[creates]).without(c.done)`},
	{Name: "what is done hides", File: "moves.go", Old: `s.in[puts].or(s.in[blinds]).without(c.done)`, New: `s.in[puts].or(s.in[blinds])`, Work: true},
	{Name: "a chain that began is not done", File: "moves.go", Old: "\t\tc.done.set(ch.slot)\n\t\tc.opt.clear(ch.slot)\n", New: "\t\tc.opt.clear(ch.slot)\n"},
	{Name: "a chain that began may still have hidden", File: "moves.go", Old: "\t\tc.done.set(ch.slot)\n\t\tc.opt.clear(ch.slot)\n", New: "\t\tc.done.set(ch.slot)\n", Work: true},
	{Name: "a put that begins hides nothing", File: "moves.go", Old: "\tif ch.put {\n\t\ts.hide(&c)\n\t}\n", New: ""},
	{Name: "a create that begins hides something", File: "moves.go", Old: "\tif ch.put {\n\t\ts.hide(&c)\n\t}\n", New: "\ts.hide(&c)\n"},
	{Name: "a dead chain is begun at its head", File: "moves.go", Old: `if ch.left == 0 && ch.dead {`, New: `if false {`, Work: true},
	{Name: "a chain that is looked at is run at once", File: "moves.go", Old: `if ch.left == 0 && ch.dead {`, New: `if ch.left == 0 {`},
	{Name: "an incomplete chain is run at once", File: "moves.go", Old: `if ch.left == 0 && ch.dead {`, New: `if ch.left == 0 && ch.dead || ch.left > 0 {`},
	{Name: "the latest deadline first", File: "moves.go", Old: `best < 0 || s.deadline[slot] < s.deadline[best]`, New: `best < 0 || s.deadline[slot] > s.deadline[best]`},
	{Name: "only what is not hidden", File: "moves.go", Old: `[2]mask{m.without(c.opt), m.and(c.opt)}`, New: `[1]mask{m.without(c.opt)}`},
	{Name: "only what may have hidden", File: "moves.go", Old: `[2]mask{m.without(c.opt), m.and(c.opt)}`, New: `[1]mask{m.and(c.opt)}`},
	{Name: "the earliest, hidden or not", File: "moves.go", Old: `[2]mask{m.without(c.opt), m.and(c.opt)}`, New: `[1]mask{m}`, Spare: swaps},
	{Name: "a state with reads to come may be left", File: "moves.go", Old: `if x.uncalled > 0 {`, New: `if false {`},
	{Name: "a state may be left in another way than it was", File: "moves.go", Old: "\t\t\t}\n\t\t\treturn\n\t\t}\n\t}\n\to := &s.ops[due]", New: "\t\t\t}\n\t\t}\n\t}\n\to := &s.ops[due]"},
	{Name: "a chain cannot begin for its own sake", File: "moves.go", Old: `if s.chains[own].put || c.state == Absent {`, New: `if false {`},
	{Name: "a create may begin in any state", File: "moves.go", Old: `if s.chains[own].put || c.state == Absent {`, New: `if true {`},
	{Name: "no other create is begun", File: "moves.go", Old: "\tif c.state == Absent {\n\t\ts.expandCreates", New: "\tif false {\n\t\ts.expandCreates"},
	{Name: "creates are begun in any state", File: "moves.go", Old: "\tif c.state == Absent {\n\t\ts.expandCreates", New: "\tif true {\n\t\ts.expandCreates"},
	{Name: "no dead create is begun", File: "moves.go", Old: `if slot := s.earliest(dead); slot >= 0 && s.owner[slot] != own {`, New: `if slot := s.earliest(dead); slot < -1 {`},
	{Name: "every dead create is begun", File: "moves.go", Old: `dead := creatable.and(s.in[deadCreates])`, New: `dead := mask{}`, Work: true},
	{Name: "every dead put is begun", File: "moves.go", Old: `dead := ready.and(s.in[deadPuts])`, New: `dead := mask{}`, Work: true},
	{Name: "creates that are looked at are not begun", File: "moves.go", Old: `for m := creatable.without(dead); !m.empty(); {`, New: `for m := (mask{}); !m.empty(); {`},
	{Name: "puts that are looked at are not begun", File: "moves.go", Old: `for m := ready.without(dead); !m.empty(); {`, New: `for m := (mask{}); !m.empty(); {`},
	{Name: "no dead put is begun", File: "moves.go", Old: `s.both(dead, c, func(slot int32) {`, New: `s.both(mask{}, c, func(slot int32) {`},
	{Name: "writes nobody needs are tried", File: "moves.go", Old: `if !differ.empty() || c.state == Absent && !pending.empty() {`, New: `if true {`, Work: true},
	{Name: "no write for a failed compare-and-set", File: "moves.go", Old: `if !differ.empty() || c.state == Absent && !pending.empty() {`, New: `if c.state == Absent && !pending.empty() {`},
	{Name: "no write for a found delete", File: "moves.go", Old: `if !differ.empty() || c.state == Absent && !pending.empty() {`, New: `if !differ.empty() {`},
	{Name: "done failed compare-and-sets need writes", File: "moves.go", Old: `differ := s.vals[c.state].differs.without(c.done)`, New: `differ := s.vals[c.state].differs`, Work: true},
	{Name: "no found delete is tried", File: "moves.go", Old: `if slot := s.earliest(pending); slot >= 0 && c.state != Absent {`, New: `if slot := s.earliest(pending); slot < -1 {`},
	{Name: "a found delete in absence", File: "moves.go", Old: `if slot := s.earliest(pending); slot >= 0 && c.state != Absent {`, New: `if slot := s.earliest(pending); slot >= 0 {`},
	{Name: "a found delete twice", File: "moves.go", Old: `pending := s.in[founds].without(c.done)`, New: `pending := s.in[founds]`},
	{Name: "nothing hides before a found delete", File: "moves.go", Old: "\t\ts.hide(&d) // blind deletes, too: they hide in the absence that follows\n", New: ""},
	{Name: "no delete for a create that is due", File: "moves.go", Old: `own >= 0 && !s.chains[own].put ||`, New: `false ||`},
	{Name: "no delete for a failed compare-and-set", File: "moves.go", Old: `!(differ.empty() && s.in[missing].without(c.done).empty() && creatable.empty())`, New: `!(s.in[missing].without(c.done).empty() && creatable.empty())`},
	{Name: "no delete for an observation of absence", File: "moves.go", Old: `!(differ.empty() && s.in[missing].without(c.done).empty() && creatable.empty())`, New: `!(differ.empty() && creatable.empty())`},
	{Name: "no delete for a create", File: "moves.go", Old: `!(differ.empty() && s.in[missing].without(c.done).empty() && creatable.empty())`, New: `!(differ.empty() && s.in[missing].without(c.done).empty())`},
	{Name: "deletes nobody needs are tried", File: "moves.go", Old: `!(differ.empty() && s.in[missing].without(c.done).empty() && creatable.empty())`, New: `true`, Work: true},
	{Name: "the own chain is begun twice", File: "moves.go", Old: "if ci := s.owner[m.pop()]; ci != own {\n\t\t\ts.begin(*c, ci, due)\n\t\t}\n\t}\n}\n\n// expandWrites", New: "if ci := s.owner[m.pop()]; true {\n\t\t\ts.begin(*c, ci, due)\n\t\t}\n\t}\n}\n\n// expandWrites", Work: true},
	{Name: "no incomplete chain for a failed compare-and-set", File: "moves.go", Old: `if s.ops[due].role == differs {`, New: `if false {`},
	{Name: "incomplete chains for anybody", File: "moves.go", Old: `if s.ops[due].role == differs {`, New: `if true {`, Work: true},
	{Name: "an incomplete create in any state", File: "moves.go", Old: `if s.chains[ci].put || c.state == Absent {`, New: `if true {`},
	{Name: "an incomplete put in absence only", File: "moves.go", Old: `if s.chains[ci].put || c.state == Absent {`, New: `if c.state == Absent {`},
	{Name: "a tracked write is used twice", File: "moves.go", Old: `for m := s.in[trackedSlots].without(c.done); !m.empty(); {`, New: `for m := s.in[trackedSlots]; !m.empty(); {`},
	{Name: "no tracked write is used", File: "moves.go", Old: `for m := s.in[trackedSlots].without(c.done); !m.empty(); {`, New: `for m := (mask{}); !m.empty(); {`},
	{Name: "a tracked write in any state", File: "moves.go", Old: `w.src != anyState && w.src != c.state`, New: `false`},
	{Name: "a tracked put hides nothing", File: "moves.go", Old: "\t\tif w.src == anyState {\n\t\t\ts.hide(&d)\n\t\t}\n", New: "", Work: true},
	{Name: "a tracked compare-and-set hides something", File: "moves.go", Old: "\t\tif w.src == anyState {\n\t\t\ts.hide(&d)\n\t\t}\n", New: "\t\ts.hide(&d)\n"},
	{Name: "no anonymous create", File: "moves.go", Old: `c.state == Absent && c.creates < s.anonCreates`, New: `false`},
	{Name: "anonymous creates without end", File: "moves.go", Old: `c.state == Absent && c.creates < s.anonCreates`, New: `c.state == Absent && s.anonCreates > 0`},
	{Name: "an anonymous create in any state", File: "moves.go", Old: `c.state == Absent && c.creates < s.anonCreates`, New: `c.creates < s.anonCreates`},
	{Name: "no anonymous swap", File: "moves.go", Old: `s.vals[c.state].swaps > 0`, New: `false`},
	{Name: "no anonymous put", File: "moves.go", Old: `c.puts < s.anonPuts`, New: `false`},
	{Name: "anonymous puts without end", File: "moves.go", Old: `c.puts < s.anonPuts`, New: `s.anonPuts > 0`},
	{Name: "an anonymous put hides nothing", File: "moves.go", Old: "\t\ts.lastAnon = s.now\n\t\ts.hide(&d)\n\t\ts.enter(&d, anonymous)\n", New: "\t\ts.lastAnon = s.now\n\t\ts.enter(&d, anonymous)\n", Work: true},
	{Name: "an anonymous put is free", File: "moves.go", Old: "\t\td.puts++\n", New: ""},
	{Name: "an anonymous create is free", File: "moves.go", Old: "\t\td.creates++\n", New: ""},
	{Name: "an anonymous delete is free", File: "moves.go", Old: "\t\td.deletes++\n", New: ""},
	{Name: "an anonymous delete hides nothing", File: "moves.go", Old: "\t\td.deletes++\n\t\ts.hide(&d)\n", New: "\t\td.deletes++\n"},
	{Name: "anonymous deletes without end", File: "moves.go", Old: `gone && c.deletes < s.anonDeletes`, New: `gone && s.anonDeletes > 0`},
	{Name: "no anonymous delete", File: "moves.go", Old: `gone && c.deletes < s.anonDeletes`, New: `false`},
	{Name: "no blind delete for others", File: "moves.go", Old: `if gone || s.ops[due].role == blind {`, New: `if s.ops[due].role == blind {`},
	{Name: "no blind delete for its own sake", File: "moves.go", Old: `if gone || s.ops[due].role == blind {`, New: `if gone {`},
	{Name: "a blind delete hides nothing", File: "moves.go", Old: "\t\t\td.opt.clear(slot)\n\t\t\ts.hide(&d)\n", New: "\t\t\td.opt.clear(slot)\n"},
	{Name: "a blind delete that ran may still have hidden", File: "moves.go", Old: "\t\t\td.opt.clear(slot)\n\t\t\ts.hide(&d)\n", New: "\t\t\ts.hide(&d)\n", Work: true},
	{Name: "a blind delete twice", File: "moves.go", Old: `s.both(s.in[blinds].without(c.done), c, func(slot int32) {`, New: `s.both(s.in[blinds], c, func(slot int32) {`},

	// Which configurations stay.
	{Name: "a configuration is reached with more puts used", File: "reached.go", Old: `e.puts <= c.puts && e.creates`, New: `e.creates`},
	{Name: "a configuration is reached with more creates used", File: "reached.go", Old: `e.creates <= c.creates && e.deletes`, New: `e.deletes`},
	{Name: "a configuration is reached with more deletes used", File: "reached.go", Old: ` && e.deletes <= c.deletes {`, New: ` {`},
	{Name: "what another configuration dominates is expanded", File: "reached.go", Old: "		if dominates(&e.config, &c, s.observers, s.spare) {", New: "		if false {", Work: true},
	{Name: "a configuration that a new one dominates is expanded", File: "reached.go", Old: `if dominates(&c, &e.config, s.observers, s.spare) {`, New: `if false {`, Work: true},
	{Name: "a dominated configuration stays", File: "sweep.go", Old: "		if e := &s.queue.entries[q]; !e.dominated {", New: "		if e := &s.queue.entries[q]; e != nil {", Work: true},
	{Name: "no pruning", File: "frontier.go", Old: "\tif len(f) < 2 {", New: "\tif true {", Spare: pruned},
	{Name: "configurations of different states are compared", File: "frontier.go", Old: `for hi < len(f) && f[hi].state == f[lo].state {`, New: `for hi < len(f) {`},
	{Name: "equal configurations doom each other", File: "frontier.go", Old: "\t\tif doomed[i] {\n\t\t\tcontinue\n\t\t}\n", New: ""},
	{Name: "dominance with more puts used", File: "frontier.go", Old: `a.puts > b.puts || `, New: ``},
	{Name: "dominance with more creates used", File: "frontier.go", Old: ` || a.creates > b.creates`, New: ``},
	{Name: "dominance with more deletes used", File: "frontier.go", Old: ` || a.deletes > b.deletes {`, New: ` {`},
	{Name: "dominance with more done", File: "frontier.go", Old: `a.done[w]&^b.done[w]&^observers[w] |`, New: ``},
	{Name: "dominance with less done", File: "frontier.go", Old: "\t\t\tb.done[w]&^a.done[w]&^a.opt[w]&^spare[w] |\n", New: ""},
	{Name: "dominance with less hidden", File: "frontier.go", Old: " |\n\t\t\tb.opt[w]&^a.opt[w]\n", New: "\n"},
	{Name: "no dominance with more observed", File: "frontier.go", Old: `&^observers[w] |`, New: `|`, Work: true},
	{Name: "no dominance by what may have hidden", File: "frontier.go", Old: `&^a.opt[w]&^spare[w] |`, New: `&^spare[w] |`, Work: true},
	{Name: "no dominance by tracked writes", File: "frontier.go", Old: `&^a.opt[w]&^spare[w] |`, New: `&^a.opt[w] |`, Work: true},

	// The second try, without observations.
	{Name: "the second try drops reads of absence only", File: "register.go", Old: "\t\tif o.Kind == CASFailed {\n\t\t\tcontinue\n\t\t}\n", New: "\t\tif o.Kind == Put && o.Return == Never {\n\t\t\tcontinue\n\t\t}\n"},
	{Name: "the second try is believed when it finds nothing", File: "register.go", Old: `if again.Verdict == Illegal {`, New: `if again.Verdict != Undecided {`},
	{Name: "the second try drops found deletes", File: "register.go", Old: `o.Kind, o.Return = Delete, Never`, New: `continue`},
	{Name: "the second try names an op of its own", File: "register.go", Old: `again.Op, again.Steps = from[again.Op], r.Steps`, New: `again.Op, again.Steps = -1, r.Steps`},
	{Name: "no second try", File: "register.go", Old: `if r.Verdict != Undecided || r.Reason == reasonRepeated`, New: `if true || r.Reason == reasonRepeated`, Work: true},
}
