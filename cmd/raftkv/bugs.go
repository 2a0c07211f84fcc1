//go:build bugs

package main

import (
	"strings"

	"github.com/spf13/pflag"

	"github.com/faultline-chaos/faultline/store/core"
	"github.com/faultline-chaos/faultline/store/server"
)

// addBugFlag adds --bug, which only this build has.
func addBugFlag(f *pflag.FlagSet, cfg *server.Config) {
	f.StringVar(&cfg.Bug, "bug", "", "plant a mistake: "+strings.Join(core.Bugs(), ", "))
}
