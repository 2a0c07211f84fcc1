package scripts

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/history"
	"github.com/faultline-chaos/faultline/history/raftlog"
	"github.com/faultline-chaos/faultline/internal/control"
	"github.com/faultline-chaos/faultline/nemesis"
)

// ElectionBasics checks the facts of leader election one by one on a fresh cluster: who serves, who elects,
// what clients notice. An error means that the run itself failed; a fact that does not hold is a claim.
func ElectionBasics(ctx context.Context, w World, o Options) ([]Claim, error) {
	if o.Stable == 0 {
		o.Stable = 30 * time.Second
	}
	b := &basics{o: o}
	err := w.Start(ctx, ClusterOptions{Election: o.Election, Heartbeat: o.Heartbeat, Main: true}, func(ctx context.Context, s *Stage) error {
		return b.onCluster(ctx, s)
	})
	if err != nil {
		return b.claims, err
	}
	if err := b.environment(ctx, w); err != nil {
		return b.claims, err
	}
	return b.claims, b.refusal(ctx, w)
}

type basics struct {
	o        Options
	claims   []Claim
	stage    *Stage
	client   *harness.Worker
	baseline traffic // calls without any fault: the baseline for steps with a fault
}

// outcome is the result of a step.
type outcome struct {
	did, measured string
	holds         bool
	undecided     string // why the step cannot be decided; holds is false then
}

// spared is the outcome if there are too few members to inject the fault.
func spared(who string) outcome {
	return outcome{did: "nothing", undecided: "not tried: with fewer than three members no " + who + " can be spared"}
}

// step runs one step and keeps its claim. An error means that the run itself failed.
func (b *basics) step(ctx context.Context, claim string, f func(context.Context) (outcome, error)) error {
	env := b.stage.Env
	start := env.Now()
	out, err := f(ctx)
	if ctx.Err() != nil {
		return fmt.Errorf("%w: %w", harness.ErrInterrupted, context.Cause(ctx))
	}
	if err != nil {
		return fmt.Errorf("step %q: %w", claim, err)
	}
	b.claims = append(b.claims, Claim{Claim: claim, Did: out.did, Measured: out.measured, Holds: out.holds, Undecided: out.undecided, Took: env.Now() - start})
	return nil
}

func (b *basics) onCluster(ctx context.Context, s *Stage) error {
	b.stage = s
	b.client = harness.NewWorker(s.Env, s.Cluster, s.Recorder, calls(), 0, 1)
	defer b.client.Close()
	s.phase(history.PhaseWarmup)
	if _, err := s.awaitLeader(ctx, 30*time.Second); err != nil {
		return err
	}
	steps := []struct {
		claim string
		do    func(context.Context) (outcome, error)
	}{
		{"All members start as followers, and one is elected leader by a majority that includes itself", b.firstElection},
		{"Through any member, `put KEY VALUE` answers OK and `get KEY` answers the key and its value", b.anyMember},
		{fmt.Sprintf("A stable cluster holds no election for %v", b.o.Stable), b.stable},
		{"Killing a follower leaves clients undisturbed: no call through another member fails", b.followerKilled},
		{"Killing the leader makes the service unavailable until a new one is elected; a client that retries then gets its value", b.leaderKilled},
		{"Without a majority there is no service; once a majority is back, service resumes by itself", b.majorityLost},
	}
	for i, st := range steps {
		if i == 3 {
			s.phase(history.PhaseFaults)
		}
		if err := b.step(ctx, st.claim, st.do); err != nil {
			return errors.Join(err, s.healAll(ctx))
		}
	}
	s.phase(history.PhaseFinal)
	for _, id := range s.Cluster.Members() { // every member still has the first write
		if _, err := b.untilOK(ctx, id, func() harness.Attempt { return b.get(id, "basics") }, 10*time.Second); err != nil {
			return fmt.Errorf("final read on %s: %w", id, err)
		}
	}
	s.phase(history.PhaseEnd)
	return nil
}

