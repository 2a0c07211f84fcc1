package server

import (
	"container/heap"
	"math"
)

// Queue hands out what was put in by when it is due, and what is due at the same time in the order in which
// it was put in. The zero value is an empty one.
type Queue[T any] struct {
	all   byDue[T]
	count int // put in so far
}

// Push puts one in.
func (q *Queue[T]) Push(due int64, of T) {
	q.count++
	heap.Push(&q.all, queued[T]{due, q.count, of})
}

// Next is when the first one is due; the end of time where there is none.
func (q *Queue[T]) Next() int64 {
	if len(q.all) == 0 {
		return math.MaxInt64
	}
	return q.all[0].due
}

// Pop takes the first one out. There must be one.
func (q *Queue[T]) Pop() T { return heap.Pop(&q.all).(queued[T]).of }

type queued[T any] struct {
	due   int64
	order int
	of    T
}

type byDue[T any] []queued[T]

func (h byDue[T]) Len() int { return len(h) }
func (h byDue[T]) Less(i, j int) bool {
	return h[i].due < h[j].due || h[i].due == h[j].due && h[i].order < h[j].order
}
func (h byDue[T]) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *byDue[T]) Push(x any)   { *h = append(*h, x.(queued[T])) }
func (h *byDue[T]) Pop() any {
	old := *h
	x := old[len(old)-1]
	*h = old[:len(old)-1]
	return x
}
