package sweep

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/faultline-chaos/faultline/results/figure"
)

// Folder is where a sweep keeps its files.
type Folder string

// settingsFile is what a folder holds from the beginning on.
const settingsFile = "sweep.json"

// NewFolder makes root/name for a sweep of some settings.
func NewFolder(root, name string, settings any) (Folder, error) {
	if err := os.MkdirAll(root, 0o755); err != nil {
		return "", fmt.Errorf("create sweep folder: %w", err)
	}
	dir := filepath.Join(root, name)
	if err := os.Mkdir(dir, 0o755); err != nil {
		return "", fmt.Errorf("create sweep folder: %w", err)
	}
	data, err := json.MarshalIndent(settings, "", "  ")
	if err != nil {
		return "", fmt.Errorf("encode the sweep's settings: %w", err)
	}
	return Folder(dir), Folder(dir).Write(settingsFile, append(data, '\n'))
}

// ReadSettings reads those of the sweep that the folder holds.
func (d Folder) ReadSettings(to any) error {
	data, err := os.ReadFile(d.Path(settingsFile))
	if err != nil {
		return fmt.Errorf("it is no folder of a sweep: %w", err)
	}
	if err := json.Unmarshal(data, to); err != nil {
		return fmt.Errorf("its %s is damaged: %w", settingsFile, err)
	}
	return nil
}

// Path is that of a file in it.
func (d Folder) Path(name string) string { return filepath.Join(string(d), name) }

// ReadLines reads a file of which every line is kept as it comes; none is no line. What a crash cut off
// in its last line would spoil the next one, and is removed.
func (d Folder) ReadLines(name string) ([]byte, error) {
	data, err := os.ReadFile(d.Path(name))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	whole := data[:strings.LastIndexByte(string(data), '\n')+1]
	if err == nil && len(whole) < len(data) {
		err = os.Truncate(d.Path(name), int64(len(whole)))
	}
	if err != nil {
		return nil, fmt.Errorf("resume the sweep: %w", err)
	}
	return whole, nil
}

// AppendTo opens a file of lines.
func (d Folder) AppendTo(name string) (*os.File, error) {
	f, err := os.OpenFile(d.Path(name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open %s of the sweep: %w", name, err)
	}
	return f, nil
}

// Write writes a file.
func (d Folder) Write(name string, data []byte) error {
	if err := os.WriteFile(d.Path(name), data, 0o644); err != nil {
		return fmt.Errorf("write %s of the sweep: %w", name, err)
	}
	return nil
}

// WriteFigure writes a figure as SVG and PNG.
func (d Folder) WriteFigure(f figure.Figure) error {
	if err := d.Write(f.Name+".svg", f.SVG); err != nil {
		return err
	}
	return d.Write(f.Name+".png", f.PNG)
}

// WritePage writes NAME.md and NAME.html.
func (d Folder) WritePage(name string, p *Page) error {
	html, err := p.HTML()
	if err != nil {
		return err
	}
	if err := d.Write(name+".html", html); err != nil {
		return err
	}
	return d.Write(name+".md", p.Markdown())
}
