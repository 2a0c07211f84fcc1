// Package anomaly finds the transactional anomalies of a history, by their names in the literature,
// from what transactions read and wrote alone. It knows nothing of harness histories.
//
// It infers who depends on whom, as Elle does (Kingsbury and Alvaro, Elle: Inferring Isolation
// Anomalies from Experimental Observations, VLDB 2020), and looks for the cycles that Adya's
// definitions forbid (Weak Consistency, 1999). Names are Elle's. Every dependency is certain, so an
// anomaly that is found is there; one that is not found may be there: where nobody read, the order of
// writes is not known.
//
//   - append.go infers versions from lists, register.go from registers with unique values.
//   - graph.go holds the dependencies, and finds cycles by the kinds of their edges.
//   - levels.go says which level of isolation forbids what.
package anomaly

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// Never is the Return of a transaction of unknown outcome.
const Never int64 = math.MaxInt64

// Kind is what an op of a transaction does.
type Kind uint8

// The kinds.
const (
	Read     Kind = iota // of List, or of Value
	Append               // Value to the list
	Write                // Value
	ReadList             // of List
)

// None is the Value of a Read that found nothing.
const None int32 = -1

// Op is one op of a transaction. Keys and values are names without order; they are used as indexes,
// so they should be dense from 0. Of a transaction that is not committed, reads mean nothing.
type Op struct {
	Kind  Kind
	Key   int32
	Value int32
	List  []int32
}

// Outcome of a transaction.
type Outcome uint8

// The outcomes.
const (
	Committed Outcome = iota
	Aborted
	Unknown
)

// Txn is one transaction. A precedes B in real time where A.Return < B.Call.
type Txn struct {
	Ops          []Op
	Outcome      Outcome
	Process      int
	Call, Return int64
}

// Options say what may be assumed.
type Options struct {
	Realtime bool // transactions take effect between call and return
	Process  bool // each process sees its transactions in their order
	// Of registers: what orders the versions of a key beside the reads that a write came after.
	SequentialKeys   bool // each process sees each key's versions in order
	LinearizableKeys bool // each key's versions follow real time
}

// Anomaly is one that was found.
type Anomaly struct {
	Name string
	Txns []int  // that show it
	Text string // in words
}

// Result is what was found, and how much there was to find it in.
type Result struct {
	Anomalies []Anomaly
	Edges     int    // dependencies between transactions
	Problem   string // why nothing can be said; "": none
}