func (b *basics) firstElection(ctx context.Context) (outcome, error) {
	members := b.stage.Cluster.Members()
	leader, err := b.stage.awaitLeader(ctx, 10*time.Second)
	if err != nil {
		return outcome{}, err
	}
	logs := b.stage.Logs()
	followers, votes := 0, 0
	for _, id := range members {
		first := raftlog.Kind("")
		for _, line := range logs[id] {
			e, _ := raftlog.Parse(line.Text)
			switch e.Kind {
			case raftlog.BecameFollower, raftlog.BecamePre, raftlog.BecameCandidate, raftlog.BecameLeader:
				first = cmp.Or(first, e.Kind)
			case raftlog.Tally:
				if id == leader.id {
					votes = e.Votes
				}
			}
		}
		if first == raftlog.BecameFollower {
			followers++
		}
	}
	statuses := harness.Statuses(ctx, b.stage.Env, b.stage.Cluster)
	following := 0
	for i, st := range statuses {
		if members[i] != leader.id && st.Role == history.Follower && st.Leader == leader.id {
			following++
		}
	}
	enough := len(members) == 1 || votes >= len(members)/2+1
	return outcome{
		did: "started the cluster and read every member's log and status",
		measured: fmt.Sprintf("the first role of %d of %d members was follower; %s leads term %d with %s votes; %d members follow it",
			followers, len(members), leader.id, leader.term, orNone(votes), following),
		holds: followers == len(members) && enough && following == len(members)-1,
	}, nil
}

func (b *basics) anyMember(ctx context.Context) (outcome, error) {
	members := b.stage.Cluster.Members()
	good := 0
	var problems []string
	for _, writer := range members {
		value := b.client.Unique()
		if _, err := b.untilOK(ctx, writer, func() harness.Attempt { return b.put(writer, "basics", value) }, 5*time.Second); err != nil {
			problems = append(problems, fmt.Sprintf("put through %s: %v", writer, err))
			continue
		}
		for _, reader := range members {
			got, err := b.untilOK(ctx, reader, func() harness.Attempt { return b.get(reader, "basics") }, 5*time.Second)
			switch {
			case err != nil:
				problems = append(problems, fmt.Sprintf("get through %s: %v", reader, err))
			case got != value:
				problems = append(problems, fmt.Sprintf("put %s through %s, got %s through %s", value, writer, got, reader))
			default:
				good++
			}
		}
	}
	n := len(members) * len(members)
	return outcome{
		did:      fmt.Sprintf("put a new value through each of %d members and got it back through each", len(members)),
		measured: fmt.Sprintf("%d of %d gets returned the value that was just put%s", good, n, because(problems)),
		holds:    good == n,
	}, nil
}

func (b *basics) stable(ctx context.Context) (outcome, error) {
	before, err := b.stage.awaitLeader(ctx, 10*time.Second)
	if err != nil {
		return outcome{}, err
	}
	from := b.campaigns()
	traffic := b.traffic(ctx, b.stage.Cluster.Members(), b.o.Stable)
	after, err := b.stage.awaitLeader(ctx, 10*time.Second)
	if err != nil {
		return outcome{}, err
	}
	b.baseline = traffic
	elections := b.campaigns() - from
	out := outcome{
		did:      fmt.Sprintf("called every member for %v without a fault", b.o.Stable),
		measured: fmt.Sprintf("%d elections, %s still leads term %d, %d of %d calls failed", elections, after.id, after.term, traffic.failed, traffic.calls),
		holds:    elections == 0 && before == after && traffic.calls > traffic.failed,
	}
	if before != after {
		out.measured = fmt.Sprintf("%d elections: %s led term %d and %s leads term %d; %d of %d calls failed", elections, before.id, before.term, after.id, after.term, traffic.failed, traffic.calls)
	}
	if !out.holds {
		out.undecided = b.starved(traffic)
	}
	return out, nil
}

// starved explains that the members may have missed heartbeats only because the machine was too busy: it
// kept this program waiting for half an election timeout or more. Empty: it did not.
func (b *basics) starved(t traffic) string {
	if t.late < b.o.Election/2 {
		return ""
	}
	return fmt.Sprintf("the machine was too busy: it woke this program %d ms too late, which is half an election timeout or more", t.late.Milliseconds())
}

func (b *basics) followerKilled(ctx context.Context) (outcome, error) {
	if len(b.stage.Cluster.Members()) < 3 {
		return spared("follower"), nil
	}
	before, err := b.stage.awaitLeader(ctx, 10*time.Second)
	if err != nil {
		return outcome{}, err
	}
	in, err := b.stage.Nemesis.Inject(ctx, nemesis.Kill{}, history.TargetFollower)
	if err != nil {
		return outcome{}, errors.Join(err, b.stage.heal(ctx, in))
	}
	length := 3 * b.o.Election
	traffic := b.traffic(ctx, without(b.stage.Cluster.Members(), in.Nodes), length)
	after, err := b.stage.awaitLeader(ctx, 10*time.Second)
	if err := errors.Join(err, b.stage.heal(ctx, in)); err != nil {
		return outcome{}, err
	}
	out := outcome{
		did:      fmt.Sprintf("killed follower %v and called the others for %v", in.Nodes, length),
		measured: fmt.Sprintf("%d of %d calls failed; the leader was %s in term %d before, and %s in term %d after", traffic.failed, traffic.calls, before.id, before.term, after.id, after.term),
	}
	if before != after {
		out.undecided = b.starved(traffic)
		return out, nil
	}
	rates := control.Rates{Failed: traffic.failed, Calls: traffic.calls, BaselineFailed: b.baseline.failed, BaselineCalls: b.baseline.calls}
	switch rates.Judge(0) {
	case control.Undisturbed:
		out.holds = true
	case control.TooBusy, control.TooFew:
		out.undecided = fmt.Sprintf("the machine was too busy: %d of %d calls failed without any fault, too", b.baseline.failed, b.baseline.calls)
	}
	return out, nil
}

