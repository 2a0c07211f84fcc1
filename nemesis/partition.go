package nemesis

import (
	"context"
	"fmt"
	"slices"

	"github.com/faultline-chaos/faultline/harness"
)

// Isolate cuts each of the target members off from every other member, both ways. Clients still
// reach it.
type Isolate struct{}

func (Isolate) String() string { return "isolate" }

// Links are those between each node and all other members.
func (Isolate) Links(members, nodes []harness.NodeID) []harness.Link {
	return between(members, func(a, b harness.NodeID) bool {
		return a != b && (slices.Contains(nodes, a) || slices.Contains(nodes, b))
	})
}

func (Isolate) Supported(c harness.Cluster) error { return needNetwork(c) }

func (f Isolate) Inject(ctx context.Context, c harness.Cluster, in harness.Injection) error {
	return cut(ctx, c, in, f)
}

func (f Isolate) Verify(ctx context.Context, c harness.Cluster, in harness.Injection) error {
	return verifyCut(ctx, c, in, f)
}

func (Isolate) Heal(ctx context.Context, c harness.Cluster, in harness.Injection) error {
	return c.(harness.Network).Mend(ctx, in.ID)
}

func (f Isolate) VerifyHealed(ctx context.Context, c harness.Cluster, in harness.Injection) error {
	return verifyMended(ctx, c, in, f)
}

// Partition cuts the target members, as one group, off from the rest, both ways.
type Partition struct{}

func (Partition) String() string { return "partition" }

// Links are those between the nodes and the members that are not among them.
func (Partition) Links(members, nodes []harness.NodeID) []harness.Link {
	return between(members, func(a, b harness.NodeID) bool {
		return slices.Contains(nodes, a) != slices.Contains(nodes, b)
	})
}

func (Partition) Supported(c harness.Cluster) error { return needNetwork(c) }

func (f Partition) Inject(ctx context.Context, c harness.Cluster, in harness.Injection) error {
	return cut(ctx, c, in, f)
}

func (f Partition) Verify(ctx context.Context, c harness.Cluster, in harness.Injection) error {
	return verifyCut(ctx, c, in, f)
}

func (Partition) Heal(ctx context.Context, c harness.Cluster, in harness.Injection) error {
	return c.(harness.Network).Mend(ctx, in.ID)
}

func (f Partition) VerifyHealed(ctx context.Context, c harness.Cluster, in harness.Injection) error {
	return verifyMended(ctx, c, in, f)
}

func between(members []harness.NodeID, apart func(a, b harness.NodeID) bool) (links []harness.Link) {
	for _, a := range members {
		for _, b := range members {
			if apart(a, b) {
				links = append(links, harness.Link{From: a, To: b})
			}
		}
	}
	return links
}

func needNetwork(c harness.Cluster) error {
	return need[harness.Network](c, "cut links between members")
}

func cut(ctx context.Context, c harness.Cluster, in harness.Injection, f harness.Cutter) error {
	links := f.Links(c.Members(), in.Nodes)
	if len(links) == 0 {
		return fmt.Errorf("there is no link between %v and the rest of %v to cut", in.Nodes, c.Members())
	}
	return c.(harness.Network).Cut(ctx, in.ID, links)
}

// verifyCut sends a probe over every cut link, all at once: none may come back.
func verifyCut(ctx context.Context, c harness.Cluster, in harness.Injection, f harness.Cutter) error {
	return probe(ctx, c, in, f.Links(c.Members(), in.Nodes), func(l harness.Link, err error) error {
		if err == nil {
			return fmt.Errorf("the link from %s to %s is still open", l.From, l.To)
		}
		return nil
	})
}

// verifyMended sends a probe over every link that no other fault cuts: each must come back.
func verifyMended(ctx context.Context, c harness.Cluster, in harness.Injection, f harness.Cutter) error {
	links := slices.DeleteFunc(f.Links(c.Members(), in.Nodes), func(l harness.Link) bool {
		// a probe needs the way back as well
		return in.CutByOthers != nil && (in.CutByOthers(l) || in.CutByOthers(harness.Link{From: l.To, To: l.From}))
	})
	return probe(ctx, c, in, links, func(l harness.Link, err error) error {
		if err != nil {
			return fmt.Errorf("the link from %s to %s is still cut: %w", l.From, l.To, err)
		}
		return nil
	})
}

func probe(ctx context.Context, c harness.Cluster, in harness.Injection, links []harness.Link, judge func(harness.Link, error) error) error {
	tasks := make([]harness.Task, len(links))
	for i, l := range links {
		tasks[i] = func(ctx context.Context) error { return judge(l, c.(harness.Network).Probe(ctx, l)) }
	}
	return in.Env.Parallel(ctx, tasks...)
}
