package formats

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/faultline-chaos/faultline/history"
)

// The files that etcd's robustness tests keep of their clients (etcd-io/etcd, tests/robustness/report):
// operations.json, a porcupine operation an object, and watch.json, a watch an object. Every answer
// tells the store's revision, so operations are judged by revision, and watches by watch.

type (
	robustOp struct {
		ClientId *int
		Input    robustRequest
		Call     int64
		Output   robustResponse
		Return   int64
	}
	robustRequest struct {
		Type  string
		Range *struct {
			robustRange
			Revision int64
		}
		Txn         *robustTxn
		LeaseRevoke *struct{ LeaseID int64 }
	}
	robustRange struct {
		Start, End string
		Limit      int64
	}
	robustTxn struct {
		Conditions []struct {
			Key                               string
			ExpectedRevision, ExpectedVersion int64
		}
		OperationsOnSuccess, OperationsOnFailure []robustAction
	}
	robustAction struct {
		Type  string
		Range robustRange
		Put   struct {
			Key     string
			Value   robustValue
			LeaseID int64
		}
		Delete struct{ Key string }
	}
	robustResponse struct {
		Txn *struct {
			Failure bool
			Results []robustResult
		}
		Range              *robustResult
		ClientError, Error string
		Revision           int64
		Persisted          bool
		PersistedRevision  int64
		PartialResponse    bool // of older files
	}
	robustResult struct {
		KVs            []robustKV
		Count, Deleted int64
	}
	robustKV struct {
		Key         string
		Value       robustValue
		ModRevision int64
	}
	// robustValue is a value, or where it is long its hash.
	robustValue struct {
		Value string
		Hash  uint32
	}
	robustWatch struct {
		Request *struct {
			Key                    string
			Revision               int64
			WithPrefix, WithPrevKV bool
		}
		Responses []struct {
			Events []struct {
				Type, Key string
				Value     robustValue
				Revision  int64
				PrevValue *struct {
					Value       robustValue
					ModRevision int64
				}
			}
			IsProgressNotify bool
			Revision         int64
			Time             int64
		}
	}
)

func (v robustValue) String() string {
	if v.Hash != 0 {
		return fmt.Sprintf("hash %08x", v.Hash)
	}
	return v.Value
}

func isRobustness(head []byte) bool {
	return bytes.HasPrefix(head, []byte(`{"ClientId"`)) || bytes.HasPrefix(head, []byte(`{"Request":{`))
}

func readRobustness(src *source) (*History, error) { return readRobustFiles([]*source{src}) }

// readRobustDir reads a report's folder, which has a folder of each client.
func readRobustDir(dir string) (*History, error) {
	var files []*source
	for _, name := range []string{"operations.json", "watch.json"} {
		found, err := filepath.Glob(filepath.Join(dir, "client-*", name))
		if err != nil {
			return nil, err
		}
		for _, path := range found {
			files = append(files, &source{path: path})
		}
	}
	if len(files) == 0 {
		return nil, errors.New("a folder that holds neither a run (run.json) nor reports of etcd's robustness tests (client-N/operations.json)")
	}
	return readRobustFiles(files)
}

// robustSpare is the first process that is no client's own number.
const robustSpare = 1_000_000

// timedLine is a line of an op, before it has its place.
type timedLine struct {
	at   int64
	done bool // completions come after invocations of the same time: what touches overlaps
	op   history.Op
}

// robust collects what its files hold.
type robust struct {
	lines    []timedLine
	process  map[int]int      // by client, the one that it uses now
	spare    int              // processes given out beside those of clients' own numbers
	busy     map[int]int64    // by client, when its last call ended
	leased   map[int64]bool   // leases with which something was put
	revoked  map[int64]string // where leases were revoked
	skipped  int              // reads of old revisions, or cut off by a limit
	warnings []string
}

func readRobustFiles(files []*source) (*History, error) {
	r := &robust{process: map[int]int{}, busy: map[int]int64{}, leased: map[int64]bool{}, revoked: map[int64]string{}}
	for n, src := range files {
		if err := r.file(src, n); err != nil {
			if len(files) > 1 {
				err = fmt.Errorf("%s: %w", src.path, err)
			}
			return nil, err
		}
	}
	h := &History{Ops: r.ops()}
	if r.skipped > 0 {
		r.warnings = append(r.warnings, fmt.Sprintf("%d reads of an old revision, or cut off by a limit, are not judged", r.skipped))
	}
	for id := range r.leased {
		if where, ok := r.revoked[id]; ok {
			h.unjudged = fmt.Sprintf("%s revokes lease %x, which deletes keys without saying which", where, id)
		}
	}
	h.Warning = strings.Join(r.warnings, "; ")
	return h, nil
}

