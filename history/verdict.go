package history

import (
	"context"
	"time"
)

// Validity is what a checker found. The zero value is Unknown: a check that did not happen proves
// nothing.
type Validity int

const (
	Unknown Validity = iota
	Valid
	Invalid
)

func (v Validity) String() string {
	switch v {
	case Valid:
		return "valid"
	case Invalid:
		return "invalid"
	default:
		return "unknown"
	}
}

// MarshalText makes verdicts readable in run.json.
func (v Validity) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText is MarshalText's inverse; any other word is Unknown.
func (v *Validity) UnmarshalText(b []byte) error {
	switch string(b) {
	case "valid":
		*v = Valid
	case "invalid":
		*v = Invalid
	default:
		*v = Unknown
	}
	return nil
}

// Verdict is one checker's judgement of one history.
type Verdict struct {
	Checker  string   `json:"checker"`            // its name
	Validity Validity `json:"validity"`           // valid, invalid or unknown
	Reason   string   `json:"reason"`             // one or a few sentences, for every Validity
	Evidence []int    `json:"evidence,omitempty"` // indexes of ops
	// Story tells a violation: the calls of its evidence, and the faults and leaders around them, in
	// the order of time.
	Story []Moment `json:"story,omitempty"`
	// Artifacts are files that the checker made for a reader, by name: a visualization of a violation.
	Artifacts map[string][]byte `json:"-"`
	// ArtifactNames are their names, as saved beside run.json.
	ArtifactNames []string `json:"artifacts,omitempty"`
}

// NotAsked is a checker that did not judge a history, since what it needs is not there.
type NotAsked struct {
	Checker string `json:"checker"` // its name
	Reason  string `json:"reason"`  // what the system does not offer
}

// Moment is a sentence of a violation's story.
type Moment struct {
	At   time.Duration `json:"at"`             // when it was
	Text string        `json:"text"`           // in words
	Call bool          `json:"call,omitempty"` // a client's call, and not what happened around it
	Ops  []int         `json:"ops,omitempty"`  // indexes of the lines that tell it
}

// Checker judges a history. It has no state and may be used by several tasks.
type Checker interface {
	Name() string
	// Check respects ctx's deadline: a judgement that did not finish is Unknown and says so.
	Check(ctx context.Context, h History) Verdict
}

// History is all that checkers see of a run.
type History struct {
	Nodes []NodeID
	Ops   []Op
	Logs  map[NodeID][]LogLine // nil where the runtime has none
	// LogLanguage is that of Logs; see raftlog.Spoken.
	LogLanguage LogLanguage
}

// Worst joins verdicts: Invalid before Unknown before Valid; of none, Unknown.
func Worst(verdicts []Verdict) Validity {
	if len(verdicts) == 0 {
		return Unknown
	}
	worst := Valid
	for _, v := range verdicts {
		switch v.Validity {
		case Invalid:
			return Invalid
		case Unknown:
			worst = Unknown
		case Valid:
		}
	}
	return worst
}
