package results

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"strconv"
	"time"
)

// csvTable is the data of a figure: what is drawn is read from the same values that fill it.
type csvTable struct {
	header []string
	rows   [][]string
}

func tableOf(names ...string) *csvTable { return &csvTable{header: names} }

// add appends a row: strings as they are, durations in milliseconds, what is missing as nothing.
func (t *csvTable) add(cells ...any) {
	row := make([]string, len(cells))
	for i, c := range cells {
		row[i] = cell(c)
	}
	t.rows = append(t.rows, row)
}

func cell(v any) string {
	switch v := v.(type) {
	case time.Duration:
		return decimal(msOf(v))
	case *time.Duration:
		if v == nil {
			return ""
		}
		return decimal(msOf(*v))
	case Quantile:
		if v.Open {
			return ">" + decimal(msOf(v.At))
		}
		return decimal(msOf(v.At))
	case float64:
		return decimal(v)
	default:
		return fmt.Sprint(v)
	}
}

func decimal(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// encode writes the table as CSV (RFC 4180).
func (t *csvTable) encode() ([]byte, error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	if err := w.Write(t.header); err != nil {
		return nil, fmt.Errorf("encode CSV: %w", err)
	}
	if err := w.WriteAll(t.rows); err != nil {
		return nil, fmt.Errorf("encode CSV: %w", err)
	}
	return b.Bytes(), nil
}

// with gives a figure its data, and the longest outage among the failovers that it shows.
func (f Figure) with(t *csvTable, eps []*Episode) (Figure, error) {
	var err error
	if f.CSV, err = t.encode(); err != nil {
		return f, fmt.Errorf("data of %s: %w", f.Name, err)
	}
	if e := worst(eps); e != nil {
		f.Worst, f.Longest = e.ID, fmt.Sprintf("%s, %s: writes away %s", e.ID, e.Cause(), outageText(e.Writes))
	}
	return f, nil
}
