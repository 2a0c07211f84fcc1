package checker_test

import (
	"context"
	"fmt"

	"github.com/faultline-chaos/faultline/checker"
	"github.com/faultline-chaos/faultline/history"
)

// A history of your own test: two lines a call. The indexes say in which order they came.
func exampleHistory() history.History {
	line := func(i, process int, t history.Type, f, value string) history.Op {
		return history.Op{Index: i, Process: process, Type: t, F: f, Value: []byte(value)}
	}
	return history.History{Ops: []history.Op{
		line(0, 0, history.Invoke, "put", `{"key":"x","value":"1"}`),
		line(1, 0, history.OK, "put", `{"key":"x","value":"1"}`),
		line(2, 1, history.Invoke, "get", `{"key":"x"}`),
		line(3, 1, history.OK, "get", `{"key":"x","value":null}`),
	}}
}

func ExampleRun() {
	verdicts := checker.Run(context.Background(), []history.Checker{checker.Linearizable{}}, exampleHistory())
	for _, v := range verdicts {
		fmt.Println(v.Checker, v.Validity)
		fmt.Println(v.Reason)
		for _, m := range v.Story {
			fmt.Println("-", m.Text)
		}
	}
	// Output:
	// linearizable invalid
	// key "x" is not linearizable: a get (op 2) returned nothing, although before that "1" had been put (op 0), and nobody had tried to delete it
	// - process 0 put "1" to x
	// - process 1 read x and found nothing
}

// Keys takes a history of registers line by line, in some 32 bytes an op.
func ExampleKeys() {
	k := checker.NewKeys()
	for _, l := range []checker.Line{
		{Position: 0, Process: 0, Type: history.Invoke, Form: history.FormPut, Register: history.Register{Key: []byte("x"), Value: []byte("1")}},
		{Position: 1, Process: 0, Type: history.OK, Form: history.FormPut, Register: history.Register{Key: []byte("x")}},
		{Position: 2, Process: 1, Type: history.Invoke, Form: history.FormGet, Register: history.Register{Key: []byte("x")}},
		{Position: 3, Process: 1, Type: history.OK, Form: history.FormGet, Register: history.Register{Key: []byte("x"), Value: []byte("1")}},
	} {
		if err := k.Add(&l); err != nil {
			fmt.Println(err)
		}
	}
	v := checker.Linearizable{}.CheckKeys(context.Background(), k, checker.Ops(nil))
	fmt.Println(v.Validity, v.Reason)
	// Output: valid 1 key, 2 ops: each key has a linearization
}
