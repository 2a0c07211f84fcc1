// Package formats reads histories from files, Faultline's own and other people's, and says what can
// be judged in them. It recognises a file by its content.
package formats

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/klauspost/compress/zstd"

	"github.com/faultline-chaos/faultline/checker"
	"github.com/faultline-chaos/faultline/history"
)

// Entry is a line of All.
type Entry struct {
	Name string
	Doc  string // one line
	is   func(head []byte) bool
	read func(*source) (*History, error)
}

// All lists the formats that are read, in the order in which they are tried.
func All() []Entry {
	return []Entry{
		{"jsonl", "Faultline's history.jsonl: a JSON object a line", isJSONL, readJSONL},
		{"edn", "Jepsen's history.edn (register, also by independent keys; list-append, rw-register, set, bank), and porcupine's key-value logs", isEDN, readEDN},
		{"robustness", "operations.json and watch.json of etcd's robustness tests, or the folder that holds those of all clients", isRobustness, readRobustness},
		{"jepsen-log", "the log of an old Jepsen, as of porcupine's etcd tests", isLog, readLog},
	}
}

// History is what a file holds. A history that one checker judges is in that one's compact form, if there
// is one; any other is in Ops.
type History struct {
	Format  string
	Warning string // what was left out at the end of the file; "": nothing
	Ops     []history.Op
	form    *form // nil: there is none for these ops
	lines   checker.Lines
	// unjudged is why revisions do not tell the order of all writes; "": they do.
	unjudged string
}

// Judges says which checkers the history's ops call for, by their names in checker.All.
func (h *History) Judges() []string {
	if h.form != nil {
		return []string{h.form.name}
	}
	return judges(h.Ops)
}

// judges goes by the names of clients' ops. What no checker that exists can judge is left out.
func judges(ops []history.Op) []string {
	var out []string
	for i := range ops {
		if !ops[i].Client() || ops[i].Probe() {
			continue
		}
		if name := judgeOf(&ops[i]); name != "" && !slices.Contains(out, name) && byName(name) != nil {
			out = append(out, name)
		}
	}
	if slices.Contains(out, "revision") || slices.Contains(out, "appends") { // these judge the gets and puts, too
		out = slices.DeleteFunc(out, func(name string) bool { return name == checker.Linearizable{}.Name() })
	}
	return out
}

func judgeOf(op *history.Op) string {
	switch op.Form() {
	case history.FormGet, history.FormPut, history.FormCAS, history.FormDelete:
		return checker.Linearizable{}.Name()
	case history.FormAppend:
		return "appends"
	case history.FormTxn:
		if bytes.Contains(op.Value, []byte(`"rev":`)) {
			return "revision"
		}
		if op.Type == history.OK {
			return "anomalies"
		}
	case history.FormAdd:
		return "set"
	case history.FormTransfer, history.FormBalances:
		return "bank"
	case history.FormWatch:
		return "watch"
	case history.FormAcquire, history.FormRelease, history.FormFenced:
		return "lock"
	case history.FormGrant, history.FormRevoke:
		return "lease"
	case history.FormSerializableGet:
		return "serializable"
	}
	return ""
}

// Check judges the history. An unknown name is an error that lists those that are allowed.
func (h *History) Check(ctx context.Context, names ...string) ([]history.Verdict, error) {
	var list []history.Checker
	for _, name := range names {
		c := byName(name)
		if c == nil {
			return nil, fmt.Errorf("unknown checker %q: allowed are %s", name, strings.Join(checkerNames(), ", "))
		}
		list = append(list, c)
	}
	if len(list) == 1 && h.form != nil && h.form.name == list[0].Name() {
		return []history.Verdict{h.form.judge(ctx, h.lines)}, nil
	}
	if h.unjudged != "" && len(list) > 0 {
		var out []history.Verdict
		for _, c := range list {
			v := history.Verdict{Checker: c.Name(), Reason: h.unjudged + ": not judged"}
			if c.Name() != "revision" {
				v = checker.Run(ctx, []history.Checker{c}, history.History{Ops: h.Ops})[0]
			}
			out = append(out, v)
		}
		return out, nil
	}
	if h.Ops == nil && h.lines != nil {
		if err := h.load(); err != nil {
			return nil, err
		}
	}
	return checker.Run(ctx, list, history.History{Ops: h.Ops}), nil
}

