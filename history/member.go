package history

// NodeID names a member: n1, n2, ...
type NodeID string

// Role is what a member says that it is.
type Role string

const (
	Leader    Role = "leader"
	Follower  Role = "follower"
	Candidate Role = "candidate" // pre-candidates included
	Unreached Role = ""          // it did not answer
)
