package agent

import (
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/history"
)

// stamper writes a member's output with the times of the run's clock.
type stamper struct {
	logs io.Writer // nil: nowhere

	mu     sync.Mutex
	offset time.Duration // add it to the agent's CLOCK_MONOTONIC to have the run's time
	line   []byte
}

func (s *stamper) init(logs io.Writer) { s.logs = logs }

// align compares the clocks. On one kernel both ends read the same one, and nothing is estimated;
// behind a virtual machine (Docker Desktop) the agent's reading is taken to be half way between the
// question, asked when the harness's own clock showed asked, and the answer.
func (s *stamper) align(env harness.Env, h Hello, asked int64) {
	answered, now := monotonic(), env.Now()
	agentNow := answered
	if boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id"); err != nil || strings.TrimSpace(string(boot)) != h.BootID {
		agentNow = h.Clock + (answered-asked)/2
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.offset = now - time.Duration(agentNow)
}

func (s *stamper) output(o Output) {
	if s.logs == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.line = history.AppendLogLine(s.line[:0], time.Duration(o.At)+s.offset, []byte(o.Text))
	_, _ = s.logs.Write(s.line) // who gave the writer sees its errors
}
