// Toykv is the smallest system that a runtime can be tested with: a key-value store of one process
// that knows nobody, over lines of text, with a log in its data directory. With -primary it hands what
// it is asked on to another one, who keeps all values. Tests build it.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

func main() {
	listen := flag.String("listen", "", "host:port to serve on")
	data := flag.String("data", "", "directory of the log")
	primary := flag.String("primary", "", "host:port of who keeps the values; empty: this one")
	flag.Parse()
	fmt.Println("toykv starts")
	fmt.Fprintln(os.Stderr, run(*listen, *data, *primary)) // it only returns with an error
	os.Exit(3)
}

func run(listen, data, primary string) error {
	s, err := open(filepath.Join(data, "log"))
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	fmt.Println("toykv serves with", len(s.values), "keys")
	for {
		conn, err := l.Accept()
		if err != nil {
			return fmt.Errorf("accept: %w", err)
		}
		if primary != "" {
			go forward(conn, primary)
		} else {
			go s.serve(conn)
		}
	}
}

// forward passes the lines of one client on, and the answers back. The client's connection ends with the
// primary's, so that what may have happened is not said to have failed.
func forward(conn net.Conn, primary string) {
	defer conn.Close()
	up, err := net.DialTimeout("tcp", primary, time.Second)
	if err != nil {
		return
	}
	defer up.Close()
	go func() {
		_, _ = io.Copy(up, conn)
		_ = up.Close() // the client has gone
	}()
	_, _ = io.Copy(conn, up)
}

// store keeps the values in memory and in a log of "key value" lines; a key alone was deleted.
type store struct {
	mu     sync.Mutex
	log    *os.File
	values map[string]string
}

func open(path string) (*store, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the log: %w", err)
	}
	s := &store{log: f, values: map[string]string{}}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if key, value, ok := strings.Cut(lines.Text(), " "); ok {
			s.values[key] = value
		} else {
			delete(s.values, key)
		}
	}
	return s, lines.Err()
}

// serve answers "put KEY VALUE" with "ok", "get KEY" with "value VALUE" or "none", "cas KEY NEW [OLD]" (of a
// key that is absent without OLD) and "delete KEY" with "1" or, where nothing was done, "0", and "status"
// with "ok".
func (s *store) serve(conn net.Conn) {
	defer conn.Close()
	lines := bufio.NewScanner(conn)
	for lines.Scan() {
		if _, err := fmt.Fprintln(conn, s.answer(lines.Text())); err != nil {
			return
		}
	}
}

func (s *store) answer(line string) string {
	op, rest, _ := strings.Cut(line, " ")
	s.mu.Lock()
	defer s.mu.Unlock()
	switch op {
	case "status":
		return "ok"
	case "get":
		if v, ok := s.values[rest]; ok {
			return "value " + v
		}
		return "none"
	case "put":
		key, value, _ := strings.Cut(rest, " ")
		if err := s.write(key + " " + value); err != nil {
			return "error " + err.Error()
		}
		s.values[key] = value
		return "ok"
	case "cas":
		key, values, _ := strings.Cut(rest, " ")
		value, old, there := strings.Cut(values, " ")
		if v, ok := s.values[key]; ok != there || v != old {
			return "0"
		}
		if err := s.write(key + " " + value); err != nil {
			return "error " + err.Error()
		}
		s.values[key] = value
		return "1"
	case "delete":
		if _, ok := s.values[rest]; !ok {
			return "0"
		}
		if err := s.write(rest); err != nil {
			return "error " + err.Error()
		}
		delete(s.values, rest)
		return "1"
	default:
		return "error unknown operation"
	}
}

func (s *store) write(line string) error {
	if _, err := fmt.Fprintln(s.log, line); err != nil {
		return err
	}
	return s.log.Sync()
}
