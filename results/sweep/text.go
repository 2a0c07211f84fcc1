package sweep

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"time"
)

// Check is one number beside an expected one.
type Check struct {
	What               string // p50, p90, mean
	Measured, Expected time.Duration
	Off                float64 // measured over expected, minus 1
	Within             bool
	// Open says that it is not within, but that so few trials cannot tell: the interval of 95 % of what
	// was measured reaches into the tolerance.
	Open bool `json:",omitempty"`
}

// EncodeCSV writes a table, its head first.
func EncodeCSV(rows [][]string) ([]byte, error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	if err := w.WriteAll(rows); err != nil {
		return nil, fmt.Errorf("encode CSV: %w", err)
	}
	return b.Bytes(), nil
}

// CSVMillis is how tables for machines tell durations.
func CSVMillis(d time.Duration) string {
	return fmt.Sprintf("%.3f", float64(d)/float64(time.Millisecond))
}

// Millis prints whole milliseconds, with a tenth below ten.
func Millis(d time.Duration) string {
	ms := float64(d) / float64(time.Millisecond)
	if ms < 10 {
		return fmt.Sprintf("%.1f ms", ms)
	}
	return fmt.Sprintf("%.0f ms", ms)
}

// QuantileText is a quantile, or a bound where it is open.
func QuantileText(d time.Duration, open bool) string {
	if open {
		return "≥ " + Millis(d)
	}
	return Millis(d)
}
