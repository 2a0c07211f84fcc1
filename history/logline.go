package history

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Timing is a named duration.
type Timing struct {
	Name string        `json:"name"` // of what
	Took time.Duration `json:"took"` // how long that was
}

// LogLine is one line of a member's output, with the time the harness's clock had when the member
// wrote it.
type LogLine struct {
	At   time.Duration
	Text string // without the line end
}

// LogLanguage is the words in which the members of a system log what matters to a reader, by name:
// raftlog.Language.
type LogLanguage string

// NoLogLanguage is that of a system whose logs nobody can read.
const NoLogLanguage LogLanguage = "none"

// AppendLogLine appends a line of logs/NODE.log: the seconds since the start of the run with nine
// digits, a space, the text, a line end.
func AppendLogLine(b []byte, at time.Duration, text []byte) []byte {
	if at < 0 { // the member wrote before the run's clock started
		at = 0
	}
	b = strconv.AppendInt(b, int64(at/time.Second), 10)
	b = append(b, '.')
	frac := strconv.Itoa(int(at % time.Second))
	b = append(append(b, "000000000"[len(frac):]...), frac...)
	b = append(b, ' ')
	b = append(b, bytes.TrimRight(text, "\r\n")...)
	return append(b, '\n')
}

// ParseLogLine is the inverse of AppendLogLine, for one line without its line end.
func ParseLogLine(line string) (LogLine, error) {
	stamp, text, ok := strings.Cut(line, " ")
	sec, frac, dot := strings.Cut(stamp, ".")
	if !ok || !dot || len(frac) != 9 {
		return LogLine{}, fmt.Errorf("parse log line %.60q: it does not start with seconds.nanoseconds and a space", line)
	}
	s, err1 := strconv.ParseInt(sec, 10, 32)
	n, err2 := strconv.ParseInt(frac, 10, 32)
	if err1 != nil || err2 != nil || s < 0 || n < 0 {
		return LogLine{}, fmt.Errorf("parse log line %.60q: it does not start with seconds.nanoseconds and a space", line)
	}
	return LogLine{At: time.Duration(s)*time.Second + time.Duration(n), Text: text}, nil
}
