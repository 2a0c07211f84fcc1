package figure

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/faultline-chaos/faultline/results/failover"
)

// csvTable is the data of a figure. Figures are drawn from it and from nothing else, so that what is
// drawn is what the CSV beside it says.
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
	case string:
		return v
	case time.Duration:
		return decimal(Milliseconds(v))
	case *time.Duration:
		if v == nil {
			return ""
		}
		return decimal(Milliseconds(*v))
	case failover.Quantile:
		if v.Open {
			return ">" + decimal(Milliseconds(v.At))
		}
		return decimal(Milliseconds(v.At))
	case float64:
		if math.IsNaN(v) {
			return ""
		}
		return decimal(v)
	case nil:
		return ""
	default:
		return fmt.Sprint(v)
	}
}

func decimal(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// record is one row, read by the names of its columns. Numbers and durations were written by add, so
// what does not parse is missing.
type record struct {
	t     *csvTable
	cells []string
}

// each visits the rows.
func (t *csvTable) each(visit func(record)) {
	for _, cells := range t.rows {
		visit(record{t, cells})
	}
}

// records are the rows that have a value in a column.
func (t *csvTable) records(column, value string) []record {
	var out []record
	t.each(func(r record) {
		if r.text(column) == value {
			out = append(out, r)
		}
	})
	return out
}

func (r record) text(column string) string {
	for i, h := range r.t.header {
		if h == column && i < len(r.cells) {
			return r.cells[i]
		}
	}
	return ""
}

func (r record) number(column string) (float64, bool) {
	v, err := strconv.ParseFloat(r.text(column), 64)
	return v, err == nil
}

func (r record) count(column string) int {
	n, _ := strconv.Atoi(r.text(column)) // 0 where it is missing
	return n
}

// took is a duration that was written in milliseconds; nil: missing.
func (r record) took(column string) *time.Duration {
	v, ok := r.number(column)
	if !ok {
		return nil
	}
	d := time.Duration(math.Round(v * float64(time.Millisecond)))
	return &d
}

// span is took, or 0.
func (r record) span(column string) time.Duration {
	if d := r.took(column); d != nil {
		return *d
	}
	return 0
}

// quantile is a Quantile; ok is false where there is none.
func (r record) quantile(column string) (q failover.Quantile, ok bool) {
	text := r.text(column)
	if text == "" {
		return q, false
	}
	if text[0] == '>' {
		q.Open, text = true, text[1:]
	}
	v, err := strconv.ParseFloat(text, 64)
	q.At = time.Duration(math.Round(v * float64(time.Millisecond)))
	return q, err == nil
}

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

// decodeTable reads what encode wrote.
func decodeTable(b []byte) (*csvTable, error) {
	rows, err := csv.NewReader(bytes.NewReader(b)).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("decode CSV: %w", err)
	}
	if len(rows) == 0 {
		return nil, fmt.Errorf("decode CSV: there is no header")
	}
	return &csvTable{header: rows[0], rows: rows[1:]}, nil
}
