// Agentd is the agent without the rest of the faultline binary, for tests.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/faultline-chaos/faultline/harness/agent/linux"
)

func main() {
	if err := linux.Main(context.Background(), os.Stdin, os.Stdout, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
