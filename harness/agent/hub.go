package agent

import (
	"encoding/json"
	"fmt"
)

// HubCommand and HubSpec, as JSON, are the arguments of the program that makes the namespaces of
// runtime local.
const HubCommand = "hub"

// HubSpec says what a hub makes.
type HubSpec struct {
	Run   string    `json:"run"`   // names the run in lists of processes
	Owner string    `json:"owner"` // the harness, as Owner.String
	Self  []string  `json:"self"`  // starts the agent's program
	Nodes []HubNode `json:"nodes"`
}

// HubNode is one member.
type HubNode struct {
	Host       string `json:"host"` // its IPv4 address, in a network of 24 bits that all share
	ClientPort int    `json:"client_port"`
}

// HubFiles is the first of the descriptors that a hub inherits.
const HubFiles = 3

// HubResult is the line that a hub writes when its agents run.
type HubResult struct {
	Error string `json:"error,omitempty"`
}

// ParseHubSpec reads a hub's argument.
func ParseHubSpec(s string) (HubSpec, error) {
	var spec HubSpec
	if err := json.Unmarshal([]byte(s), &spec); err != nil {
		return HubSpec{}, fmt.Errorf("read the hub's specification: %w", err)
	}
	return spec, nil
}
