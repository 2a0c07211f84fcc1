package results

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMachine(t *testing.T) {
	m := ThisMachine()
	require.True(t, m.Same(ThisMachine()))
	require.Equal(t, "AMD EPYC 7", cpuModel("processor\t: 0\nmodel name\t: AMD  EPYC 7\nmodel name\t: other\n", "amd64"))
	require.Equal(t, "arm64", cpuModel("processor\t: 0\n", "arm64"))
}
