// Package verdict holds what an algorithm that decides a history can say of it, in the words of its
// field: packages register and revision share it. What a checker says of a run is a history.Verdict.
package verdict

// Verdict is what a decision came to. The zero value is Undecided.
type Verdict uint8

// The verdicts.
const (
	Undecided Verdict = iota
	Legal
	Illegal
)

func (v Verdict) String() string { return [...]string{"undecided", "legal", "illegal"}[v] }
