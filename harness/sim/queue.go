package sim

import "time"

// eventKind says what an event is, and which of its fields count.
type eventKind uint8

const (
	evWake     eventKind = iota // task; token: its generation; why; payload
	evDeadline                  // payload: *vctx
	evTick                      // node, life
	evMessage                   // node, source: sending node, payload; token, life: of the sender, if it asked for Sent
	evRequest                   // node, life (0: any), source, token: call, payload
	evReply                     // node, token: call, why, payload
	evFlushed                   // node, life: what is on its way to the disk has arrived
	evWork                      // node, life, token
	evSent                      // node, life, token, ok
	evTrip                      // node, life
	evProbe                     // node: where it comes back; source: where it went; task, token

	// These are never queued: they happen at once, and are only noted.
	evBoot
	evEnd
)

var eventNames = [...]string{"wake", "deadline", "tick", "message", "request", "reply", "flushed", "work", "sent", "trip", "probe", "boot", "end"}

// event is something that happens at one time.
type event struct {
	kind    eventKind
	why     wakeReason
	ok      bool
	life    uint32
	node    *node
	source  int
	token   uint64
	payload any
	task    *task
}

// queue is a priority queue of events by time and then by order of arrival: a heap with four children
// a node. What moves about in it holds no pointers; the events stay in their slots.
type queue struct {
	heap  []queued
	slots []event
	free  []int
}

type queued struct {
	at   time.Duration
	seq  uint64
	slot int
}

func (a *queued) before(b *queued) bool { return a.at < b.at || a.at == b.at && a.seq < b.seq }

const children = 4

func (q *queue) push(at time.Duration, seq uint64, e *event) {
	x := queued{at, seq, q.keep(e)}
	i := len(q.heap)
	q.heap = append(q.heap, x)
	for i > 0 {
		up := (i - 1) / children
		if !x.before(&q.heap[up]) {
			break
		}
		q.heap[i] = q.heap[up]
		i = up
	}
	q.heap[i] = x
}

func (q *queue) keep(e *event) int {
	last := len(q.free) - 1
	if last < 0 {
		q.slots = append(q.slots, *e)
		return len(q.slots) - 1
	}
	slot := q.free[last]
	q.free = q.free[:last]
	q.slots[slot] = *e
	return slot
}

// pop takes the first event out, into e. It is false when there is none.
func (q *queue) pop(e *event) (at time.Duration, ok bool) {
	if len(q.heap) == 0 {
		return 0, false
	}
	first := q.heap[0]
	last := len(q.heap) - 1
	x := q.heap[last]
	q.heap = q.heap[:last]
	if last > 0 {
		q.sink(x)
	}
	*e = q.slots[first.slot]
	q.slots[first.slot] = event{} // lets go of what it points to
	q.free = append(q.free, first.slot)
	return first.at, true
}

// sink puts x where it belongs, from the top down.
func (q *queue) sink(x queued) {
	h, i := q.heap, 0
	for {
		least := children*i + 1
		if least >= len(h) {
			break
		}
		for c := least + 1; c <= children*i+children && c < len(h); c++ {
			if h[c].before(&h[least]) {
				least = c
			}
		}
		if !h[least].before(&x) {
			break
		}
		h[i] = h[least]
		i = least
	}
	h[i] = x
}