func (b *basics) leaderKilled(ctx context.Context) (outcome, error) {
	members := b.stage.Cluster.Members()
	if len(members) < 3 {
		return spared("leader"), nil
	}
	before, err := b.stage.awaitLeader(ctx, 10*time.Second)
	if err != nil {
		return outcome{}, err
	}
	value := b.client.Unique()
	if _, err := b.untilOK(ctx, before.id, func() harness.Attempt { return b.put(before.id, "basics", value) }, 5*time.Second); err != nil {
		return outcome{}, err
	}
	in, err := b.stage.Nemesis.Inject(ctx, nemesis.Kill{}, history.TargetLeader)
	if err != nil {
		return outcome{}, errors.Join(err, b.stage.heal(ctx, in))
	}
	asked := without(members, in.Nodes)[0]
	got, retries, err := b.untilOKCounted(ctx, asked, func() harness.Attempt { return b.get(asked, "basics") }, b.patience())
	back := b.stage.Env.Now() - in.Confirmed
	b.traffic(ctx, without(members, in.Nodes), b.o.Election) // so that the history shows that service lasts
	after, leaderErr := b.stage.awaitLeader(ctx, b.patience())
	if err := errors.Join(leaderErr, b.stage.heal(ctx, in)); err != nil {
		return outcome{}, err
	}
	measured := fmt.Sprintf("the get failed %d times and returned %s after %d ms; %s leads term %d (before: %s led term %d)",
		retries, got, back.Milliseconds(), after.id, after.term, before.id, before.term)
	if err != nil {
		measured = fmt.Sprintf("no answer within %v: %v", b.patience(), err)
	}
	return outcome{
		did:      fmt.Sprintf("put a value, killed leader %v, and retried a get through %s until it answered", in.Nodes, asked),
		measured: measured,
		holds:    err == nil && retries > 0 && got == value && after.term > before.term && after.id != before.id,
	}, nil
}

func (b *basics) majorityLost(ctx context.Context) (outcome, error) {
	members := b.stage.Cluster.Members()
	value := b.client.Unique()
	if _, err := b.untilOK(ctx, members[0], func() harness.Attempt { return b.put(members[0], "basics", value) }, b.patience()); err != nil {
		return outcome{}, err
	}
	in, err := b.stage.Nemesis.Inject(ctx, nemesis.Kill{}, history.TargetMajority)
	if err != nil {
		return outcome{}, errors.Join(err, b.stage.heal(ctx, in))
	}
	traffic := b.traffic(ctx, members, 3*b.o.Election)
	if err := b.stage.heal(ctx, in); err != nil {
		return outcome{}, err
	}
	healed := b.stage.Env.Now()
	got, err := b.untilOK(ctx, members[0], func() harness.Attempt { return b.get(members[0], "basics") }, b.patience())
	back := b.stage.Env.Now() - healed
	b.traffic(ctx, members, b.o.Election) // so that the history shows that service lasts
	measured := fmt.Sprintf("%d of %d calls were answered without a majority; %[4]d ms after the members were back, the get returned %[3]s",
		traffic.calls-traffic.failed, traffic.calls, got, back.Milliseconds())
	if err != nil {
		measured = fmt.Sprintf("no answer within %v after the members were back: %v", b.patience(), err)
	}
	return outcome{
		did:      fmt.Sprintf("put a value, killed %v, called every member for %v, started the killed members again, and retried a get", in.Nodes, 3*b.o.Election),
		measured: measured,
		holds:    err == nil && got == value && traffic.calls > 0 && traffic.failed == traffic.calls,
	}, nil
}

