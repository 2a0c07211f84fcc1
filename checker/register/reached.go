package register

// reached are the configurations that were reached during one deadline, without those that another
// of them dominates: what one can copy need not be expanded. With 100 clients that leaves a fifth of
// them. It is emptied and not freed from one deadline to the next.
type reached struct {
	entries []entry
	rooms   index // the newest entry of each state
	exact   index // the newest entry of each hash
	round   int32 // entries of the indexes hold for one
}

type entry struct {
	config
	room, chain int32 // the entry before in the same state, and of the same hash; -1: none
	dominated   bool
}

// nearest is how many configurations of a state a new one is compared with, the newest first. Beyond
// that only equal ones are found.
const nearest = 512

func (r *reached) reset() {
	r.entries = r.entries[:0]
	r.round++
	r.rooms.used, r.exact.used = 0, 0
}

// add does nothing where the configuration is dominated by one that is there. Comparing counts as work.
func (s *search) add(r *reached, c config) {
	hash := c.hash()
	same := r.exact.at(hash, r.round)
	for i := *same; i >= 0; i = r.entries[i].chain {
		e := &r.entries[i].config
		if e.state == c.state && e.done == c.done && e.opt == c.opt &&
			e.puts <= c.puts && e.creates <= c.creates && e.deletes <= c.deletes {
			return
		}
	}
	room := r.rooms.at(uint64(uint32(c.state)), r.round)
	left := nearest
	for p := room; *p >= 0 && left > 0; left-- {
		e := &r.entries[*p]
		if dominates(&e.config, &c, s.observers, s.spare) {
			s.steps += int64(nearest-left) / 8
			return
		}
		if dominates(&c, &e.config, s.observers, s.spare) {
			e.dominated = true
			*p = e.room
			continue
		}
		p = &e.room
	}
	s.steps += int64(nearest-left) / 8
	r.entries = append(r.entries, entry{config: c, room: *room, chain: *same})
	*room = int32(len(r.entries) - 1)
	*same = *room
}

// index is a hash table from a number to an entry.
type index struct {
	used  int
	slots []indexSlot
}

type indexSlot struct {
	key          uint64
	round, entry int32
}

// at is the place for a number's entry, -1 at first. It is good until the next call.
func (x *index) at(key uint64, round int32) *int32 {
	if 2*(x.used+1) > len(x.slots) {
		old := x.slots
		x.slots, x.used = make([]indexSlot, max(1<<4, 4*len(old))), 0
		for _, e := range old {
			if e.round == round {
				*x.at(e.key, round) = e.entry
			}
		}
	}
	m := uint64(len(x.slots) - 1)
	for p := key * 0x9e3779b97f4a7c15 >> 20 & m; ; p = (p + 1) & m {
		e := &x.slots[p]
		if e.round != round {
			*e = indexSlot{key, round, -1}
			x.used++
			return &e.entry
		}
		if e.key == key {
			return &e.entry
		}
	}
}
