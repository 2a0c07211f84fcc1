package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/faultline-chaos/faultline/harness"
	"github.com/faultline-chaos/faultline/nemesis"
	"github.com/faultline-chaos/faultline/scenario"
)

// listSupport writes, for each runtime on this machine, which faults it can have by which mechanism, or
// why not: rows of tab-separated cells. Nothing is started for it but what the runtimes' Probe starts.
func listSupport(ctx context.Context, w io.Writer) {
	fmt.Fprintln(w, "on this machine\tfaults\tby")
	for _, e := range scenario.Runtimes() {
		able, err := e.New(scenario.Default()).Probe(ctx)
		if err != nil {
			fmt.Fprintf(w, "%s\tnone\t%v\n", e.Name, err)
			continue
		}
		for _, row := range support(able) {
			fmt.Fprintf(w, "%s\t%s\t%s\n", e.Name, strings.Join(row.faults, ", "), row.how)
		}
	}
}

// supported are faults that all can be had in the same way, or not for the same reason.
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
			return "no: " + err.Error()
		}
		by = append(by, mechanism)
	}
	return strings.Join(by, ", ")
}
