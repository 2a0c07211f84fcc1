// Package format writes numbers and durations as reports show them.
package format
