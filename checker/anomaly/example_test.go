package anomaly_test

import (
	"fmt"

	"github.com/faultline-chaos/faultline/checker/anomaly"
)

// The example of Elle's README.
func ExampleCheck() {
	const x, y = 0, 1
	txns := []anomaly.Txn{
		{Ops: []anomaly.Op{{Kind: anomaly.Append, Key: x, Value: 1}, {Kind: anomaly.ReadList, Key: y, List: []int32{1}}}, Return: 9},
		{Ops: []anomaly.Op{{Kind: anomaly.Append, Key: x, Value: 2}, {Kind: anomaly.Append, Key: y, Value: 1}}, Return: 9},
		{Ops: []anomaly.Op{{Kind: anomaly.ReadList, Key: x, List: []int32{1, 2}}}, Return: 9},
	}
	name := func(key bool, id int32) string {
		if key {
			return [...]string{"x", "y"}[id]
		}
		return fmt.Sprint(id)
	}
	r := anomaly.Check(txns, anomaly.Options{Realtime: true}, name)
	for _, a := range r.Anomalies {
		fmt.Printf("%s, transactions %v: %s\n", a.Name, a.Txns, a.Text)
	}
	fmt.Println("at most", anomaly.AtMost(r.Names()))
	// Output:
	// G1c, transactions [1 0]: T2 read 1 of y, which T1 wrote; T1 wrote 2 to x after T2 had written it: a cycle
	// at most [read-uncommitted]
}
