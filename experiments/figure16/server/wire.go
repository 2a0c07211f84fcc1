package server

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"time"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
)

// Magic is the first line on a controller's connection. Who does not say it is not heard.
const Magic = "faultline sweep --paper: elections that no store should have\n"

// Servers is how many there are; they are numbered from 1. Leader is the one that is killed.
const (
	Servers = 5
	Leader  = 1
)

// entries are in each server's log, by number.
var entries = [Servers + 1]int{0, 4, 3, 2, 1, 0}

// Request is a line to a server.
type Request struct {
	ID int    `json:"id"` // of the reply
	Op string `json:"op"`
	// Trial is of OpTrial.
	Trial *Trial `json:"trial,omitempty"`
}

// Operations.
const (
	OpHello    = "hello"    // answers that it is there
	OpTrial    = "trial"    // starts anew; answers once its disk is formatted and all others are connected
	OpCampaign = "campaign" // server 1 starts, and campaigns
	OpRuler    = "ruler"    // answers with Reply.Ruler of the trial so far
)

// Trial is how one is done. Durations are nanoseconds.
type Trial struct {
	Number   uint32              `json:"number"` // messages of others are dropped
	Self     int                 `json:"self"`
	Peers    [Servers + 1]string `json:"peers"` // host:port, by number
	Min, Max time.Duration       // of timeouts, uniform; heartbeats are sent every half Min
	Tick     time.Duration       // the resolution of timers
	Delay    [2]time.Duration    `json:"delay"` // of messages: the least, and the mean; exponential above the least
	Seed     uint64              `json:"seed"`  // of timeouts and delays
}

// Reply is a line from a server: the answer to a request where ID is set, else an event.
type Reply struct {
	ID    int    `json:"id,omitempty"`
	Error string `json:"error,omitempty"`
	Ruler *Ruler `json:"ruler,omitempty"`
	Peer  string `json:"peer,omitempty"` // of OpHello: the server's Options.Peer

	Event string `json:"event,omitempty"`
	Trial uint32 `json:"trial,omitempty"`
	At    int64  `json:"at,omitempty"`   // CLOCK_MONOTONIC, nanoseconds
	Term  uint64 `json:"term,omitempty"` // of EvHeard
}

// Events.
const (
	EvBroadcast = "broadcast" // server 1 sent its first heartbeats
	EvCampaign  = "campaign"  // it stood for election
	EvHeard     = "heard"     // it heard from a leader of Term for the first time, and not from server 1
)

// Ruler is how exact a trial's times are, in nanoseconds.
type Ruler struct {
	// Delays are how long messages really took: from what caused them to when they were handed over.
	Delays []int64 `json:"delays"`
	// Late is how late timers fired.
	Late []int64 `json:"late"`
}

// frame is one message on its way.
type frame struct {
	trial     uint32
	from      uint32
	born, due int64
	message   *raftpb.Message
}

const frameHead = 28

func (f *frame) append(b []byte) ([]byte, error) {
	body, err := proto.Marshal(f.message)
	if err != nil {
		return nil, fmt.Errorf("encode a message: %w", err)
	}
	b = binary.BigEndian.AppendUint32(b, uint32(len(body)))
	b = binary.BigEndian.AppendUint32(b, f.trial)
	b = binary.BigEndian.AppendUint32(b, f.from)
	b = binary.BigEndian.AppendUint64(b, uint64(f.born))
	b = binary.BigEndian.AppendUint64(b, uint64(f.due))
	return append(b, body...), nil
}

// maxBody bounds a message: logs are a handful of entries without contents.
const maxBody = 64 << 10

func readFrame(r *bufio.Reader) (f frame, err error) {
	var head [frameHead]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return f, err
	}
	n := binary.BigEndian.Uint32(head[:])
	if n > maxBody {
		return f, fmt.Errorf("read a message: %d bytes are too many", n)
	}
	f.trial, f.from = binary.BigEndian.Uint32(head[4:]), binary.BigEndian.Uint32(head[8:])
	f.born, f.due = int64(binary.BigEndian.Uint64(head[12:])), int64(binary.BigEndian.Uint64(head[20:]))
	if f.from < 1 || f.from > Servers {
		return f, fmt.Errorf("read a message: there is no server %d", f.from)
	}
	body := make([]byte, n)
	if _, err := io.ReadFull(r, body); err != nil {
		return f, err
	}
	f.message = &raftpb.Message{}
	if err := proto.Unmarshal(body, f.message); err != nil {
		return f, fmt.Errorf("decode a message: %w", err)
	}
	return f, nil
}
