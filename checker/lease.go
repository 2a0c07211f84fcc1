package checker

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/faultline-chaos/faultline/history"
)

// Lease judges leases by what reads show of the keys that are attached to them: a key must not be gone
// before its lease may have expired, and must be gone some time after it must have.
//
// A lease certainly lives until its TTL has passed since the beginning of the grant or of the last
// keep-alive that succeeded, unless somebody may have revoked it. It must have expired when the TTL has
// passed since the end of the last of these that may have reached it, or since the last change of
// leaders (a new leader gives every lease its whole TTL again: etcd, server/lease/lessor.go, Promote).
type Lease struct {
	// Late is how long after that a key may still be seen; 0 means 10 s.
	Late time.Duration
}

// Name is lease.
func (Lease) Name() string { return "lease" }

// leased is one lease.
type leased struct {
	id      int64
	ttl     time.Duration
	renewed []attempt // grant and keep-alives that succeeded
	gone    []attempt // keep-alives that were told that it is gone
	unsure  bool      // a keep-alive of unknown outcome may renew it at any time
	revokes []attempt // that may have succeeded
}

// attachment is a key that was put with a lease.
type attachment struct {
	lease *leased
	put   attempt
}

type leaseRead struct {
	key   string
	value *string
	at    attempt
}

type leases struct {
	ops      []history.Op
	late     time.Duration
	byID     map[int64]*leased
	order    []*leased
	attached map[string][]attachment
	writes   map[string][]attempt // to a key, that may have succeeded
	reads    []leaseRead
	changes  []time.Duration // of leaders
	alive    int
	expired  int
}

// Check reads the ops grant, keep-alive, revoke, put, cas, delete and get.
func (c Lease) Check(_ context.Context, h history.History) history.Verdict {
	l := leases{ops: h.Ops, late: c.Late, byID: map[int64]*leased{}, attached: map[string][]attachment{}, writes: map[string][]attempt{}}
	if l.late == 0 {
		l.late = 10 * time.Second
	}
	if err := l.read(); err != nil {
		return malformed(err)
	}
	for _, x := range l.order {
		for _, a := range x.gone {
			if why, at := l.lives(x, a); why != "" {
				return invalid(evidence(h.Ops, append(at, a.invoke, a.done)...), "lease %d: a keep-alive found it gone (op %d), although %s", x.id, h.Ops[a.done].Index, why)
			}
		}
	}
	for _, r := range l.reads {
		for _, a := range l.attached[r.key] {
			if v := l.judge(a, r); v != nil {
				return *v
			}
		}
	}
	if l.alive+l.expired == 0 {
		return unknown("there was no read of a leased key while its lease was certainly alive, or after it must have expired")
	}
	return valid("%s found a key whose lease was certainly alive; %s found nothing after the lease must have expired", count(l.alive, "read"), count(l.expired, "read"))
}

func (l *leases) read() error {
	all, err := attempts(l.ops)
	if err != nil {
		return err
	}
	for _, a := range all {
		if a.outcome == history.Fail {
			continue
		}
		switch a.form {
		case history.FormGrant, history.FormKeepAlive, history.FormRevoke:
			err = l.lease(a)
		case history.FormGet, history.FormPut, history.FormCAS, history.FormDelete:
			err = l.register(a)
		}
		if err != nil {
			return err
		}
	}
	var leader history.NodeID
	for i := range l.ops {
		if v, ok := status(&l.ops[i]); ok && v.Role == history.Leader && l.ops[i].Node != leader {
			leader = l.ops[i].Node
			l.changes = append(l.changes, l.ops[i].Time)
		}
	}
	return nil
}

func (l *leases) lease(a attempt) error {
	v, err := history.Decode[history.LeaseValue](a.said)
	if err != nil {
		return err
	}
	x := l.byID[v.Lease]
	switch ok := a.outcome == history.OK; {
	case v.Lease == 0: // behind a lock, or a grant that nobody knows the name of
	case a.form == history.FormGrant && ok:
		x = &leased{id: v.Lease, ttl: v.TTL, renewed: []attempt{a}}
		l.byID[v.Lease] = x
		l.order = append(l.order, x)
	case x == nil:
	case a.form == history.FormRevoke:
		x.revokes = append(x.revokes, a)
	case a.form == history.FormKeepAlive && !ok:
		x.unsure = true
	case a.form == history.FormKeepAlive && v.TTL > 0:
		x.renewed = append(x.renewed, a)
	case a.form == history.FormKeepAlive:
		x.gone = append(x.gone, a)
	}
	return nil
}

