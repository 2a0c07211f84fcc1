package generate

import (
	"fmt"

	"github.com/faultline-chaos/faultline/history"
)

// kind is a kind of violation. Each is a short script of one or two clients of one key. What makes it
// a violation involves only calls of the script, which write values that nobody else knows; so it is
// one whatever other clients do meanwhile.
type kind struct {
	name, doc string
	calls     int
	run       func(p *planter) string
}

// kinds are the violations that can be planted.
func kinds() []kind {
	return []kind{
		{"stale-read", "a get shows a value that an acknowledged put had replaced", 3, (*planter).staleRead},
		{"lost-write", "an acknowledged put never takes effect", 3, (*planter).lostWrite},
		{"two-winners", "two compare-and-sets replace the same value", 3, (*planter).twoWinners},
		{"out-of-nothing", "a get shows a value that nobody wrote", 1, (*planter).outOfNothing},
		{"dirty-write", "a put fails and takes effect all the same", 2, (*planter).dirtyWrite},
		{"dirty-cas", "a compare-and-set says that it did not swap, and did", 3, (*planter).dirtyCAS},
		{"lost-delete", "a get shows what an acknowledged delete had removed", 3, (*planter).lostDelete},
		{"new-then-old", "of two gets, one after the other, the first shows the new value and the second the old one", 4, (*planter).newThenOld},
		{"twice", "a put takes effect twice", 5, (*planter).twice},
	}
}

// Kinds are the kinds of violations with a line about each.
func Kinds() (names, docs []string) {
	for _, k := range kinds() {
		names, docs = append(names, k.name), append(docs, k.doc)
	}
	return names, docs
}

func kindNames() []string {
	names, _ := Kinds()
	return names
}

func kindByName(name string) (kind, bool) {
	for _, k := range kinds() {
		if k.name == name {
			return k, true
		}
	}
	return kind{}, false
}

// planter runs a script with two idle clients of a key, a nanosecond from line to line.
type planter struct {
	g    *generator
	a, b *client
	key  *key
}

// plant runs the script, where a second client is idle or there is none at all.
func (g *generator) plant(who int32) bool {
	k, _ := kindByName(g.Plant)
	if g.begun+k.calls > g.Ops {
		return false
	}
	a := &g.clients[who]
	p := &planter{g: g, a: a, b: a, key: &g.keys[a.key]}
	for i := range g.clients {
		if c := &g.clients[i]; c != a && c.key == a.key && c.idle {
			p.b = c
			break
		}
	}
	g.truth.Valid, g.truth.Kind, g.truth.Key, g.truth.First = false, k.name, string(p.key.name), g.position
	g.truth.Detail = k.run(p)
	g.truth.Last = g.position - 1
	return true
}

// do makes a call at once and alone. run says whether it takes effect.
func (p *planter) do(c *client, x call, t history.Type, run bool) {
	p.invoke(c, x)
	if run {
		y := c.call
		p.g.act(&y) // the answer is the script's
	}
	p.complete(c, t)
}

func (p *planter) invoke(c *client, x call) {
	x.key = c.key
	c.call = x
	p.g.now++
	p.g.invoke(c)
}

func (p *planter) complete(c *client, t history.Type) {
	p.g.now++
	p.g.complete(c, t)
}

func (p *planter) put() value {
	v := p.g.next()
	p.do(p.a, call{op: opPut, val: v}, history.OK, true)
	return v
}

// get shows v, whatever the state is.
func (p *planter) get(v value) {
	p.do(p.b, call{op: opGet, val: v}, history.OK, false)
}

func (p *planter) staleRead() string {
	u := p.put()
	w := p.put()
	p.get(u)
	return fmt.Sprintf("%d was read after the put of %d, which replaced it, had returned", u, w)
}

func (p *planter) lostWrite() string {
	u := p.put()
	w := p.g.next()
	p.do(p.a, call{op: opPut, val: w}, history.OK, false)
	p.get(u)
	return fmt.Sprintf("the put of %d was acknowledged and lost: %d was read after it", w, u)
}

func (p *planter) twoWinners() string {
	u := p.put()
	x, y := p.g.next(), p.g.next()
	if p.b == p.a {
		p.do(p.a, call{op: opCAS, old: u, val: x, yes: true}, history.OK, true)
		p.do(p.a, call{op: opCAS, old: u, val: y, yes: true}, history.OK, false)
	} else {
		p.invoke(p.a, call{op: opCAS, old: u, val: x, yes: true})
		p.invoke(p.b, call{op: opCAS, old: u, val: y, yes: true})
		p.key.state = x
		p.complete(p.a, history.OK)
		p.complete(p.b, history.OK)
	}
	return fmt.Sprintf("%d was replaced by %d and by %d", u, x, y)
}

func (p *planter) outOfNothing() string {
	v := p.g.next()
	p.get(v)
	return fmt.Sprintf("%d was read, which nobody wrote", v)
}

func (p *planter) dirtyWrite() string {
	v := p.g.next()
	p.do(p.a, call{op: opPut, val: v}, history.Fail, true)
	p.get(v)
	return fmt.Sprintf("the put of %d failed, and was read", v)
}

func (p *planter) dirtyCAS() string {
	u := p.put()
	v := p.g.next()
	p.do(p.a, call{op: opCAS, old: u, val: v}, history.OK, true)
	p.key.state = v
	p.get(v)
	return fmt.Sprintf("the compare-and-set of %d to %d said that it did not swap, and %d was read", u, v, v)
}

func (p *planter) lostDelete() string {
	u := p.put()
	p.do(p.a, call{op: opDelete, yes: true}, history.OK, false)
	p.get(u)
	return fmt.Sprintf("%d was read after it had been deleted", u)
}

func (p *planter) newThenOld() string {
	u := p.put()
	w := p.g.next()
	if p.b == p.a {
		p.do(p.a, call{op: opPut, val: w}, history.OK, true)
		p.get(w)
		p.get(u)
	} else {
		p.invoke(p.a, call{op: opPut, val: w})
		p.key.state = w
		p.get(w)
		p.get(u)
		p.complete(p.a, history.OK)
	}
	return fmt.Sprintf("%d was read, and after that %d, which it replaced", w, u)
}

func (p *planter) twice() string {
	u := p.put()
	p.get(u)
	w := p.put()
	p.get(w)
	p.key.state = u
	p.get(u)
	return fmt.Sprintf("%d was read again after %d, which replaced it, was read", u, w)
}
