package register

import "math/bits"

// words is the width of a mask: 128 slots serve some 128 clients of one key.
const words = 2

const slots = words * 64

// mask is a set of slots.
type mask [words]uint64

func (m *mask) set(s int32)     { m[s>>6] |= 1 << (uint(s) & 63) }
func (m *mask) clear(s int32)   { m[s>>6] &^= 1 << (uint(s) & 63) }
func (m mask) has(s int32) bool { return m[s>>6]>>(uint(s)&63)&1 != 0 }

func (m mask) or(o mask) mask {
	for i := range m {
		m[i] |= o[i]
	}
	return m
}

func (m mask) and(o mask) mask {
	for i := range m {
		m[i] &= o[i]
	}
	return m
}

func (m mask) without(o mask) mask {
	for i := range m {
		m[i] &^= o[i]
	}
	return m
}

func (m mask) empty() bool { return m == mask{} }

// pop removes and returns the lowest slot; -1 where there is none.
func (m *mask) pop() int32 {
	for i := range m {
		if m[i] != 0 {
			b := bits.TrailingZeros64(m[i])
			m[i] &= m[i] - 1
			return int32(i<<6 + b)
		}
	}
	return -1
}