func (l *leases) register(a attempt) error {
	v, err := history.Decode[struct {
		Key   string
		Value *string
		Lease int64
	}](a.said)
	if err != nil {
		return err
	}
	ok := a.outcome == history.OK
	if a.form == history.FormGet {
		if ok {
			l.reads = append(l.reads, leaseRead{v.Key, v.Value, a})
		}
		return nil
	}
	l.writes[v.Key] = append(l.writes[v.Key], a)
	if x := l.byID[v.Lease]; a.form == history.FormPut && ok && x != nil {
		l.attached[v.Key] = append(l.attached[v.Key], attachment{x, a})
	}
	return nil
}

// judge judges one read of a key that was put with a lease, where nothing else can have changed the key
// since.
func (l *leases) judge(a attachment, r leaseRead) *history.Verdict {
	if a.put.done > r.at.invoke || slices.ContainsFunc(l.writes[r.key], func(w attempt) bool {
		return w != a.put && w.done > a.put.invoke && w.invoke < r.at.done
	}) {
		return nil
	}
	x := a.lease
	if r.value == nil {
		if why, at := l.lives(x, r.at); why != "" {
			return new(invalid(evidence(l.ops, append(at, a.put.invoke, a.put.done, r.at.invoke, r.at.done)...), "key %q with lease %d is gone too early (op %d): %s", r.key, x.id, l.ops[r.at.done].Index, why))
		}
		if l.due(x, r.at) != "" {
			l.expired++
		}
		return nil
	}
	if why := l.due(x, r.at); why != "" {
		return new(invalid(evidence(l.ops, a.put.invoke, a.put.done, r.at.invoke, r.at.done), "key %q with lease %d is still there (op %d): %s", r.key, x.id, l.ops[r.at.done].Index, why))
	}
	if why, _ := l.lives(x, r.at); why != "" {
		l.alive++
	}
	return nil
}

// lives says why the lease certainly lived at an op, and which lines tell; empty where it may not have.
// A lease that is renewed later had not expired before.
func (l *leases) lives(x *leased, a attempt) (why string, at []int) {
	if slices.ContainsFunc(x.revokes, func(r attempt) bool { return r.invoke < a.done }) {
		return "", nil
	}
	for _, r := range slices.Backward(x.renewed) {
		began, what := l.ops[r.invoke].Time, "it was renewed"
		if r.form == history.FormGrant {
			what = "it was granted"
		}
		switch until := began + x.ttl; {
		case r.done < a.invoke && l.ops[a.done].Time < until:
			return fmt.Sprintf("%s for %v not before %s (op %d), and now it is %s", what, x.ttl, seconds(began), l.ops[r.done].Index, seconds(l.ops[a.done].Time)), []int{r.invoke, r.done}
		case r.invoke > a.done && r.form == history.FormKeepAlive:
			return fmt.Sprintf("it was renewed later (op %d)", l.ops[r.done].Index), []int{r.invoke, r.done}
		}
	}
	return "", nil
}

// due says why the lease's keys must have been gone before an op began; empty where they need not have.
func (l *leases) due(x *leased, a attempt) string {
	now := l.ops[a.invoke].Time
	for _, r := range x.revokes {
		if r.outcome == history.OK && r.done < a.invoke {
			return fmt.Sprintf("it was revoked (op %d)", l.ops[r.done].Index)
		}
	}
	if x.unsure {
		return ""
	}
	var last time.Duration
	for _, r := range x.renewed {
		last = max(last, l.ops[r.done].Time)
	}
	for _, c := range l.changes {
		if c <= now {
			last = max(last, c)
		}
	}
	if late := now - (last + x.ttl); late > l.late {
		return fmt.Sprintf("it must have expired %v earlier, more than the allowed %v", late, l.late)
	}
	return ""
}
