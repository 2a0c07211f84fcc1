package generate

// event is something that happens to a client, or, late, to a call of unknown outcome.
type event struct {
	at   int64
	seq  uint32 // events of one instant happen in the order of scheduling
	who  int32
	what what
}

type what uint8

const (
	invokes what = iota
	acts
	completes
	actsLate
)

// heap gives events in the order of time.
type heap struct {
	e   []event
	seq uint32
}

func before(a, b *event) bool {
	return a.at < b.at || a.at == b.at && int32(a.seq-b.seq) < 0
}

func (h *heap) push(x event) {
	x.seq = h.seq
	h.seq++
	h.e = append(h.e, x)
	for i := len(h.e) - 1; i > 0; {
		up := (i - 1) / 4
		if before(&h.e[up], &h.e[i]) {
			return
		}
		h.e[up], h.e[i] = h.e[i], h.e[up]
		i = up
	}
}

func (h *heap) pop() event {
	top := h.e[0]
	n := len(h.e) - 1
	h.e[0] = h.e[n]
	h.e = h.e[:n]
	for i := 0; ; {
		least := i
		for c := 4*i + 1; c < min(4*i+5, n); c++ {
			if before(&h.e[c], &h.e[least]) {
				least = c
			}
		}
		if least == i {
			return top
		}
		h.e[i], h.e[least] = h.e[least], h.e[i]
		i = least
	}
}
