// Package generate makes histories of registers by simulating one: legal by construction, or with one
// violation of a chosen kind, which is certain whatever else goes on at the same time. It is for
// benchmarks, and for people who test their own checkers.
package generate

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/faultline-chaos/faultline/history"
)

// Config says what to make. The same config makes the same history, with any version of Go.
type Config struct {
	Ops     int           // calls; a call is two lines
	Keys    int           //
	Clients int           // of each key; each has at most one call open
	Mix     Mix           // shares of calls
	Blind   float64       // share of deletes whose completion does not say whether there was something
	Unknown float64       // share of calls of unknown outcome; half of these run, some of them late
	Latency time.Duration // mean, from 0.1 to 1.9 times this
	Think   time.Duration // mean pause of a client between its calls, exponentially distributed; 0: none
	Revised bool          // completions tell the store's revision, and gets that of the key's last write
	Values  int           // values are drawn from so many, and repeat; 0: every value is unique
	Plant   string        // a kind of violation; "": none
	At      float64       // where in the history the violation is, from 0 to 1
	Seed    uint64
}

// Default is a million calls of 20 clients on each of 10 keys.
func Default() Config {
	return Config{
		Ops: 1_000_000, Keys: 10, Clients: 20, Mix: Mix{50, 35, 10, 5}, Unknown: 0.01,
		Latency: time.Millisecond, At: 0.5,
	}
}

// Mix is the shares of get, put, cas and delete, as whole numbers in any scale.
type Mix [4]int

var forms = [4]history.Form{history.FormGet, history.FormPut, history.FormCAS, history.FormDelete}

// ParseMix reads a mix such as get=50,put=35,cas=10,delete=5. What is left out is 0.
func ParseMix(s string) (m Mix, err error) {
	for part := range strings.SplitSeq(s, ",") {
		name, share, _ := strings.Cut(part, "=")
		i := slices.IndexFunc(forms[:], func(f history.Form) bool { return f.String() == name })
		if i < 0 {
			return m, fmt.Errorf("mix %q: %q is no op: allowed are get, put, cas, delete", s, name)
		}
		if _, err := fmt.Sscanf(share+"\n", "%d\n", &m[i]); err != nil || m[i] < 0 {
			return m, fmt.Errorf("mix %q: the share of %s must be a whole number from 0", s, name)
		}
	}
	return m, nil
}

func (m Mix) String() string {
	var parts []string
	for i, n := range m {
		parts = append(parts, fmt.Sprintf("%s=%d", forms[i], n))
	}
	return strings.Join(parts, ",")
}

func (m Mix) total() int { return m[0] + m[1] + m[2] + m[3] }

// Validate says what is wrong with a config, and what is allowed.
func (c Config) Validate() error {
	switch {
	case c.Ops < 1:
		return fmt.Errorf("ops %d: allowed are 1 and more", c.Ops)
	case c.Keys < 1 || c.Keys > 1_000_000:
		return fmt.Errorf("keys %d: allowed are 1 to 1000000", c.Keys)
	case c.Clients < 1 || c.Clients > 10_000 || c.Clients*c.Keys > 10_000_000:
		return fmt.Errorf("%d clients on each of %d keys: allowed are 1 to 10000 a key, and 10000000 in all", c.Clients, c.Keys)
	case c.Mix.total() < 1:
		return fmt.Errorf("mix %s: some share must be positive", c.Mix)
	case c.Unknown < 0 || c.Unknown > 1:
		return fmt.Errorf("unknown %v: allowed are 0 to 1", c.Unknown)
	case c.Blind < 0 || c.Blind > 1:
		return fmt.Errorf("blind %v: allowed are 0 to 1", c.Blind)
	case c.Latency < 100*time.Nanosecond || c.Latency > time.Minute:
		return fmt.Errorf("latency %v: allowed are 100ns to 1m", c.Latency)
	case c.Think < 0 || c.Think > time.Minute:
		return fmt.Errorf("think %v: allowed are 0 to 1m", c.Think)
	case c.Values < 0:
		return fmt.Errorf("values %d: allowed are 0 (all unique) and more", c.Values)
	case c.At < 0 || c.At > 1:
		return fmt.Errorf("at %v: allowed are 0 to 1", c.At)
	}
	if c.Plant == "" {
		return nil
	}
	k, ok := kindByName(c.Plant)
	switch {
	case !ok:
		return fmt.Errorf("violation %q: allowed are %s", c.Plant, strings.Join(kindNames(), ", "))
	case c.Values > 0:
		return fmt.Errorf("violation %s: it is certain only where values are unique: leave values at 0", c.Plant)
	case c.Ops < 4*k.calls:
		return fmt.Errorf("violation %s: %d ops are too few: it takes %d", c.Plant, c.Ops, 4*k.calls)
	}
	return nil
}
