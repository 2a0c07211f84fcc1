package checker

import (
	"bytes"
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"runtime/debug"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/faultline-chaos/faultline/checker/register"
	"github.com/faultline-chaos/faultline/history"
)

// A generic search may need any amount of memory, so porcupine runs in a process of its own, which
// can be given a limit and killed. With the search before it, which takes some 300 MB at most, it stays
// below 1 GiB.
const (
	helperTime   = 60 * time.Second
	helperMemory = 640 << 20
	windowTime   = 5 * time.Second // for each window but the last, the whole key
)

type helperCommand struct{}

// WithHelper names a command whose process calls ServeHelper with its standard input and output.
// Checkers run with this context ask porcupine there, with 60 s and 640 MiB, about keys that the fast
// algorithm leaves open. Without it porcupine gets only keys of at most 500 ops, in this process.
func WithHelper(ctx context.Context, command ...string) context.Context {
	return context.WithValue(ctx, helperCommand{}, command)
}

// question is what the helper is asked: whether some of the windows cannot be linearized. The last
// one is the whole.
type question struct {
	Windows [][]register.Op
	Texts   []textOp // in place of windows: a key that holds text
	Time    time.Duration
	CPU     time.Duration // processor time; 0: no limit but Time
	Memory  uint64        // bytes
}

// reply says what the helper found; an illegal window, or what holds for the whole.
type reply struct {
	Result porcupine.CheckResult
	Window int
	cpu    time.Duration // that it took
}

// ServeHelper answers one question of a checker and returns. It limits the memory of the process.
func ServeHelper(in io.Reader, out io.Writer) error {
	var q question
	if err := gob.NewDecoder(in).Decode(&q); err != nil {
		return fmt.Errorf("read the question: %w", err)
	}
	if len(q.Windows)+len(q.Texts) == 0 || q.Time <= 0 || q.Memory == 0 {
		return errors.New("the question is empty")
	}
	debug.SetMemoryLimit(int64(q.Memory / 10 * 9)) // collect harder before the hard limit
	if err := limitMemory(q.Memory); err != nil {
		return fmt.Errorf("limit the memory to %d bytes: %w", q.Memory, err)
	}
	if q.CPU > 0 {
		if err := limitCPU(q.CPU); err != nil {
			return fmt.Errorf("limit the processor time to %v: %w", q.CPU, err)
		}
	}
	return gob.NewEncoder(out).Encode(search(q))
}

func search(q question) reply {
	if len(q.Texts) > 0 {
		return reply{Result: porcupine.CheckOperationsTimeout(textModel(), textOperations(q.Texts), q.Time)}
	}
	end := time.Now().Add(q.Time)
	last := len(q.Windows) - 1
	for i, w := range q.Windows {
		limit := max(time.Until(end), time.Millisecond)
		if i < last {
			limit = min(limit, windowTime)
		}
		r := porcupine.CheckOperationsTimeout(registerModel(nil), operations(w), limit)
		if r == porcupine.Illegal || i == last {
			return reply{Result: r, Window: i}
		}
	}
	return reply{}
}

// ask starts the helper and waits for its answer.
func ask(ctx context.Context, command []string, q question) (reply, error) {
	ctx, cancel := context.WithTimeout(ctx, q.Time+5*time.Second) // it ends by itself before that
	defer cancel()
	var in, out bytes.Buffer
	if err := gob.NewEncoder(&in).Encode(q); err != nil {
		return reply{}, fmt.Errorf("encode the question for porcupine: %w", err)
	}
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	var problem head
	cmd.Stdin, cmd.Stdout, cmd.Stderr = &in, &out, &problem
	cmd.WaitDelay = time.Second
	if err := cmd.Run(); err != nil {
		failed := reply{cpu: cpuOf(cmd)}
		// Go's runtime ends with a segmentation violation at times, where it gets no memory.
		if strings.Contains(problem.String(), "SIGSEGV") || strings.Contains(problem.String(), "out of memory") || strings.Contains(problem.String(), "cannot allocate memory") {
			return failed, fmt.Errorf("porcupine needs more than %d MiB", q.Memory>>20)
		}
		if ctx.Err() != nil || q.CPU > 0 && cpuOf(cmd) >= q.CPU/10*9 { // the kernel counts by ticks
			return failed, errors.New("porcupine did not decide within its time limit")
		}
		line, _, _ := strings.Cut(problem.String(), "\n")
		return failed, fmt.Errorf("porcupine's process: %w: %s", err, line)
	}
	var r reply
	if err := gob.NewDecoder(&out).Decode(&r); err != nil {
		return reply{}, fmt.Errorf("read porcupine's answer: %w", err)
	}
	r.cpu = cpuOf(cmd)
	return r, nil
}

// cpuOf is the processor time of a process that has ended.
func cpuOf(cmd *exec.Cmd) time.Duration {
	if cmd.ProcessState == nil {
		return 0
	}
	return cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
}

// head keeps the beginning of what is written.
type head struct{ bytes.Buffer }

func (h *head) Write(b []byte) (int, error) {
	if left := 4096 - h.Len(); left > 0 {
		h.Buffer.Write(b[:min(left, len(b))])
	}
	return len(b), nil
}

// Porcupine asks porcupine about every key in turn, in the helper of ctx, within processor time and memory
// for all, and answers what it took. It is for comparisons: CheckKeys needs it only where the fast algorithm
// gives up.
func (k *Keys) Porcupine(ctx context.Context, limit time.Duration, memory uint64) (v history.Validity, took time.Duration, err error) {
	command, _ := ctx.Value(helperCommand{}).([]string)
	if len(command) == 0 {
		return history.Unknown, 0, errors.New("porcupine needs a helper: see WithHelper")
	}
	const patience = 20 // a machine that is busy with other things gives it time by the clock
	for _, h := range k.finish(nil) {
		r, err := ask(ctx, command, question{Windows: [][]register.Op{h.ops}, Time: patience * limit, CPU: max(limit-took, time.Millisecond), Memory: memory})
		took += r.cpu
		switch {
		case err != nil:
			return history.Unknown, took, err
		case r.Result == porcupine.Illegal:
			return history.Invalid, took, nil
		case r.Result != porcupine.Ok:
			return history.Unknown, took, errors.New("porcupine did not decide")
		}
	}
	return history.Valid, took, nil
}
