package history

import "encoding/json"

// DecodeFault reads the value of a nemesis's op. Histories recorded before the nemesis wrote what its
// faults do get that from the fault's name: this is the only place that knows one.
func DecodeFault(value json.RawMessage, members []NodeID) (v FaultValue, err error) {
	if err := json.Unmarshal(value, &v); err != nil {
		return v, err
	}
	if v.Effect != "" {
		return v, nil
	}
	v.Effect, v.Affected = oldEffect(v.Fault), v.Nodes
	if v.Fault == "partition" {
		v.Affected = SmallerSide(members, v.Nodes)
	}
	return v, nil
}

// oldEffect is that of each fault that there was.
func oldEffect(fault string) EffectKind {
	switch fault {
	case "kill", "stop", "powerfail":
		return Down
	case "pause":
		return Frozen
	case "isolate", "partition":
		return Cut
	}
	return Impaired
}
