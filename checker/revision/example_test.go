package revision_test

import (
	"context"
	"fmt"

	"github.com/faultline-chaos/faultline/checker/revision"
)

func ExampleCheck() {
	const x, y = revision.Key(0), revision.Key(1)
	get := func(k revision.Key) revision.Action { return revision.Action{Kind: revision.Get, Key: k} }
	put := func(k revision.Key) revision.Action { return revision.Action{Kind: revision.Put, Key: k, Value: 7} }
	h := revision.History{Ops: []revision.Op{
		{Then: []revision.Action{put(x), put(y)}, Call: 0, Return: 10, Succeeded: true, Outputs: make([]revision.Output, 2), Rev: 2},
		{Then: []revision.Action{get(x), get(y)}, Call: 20, Return: 30, Succeeded: true, Rev: 2, Outputs: []revision.Output{
			{Items: []revision.Item{{Key: x, Value: 7, Mod: 2}}}, {}, // y is missing, though the same transaction wrote it
		}},
	}}
	r := revision.Check(context.Background(), h)
	fmt.Printf("%s: op %d at revision %d: %s, against %v\n", r.Verdict, r.Op, r.Rev, r.Reason, r.Others)
	// Output: illegal: op 1 at revision 2: it did not find a key that was there, against [0]
}
