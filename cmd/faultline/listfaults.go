package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/nemesis"
	"github.com/faultline-chaos/faultline/scenario"
)

// listFaults adds the faults, and for each runtime on this machine which of them it supports by which
// mechanism, or why it does not. It starts nothing but what the runtimes' Probe starts.
func listFaults(ctx context.Context, add func(name, doc string)) {
	for _, e := range nemesis.All() {
		add(e.Fault.String(), e.Doc)
		if e.Args != "" {
			add("", e.Args)
		}
	}
	add("", "")
	for _, e := range scenario.Runtimes() {
		able, err := e.New(scenario.Default()).Probe(ctx)
		if err != nil {
			add("on "+e.Name, fmt.Sprintf("none on this machine: %v", err))
			continue
		}
		name := "on " + e.Name
		for _, row := range support(able) {
			add(name, strings.Join(row.faults, ", ")+": "+row.how)
			name = ""
		}
	}
}

// supported are faults with the same mechanism, or with the same reason why they are not supported.
type supported struct {
	how    string
	faults []string
}

func support(able harness.Abler) (rows []supported) {
	for _, e := range nemesis.All() {
		how := mechanisms(e.Fault, able)
		i := slices.IndexFunc(rows, func(r supported) bool { return r.how == how })
		if i < 0 {
			i, rows = len(rows), append(rows, supported{how: how})
		}
		rows[i].faults = append(rows[i].faults, e.Name())
	}
	return rows
}

func mechanisms(f harness.Fault, able harness.Abler) string {
	var by []string
	for _, c := range f.Needs() {
		mechanism, err := able.Can(c)
		if err != nil {
			return "not supported: " + err.Error()
		}
		by = append(by, mechanism)
	}
	return "supported by " + strings.Join(by, ", ")
}
