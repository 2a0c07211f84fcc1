//go:build linux

package linux

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/mdlayher/netlink"

	"github.com/faultline-chaos/faultline/harness/agent"
)

// Netfilter drops packets by their peer's address with nftables. Table, chains and the connection to
// the kernel are made once and kept: unregistering hooks and closing such a socket each wait for an
// RCU grace period, about 15 ms, while a transaction on an open one takes less than one.
type Netfilter struct {
	err error // why it does not work here

	mu         sync.Mutex
	socket     *netlink.Conn // of conn, for its deadline
	conn       *nftables.Conn
	generation uint64
	drops      []agent.Drop
}

const (
	tableName = "faultline"
	// flushTime is how long a transaction may take: the library waits for ever for an answer that
	// got lost (google/nftables issues 350, 360).
	flushTime = time.Second
)

// NewNetfilter makes the table and its empty chains.
func NewNetfilter() *Netfilter {
	n := &Netfilter{}
	if n.err = n.apply(nil); n.err != nil {
		n.err = fmt.Errorf("use nf_tables: %w", n.err)
	}
	return n
}

func (n *Netfilter) Name() string { return agent.MechanismNetfilter }

func (n *Netfilter) Available() error { return n.err }

func (n *Netfilter) Handlers() map[string]agent.Handler {
	return map[string]agent.Handler{
		agent.OpRules:    agent.Handle(n.rules),
		agent.OpCounters: agent.Handle(n.counters),
	}
}

// Heal drops nothing any more, whatever arrives later.
func (n *Netfilter) Heal(ctx context.Context) error {
	if n.err != nil {
		return nil // there never was a rule
	}
	_, err := n.rules(ctx, agent.Rules{Generation: ^uint64(0)})
	return err
}

func (n *Netfilter) rules(_ context.Context, r agent.Rules) (none agent.Nothing, err error) {
	if n.err != nil {
		return none, n.err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if r.Generation < n.generation {
		return none, nil
	}
	if err := n.apply(r.Drops); err != nil {
		return none, fmt.Errorf("set %d rules: %w", len(r.Drops), err)
	}
	n.generation, n.drops = r.Generation, r.Drops
	return none, nil
}

// apply replaces all rules in one transaction. n.mu is held, or n is not shared yet.
func (n *Netfilter) apply(drops []agent.Drop) error {
	if err := n.connect(); err != nil {
		return err
	}
	t := n.conn.AddTable(table())
	chains := map[agent.Direction]*nftables.Chain{
		agent.In:  n.conn.AddChain(chain(t, agent.In)),
		agent.Out: n.conn.AddChain(chain(t, agent.Out)),
	}
	n.conn.FlushChain(chains[agent.In])
	n.conn.FlushChain(chains[agent.Out])
	for i, d := range drops {
		exprs, err := dropExprs(d)
		if err != nil {
			n.disconnect() // with what it has buffered
			return err
		}
		n.conn.AddRule(&nftables.Rule{Table: t, Chain: chains[d.Direction], Exprs: exprs, UserData: binary.LittleEndian.AppendUint32(nil, uint32(i))})
	}
	if err := n.conn.Flush(); err != nil {
		n.disconnect() // late answers must not be taken for those of the next transaction
		return err
	}
	return nil
}

// connect makes sure of a connection, and gives what is done on it next a deadline.
func (n *Netfilter) connect() error {
	if n.conn == nil {
		keep := func(c *netlink.Conn) error { n.socket = c; return nil }
		conn, err := nftables.New(nftables.AsLasting(), nftables.WithSockOptions(keep))
		if err != nil {
			return fmt.Errorf("open a netfilter socket: %w", err)
		}
		n.conn = conn
	}
	return n.socket.SetDeadline(time.Now().Add(flushTime))
}

func (n *Netfilter) disconnect() {
	_ = n.conn.CloseLasting() // it is replaced by a new one
	n.conn, n.socket = nil, nil
}

func (n *Netfilter) counters(context.Context, agent.Nothing) ([]agent.Counter, error) {
	if n.err != nil {
		return nil, n.err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	out := make([]agent.Counter, len(n.drops))
	for i, d := range n.drops {
		out[i].Drop = d
	}
	if err := n.connect(); err != nil {
		return nil, err
	}
	for _, d := range []agent.Direction{agent.In, agent.Out} {
		rules, err := n.conn.GetRules(table(), chain(table(), d))
		if err != nil {
			n.disconnect()
			return nil, fmt.Errorf("read the counters of chain %s: %w", d, err)
		}
		for _, r := range rules {
			count(out, r)
		}
	}
	return out, nil
}

func count(out []agent.Counter, r *nftables.Rule) {
	if len(r.UserData) < 4 {
		return
	}
	i := binary.LittleEndian.Uint32(r.UserData)
	for _, e := range r.Exprs {
		if c, ok := e.(*expr.Counter); ok && int(i) < len(out) {
			out[i].Packets, out[i].Bytes = c.Packets, c.Bytes
		}
	}
}

func table() *nftables.Table {
	return &nftables.Table{Family: nftables.TableFamilyIPv4, Name: tableName}
}

// chain comes before connection tracking, so that established connections are no exception.
func chain(t *nftables.Table, d agent.Direction) *nftables.Chain {
	hook := nftables.ChainHookInput
	if d == agent.Out {
		hook = nftables.ChainHookOutput
	}
	return &nftables.Chain{Name: string(d), Table: t, Type: nftables.ChainTypeFilter, Hooknum: hook, Priority: nftables.ChainPriorityRaw}
}

// dropExprs: not over loopback, the peer's address, count, drop.
func dropExprs(d agent.Drop) ([]expr.Any, error) {
	peer, err := netip.ParseAddr(d.Peer)
	if err != nil || !peer.Is4() {
		return nil, fmt.Errorf("%q is no IPv4 address", d.Peer)
	}
	var name expr.MetaKey
	var offset uint32 // of the peer's address in the IPv4 header
	switch d.Direction {
	case agent.In:
		name, offset = expr.MetaKeyIIFNAME, 12
	case agent.Out:
		name, offset = expr.MetaKeyOIFNAME, 16
	default:
		return nil, fmt.Errorf("unknown direction %q: allowed are in, out", d.Direction)
	}
	lo := make([]byte, 16) // IFNAMSIZ
	copy(lo, "lo")
	return []expr.Any{
		&expr.Meta{Key: name, Register: 1},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: lo},
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: 4},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: peer.AsSlice()},
		&expr.Counter{},
		&expr.Verdict{Kind: expr.VerdictDrop},
	}, nil
}
