package history

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// Target says which members a fault hits. It is resolved at injection, from what every member says
// about itself then.
type Target string

const (
	TargetLeader   Target = "leader"   // who leads in the highest term
	TargetFollower Target = "follower" // one that does not lead
	TargetOne      Target = "one"      // any one
	TargetMinority Target = "minority" // as many as may be lost, at least 1
	TargetMajority Target = "majority" // one more than may be lost
	TargetAll      Target = "all"
	// Beside these: "node=n2", and sums such as "leader+minority": the leader, and of the others so
	// many that together they are a minority (at least one other).
)

// NeedsLeader says whether the target can only be resolved while somebody leads.
func (t Target) NeedsLeader() bool {
	return slices.ContainsFunc(strings.Split(string(t), "+"), func(s string) bool {
		return s == string(TargetLeader) || s == string(TargetFollower)
	})
}

// Check says what is wrong with a target that was typed by somebody.
func (t Target) Check(members []NodeID) error {
	for part := range strings.SplitSeq(string(t), "+") {
		switch Target(part) {
		case TargetLeader, TargetFollower, TargetOne, TargetMinority, TargetMajority, TargetAll:
			continue
		}
		node, ok := strings.CutPrefix(part, "node=")
		if !ok {
			return fmt.Errorf("unknown target %q: allowed are leader, follower, one, minority, majority, all, node=NAME, and sums such as leader+minority", part)
		}
		if !slices.Contains(members, NodeID(node)) {
			return fmt.Errorf("target node %q is not a member: members are %v", node, members)
		}
	}
	return nil
}

// Resolve picks the members that the target means now: a pure function of who leads, of which
// members may be picked, and of r. The result is in the order of members; it is empty where nothing
// matches. free must be a subset of members.
func (t Target) Resolve(members, free []NodeID, leader NodeID, r *rand.Rand) []NodeID {
	pool := slices.Clone(free)
	r.Shuffle(len(pool), func(i, j int) { pool[i], pool[j] = pool[j], pool[i] })
	picked := map[NodeID]bool{}
	take := func(n int, ok func(NodeID) bool) {
		for _, id := range pool {
			if n > 0 && !picked[id] && ok(id) {
				picked[id] = true
				n--
			}
		}
	}
	anyone := func(NodeID) bool { return true }
	minority := max(1, (len(members)-1)/2)
	for part := range strings.SplitSeq(string(t), "+") {
		switch Target(part) {
		case TargetLeader:
			take(1, func(id NodeID) bool { return leader != "" && id == leader })
		case TargetFollower:
			take(1, func(id NodeID) bool { return leader != "" && id != leader })
		case TargetOne:
			take(1, anyone)
		case TargetMinority:
			take(max(1, minority-len(picked)), anyone)
		case TargetMajority:
			take(len(members)/2+1-len(picked), anyone)
		case TargetAll:
			take(len(pool), anyone)
		default:
			node := NodeID(strings.TrimPrefix(part, "node="))
			take(1, func(id NodeID) bool { return id == node })
		}
	}
	var out []NodeID
	for _, id := range members {
		if picked[id] {
			out = append(out, id)
		}
	}
	return out
}
