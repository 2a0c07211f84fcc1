package formats

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/faultline-chaos/faultline/history"
)

const logMark = "jepsen.util - "

func isLog(head []byte) bool {
	line, _, _ := bytes.Cut(head, []byte{'\n'})
	return bytes.HasPrefix(line, []byte("INFO")) && bytes.Contains(line, []byte("jepsen."))
}

// readLog reads the log of an old Jepsen, the form of porcupine's etcd tests: a line an op, with
// process, type, name and value. A failed cas there saw another value, and a failed read nothing.
func readLog(src *source) (*History, error) {
	b, warning, err := src.all()
	if err != nil {
		return nil, err
	}
	r := &ednReader{b: b}
	if at := invalid(b); at >= 0 {
		return nil, r.damage(at, "not valid UTF-8")
	}
	if at := longLine(b); at >= 0 {
		return nil, r.damage(at, "%w", errLong)
	}
	var all []foreign
	for at, n := 0, 1; at < len(b); n++ {
		line, _, whole := bytes.Cut(b[at:], []byte{'\n'})
		op, ours, err := logOp(string(line))
		switch {
		case err != nil && !whole:
			warning = fmt.Sprintf("line %d has no end and was left out", n)
		case err != nil:
			return nil, r.damage(at, "%w", err)
		case ours:
			op.at = at
			all = append(all, op)
		}
		at += len(line) + 1
	}
	c := converter{place: r.place, failedIsRead: true}
	ops, err := c.convert(all)
	return &History{Ops: ops, Warning: warning}, err
}

// logOp reads a line; ours is false where another part of Jepsen wrote it.
func logOp(line string) (op foreign, ours bool, err error) {
	line = strings.TrimRight(line, "\r")
	level, rest, _ := strings.Cut(line, " ")
	switch level {
	case "INFO", "WARN", "ERROR":
	default:
		return op, false, fmt.Errorf("not a line of a Jepsen log: it begins with %q", strings.ToValidUTF8(level[:min(len(level), 20)], ""))
	}
	logger, text, ok := strings.Cut(rest, " - ")
	if !ok {
		return op, false, fmt.Errorf("not a line of a Jepsen log: it has no %q", " - ")
	}
	if strings.TrimSpace(logger)+" - " != logMark {
		return op, false, nil
	}
	r := &ednReader{b: []byte(text)}
	var forms []any
	for range 4 {
		form, err := r.form(0)
		if err != nil {
			return op, true, fmt.Errorf("an op is process, :type, :name and value; here are %d of them", len(forms))
		}
		forms = append(forms, form)
	}
	return foreign{
		process: forms[0], kind: history.Type(word(forms[1])), f: word(forms[2]), value: forms[3], time: -1, index: -1,
	}, true, nil
}
