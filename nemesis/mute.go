package nemesis

import (
	"slices"

	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/history"
)

// Mute cuts the links from each target member to every other member, and leaves the links in the other
// direction: the target receives messages, and its own are lost. Clients still reach it.
type Mute struct{ cutting[fromEach] }

func (Mute) String() string { return "mute" }

// fromEach are the links from each node to all other members.
type fromEach struct{}

func (fromEach) Links(members, nodes []history.NodeID) []harness.Link {
	return between(members, func(a, b history.NodeID) bool { return a != b && slices.Contains(nodes, a) })
}
