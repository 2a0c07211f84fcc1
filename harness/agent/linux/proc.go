//go:build linux

package linux

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// threadStates are the states of a process group's threads, as in /proc/PID/stat; those of ended
// ones are left out.
type threadStates []byte

func (t threadStates) allStopped() bool {
	return len(t) > 0 && !slices.ContainsFunc(t, func(s byte) bool { return s != 'T' && s != 't' })
}

func (t threadStates) anyStopped() bool { return slices.Contains(t, 'T') }

func (t threadStates) String() string { return string(t) }

// groupThreads reads the states of all threads of a process group.
func groupThreads(pgid int) (threadStates, error) {
	var states threadStates
	err := eachOfGroup(pgid, func(dir string) error {
		tasks, err := os.ReadDir(filepath.Join(dir, "task"))
		if err != nil {
			return err
		}
		for _, t := range tasks {
			s, err := readStat(filepath.Join(dir, "task", t.Name()))
			if vanished(err) {
				continue
			}
			if err != nil {
				return err
			}
			if s.state != 'Z' && s.state != 'X' {
				states = append(states, s.state)
			}
		}
		return nil
	})
	return states, err
}

// groupRSS sums the resident memory of a process group, in bytes.
func groupRSS(pgid int) (total int64, err error) {
	err = eachOfGroup(pgid, func(dir string) error {
		b, err := os.ReadFile(filepath.Join(dir, "statm"))
		if err != nil {
			return err
		}
		fields := strings.Fields(string(b))
		if len(fields) < 2 {
			return fmt.Errorf("read %s/statm: %q has no second field", dir, b)
		}
		pages, err := strconv.ParseInt(fields[1], 10, 64)
		total += pages * int64(os.Getpagesize())
		return err
	})
	return total, err
}

// eachOfGroup calls f with the directory of each process of a group. Processes that end meanwhile
// are passed over.
func eachOfGroup(pgid int, f func(dir string) error) error {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return err
	}
	for _, e := range entries {
		if _, err := strconv.Atoi(e.Name()); err != nil {
			continue
		}
		dir := filepath.Join("/proc", e.Name())
		s, err := readStat(dir)
		if err == nil && s.pgid == pgid {
			err = f(dir)
		}
		if err != nil && !vanished(err) {
			return err
		}
	}
	return nil
}

func vanished(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESRCH)
}

type stat struct {
	state byte
	pgid  int
}

func readStat(dir string) (stat, error) {
	b, err := os.ReadFile(filepath.Join(dir, "stat"))
	if err != nil {
		return stat{}, err
	}
	return parseStat(string(b))
}

// parseStat reads a line of /proc/PID/stat (proc(5)). The command in it may itself hold spaces and
// parentheses.
func parseStat(line string) (stat, error) {
	_, rest, ok := cutLast(line, ") ")
	fields := strings.Fields(rest)
	if !ok || len(fields) < 3 || len(fields[0]) != 1 {
		return stat{}, fmt.Errorf("parse a stat line %.100q: it has no state and process group", line)
	}
	pgid, err := strconv.Atoi(fields[2])
	if err != nil {
		return stat{}, fmt.Errorf("parse a stat line %.100q: %w", line, err)
	}
	return stat{state: fields[0][0], pgid: pgid}, nil
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}
