package checker

import (
	"encoding/json"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/faultline-chaos/faultline/history"
)

// drawing is the data of a page of porcupine's, in places of its own: what is later in the history is
// at a greater one.
type drawing struct {
	Partitions []struct {
		History []struct {
			ClientId, Start, End int
			Description          string
		}
	}
	Annotations []struct {
		Tag, Description string
		Start, End       int
	}
}

func readDrawing(t *testing.T, page []byte) (d drawing) {
	m := regexp.MustCompile(`const data = (\{.*\})`).FindSubmatch(page)
	require.Len(t, m, 2)
	require.NoError(t, json.Unmarshal(m[1], &d))
	require.Len(t, d.Partitions, 1)
	return d
}

// TestDrawing: the page of a violation shows its smallest part alone, by process and with the members
// that were asked, and around it the faults that were active then and who led.
func TestDrawing(t *testing.T) {
	h, err := runScript(`
		status n1 leader 2
		inject f1 kill follower n3 n1
		landed f1
		heal f1
		healed f1
		0@n1 put k 1 => ok
		0@n1 put other 1 => ok
		0@n1 put k 2
		inject f2 partition leader n1 n1
		landed f2
		0 => ok
		1@n2 get k => 2
		status n2 leader 3
		inject f3 pause follower n3 n2
		missed f3 gone
		heal f2
		2@n2 get k => 1
		healed f2
		inject f4 kill leader n2 n2
		landed f4
		3@n3 get other => 1
		3@n3 get k => 2
		status n3 leader 4
	`)
	require.NoError(t, err)
	v := Linearizable{}.Check(t.Context(), h)
	require.Equal(t, history.Invalid, v.Validity)
	d := readDrawing(t, v.Artifacts["linearizability-k.html"])

	places, rows := map[string][2]int{}, map[string]int{}
	for _, e := range d.Partitions[0].History {
		places[e.Description], rows[e.Description] = [2]int{e.Start, e.End}, e.ClientId
	}
	require.Len(t, places, 3, "%v", places)
	require.Equal(t, rows["n1: put 1"], rows["n1: put 2"])
	require.NotEqual(t, rows["n1: put 2"], rows["n2: get: 1"])

	told := map[string][2]int{}
	for _, a := range d.Annotations {
		require.Equal(t, a.Tag == "faults", regexp.MustCompile(`^f\d `).MatchString(a.Description))
		told[a.Description] = [2]int{a.Start, a.End}
	}
	partition, first, second := told["f2 partition: n1"], told["n1 was seen to lead term 2"], told["n2 was seen to lead term 3"]
	require.Len(t, told, 3, "%v", told)
	put, late := places["n1: put 2"], places["n2: get: 1"]
	require.Greater(t, partition[0], put[0])
	require.Less(t, partition[0], put[1])
	require.GreaterOrEqual(t, partition[1], late[1])
	require.LessOrEqual(t, first[0], places["n1: put 1"][0], "it led when the part began")
	require.Greater(t, second[0], put[1])
	require.Less(t, second[0], late[0])
}
