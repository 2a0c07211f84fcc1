package checker

import (
	"encoding/json"
	"fmt"
	"github.com/faultline-chaos/faultline/history"
)

// value is the JSON value of the register workload's ops. What a line does not say is zero.
type value struct {
	Key     string  `json:"key"`
	Value   *string `json:"value"` // put, get; nil: absent
	Old     *string `json:"old"`   // cas; nil: absent
	New     string  `json:"new"`
	Swapped *bool   `json:"swapped"`
	Deleted *int64  `json:"deleted"`
	Mod     int64   `json:"mod"` // get
	Rev     int64   `json:"rev"`
}

// parse reads an op's value, by hand where Line.Parse would, too.
func parse(op *history.Op) (v value, err error) {
	var l Line
	if l.scan(op.Value) {
		return l.value(), nil
	}
	if err := json.Unmarshal(op.Value, &v); err != nil {
		return v, fmt.Errorf("op %d: value of a %s: %w", op.Index, op.F, err)
	}
	return v, nil
}

// value is the same with memory of its own.
func (l *Line) value() value {
	v := value{Key: string(l.Key), New: string(l.New), Value: textOf(l.Value), Old: textOf(l.Old), Mod: l.mod, Rev: l.rev}
	if l.Swapped != Unsaid {
		swapped := l.Swapped == Yes
		v.Swapped = &swapped
	}
	if l.Deleted != Unsaid {
		deleted := l.deleted
		v.Deleted = &deleted
	}
	return v
}

func textOf(b []byte) *string {
	if b == nil {
		return nil
	}
	s := string(b)
	return &s
}

// take is the opposite.
func (l *Line) take(v *value) {
	l.Key, l.New = []byte(v.Key), []byte(v.New)
	l.Value, l.Old = bytesOf(v.Value), bytesOf(v.Old)
	l.Swapped = answer(v.Swapped != nil, v.Swapped != nil && *v.Swapped)
	l.Deleted = answer(v.Deleted != nil, v.Deleted != nil && *v.Deleted > 0)
	if v.Deleted != nil {
		l.deleted = *v.Deleted
	}
	l.mod, l.rev = v.Mod, v.Rev
}

func bytesOf(s *string) []byte {
	if s == nil {
		return nil
	}
	return append([]byte{}, *s...)
}

func answer(said, yes bool) Answer {
	switch {
	case !said:
		return Unsaid
	case yes:
		return Yes
	default:
		return No
	}
}