// Names are the names of the anomalies, each once, in alphabetical order.
func (r Result) Names() (out []string) {
	for _, a := range r.Anomalies {
		out = append(out, a.Name)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// perName is how many anomalies of a name are kept.
const perName = 5

type analysis struct {
	txns   []Txn
	opt    Options
	name   func(key bool, id int32) string
	result Result
	seen   map[string]int
	g      *graph

	seenValues *marks // scratch
}

// Check finds anomalies. name tells keys (true) and values for the words of the answer.
func Check(txns []Txn, opt Options, name func(key bool, id int32) string) Result {
	a := &analysis{txns: txns, opt: opt, name: name, seen: map[string]int{}, g: newGraph(len(txns))}
	if opt.Realtime {
		a.g = newGraph(2 * len(txns))
	}
	lists, registers := false, false
	for i := range txns {
		for _, o := range txns[i].Ops {
			lists = lists || o.Kind == Append || o.Kind == ReadList
			registers = registers || o.Kind == Write || o.Kind == Read && o.Value != None
		}
	}
	if lists && registers {
		a.result.Problem = "some keys are lists and some are registers"
		return a.result
	}
	if lists {
		a.lists()
	} else {
		a.registers()
	}
	if a.result.Problem == "" {
		a.orders()
		a.result.Edges = a.g.dependencies()
		a.cycles()
	}
	slices.SortStableFunc(a.result.Anomalies, func(x, y Anomaly) int { return strings.Compare(x.Name, y.Name) })
	return a.result
}

func (a *analysis) found(name string, txns []int, format string, args ...any) {
	if a.seen[name]++; a.seen[name] <= perName {
		a.result.Anomalies = append(a.result.Anomalies, Anomaly{name, txns, fmt.Sprintf(format, args...)})
	}
}

func (a *analysis) key(k int32) string { return a.name(true, k) }

func (a *analysis) val(v int32) string {
	if v == None {
		return "nothing"
	}
	return a.name(false, v)
}

func (a *analysis) list(l []int32) string {
	const most = 8
	var words []string
	for _, v := range l[:min(len(l), most)] {
		words = append(words, a.val(v))
	}
	if len(l) > most {
		words = append(words, fmt.Sprintf("… %d in all", len(l)))
	}
	return "[" + strings.Join(words, " ") + "]"
}

// orders seals the graph with the edges of processes, and with real time as a line of nodes of its own:
// one for each return, in their order, to which a transaction leads at its return, and from which one
// comes at its call. That has the same cycles as realTime's edges, of which there are as many for each
// transaction as are in flight.
func (a *analysis) orders() {
	byCall := a.byCall(func(int) bool { return true })
	a.g.seal(func(add func(from, to int, kind edgeKind)) {
		if a.opt.Process {
			last := map[int]int{}
			for _, i := range byCall {
				if p, ok := last[a.txns[i].Process]; ok {
					add(p, i, process)
				}
				last[a.txns[i].Process] = i
			}
		}
		if a.opt.Realtime {
			a.timeline(byCall, func(from, to int) { add(from, to, realtime) })
		}
	})
}

// byCall are those of the transactions that were not aborted, in the order of calls.
func (a *analysis) byCall(among func(i int) bool) []int {
	out := make([]int, 0, len(a.txns))
	for i := range a.txns {
		if a.txns[i].Outcome != Aborted && among(i) {
			out = append(out, i)
		}
	}
	if order := func(x, y int) int { return compare(a.txns[x].Call, a.txns[y].Call) }; !slices.IsSortedFunc(out, order) {
		slices.SortStableFunc(out, order)
	}
	return out
}

// timeline tells its edges. Its nodes come after those of the transactions.
func (a *analysis) timeline(byCall []int, edge func(from, to int)) {
	byReturn := returned(a.txns, byCall)
	next, n := 0, len(a.txns)
	for _, i := range byCall {
		for ; next < len(byReturn) && a.txns[byReturn[next]].Return < a.txns[i].Call; next++ {
			edge(byReturn[next], n+next)
			if next > 0 {
				edge(n+next-1, n+next)
			}
		}
		if next > 0 {
			edge(n+next-1, i)
		}
	}
}

// returned are those that were committed, in the order of their returns.
func returned(txns []Txn, among []int) []int {
	out := slices.DeleteFunc(slices.Clone(among), func(i int) bool { return txns[i].Outcome != Committed })
	slices.SortStableFunc(out, func(x, y int) int { return compare(txns[x].Return, txns[y].Return) })
	return out
}

func compare(x, y int64) int {
	switch {
	case x < y:
		return -1
	case x > y:
		return 1
	}
	return 0
}

// realTime tells the edges of which the order in real time is the transitive closure: to a
// transaction from those that ended before it began, except where another lies between.
func realTime(txns []Txn, byCall []int, edge func(from, to int)) {
	byReturn := returned(txns, byCall)
	// Of what ended before a call, what matters has not ended before the latest call among those.
	next, latest := 0, int64(math.MinInt64)
	var front []int
	for _, i := range byCall {
		for ; next < len(byReturn) && txns[byReturn[next]].Return < txns[i].Call; next++ {
			ended := byReturn[next]
			front = append(front, ended)
			latest = max(latest, txns[ended].Call)
		}
		front = slices.DeleteFunc(front, func(j int) bool { return txns[j].Return < latest })
		for _, j := range front {
			edge(j, i)
		}
	}
}
