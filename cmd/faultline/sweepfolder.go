package main

import (
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/faultline-chaos/faultline/results/sweep"
	"github.com/faultline-chaos/faultline/scenario"
)

// name is the name of this kind of sweep, in its folder and page.
func (s *sweepFlags) name() string {
	if s.Defaults {
		return "defaults"
	}
	return "sweep"
}

// openSweep makes the folder of a new sweep, or opens the folder of an interrupted one.
func (s *sweepFlags) openSweep(f *pflag.FlagSet) (sweep.Folder, error) {
	if s.resume != "" {
		return s.reopen()
	}
	if err := s.check(f); err != nil {
		return "", err
	}
	if s.Seed == 0 {
		s.Seed = scenario.DrawSeed()
	}
	return sweep.NewFolder(s.out, scenario.FolderName(time.Now(), s.name()), s.Settings)
}

// check returns a usage error if the flags are wrong, before anything is created.
func (s *sweepFlags) check(f *pflag.FlagSet) error {
	switch {
	case f.Changed("lines"):
		return scenario.Usage("--lines goes with --paper only")
	case s.Defaults:
		if err := s.useDefaults(f); err != nil {
			return err
		}
	}
	return s.checkGrid(f)
}

// checkResume finds out which kind of sweep to continue, with the settings in its folder. With other settings
// it would not be the same sweep.
func (s *sweepFlags) checkResume(f *pflag.FlagSet) error {
	if names := others(f, "resume", "binary", "defaults", "paper"); len(names) > 0 {
		return scenario.Usage("%s does not go with --resume, which uses the settings of the sweep: allowed is --binary", strings.Join(names, ", "))
	}
	var had struct{ Paper, Defaults bool }
	if err := sweep.Folder(s.resume).ReadSettings(&had); err != nil {
		return s.unusable(err)
	}
	for _, k := range []struct {
		flag       string
		asked, had bool
	}{{"paper", s.paper, had.Paper}, {"defaults", s.Defaults, had.Defaults}} {
		if f.Changed(k.flag) && k.asked != k.had {
			return scenario.Usage("--resume %s: that sweep was begun with --%s=%v", s.resume, k.flag, k.had)
		}
	}
	s.paper = had.Paper
	return nil
}

// unusable makes the error for a folder that cannot be continued.
func (s *sweepFlags) unusable(err error) error {
	return scenario.Usage("--resume %s: %v", s.resume, err)
}

func (s *sweepFlags) reopen() (sweep.Folder, error) {
	dir := sweep.Folder(s.resume)
	s.Settings = sweep.Settings{}
	if err := dir.ReadSettings(&s.Settings); err != nil {
		return "", s.unusable(err)
	}
	if err := s.Check(); err != nil {
		return "", s.unusable(err)
	}
	return dir, nil
}
