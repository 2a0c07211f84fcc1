package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/faultline-chaos/faultline/results"
	"github.com/faultline-chaos/faultline/results/sweep"
)

// sweepSettings is what a sweep's folder holds from the beginning on.
const sweepSettings = "sweep.json"

// name is that of the kind of sweep: of its folder and page.
func (s *sweepFlags) name() string {
	switch {
	case s.Paper:
		return "paper"
	case s.Defaults:
		return "defaults"
	}
	return "sweep"
}

// openSweep makes the folder of a new sweep, or opens that of one that was interrupted.
func (s *sweepFlags) openSweep(f *pflag.FlagSet) (sweepFolder, error) {
	if s.resume != "" {
		return s.reopen(f)
	}
	if err := s.check(f); err != nil {
		return "", err
	}
	if s.Seed == 0 {
		s.Seed = drawSeed()
	}
	dir, err := newSweepFolder(s.out, s.name())
	if err != nil {
		return "", err
	}
	data, err := json.MarshalIndent(s.Settings, "", "  ")
	if err != nil {
		return "", infrastructure(fmt.Errorf("encode the sweep's settings: %w", err))
	}
	return dir, dir.write(sweepSettings, append(data, '\n'))
}

// check says what is wrong with the flags, before anything is made.
func (s *sweepFlags) check(f *pflag.FlagSet) error {
	switch {
	case s.Paper:
		return s.checkPaper(f)
	case f.Changed("lines"):
		return usage("--lines goes with --paper only")
	case s.Defaults:
		if err := s.useDefaults(f); err != nil {
			return err
		}
	}
	return s.checkGrid(f)
}

// reopen goes on with the settings that the folder holds. Others would not be the same sweep.
func (s *sweepFlags) reopen(f *pflag.FlagSet) (sweepFolder, error) {
	if names := others(f, "resume", "binary", "defaults", "paper"); len(names) > 0 {
		return "", usage("%s does not go with --resume, which goes on with the settings of the sweep: allowed is --binary", strings.Join(names, ", "))
	}
	dir := sweepFolder(s.resume)
	data, err := os.ReadFile(dir.path(sweepSettings))
	if err != nil {
		return "", usage("--resume %s: it is no folder of a sweep: %v", s.resume, err)
	}
	var had sweep.Settings
	if err := json.Unmarshal(data, &had); err != nil {
		return "", usage("--resume %s: its %s is damaged: %v", s.resume, sweepSettings, err)
	}
	for _, k := range []struct {
		flag       string
		asked, had bool
	}{{"paper", s.Paper, had.Paper}, {"defaults", s.Defaults, had.Defaults}} {
		if f.Changed(k.flag) && k.asked != k.had {
			return "", usage("--resume %s: that sweep was begun with --%s=%v", s.resume, k.flag, k.had)
		}
	}
	s.Settings = had
	if s.Paper {
		err = s.checkTrials()
	} else {
		err = s.Check()
	}
	if err != nil {
		return "", usage("--resume %s: its settings cannot be used: %v", s.resume, err)
	}
	return dir, nil
}

// sweepFolder is where a sweep keeps its files.
type sweepFolder string

// newSweepFolder makes root/TIME-name-XXXX.
func newSweepFolder(root, name string) (sweepFolder, error) {
	if err := os.MkdirAll(root, 0o755); err != nil {
		return "", infrastructure(fmt.Errorf("create sweep folder: %w", err))
	}
	dir := filepath.Join(root, folderName(time.Now(), name))
	if err := os.Mkdir(dir, 0o755); err != nil {
		return "", infrastructure(fmt.Errorf("create sweep folder: %w", err))
	}
	return sweepFolder(dir), nil
}

func (d sweepFolder) path(name string) string { return filepath.Join(string(d), name) }

// readLines reads a file of which every line is kept as it comes; none is no line. What a crash cut off
// in its last line would spoil the next one, and is removed.
func (d sweepFolder) readLines(name string) ([]byte, error) {
	data, err := os.ReadFile(d.path(name))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	whole := data[:strings.LastIndexByte(string(data), '\n')+1]
	if err == nil && len(whole) < len(data) {
		err = os.Truncate(d.path(name), int64(len(whole)))
	}
	if err != nil {
		return nil, infrastructure(fmt.Errorf("resume the sweep: %w", err))
	}
	return whole, nil
}

// appendTo opens a file of lines.
func (d sweepFolder) appendTo(name string) (*os.File, error) {
	f, err := os.OpenFile(d.path(name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, infrastructure(fmt.Errorf("open %s of the sweep: %w", name, err))
	}
	return f, nil
}

func (d sweepFolder) write(name string, data []byte) error {
	if err := os.WriteFile(d.path(name), data, 0o644); err != nil {
		return infrastructure(fmt.Errorf("write %s of the sweep: %w", name, err))
	}
	return nil
}

func (d sweepFolder) writeFigure(f results.Figure) error {
	if err := d.write(f.Name+".svg", f.SVG); err != nil {
		return err
	}
	return d.write(f.Name+".png", f.PNG)
}

// writePage writes NAME.md and NAME.html.
func (d sweepFolder) writePage(name string, p *sweep.Page) error {
	html, err := p.HTML()
	if err != nil {
		return infrastructure(err)
	}
	if err := d.write(name+".html", html); err != nil {
		return err
	}
	return d.write(name+".md", p.Markdown())
}
