package nemesis

import (
	"context"
	"fmt"
	"slices"

	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/history"
)

// Isolate cuts each target member off from every other member, in both directions. Clients still reach it.
type Isolate struct{ cutting[eachAlone] }

func (Isolate) String() string { return "isolate" }

// Partition cuts the target members, as one group, off from the others, in both directions.
type Partition struct{ cutting[twoSides] }

func (Partition) String() string { return "partition" }

// Effect names the smaller side as affected, whichever side was the target: the other side can go on.
func (Partition) Effect(members, nodes []history.NodeID) history.Effect {
	return history.Effect{Kind: history.Cut, Affected: history.SmallerSide(members, nodes)}
}

// eachAlone are the links between each node and all other members.
type eachAlone struct{}

func (eachAlone) Links(members, nodes []history.NodeID) []harness.Link {
	return between(members, func(a, b history.NodeID) bool {
		return a != b && (slices.Contains(nodes, a) || slices.Contains(nodes, b))
	})
}

// twoSides are the links between the nodes and the members that are not among them.
type twoSides struct{}

func (twoSides) Links(members, nodes []history.NodeID) []harness.Link {
	return between(members, func(a, b history.NodeID) bool {
		return slices.Contains(nodes, a) != slices.Contains(nodes, b)
	})
}

// cutting is everything of a fault on links except its name. It cuts the links that the zero value of L
// names.
type cutting[L harness.Cutter] struct{ which L }

func (f cutting[L]) Links(members, nodes []history.NodeID) []harness.Link {
	return f.which.Links(members, nodes)
}

func (cutting[L]) Needs() []harness.Capability { return []harness.Capability{harness.CanCut} }

func (cutting[L]) Effect(_, nodes []history.NodeID) history.Effect {
	return history.Effect{Kind: history.Cut, Affected: nodes}
}

func (f cutting[L]) Inject(ctx context.Context, c harness.Cluster, in harness.Injection) error {
	links := f.Links(c.Members(), in.Nodes)
	if len(links) == 0 {
		return fmt.Errorf("there is no link to cut between %v and the other members of %v", in.Nodes, c.Members())
	}
	return c.(harness.Network).Cut(ctx, in.ID, links)
}

// Verify sends a probe over every cut link concurrently: none may be answered.
func (f cutting[L]) Verify(ctx context.Context, c harness.Cluster, in harness.Injection) error {
	return probe(ctx, c, in, f.Links(c.Members(), in.Nodes), func(l harness.Link, err error) error {
		if err == nil {
			return fmt.Errorf("the link from %s to %s is still open", l.From, l.To)
		}
		return nil
	})
}

func (cutting[L]) Heal(ctx context.Context, c harness.Cluster, in harness.Injection) error {
	return c.(harness.Network).Mend(ctx, in.ID)
}

// VerifyHealed sends a probe over every link that no other fault cuts: each must be answered.
func (f cutting[L]) VerifyHealed(ctx context.Context, c harness.Cluster, in harness.Injection) error {
	links := slices.DeleteFunc(f.Links(c.Members(), in.Nodes), func(l harness.Link) bool {
		// the answer of a probe needs the other direction as well
		return in.CutByOthers != nil && (in.CutByOthers(l) || in.CutByOthers(harness.Link{From: l.To, To: l.From}))
	})
	return probe(ctx, c, in, links, func(l harness.Link, err error) error {
		if err != nil {
			return fmt.Errorf("the link from %s to %s is still cut: %w", l.From, l.To, err)
		}
		return nil
	})
}

func between(members []history.NodeID, apart func(a, b history.NodeID) bool) (links []harness.Link) {
	for _, a := range members {
		for _, b := range members {
			if apart(a, b) {
				links = append(links, harness.Link{From: a, To: b})
			}
		}
	}
	return links
}

func probe(ctx context.Context, c harness.Cluster, in harness.Injection, links []harness.Link, judge func(harness.Link, error) error) error {
	tasks := make([]harness.Task, len(links))
	for i, l := range links {
		tasks[i] = func(ctx context.Context) error { return judge(l, c.(harness.Network).Probe(ctx, l)) }
	}
	return in.Env.Parallel(ctx, tasks...)
}
