package scenario_test

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/faultline-chaos/faultline/scenario"
)

// A whole run of the built-in store, on virtual time: its members are killed, and what clients saw is
// judged. The report stays in the folder.
func Example() {
	dir, err := os.MkdirTemp("", "faultline-")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)

	s := scenario.Default()
	s.Runtime, s.Seed = "sim", 5
	s.Faults, s.Time = []string{"kill"}, 14*time.Second
	run, err := scenario.Run(context.Background(), s, scenario.Options{Out: dir})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(run.Verdict)
	for _, step := range run.Schedule {
		fmt.Println(step.Fault, step.Target)
	}
	// Output:
	// valid
	// kill follower
	// kill leader
}
