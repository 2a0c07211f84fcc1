package agent

import (
	"fmt"
	"slices"
	"strings"

	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/history"
)

// Mechanisms are what works in an agent, by name: "ok", or the reason why not (Hello). They answer for
// every cluster whose agents are alike.
type Mechanisms map[string]string

// What the mechanisms that every agent has are called.
const (
	MechanismProcess   = "process"   // signals
	MechanismNetfilter = "netfilter" // dropped packets
	MechanismProbe     = "probe"     // proof that links are open or cut
)

const works = "ok"

// Survey is what an agent with these mechanisms says of them.
func Survey(all []Mechanism) Mechanisms {
	m := Mechanisms{}
	for _, x := range all {
		m[x.Name()] = works
		if err := x.Available(); err != nil {
			m[x.Name()] = err.Error()
		}
	}
	return m
}

// needs are the mechanisms that make a capability real; nil: none does.
func needs(c harness.Capability) []string {
	return map[harness.Capability][]string{
		harness.CanKill:  {MechanismProcess},
		harness.CanStop:  {MechanismProcess},
		harness.CanPause: {MechanismProcess},
		harness.CanCut:   {MechanismNetfilter, MechanismProbe},
	}[c]
}

// Can implements harness.Abler.
func (m Mechanisms) Can(c harness.Capability) (string, error) {
	names := needs(c)
	if len(names) == 0 {
		return "", c.Missing("")
	}
	for _, name := range names {
		if err := m.check(name); err != nil {
			return "", c.Missing(err.Error())
		}
	}
	return strings.Join(names, ", "), nil
}

func (m Mechanisms) check(name string) error {
	switch state, ok := m[name]; {
	case !ok:
		return fmt.Errorf("the agent has no mechanism %s", name)
	case state != works:
		return fmt.Errorf("mechanism %s does not work here: %s", name, state)
	}
	return nil
}

// Can implements harness.Abler: what one member lacks, the cluster lacks.
func (c *Cluster) Can(what harness.Capability) (mechanism string, err error) {
	for _, id := range c.ids {
		if mechanism, err = c.nodes[id].mechanisms.Can(what); err != nil {
			return "", fmt.Errorf("%s: %w", id, err)
		}
	}
	return mechanism, nil
}

// canProbe says whether every member's agent can send probes and echo them.
func (c *Cluster) canProbe() bool {
	return !slices.ContainsFunc(c.ids, func(id history.NodeID) bool {
		return c.nodes[id].mechanisms.check(MechanismProbe) != nil
	})
}

// Unprobed answers for a runtime whose agents cannot be asked before they are started: it knows which
// mechanisms there are, and leaves it to the cluster whether they work.
type Unprobed struct{}

// Can implements harness.Abler.
func (Unprobed) Can(c harness.Capability) (string, error) {
	names := needs(c)
	if len(names) == 0 {
		return "", c.Missing("")
	}
	text := strings.Join(names, ", ")
	if !slices.Equal(names, []string{MechanismProcess}) { // signals need no asking
		text += " (whether that works is seen when a run starts)"
	}
	return text, nil
}