// file reads one file, whose objects may be of both kinds.
func (r *robust) file(src *source, n int) error {
	b, cut, err := src.all()
	if err != nil {
		return err
	}
	if cut != "" {
		r.warnings = append(r.warnings, cut)
	}
	e := &ednReader{b: b} // for its places
	if at := invalid(b); at >= 0 {
		return e.damage(at, "not valid UTF-8")
	}
	if at := longLine(b); at >= 0 {
		return e.damage(at, "%w", errLong)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	for number := 0; ; number++ {
		at := int(d.InputOffset())
		at += len(b[at:]) - len(bytes.TrimLeft(b[at:], " \t\r\n\ufeff"))
		var raw json.RawMessage
		err := d.Decode(&raw)
		if errors.Is(err, io.EOF) {
			return nil
		}
		line, _ := e.place(at)
		if errors.Is(err, io.ErrUnexpectedEOF) && number > 0 && bytes.IndexByte(b[at:], '\n') < 0 {
			r.warnings = append(r.warnings, fmt.Sprintf("line %d has no end and was left out", line))
			return nil
		}
		if err != nil {
			// The decoder's own offset is not that in the file.
			var v any
			var syntax *json.SyntaxError
			if errors.As(json.Unmarshal(b[at:], &v), &syntax) {
				at += int(syntax.Offset) - 1
			}
			return e.damage(min(max(at, 0), len(b)), "not an operation: %w", err)
		}
		if err := r.object(raw, n, number, line); err != nil {
			return e.damage(at, "%w", err)
		}
	}
}

func (r *robust) object(raw []byte, file, number, line int) error {
	var w robustWatch
	if err := json.Unmarshal(raw, &w); err == nil && w.Request != nil {
		return r.watch(&w, fmt.Sprintf("%d.%d", file+1, number+1))
	}
	var op robustOp
	if err := json.Unmarshal(raw, &op); err != nil {
		return fmt.Errorf("not an operation: %w", err)
	}
	if op.ClientId == nil {
		return errors.New("neither an operation (ClientId) nor a watch (Request)")
	}
	return r.operation(&op, fmt.Sprintf("line %d", line))
}

// operation makes the two lines of a call.
func (r *robust) operation(op *robustOp, where string) error {
	unknown := op.Output.Error != "" || op.Output.Persisted || op.Output.PartialResponse
	client := *op.ClientId
	if client < 0 || client >= robustSpare {
		return fmt.Errorf("client %d: allowed are 0 to %d", client, robustSpare-1)
	}
	if !unknown && op.Return < op.Call {
		return fmt.Errorf("client %d returned at %d what it called at %d", client, op.Return, op.Call)
	}
	if before, ok := r.busy[client]; ok && op.Call < before {
		return fmt.Errorf("client %d called at %d, before its call above had returned (%d): operations are doubled, or of two clients", client, op.Call, before)
	}
	r.busy[client] = max(op.Call, op.Return)
	value, answer, err := r.request(op, unknown, where)
	if err != nil || value == nil {
		return err
	}
	process, ok := r.process[client]
	if !ok {
		process = client
	}
	t, problem := history.OK, ""
	switch {
	case op.Output.Persisted && answer != nil && op.Output.PersistedRevision > 0 && op.Return >= op.Call:
		answer["rev"] = op.Output.PersistedRevision
	case unknown:
		t, answer, problem = history.Info, value, op.Output.Error
		r.process[client] = robustSpare + r.spare // what the client calls from now on
		r.spare++
		r.busy[client] = op.Call // when it ended is not known
	case op.Output.ClientError != "":
		t, answer, problem = history.Fail, value, op.Output.ClientError
	}
	r.add(op.Call, false, history.Op{Process: process, Type: history.Invoke, F: history.FTxn, Value: history.EncodeValue(value)})
	if t != history.Info {
		r.add(op.Return, true, history.Op{Process: process, Type: t, F: history.FTxn, Value: history.EncodeValue(answer), Error: problem})
	}
	return nil
}

func (r *robust) add(at int64, done bool, op history.Op) {
	op.Time = time.Duration(at)
	if op.Type == history.Invoke {
		op.Kind = history.KindOf(&op)
	}
	r.lines = append(r.lines, timedLine{at, done, op})
}

// ops puts the lines in the order of time.
func (r *robust) ops() []history.Op {
	slices.SortStableFunc(r.lines, func(a, b timedLine) int {
		if c := cmp.Compare(a.at, b.at); c != 0 || a.done == b.done {
			return c
		}
		if a.done {
			return 1
		}
		return -1
	})
	out := make([]history.Op, len(r.lines))
	for i := range r.lines {
		out[i] = r.lines[i].op
		out[i].Index = i
	}
	return out
}
