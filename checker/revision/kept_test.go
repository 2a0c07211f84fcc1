package revision

// kept are histories that random ones seldom are. TestAgainstOracle begins with them.
var kept = []struct {
	name  string
	legal bool
	ops   []Op
	log   Log
}{
	{
		// Random histories found it: what the log contradicted was put down to the state after the delete and
		// not before it, so that no other choice was tried.
		"a log that tells what a delete left", true,
		[]Op{
			lost(remove(0, 22, 22, 0)), lost(remove(0, 6, 6, 0)), put(1, 25, 25, 2), lost(remove(0, 1, 1, 0)),
			{If: []Compare{{Relation: NotEqual}}, Then: []Action{{Kind: Delete}, {Kind: Put, Key: 1, Value: 1}}, Return: Never},
			{Then: []Action{{Kind: Put, Value: 2}, {Kind: Delete, Key: 1}}, Call: 20, Return: Never},
		},
		Log{From: 4, To: 4, Events: []Event{{Rev: 4, Key: 0, Value: 2}}},
	},
	{
		"what a write did not do hangs on what it compared", true,
		[]Op{
			lost(put(1, 0, 0, 0)), lost(put(2, 0, 0, 0)),
			{If: []Compare{{Value: 2}}, Then: []Action{{Kind: Put, Key: 1, Value: 5}, {Kind: Put, Key: 2, Value: 6}}, Else: []Action{{Kind: Put, Key: 3, Value: 7}}, Return: Never},
			reads(3, Item{2, 6, 3}),
		},
		Log{},
	},
	{
		"and so, if none of the earlier writes lets it go the other way", false,
		[]Op{
			lost(put(1, 0, 0, 0)), lost(put(3, 0, 0, 0)),
			{If: []Compare{{Value: 2}}, Then: []Action{{Kind: Put, Key: 1, Value: 5}, {Kind: Put, Key: 2, Value: 6}}, Else: []Action{{Kind: Put, Key: 3, Value: 7}}, Return: Never},
			reads(3, Item{2, 6, 3}),
		},
		Log{},
	},
	{
		"what a write put it might have deleted", true,
		[]Op{
			{Then: []Action{{Kind: Put, Key: 1, Value: 4}}, Return: 1, Succeeded: true, Outputs: []Output{{}}, Rev: 2},
			lost(put(1, 0, 0, 0)), lost(put(2, 0, 0, 0)),
			{If: []Compare{{Value: 1}}, Then: []Action{{Kind: Put, Key: 1, Value: 5}}, Else: []Action{{Kind: Delete, Key: 1}, {Kind: Put, Key: 2, Value: 6}}, Return: Never},
			reads(4, Item{1, 0, 0}), reads(4, Item{2, 6, 4}),
		},
		Log{},
	},
	{
		"what a write at a gap did hangs on what it compared", true,
		[]Op{
			lost(put(1, 0, 0, 0)),
			{Then: []Action{{Kind: Put, Value: 1}, {Kind: Put, Key: 3, Value: 9}}, Return: Never},
			{If: []Compare{{Key: 3, Value: 9}}, Then: []Action{{Kind: Put, Key: 1, Value: 5}}, Else: []Action{{Kind: Put, Key: 2, Value: 6}}, Return: Never},
			reads(3, Item{0, 1, 2}), reads(3, Item{1, 5, 0}),
		},
		Log{},
	},
	{
		"one write is seen as of two revisions", false,
		[]Op{lost(put(1, 0, 0, 0)), lost(put(2, 0, 0, 0)), reads(2, Item{0, 1, 2}), reads(3, Item{0, 1, 3})},
		Log{},
	},
}

// reads is a get of the item's key at a revision; an item without a value is not there.
func reads(rev int64, item Item) Op {
	o := Op{Then: []Action{{Kind: Get, Key: item.Key}}, Return: 20, Succeeded: true, Outputs: []Output{{}}, Rev: rev}
	if item.Value != 0 {
		o.Outputs[0].Items = []Item{item}
	}
	return o
}
