package results

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWordsKeepTheNamesOfWhatTheyShow(t *testing.T) {
	w := wordsOf("%s was away for %s%s.", "n1", Part{"e1.took", "5 ms"}, joined([]Words{{{"", " at"}}, {{"x", "most"}}}, " the "))
	require.Equal(t, "n1 was away for 5 ms at the most.", w.Text())
	require.Equal(t, Words{{"", "n1"}, {"", " was away for "}, {"e1.took", "5 ms"}, {"", " at"}, {"", " the "}, {"x", "most"}, {"", "."}}, w)
	require.Empty(t, wordsOf("").Text())
	require.Panics(t, func() { wordsOf("%s", 7) })
}
