package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/faultline-chaos/faultline/results/sweep"
	"github.com/faultline-chaos/faultline/scenario"
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
func (s *sweepFlags) openSweep(f *pflag.FlagSet) (sweep.Folder, error) {
	if s.resume != "" {
		return s.reopen(f)
	}
	if err := s.check(f); err != nil {
		return "", err
	}
	if s.Seed == 0 {
		s.Seed = scenario.DrawSeed()
	}
	dir, err := sweep.NewFolder(s.out, scenario.FolderName(time.Now(), s.name()))
	if err != nil {
		return "", err
	}
	data, err := json.MarshalIndent(s.Settings, "", "  ")
	if err != nil {
		return "", fmt.Errorf("encode the sweep's settings: %w", err)
	}
	return dir, dir.Write(sweepSettings, append(data, '\n'))
}

// check says what is wrong with the flags, before anything is made.
func (s *sweepFlags) check(f *pflag.FlagSet) error {
	switch {
	case s.Paper:
		return s.checkPaper(f)
	case f.Changed("lines"):
		return scenario.Usage("--lines goes with --paper only")
	case s.Defaults:
		if err := s.useDefaults(f); err != nil {
			return err
		}
	}
	return s.checkGrid(f)
}

// reopen goes on with the settings that the folder holds. Others would not be the same sweep.
func (s *sweepFlags) reopen(f *pflag.FlagSet) (sweep.Folder, error) {
	if names := others(f, "resume", "binary", "defaults", "paper"); len(names) > 0 {
		return "", scenario.Usage("%s does not go with --resume, which goes on with the settings of the sweep: allowed is --binary", strings.Join(names, ", "))
	}
	dir := sweep.Folder(s.resume)
	data, err := os.ReadFile(dir.Path(sweepSettings))
	if err != nil {
		return "", scenario.Usage("--resume %s: it is no folder of a sweep: %v", s.resume, err)
	}
	var had sweep.Settings
	if err := json.Unmarshal(data, &had); err != nil {
		return "", scenario.Usage("--resume %s: its %s is damaged: %v", s.resume, sweepSettings, err)
	}
	for _, k := range []struct {
		flag       string
		asked, had bool
	}{{"paper", s.Paper, had.Paper}, {"defaults", s.Defaults, had.Defaults}} {
		if f.Changed(k.flag) && k.asked != k.had {
			return "", scenario.Usage("--resume %s: that sweep was begun with --%s=%v", s.resume, k.flag, k.had)
		}
	}
	s.Settings = had
	if s.Paper {
		err = s.checkTrials()
	} else {
		err = s.Check()
	}
	if err != nil {
		return "", scenario.Usage("--resume %s: its settings cannot be used: %v", s.resume, err)
	}
	return dir, nil
}
