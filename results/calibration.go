package results

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// CalibrationFile is beside the runs' folders: what `faultline calibrate` found, the newest of each
// machine, runtime and system.
const CalibrationFile = "calibration.json"

// Machine is where a run was made, as far as the accuracy of outages depends on it.
type Machine struct {
	Host   string `json:"host"`             // its name
	CPU    string `json:"cpu"`              // its model
	Cores  int    `json:"cores"`            // that the program may use
	Kernel string `json:"kernel,omitempty"` // its kernel, which may change on the same machine
}

// Same says whether both are one machine. Nothing is known of the zero value, and it is no machine.
func (m Machine) Same(n Machine) bool {
	return m.Host != "" && m.Host == n.Host && m.CPU == n.CPU && m.Cores == n.Cores
}

// Calibration is the accuracy of outages, measured in a run without faults and in one in which the
// clients' calls were stalled for known times. Durations are nanoseconds.
type Calibration struct {
	At        time.Time     `json:"at"`        // wall clock
	Machine   Machine       `json:"machine"`   // where it was done
	Runtime   string        `json:"runtime"`   // as in a run
	System    string        `json:"system"`    // as in a run
	Faultline string        `json:"faultline"` // version of this program, and the commit
	Nodes     int           `json:"nodes"`     // members of the cluster
	Seed      uint64        `json:"seed"`      // seed of the run with stalls
	Every     time.Duration `json:"every"`     // harness.Probe.Every
	Timeout   time.Duration `json:"timeout"`   // harness.Probe.Timeout

	Calm    int           `json:"calm"`    // probes that ended in the run without faults, the baseline
	Outages int           `json:"outages"` // outages that were reported in it: there must be none
	Noise   time.Duration `json:"noise"`   // the slowest answer in it, once the cluster served
	Unsent  int           `json:"unsent"`  // probes of both runs that were skipped

	Stalls []Stall `json:"stalls"` // stalls by length
	Exact  bool    `json:"exact"`  // no outage was reported in the run without faults, and each stall was measured to within Every plus Noise
}

// Stall is what was measured of the stalls of one length.
type Stall struct {
	Length  time.Duration `json:"length"`  // how long calls were stalled
	N       int           `json:"n"`       // expected measurements: two for each stall, of writes and of reads
	Read    int           `json:"read"`    // how many of N were measured; the others were missed
	Median  time.Duration `json:"median"`  // median of the measured outages
	Low     time.Duration `json:"low"`     // shortest measured outage minus Length
	High    time.Duration `json:"high"`    // longest measured outage minus Length
	Unasked int           `json:"unasked"` // how many of N were also detected without knowing when the stall began (Probing.Gaps)
}

// All sums up the stalls: how many were measured, of how many, with which errors; false: none was.
func (c *Calibration) All() (read, n int, low, high time.Duration, ok bool) {
	for _, s := range c.Stalls {
		n += s.N
		if s.Read == 0 {
			continue
		}
		if read == 0 {
			low, high = s.Low, s.High
		}
		low, high = min(low, s.Low), max(high, s.High)
		read += s.Read
	}
	return read, n, low, high, read > 0
}

type calibrationFile struct {
	Format       int           `json:"format"`
	Calibrations []Calibration `json:"calibrations"`
}

// ReadCalibrations reads the file in a folder of runs. No file is no calibration.
func ReadCalibrations(root string) ([]Calibration, error) {
	path := filepath.Join(root, CalibrationFile)
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read calibrations: %w", err)
	}
	var f calibrationFile
	if err := json.Unmarshal(b, &f); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if f.Format != FormatVersion {
		return nil, fmt.Errorf("read %s: its format is %d; this program reads %d", path, f.Format, FormatVersion)
	}
	return f.Calibrations, nil
}

// KeepCalibration writes c in place of the one of the same machine, runtime and system. The file is
// replaced in one step; of two writers at once, one loses.
func KeepCalibration(root string, c Calibration) error {
	list, err := ReadCalibrations(root)
	if err != nil {
		return err
	}
	list = slices.DeleteFunc(list, func(old Calibration) bool {
		return old.Machine.Same(c.Machine) && old.Runtime == c.Runtime && old.System == c.System
	})
	b, err := json.MarshalIndent(calibrationFile{FormatVersion, append(list, c)}, "", "  ")
	if err != nil {
		return fmt.Errorf("write %s: %w", CalibrationFile, err)
	}
	if err := os.MkdirAll(root, 0o755); err != nil {
		return fmt.Errorf("write %s: %w", CalibrationFile, err)
	}
	return (&Folder{root}).Write(CalibrationFile, append(b, '\n'))
}

// LatestCalibration is the newest on the machine and runtime, with the system where there is one; nil:
// there is none.
func LatestCalibration(list []Calibration, m Machine, runtime, system string) *Calibration {
	var best *Calibration
	for i := range list {
		c := &list[i]
		if !c.Machine.Same(m) || c.Runtime != runtime {
			continue
		}
		if same := c.System == system; best == nil || same && best.System != system || same == (best.System == system) && c.At.After(best.At) {
			best = c
		}
	}
	return best
}
