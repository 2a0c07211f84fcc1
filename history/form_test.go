package history

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestForms: every name is there once, every form has one, and the first is what it is called.
func TestForms(t *testing.T) {
	seen := map[string]bool{}
	for _, row := range forms {
		require.False(t, seen[row.name], "%s is there twice", row.name)
		seen[row.name] = true
		require.NotEmpty(t, row.kind, row.name)
		form, kind := Named(row.name)
		require.Equal(t, row.form, form, row.name)
		require.Equal(t, row.kind, kind, row.name)
	}
	for f := FormGet; f <= FormRevoke; f++ {
		form, _ := Named(f.String())
		require.Equal(t, f, form)
	}
	form, kind := Named("increment")
	require.Equal(t, OtherForm, form)
	require.Empty(t, kind)
}

func TestKindOf(t *testing.T) {
	for _, c := range []struct {
		f, value string
		want     Kind
	}{
		{"get", `{"key":"k"}`, KindRead},
		{"put", `{"key":"k","value":"1"}`, KindWrite},
		{"balances", `{}`, KindRead},
		{"increment", `{}`, ""},
		{FTxn, `{"ops":[["r","k",null],["range","a","m",null]]}`, KindRead},
		{FTxn, `{"ops":[["r","k",null]],"else":[["w","k","1"]]}`, KindWrite},
		{FTxn, `{"ops":[["append","k",1]]}`, KindWrite},
		{FTxn, `{"ops":[[]]}`, KindWrite},
		{FTxn, `[]`, KindWrite},
	} {
		require.Equal(t, c.want, KindOf(&Op{F: c.f, Value: []byte(c.value)}), "%s %s", c.f, c.value)
	}
}

func TestOfRegisters(t *testing.T) {
	require.True(t, OfRegisters([]OpKind{{Name: "get"}, {Name: "cas"}}))
	require.False(t, OfRegisters([]OpKind{{Name: "get"}, {Name: "txn"}}))
	require.False(t, OfRegisters([]OpKind{{Name: "look"}}))
	require.False(t, OfRegisters(nil))
}
