package formats_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/faultline-chaos/faultline/checker/formats"
)

func ExampleRead() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(dir) }()
	path := filepath.Join(dir, "history.edn")
	text := `{:type :invoke, :f :add, :value 5, :process 0}
{:type :ok, :f :add, :value 5, :process 0}
{:type :invoke, :f :read, :process 0}
{:type :ok, :f :read, :value #{}, :process 0}
`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		fmt.Println(err)
		return
	}
	h, err := formats.Read(path, "")
	if err != nil {
		fmt.Println(err) // names line and column
		return
	}
	verdicts, err := h.Check(context.Background(), h.Judges()...)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, v := range verdicts {
		fmt.Println(h.Format, v.Checker, v.Validity, v.Reason)
	}
	// Output: edn set invalid lost: of 1 acknowledged element, the last read (op 3) lacks 1: 5
}