// environment shows that ETCD_ELECTION_TIMEOUT and ETCD_HEARTBEAT_INTERVAL set the timeouts: with a quarter
// of both, a new leader is elected sooner than the shortest timeout of the defaults allows.
func (b *basics) environment(ctx context.Context, w World) error {
	short := ClusterOptions{Election: max(b.o.Election/4, 5*time.Millisecond), Heartbeat: max(b.o.Heartbeat/4, time.Millisecond)}
	claim := "ETCD_ELECTION_TIMEOUT and ETCD_HEARTBEAT_INTERVAL (ms) set the timeouts: with a quarter of both, a new leader is elected that much sooner"
	return w.Start(ctx, short, func(ctx context.Context, s *Stage) error {
		outer, client, opts := b.stage, b.client, b.o
		b.stage, b.client = s, harness.NewWorker(s.Env, s.Cluster, s.Recorder, calls(), 0, 1)
		b.o.Election, b.o.Heartbeat = short.Election, short.Heartbeat
		defer func() { b.client.Close(); b.stage, b.client, b.o = outer, client, opts }()
		return b.step(ctx, claim, func(ctx context.Context) (outcome, error) {
			if len(s.Cluster.Members()) < 3 {
				return spared("leader"), nil
			}
			before, err := s.awaitLeader(ctx, 30*time.Second)
			if err != nil {
				return outcome{}, err
			}
			// All members must know the leader, or the survivors' timers are not those of a stable cluster.
			if err := s.Env.Sleep(ctx, 4*short.Election); err != nil {
				return outcome{}, err
			}
			in, err := s.Nemesis.Inject(ctx, nemesis.Kill{}, history.TargetLeader)
			if err != nil {
				return outcome{}, errors.Join(err, s.heal(ctx, in))
			}
			after, err := s.awaitOther(ctx, before.id, b.patience())
			took := s.Env.Now() - in.Confirmed
			if err := errors.Join(err, s.heal(ctx, in)); err != nil {
				return outcome{}, err
			}
			return outcome{
				did: fmt.Sprintf("started a cluster with ETCD_ELECTION_TIMEOUT=%d and ETCD_HEARTBEAT_INTERVAL=%d and killed its leader",
					short.Election.Milliseconds(), short.Heartbeat.Milliseconds()),
				measured: fmt.Sprintf("%s leads term %d after %d ms; without these variables the shortest timeout would be %d ms", after.id, after.term, took.Milliseconds(), opts.Election.Milliseconds()),
				holds:    took < opts.Election,
			}, nil
		})
	})
}

// refusal shows that an election timeout below five heartbeat intervals is refused.
func (b *basics) refusal(ctx context.Context, w World) error {
	bad := ClusterOptions{Election: 4 * b.o.Heartbeat, Heartbeat: b.o.Heartbeat}
	claim := Claim{
		Claim: "An election timeout below five heartbeat intervals is refused: the server does not start, and prints the reason",
		Did:   fmt.Sprintf("started a cluster with an election timeout of %v and a heartbeat interval of %v", bad.Election, bad.Heartbeat),
	}
	err := w.Start(ctx, bad, func(context.Context, *Stage) error { return nil })
	var refused *harness.StartError
	switch {
	case errors.As(err, &refused):
		claim.Measured = fmt.Sprintf("exit code %d: %s", refused.ExitCode, lastLine(refused.Output))
		claim.Holds = refused.ExitCode != 0 && strings.Contains(refused.Output, "election-timeout") && strings.Contains(refused.Output, "5 times")
	case err != nil:
		return fmt.Errorf("start a cluster with wrong timeouts: %w", err)
	default:
		claim.Measured = "the server started"
	}
	b.claims = append(b.claims, claim)
	return nil
}

// patience is how long an election and its client may take before a step gives up: many election timeouts,
// because no step judges speed.
func (b *basics) patience() time.Duration { return 20*b.o.Election + 5*time.Second }

// campaigns counts the elections in the members' logs.
func (b *basics) campaigns() (n int) {
	for _, lines := range b.stage.Logs() { //seam:ok only counts
		for _, line := range lines {
			if e, _ := raftlog.Parse(line.Text); e.Kind == raftlog.Campaign {
				n++
			}
		}
	}
	return n
}

func orNone(votes int) string {
	if votes == 0 {
		return "no recorded"
	}
	return strconv.Itoa(votes)
}

func because(problems []string) string {
	if len(problems) == 0 {
		return ""
	}
	return ": " + strings.Join(problems, "; ")
}

func lastLine(s string) string {
	s = strings.TrimSpace(s)
	return s[strings.LastIndexByte(s, '\n')+1:]
}

func without(members, some []history.NodeID) []history.NodeID {
	return slices.DeleteFunc(slices.Clone(members), func(id history.NodeID) bool { return slices.Contains(some, id) })
}
