package serve

import (
	"cmp"
	"slices"
)

// holm adjusts p-values for being tested together (Holm 1979): each is the smallest level at which its
// hypothesis is rejected while the chance of any false rejection stays at that level, however the tests
// depend on each other. The order of its argument is kept.
func holm(p []float64) []float64 {
	order := make([]int, len(p))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(p[a], p[b]) })
	out, least := make([]float64, len(p)), 0.0
	for rank, i := range order {
		least = max(least, min(1, p[i]*float64(len(p)-rank)))
		out[i] = least
	}
	return out
}

// correct adjusts the tests of a comparison for each other, and only then says what they show. Changes
// that have too few values to be judged take no part.
func correct(lists ...[]change) {
	var told []*change
	var p []float64
	for _, list := range lists {
		for i := range list {
			if c := &list[i]; c.Test != nil && c.enough() {
				told, p = append(told, c), append(p, c.Test.P)
			}
		}
	}
	for i, adjusted := range holm(p) {
		told[i].P = &adjusted
	}
	for _, list := range lists {
		for i := range list {
			list[i].say()
		}
	}
}
