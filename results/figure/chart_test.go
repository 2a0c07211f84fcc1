package figure

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAxis(t *testing.T) {
	for _, c := range []struct {
		name string
		a    Axis
		want []string
	}{
		{"round numbers", Axis{Max: 1}, []string{"0", "0.2", "0.4", "0.6", "0.8", "1"}},
		{"logarithmic", Axis{Min: 8, Max: 500, Log: true}, []string{"10", "20", "50", "100", "200", "500"}},
		{"over many powers of ten only those", Axis{Min: 70, Max: 3e6, Log: true}, []string{"100", "1000", "10000", "100000", "1000000"}},
		{"as asked for", Axis{Max: 9, Ticks: []float64{2.5, 7}}, []string{"2.5", "7"}},
	} {
		var got []string
		for _, v := range c.a.ticks(5) {
			got = append(got, c.a.label(v))
		}
		require.Equal(t, c.want, got, c.name)
	}
}

// TestCharts: what has a name stands in the key, and what lies beyond the axes is not drawn.
func TestCharts(t *testing.T) {
	drawn := func(series ...Series) []byte {
		f, err := Charts("some", 400, 300, [][]*Chart{{nil, {Title: "a < b", X: Axis{Max: 10}, Y: Axis{Max: 1}, Series: series}}})
		require.NoError(t, err)
		require.Equal(t, "some", f.Name)
		require.True(t, bytes.HasPrefix(f.PNG, []byte("\x89PNG")))
		return f.SVG
	}
	none := drawn()
	require.Contains(t, string(none), "a &lt; b")
	beyond := []Point{{X: 11, Y: 0.5}, {X: 12, Y: 0.6}}
	require.Equal(t, none, drawn(Series{Width: 1, Glyph: Disc, Fill: true, Points: beyond}))
	require.NotEqual(t, none, drawn(Series{Bars: true, Points: []Point{{X: 5, Y: 0.5, Low: 0.1, High: 0.9}}}))
	require.Contains(t, string(drawn(Series{Name: "what", Width: 1, Dashed: true})), ">what<")
}
