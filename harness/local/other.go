//go:build !linux

package local

import (
	"context"
	"errors"
	"io/fs"

	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/harness/agent"
)

var errLinux = errors.New("runtime local: it needs Linux")

// Probe says that this is not Linux.
func (*Runtime) Probe(context.Context) (harness.Abler, error) { return nil, errLinux }

type platform struct{ runtime *Runtime }

func (*platform) Name() string { return "local" }

func (*platform) Launch(context.Context, agent.Launch) ([]agent.Host, error) { return nil, errLinux }

func (*platform) Close(context.Context) error { return nil }

func processesOf(string) ([]string, error) { return nil, nil }

func hubsOf(agent.Owner) ([]int, error) { return nil, nil }

func ownerOf(fs.FileInfo) int { return -1 }

func killHub(int) error { return nil }
