package agent

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
)

// Owner is a harness process, as written on everything that it makes. A PID alone is used again; with
// the boot, the PID namespace and the start time it is unique.
type Owner struct {
	Boot      string // first 8 digits of the kernel's boot ID
	Namespace string // inode of the PID namespace
	PID       int
	Start     string // in clock ticks since boot
}

// Self is this process.
func Self() (Owner, error) {
	boot, ns, err := here()
	if err != nil {
		return Owner{}, err
	}
	start, err := startTime(os.Getpid())
	if err != nil {
		return Owner{}, err
	}
	return Owner{Boot: boot, Namespace: ns, PID: os.Getpid(), Start: start}, nil
}

// String is made of letters, digits and dots.
func (o Owner) String() string {
	return fmt.Sprintf("%s.%s.%d.%s", o.Boot, o.Namespace, o.PID, o.Start)
}

// ParseOwner is the inverse of String.
func ParseOwner(s string) (Owner, error) {
	f := strings.Split(s, ".")
	if len(f) != 4 {
		return Owner{}, fmt.Errorf("parse owner %q: want BOOT.NAMESPACE.PID.START", s)
	}
	pid, err := strconv.Atoi(f[2])
	if err != nil {
		return Owner{}, fmt.Errorf("parse owner %q: %w", s, err)
	}
	return Owner{Boot: f[0], Namespace: f[1], PID: pid, Start: f[3]}, nil
}

// Dead says whether the owner has certainly ended. Of one in another PID namespace nothing is known.
func (o Owner) Dead() bool {
	boot, ns, err := here()
	if err != nil {
		return false
	}
	if o.Boot != boot {
		return true
	}
	if o.Namespace != ns {
		return false
	}
	start, err := startTime(o.PID)
	if errors.Is(err, fs.ErrNotExist) {
		return true
	}
	return err == nil && start != o.Start
}

func here() (boot, namespace string, err error) {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", "", fmt.Errorf("read the boot ID: %w", err)
	}
	if len(b) < 8 {
		return "", "", fmt.Errorf("read the boot ID: %q is too short", b)
	}
	link, err := os.Readlink("/proc/self/ns/pid") // pid:[4026531836]
	if err != nil {
		return "", "", fmt.Errorf("read the PID namespace: %w", err)
	}
	return string(b[:8]), strings.Trim(link, "pid:[]"), nil
}

// startTime is field 22 of /proc/PID/stat, counted from behind the command, which may hold spaces.
func startTime(pid int) (string, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", err
	}
	fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	if len(fields) < 20 {
		return "", fmt.Errorf("read /proc/%d/stat: %q is too short", pid, b)
	}
	if fields[0] == "Z" { // it has ended, only its parent has not looked yet
		return "", fs.ErrNotExist
	}
	return fields[19], nil
}
