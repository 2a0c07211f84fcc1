package results

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/faultline-chaos/faultline/history"
)

// Names in a run folder.
const (
	RunFile       = "run.json"
	HistoryFile   = "history.jsonl"
	FailoversFile = "failovers.jsonl"
	ReportFile    = "report.html"
	JUnitFile     = "junit.xml"
	SummaryFile   = "summary.md"
	LogsDir       = "logs"
	Latest        = "latest" // the link beside the run folders
)

// Names of the tables beside the timeline's charts.
const (
	CallsCSV   = "calls.csv"   // every attempt, probes included
	RatesCSV   = "rates.csv"   // how calls ended, by 100 ms
	LatencyCSV = "latency.csv" // latency of calls, by 100 ms
	RolesCSV   = "roles.csv"   // roles and terms of the members
	FaultsCSV  = "faults.csv"  // what was broken, from effect to healed
)

// Folder is one run's folder. Its methods hold nothing open between calls; a folder has one writer.
type Folder struct{ dir string }

var IDPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$`)

// Create makes the folder root/id with an empty logs folder, and points root/latest to it. It is an
// error if the folder exists already: nothing of an older run is overwritten.
func Create(root, id string) (*Folder, error) {
	if !IDPattern.MatchString(id) || id == Latest {
		return nil, fmt.Errorf("create run folder: id %q is not allowed: letters, digits, '.', '_' and '-', not %q", id, Latest)
	}
	if err := os.MkdirAll(root, 0o755); err != nil {
		return nil, fmt.Errorf("create run folder: %w", err)
	}
	dir := filepath.Join(root, id)
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, fmt.Errorf("create run folder: %w", err)
	}
	if err := os.Mkdir(filepath.Join(dir, LogsDir), 0o755); err != nil {
		return nil, fmt.Errorf("create run folder: %w", err)
	}
	if err := pointLatest(root, id); err != nil {
		return nil, fmt.Errorf("create run folder: %w", err)
	}
	return &Folder{dir: dir}, nil
}

// pointLatest replaces the link in one step, so that a reader always finds a run.
func pointLatest(root, id string) error {
	tmp := filepath.Join(root, "."+Latest+"."+id)
	if err := os.Symlink(id, tmp); err != nil {
		return err
	}
	if err := os.Rename(tmp, filepath.Join(root, Latest)); err != nil {
		_ = os.Remove(tmp) // the first error says more
		return err
	}
	return nil
}

// PointLatest makes the link root/latest point to a run again where the one it named is gone: to the one
// that began last, as run ids begin with their time. Where there is none, the link goes, too.
func PointLatest(root string) error {
	if _, err := os.Lstat(filepath.Join(root, Latest)); errors.Is(err, fs.ErrNotExist) {
		return nil // nobody made one
	}
	if _, err := os.Stat(filepath.Join(root, Latest)); err == nil {
		return nil
	}
	runs, err := filepath.Glob(filepath.Join(root, "*", RunFile))
	if err == nil && len(runs) == 0 {
		err = os.Remove(filepath.Join(root, Latest))
	} else if err == nil {
		last := slices.MaxFunc(runs, strings.Compare)
		err = pointLatest(root, filepath.Base(filepath.Dir(last)))
	}
	if err != nil {
		return fmt.Errorf("point %s to a run: %w", filepath.Join(root, Latest), err)
	}
	return nil
}

// Open opens a run's folder, also through the link latest or given the path of its history or
// run.json. It checks that the folder is one of a run and of a format that is known.
func Open(dir string) (*Folder, error) {
	st, err := os.Stat(dir)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("open run folder %s: there is no such folder", dir)
		}
		return nil, fmt.Errorf("open run folder: %w", err)
	}
	if !st.IsDir() {
		if base := filepath.Base(dir); base != HistoryFile && base != RunFile {
			return nil, fmt.Errorf("open run folder %s: it is a file, not a folder with %s and %s", dir, RunFile, HistoryFile)
		}
		dir = filepath.Dir(dir)
	}
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real
	}
	f := &Folder{dir: dir}
	if _, err := f.ReadRun(); err != nil {
		return nil, err
	}
	return f, nil
}

// Dir is the folder's path.
func (f *Folder) Dir() string { return f.dir }

// Path is the path of a file in the folder.
func (f *Folder) Path(name string) string { return filepath.Join(f.dir, name) }

// CreateHistory opens history.jsonl for writing; a Recorder writes to it. The caller closes it.
func (f *Folder) CreateHistory() (*os.File, error) {
	file, err := os.OpenFile(f.Path(HistoryFile), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("create history: %w", err)
	}
	return file, nil
}

// CreateLog opens logs/NODE.log for appending. The caller closes it.
func (f *Folder) CreateLog(id history.NodeID) (*os.File, error) {
	if !IDPattern.MatchString(string(id)) {
		return nil, fmt.Errorf("create log: node id %q is not allowed as the name of a file", id)
	}
	file, err := os.OpenFile(f.logPath(id), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("create log of %s: %w", id, err)
	}
	return file, nil
}

func (f *Folder) logPath(id history.NodeID) string {
	return filepath.Join(f.dir, LogsDir, string(id)+".log")
}

// WriteRun writes run.json in one step: a reader sees the old one or the new one. Artifacts of
// verdicts are saved beside it, and their names in it.
func (f *Folder) WriteRun(run Run) error {
	if run.Format == 0 {
		run.Format = FormatVersion
	}
	run.Verdicts = slices.Clone(run.Verdicts)
	for i := range run.Verdicts {
		if err := f.saveArtifacts(&run.Verdicts[i]); err != nil {
			return err
		}
	}
	b, err := json.MarshalIndent(run, "", "  ")
	if err != nil {
		return fmt.Errorf("write %s: %w", RunFile, err)
	}
	return f.Write(RunFile, append(b, '\n'))
}

func (f *Folder) saveArtifacts(v *history.Verdict) error {
	for name, data := range v.Artifacts {
		if !IDPattern.MatchString(name) || reserved(name) {
			return fmt.Errorf("save artifact of %s: %q is not allowed as the name of a file", v.Checker, name)
		}
		if err := f.Write(name, data); err != nil {
			return err
		}
	}
	v.ArtifactNames = ArtifactNames(v)
	return nil
}

// ArtifactNames are those that were saved before and those that are to be saved.
func ArtifactNames(v *history.Verdict) []string {
	names := slices.Clone(v.ArtifactNames)
	for name := range v.Artifacts {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func reserved(name string) bool {
	return slices.Contains([]string{RunFile, HistoryFile, FailoversFile, ReportFile, JUnitFile, SummaryFile, LogsDir, CallsCSV, RatesCSV, LatencyCSV, RolesCSV, FaultsCSV}, name)
}

// Write writes one file of the folder in one step.
func (f *Folder) Write(name string, data []byte) error {
	return f.Stream(name, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// Stream writes one file of the folder in one step, from what fill writes.
func (f *Folder) Stream(name string, fill func(io.Writer) error) error {
	tmp, err := os.CreateTemp(f.dir, ".tmp-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	err = errors.Join(fill(tmp), tmp.Chmod(0o644), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), f.Path(name))
	}
	if err != nil {
		_ = os.Remove(tmp.Name()) // the first error says more
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

// ReadRun reads run.json.
func (f *Folder) ReadRun() (Run, error) {
	var run Run
	b, err := os.ReadFile(f.Path(RunFile))
	if errors.Is(err, fs.ErrNotExist) {
		return run, fmt.Errorf("open run folder %s: it has no %s, so it is not the folder of a run", f.dir, RunFile)
	}
	if err != nil {
		return run, fmt.Errorf("open run folder: %w", err)
	}
	if err := json.Unmarshal(b, &run); err != nil {
		return run, fmt.Errorf("read %s: %w", f.Path(RunFile), err)
	}
	if run.Format != FormatVersion {
		return run, fmt.Errorf("read %s: its format is %d; this program reads %d", f.Path(RunFile), run.Format, FormatVersion)
	}
	return run, nil
}

// ReadHistory reads history.jsonl, plain or compressed, and logs/. Warnings tell what was left out: a last line that was
// cut off when a run crashed.
func (f *Folder) ReadHistory() (h history.History, warnings []string, err error) {
	run, err := f.ReadRun()
	if err != nil {
		return h, nil, err
	}
	h.Nodes, h.LogLanguage = run.Nodes, run.LogLanguage
	b, err := f.historyBytes()
	if err != nil {
		return h, nil, fmt.Errorf("read history: %w", err)
	}
	ops, cut, err := ParseHistory(b)
	if err != nil {
		return h, nil, fmt.Errorf("read %s: %w", f.Path(HistoryFile), err)
	}
	if cut != "" {
		warnings = append(warnings, HistoryFile+": "+cut)
	}
	h.Ops = ops
	var more []string
	h.Logs, more, err = f.readLogs()
	return h, append(warnings, more...), err
}

// readLogs reads every log there is. The index of a line in the slice is its line number minus 1.
func (f *Folder) readLogs() (map[history.NodeID][]history.LogLine, []string, error) {
	entries, err := os.ReadDir(f.Path(LogsDir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("read logs: %w", err)
	}
	var logs map[history.NodeID][]history.LogLine
	var warnings []string
	for _, e := range entries {
		name, isLog := strings.CutSuffix(e.Name(), ".log")
		if !isLog || e.IsDir() {
			continue
		}
		b, err := os.ReadFile(filepath.Join(f.dir, LogsDir, e.Name()))
		if err != nil {
			return nil, nil, fmt.Errorf("read logs: %w", err)
		}
		lines, cut, err := ParseLog(b)
		if err != nil {
			return nil, nil, fmt.Errorf("read %s: %w", filepath.Join(f.dir, LogsDir, e.Name()), err)
		}
		if cut != "" {
			warnings = append(warnings, LogsDir+"/"+e.Name()+": "+cut)
		}
		if logs == nil {
			logs = map[history.NodeID][]history.LogLine{}
		}
		logs[history.NodeID(name)] = lines
	}
	return logs, warnings, nil
}

// ParseLog reads the content of logs/NODE.log. cut says what was left out: a last line without its
// end that does not parse.
func ParseLog(b []byte) (lines []history.LogLine, cut string, err error) {
	lines = make([]history.LogLine, 0, bytes.Count(b, []byte{'\n'}))
	text := string(b) // one allocation that all lines share
	for n := 1; text != ""; n++ {
		line, rest, whole := strings.Cut(text, "\n")
		l, err := history.ParseLogLine(line)
		if err != nil {
			if !whole {
				return lines, fmt.Sprintf("line %d has no end and was left out", n), nil
			}
			return nil, "", fmt.Errorf("line %d: %w", n, err)
		}
		lines = append(lines, l)
		text = rest
	}
	return lines, "", nil
}

func SortedKeys[V any](m map[history.NodeID]V) []history.NodeID {
	keys := make([]history.NodeID, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
