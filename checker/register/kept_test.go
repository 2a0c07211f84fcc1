package register

// kept are histories that random ones seldom are. TestAgainstOracle begins with them.
var kept = []struct {
	name  string
	legal bool
	ops   []Op
	why   string // the reason that must be told; "": any
}{
	{
		"a delete cannot hide just before a compare-and-set", false,
		[]Op{{Put, 0, 1, 0, 1}, {CAS, 1, 2, 2, Never}, {CASFailed, 1, 8, 3, 10}, {CASFailed, 2, 9, 4, 20}, {Delete, 0, 0, 3, 12}, {DeleteFound, 0, 0, 13, 14}},
		"",
	},
	{
		"but just before a put", true,
		[]Op{{Put, 0, 1, 0, 1}, {Put, 0, 2, 2, Never}, {CASFailed, 1, 8, 3, 10}, {CASFailed, 2, 9, 4, 20}, {Delete, 0, 0, 3, 12}, {DeleteFound, 0, 0, 13, 14}},
		"",
	},
	{
		"an unknown put that failed compare-and-sets looked at is used up when they have returned", false,
		[]Op{{Put, 0, 1, 0, 1}, {Put, 0, 2, 2, Never}, {CASFailed, 1, 8, 3, 4}, {CASFailed, 2, 9, 3, 5}, {DeleteFound, 0, 0, 6, 7}, {CASFailed, 0, 7, 8, 9}},
		"",
	},
	{
		"and so is an unknown create", false,
		[]Op{{CAS, 0, 2, 2, Never}, {CASFailed, 0, 8, 3, 4}, {CASFailed, 2, 9, 3, 5}, {DeleteFound, 0, 0, 6, 7}, {CASFailed, 0, 7, 8, 9}},
		"",
	},
	{
		"ways that become equal when a value is not looked at any more", false,
		[]Op{
			{Put, 0, 1, 0, 1},
			{CAS, 1, 7, 2, 30},
			{CASFailed, 1, 8, 3, 4},
			{DeleteFound, 0, 0, 5, 6},
			{Put, 0, 2, 2, Never},
			{Put, 0, 3, 2, Never},
			{CASFailed, 0, 8, 7, 9},
			{CASFailed, 2, 9, 8, 10},
			{DeleteFound, 0, 0, 31, 32},
			{CASFailed, 0, 8, 33, 34},
			{DeleteFound, 0, 0, 35, 36},
			{CASFailed, 0, 8, 37, 38},
		},
		"",
	},
	{
		"two compare-and-sets of one value", false,
		[]Op{{Put, 0, 1, 0, 1}, {CAS, 1, 2, 2, 9}, {CAS, 1, 3, 2, 9}},
		"two compare-and-sets replaced one value",
	},
	{
		"a failed compare-and-set looks at a value that two wrote", false,
		[]Op{{CASFailed, 1, 9, 0, 20}, {Put, 0, 2, 4, 5}, {Put, 0, 3, 6, 7}, {Get, 0, 2, 8, 9}, {CAS, 2, 1, 10, 11}, {Put, 0, 1, 2, 3}},
		"",
	},
	{
		"and so, the other way about", false,
		[]Op{{CASFailed, 1, 9, 0, 20}, {Put, 0, 1, 2, 3}, {Put, 0, 2, 4, 5}, {Put, 0, 3, 6, 7}, {Get, 0, 2, 8, 9}, {CAS, 2, 1, 10, 11}},
		"",
	},
}
