package core

import (
	"fmt"
	"time"
)

// maxElectionTimeout is etcd's.
const maxElectionTimeout = 50 * time.Second

// CheckTimeouts says, in etcd's words and in terms of its flags, what is wrong with the two timeouts
// of a member.
func CheckTimeouts(election, heartbeat time.Duration) error {
	e, h := election.Milliseconds(), heartbeat.Milliseconds()
	switch {
	case h <= 0:
		return fmt.Errorf("--heartbeat-interval must be >0ms (set to %dms)", h)
	case e <= 0:
		return fmt.Errorf("--election-timeout must be >0ms (set to %dms)", e)
	case e < 5*h:
		return fmt.Errorf("--election-timeout[%vms] should be at least as 5 times as --heartbeat-interval[%vms]", e, h)
	case election > maxElectionTimeout:
		return fmt.Errorf("--election-timeout[%vms] is too long, and should be set less than %vms", e, maxElectionTimeout.Milliseconds())
	}
	return nil
}

// SetTimeouts sets what follows from the two timeouts, for a tick of one heartbeat. Requests are given
// up as etcd gives them up (ServerConfig.ReqTimeout): after 5 s for the disk and two elections.
func (c *Config) SetTimeouts(election, heartbeat time.Duration) {
	c.ElectionTicks, c.HeartbeatTicks = int(election/heartbeat), 1
	c.RequestTicks = int((5*time.Second + 2*election) / heartbeat)
}
