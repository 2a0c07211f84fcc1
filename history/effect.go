package history

import "slices"

// Effect is what a fault does, and to whom: the fault says it (Fault.Effect), the nemesis writes it
// into the history, and everybody else reads it there.
type Effect struct {
	Kind EffectKind
	// Affected are the members that cannot serve or lead as the others can, in the order of members.
	// They need not be those that were named: of a partition it is the smaller side.
	Affected []NodeID
}

// EffectKind is what a fault does to the members that it affects. Ask its Traits rather than compare
// it: a new kind is then one line there.
type EffectKind string

// The kinds of effect.
const (
	Down     EffectKind = "down"     // the process is gone
	Frozen   EffectKind = "frozen"   // the process runs no instruction
	Cut      EffectKind = "cut"      // it does not reach the other members, or they do not reach it
	Impaired EffectKind = "impaired" // it is slower or less reliable, and goes on serving
)

// Traits are what readers need to know of a kind of effect.
type Traits struct {
	NoVote bool // the member can neither lead nor vote: it does not count for a majority
	Gone   bool // its process has ended: it forgot what it was
	Frozen bool // its process stands still: it does not know that time passes
	Apart  bool // its process runs, apart from other members
}

// Traits of an unknown kind are those of Impaired: none.
func (k EffectKind) Traits() Traits {
	switch k {
	case Down:
		return Traits{NoVote: true, Gone: true}
	case Frozen:
		return Traits{NoVote: true, Frozen: true}
	case Cut:
		return Traits{NoVote: true, Apart: true}
	}
	return Traits{}
}

// SmallerSide are the members on the smaller side where the nodes are parted from the rest of the
// members: all of them where both sides are equal.
func SmallerSide(members, nodes []NodeID) []NodeID {
	switch {
	case 2*len(nodes) < len(members):
		return nodes
	case 2*len(nodes) == len(members):
		return members
	}
	return slices.DeleteFunc(slices.Clone(members), func(id NodeID) bool { return slices.Contains(nodes, id) })
}
