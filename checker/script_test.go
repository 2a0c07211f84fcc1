package checker

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/faultline-chaos/faultline/history"
)

// script makes a history of lines such as
//
//	0 put k a                      process 0 invokes
//	0 => ok                        and completes
//	1@n2 get k => a                both at once; n2 was asked; absent is "nil"
//	1 cas k a b => true
//	1 delete k => 1
//	2 put k c => info              or fail, with an error after it
//	phase faults
//	inject f1 kill leader n1 n1    id, fault, target, nodes ("-": none), who led ("-": nobody)
//	landed f1 | missed f1 error
//	heal f1 | healed f1 | unhealed f1 error
//	status n1 leader 3
//	norecovery error
//	wait 1.5s
//	0 watch {"json":1} => {"json":2}   ops of other names: values are JSON without spaces
//	tell n1 hash {"json":1}
//	log n1 text
//
// Lines that start with # are comments. Ops are a millisecond apart.
type script struct {
	h      history.History
	open   map[int]history.Op
	faults map[string]history.FaultValue
	waited time.Duration
}

func runScript(text string) (h history.History, err error) {
	s := &script{
		h:      history.History{Nodes: []history.NodeID{"n1", "n2", "n3"}},
		open:   map[int]history.Op{},
		faults: map[string]history.FaultValue{},
	}
	for n, line := range strings.Split(text, "\n") {
		if strings.HasPrefix(line, "#") || strings.TrimSpace(line) == "" {
			continue
		}
		if err := s.line(line); err != nil {
			return s.h, fmt.Errorf("line %d, %q: %w", n+1, line, err)
		}
	}
	return s.h, nil
}

func (s *script) add(op history.Op) {
	op.Index = len(s.h.Ops)
	op.Time = s.waited + time.Duration(op.Index)*time.Millisecond
	s.h.Ops = append(s.h.Ops, op)
}

func (s *script) line(line string) error {
	f := strings.Fields(line)
	rest := func(n int) string { return strings.Join(f[min(n, len(f)):], " ") }
	switch f[0] {
	case "phase":
		s.add(history.Op{Process: history.HarnessProcess, Type: history.OK, F: history.FPhase, Value: history.EncodeValue(history.PhaseValue{Phase: history.Phase(f[1])})})
	case "norecovery":
		s.add(history.Op{Process: history.HarnessProcess, Type: history.Info, F: history.FPhase, Value: history.EncodeValue(history.PhaseValue{Phase: history.PhaseRecover}), Error: rest(1)})
	case "status":
		term, err := strconv.ParseUint(f[3], 10, 64)
		if err != nil {
			return err
		}
		role := history.Role(strings.ReplaceAll(f[2], "-", ""))
		s.add(history.Op{Process: history.HarnessProcess, Type: history.OK, F: history.FStatus, Node: history.NodeID(f[1]), Value: history.EncodeValue(history.StatusValue{Role: role, Term: term})})
	case "wait":
		d, err := time.ParseDuration(f[1])
		if err != nil {
			return err
		}
		s.waited += d
	case "tell":
		s.add(history.Op{Process: history.HarnessProcess, Type: history.OK, F: f[2], Node: history.NodeID(f[1]), Value: json.RawMessage(f[3])})
	case "log":
		if s.h.Logs == nil {
			s.h.Logs = map[history.NodeID][]history.LogLine{}
		}
		id := history.NodeID(f[1])
		at := time.Duration(len(s.h.Ops)) * time.Millisecond
		s.h.Logs[id] = append(s.h.Logs[id], history.LogLine{At: at, Text: rest(2)})
	case "inject":
		v := history.FaultValue{ID: f[1], Fault: f[2], Target: history.Target(f[3]), Nodes: []history.NodeID{}}
		if f[4] != "-" {
			for id := range strings.SplitSeq(f[4], ",") {
				v.Nodes = append(v.Nodes, history.NodeID(id))
			}
		}
		if f[5] != "-" {
			v.Leader, v.Term = history.NodeID(f[5]), 1
		}
		s.faults[v.ID] = v
		s.nemesis(history.Invoke, history.FInject, v, "")
	case "landed":
		s.nemesis(history.OK, history.FInject, s.faults[f[1]], "")
	case "missed":
		s.nemesis(history.Info, history.FInject, s.faults[f[1]], rest(2))
	case "heal":
		s.nemesis(history.Invoke, history.FHeal, s.faults[f[1]], "")
	case "healed":
		s.nemesis(history.OK, history.FHeal, s.faults[f[1]], "")
	case "unhealed":
		s.nemesis(history.Info, history.FHeal, s.faults[f[1]], rest(2))
	default:
		return s.client(f)
	}
	return nil
}

func (s *script) nemesis(t history.Type, f string, v history.FaultValue, problem string) {
	s.add(history.Op{Process: history.NemesisProcess, Type: t, F: f, Value: history.EncodeValue(v), Error: problem})
}

func (s *script) client(f []string) error {
	who, node, _ := strings.Cut(f[0], "@")
	process, err := strconv.Atoi(who)
	if err != nil {
		return err
	}
	arrow := slices.Index(f, "=>")
	if arrow < 0 {
		arrow = len(f)
	}
	if arrow > 1 {
		if node == "" {
			node = "n1"
		}
		op := history.Op{Process: process, Type: history.Invoke, F: f[1], Node: history.NodeID(node), Value: invoked(f[1:arrow])}
		s.open[process] = op
		var line history.RawOp // which says its kind
		if err := line.Parse(op.AppendJSON(nil)); err != nil {
			return err
		}
		op.Kind = line.Kind
		s.add(op)
	}
	if arrow == len(f) {
		return nil
	}
	op := s.open[process]
	switch answer := f[arrow+1]; answer {
	case "info", "fail":
		op.Type, op.Error = history.Type(answer), strings.Join(f[arrow+2:], " ")
	default:
		op.Type, op.Value = history.OK, answered(op, answer)
	}
	s.add(op)
	return nil
}

func text(s string) any {
	if s == "nil" {
		return nil
	}
	return s
}

func invoked(f []string) json.RawMessage {
	if strings.HasPrefix(f[1], "{") {
		return json.RawMessage(f[1])
	}
	v := map[string]any{"key": f[1]}
	switch strings.TrimPrefix(f[0], "probe-") {
	case "get":
		v["value"] = nil
	case "put":
		v["value"] = f[2]
	case "cas":
		v["old"], v["new"] = text(f[2]), f[3]
	}
	return history.EncodeValue(v)
}

func answered(op history.Op, answer string) json.RawMessage {
	if strings.HasPrefix(answer, "{") {
		return json.RawMessage(answer)
	}
	if answer == "ok" {
		return op.Value
	}
	var v map[string]any
	if err := json.Unmarshal(op.Value, &v); err != nil {
		panic(err)
	}
	switch strings.TrimPrefix(op.F, "probe-") {
	case "get":
		v["value"] = text(answer)
	case "cas":
		v["swapped"] = answer == "true"
	case "delete":
		v["deleted"] = json.RawMessage(answer)
	}
	return history.EncodeValue(v)
}