// load reads the ops of a history that was read in its compact form.
func (h *History) load() error {
	file, ok := h.lines.(*fileLines)
	if !ok {
		return nil
	}
	ops, _, err := file.src.ops()
	h.Ops = ops
	return err
}

func byName(name string) history.Checker {
	for _, e := range checker.All() {
		if e.Name == name {
			return e.New()
		}
	}
	return nil
}

func checkerNames() []string {
	var out []string
	for _, e := range checker.All() {
		out = append(out, e.Name)
	}
	return out
}

// Read reads a file, or the folder of an etcd robustness report. format is a name of All, or empty: the
// file is recognised by its content. What is damaged is an error that names the line, the column, and what
// is wrong with it.
func Read(path, format string) (*History, error) { return ReadFor(path, format, "") }

// ReadFor is Read for one checker, by its name in checker.All; "" means for those that the ops call for.
func ReadFor(path, format, name string) (*History, error) {
	if isDir(path) && (format == "" || format == "robustness") {
		h, err := readRobustDir(path)
		if err == nil {
			h.Format = "robustness"
		}
		return h, err
	}
	src := &source{path: path, judge: name}
	head, err := src.head()
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range All() {
		names = append(names, e.Name)
		if format == e.Name || format == "" && e.is(head) {
			h, err := e.read(src)
			if err != nil {
				return nil, err
			}
			h.Format = e.Name
			return h, nil
		}
	}
	if format != "" {
		return nil, fmt.Errorf("unknown format %q: allowed are %s", format, strings.Join(names, ", "))
	}
	return nil, fmt.Errorf("its content is of no known format: allowed are %s, each plain or compressed with zstd", strings.Join(names, ", "))
}

// source is a file that is read from its start, perhaps several times.
type source struct {
	path  string
	judge string // the checker that it is read for; "": not known
}

var zstdMagic = []byte{0x28, 0xb5, 0x2f, 0xfd}

// maxWindow bounds the memory that a compressed file can ask for.
const maxWindow = 128 << 20

// open decompresses where the file's first bytes say that it is compressed.
func (s *source) open() (io.ReadCloser, error) {
	f, err := os.Open(s.path)
	if err != nil {
		return nil, err
	}
	r, closeStream, err := unzipped(f)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return opened{r, closeStream, f}, nil
}

// unzipped is what r says, decompressed where its first bytes say that it is zstd. Its end is for the
// caller to call; it does not close r.
func unzipped(r io.Reader) (out io.Reader, end func(), err error) {
	b := bufio.NewReaderSize(r, 256<<10)
	head, err := b.Peek(len(zstdMagic))
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, nil, fmt.Errorf("read: %w", err)
	}
	if !bytes.Equal(head, zstdMagic) {
		return b, func() {}, nil
	}
	d, err := zstd.NewReader(b, zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderConcurrency(1))
	if err != nil {
		return nil, nil, fmt.Errorf("decompress: %w", err)
	}
	return d, d.Close, nil
}

// opened is a file that is read, perhaps through a decoder.
type opened struct {
	io.Reader
	end func()
	f   *os.File
}

func (o opened) Close() error {
	o.end()
	return o.f.Close()
}

const headSize = 64 << 10

func (s *source) head() (_ []byte, err error) {
	r, err := s.open()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	head := make([]byte, headSize)
	n, err := io.ReadFull(r, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, fmt.Errorf("read: %w", err)
	}
	return bytes.TrimLeft(head[:n], " \t\r\n\ufeff"), nil
}
