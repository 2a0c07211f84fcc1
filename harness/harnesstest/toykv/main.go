// Toykv is the smallest system that a runtime can be tested with: a key-value store of one process
// that knows nobody, over lines of text, with a log in its data directory. Tests build it.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

func main() {
	listen := flag.String("listen", "", "host:port to serve on")
	data := flag.String("data", "", "directory of the log")
	flag.Parse()
	fmt.Println("toykv starts")
	fmt.Fprintln(os.Stderr, run(*listen, *data)) // it only returns with an error
	os.Exit(3)
}

func run(listen, data string) error {
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
		go s.serve(conn)
	}
}

// store keeps the values in memory and in a log of "key value" lines.
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
		}
	}
	return s, lines.Err()
}

// serve answers "put KEY VALUE" with "ok", "get KEY" with "value VALUE" or "none", and "status" with
// "ok".
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
		if _, err := fmt.Fprintln(s.log, key, value); err != nil {
			return "error " + err.Error()
		}
		if err := s.log.Sync(); err != nil {
			return "error " + err.Error()
		}
		s.values[key] = value
		return "ok"
	default:
		return "error unknown operation"
	}
}
