//go:build !bugs

package main

import (
	"github.com/spf13/pflag"

	"github.com/faultline-chaos/faultline/store/server"
)

// addBugFlag adds nothing: this build has no planted mistakes.
func addBugFlag(*pflag.FlagSet, *server.Config) {}
