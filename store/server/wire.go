package server

import (
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/grpc/mem"
)

// rawCodec passes frames of bytes through gRPC as they are.
type rawCodec struct{}

func (rawCodec) Name() string { return "raftkv-raw" }

func (rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	b, ok := v.(*[]byte)
	if !ok {
		return nil, fmt.Errorf("encode %T: only *[]byte is a frame", v)
	}
	return mem.BufferSlice{mem.SliceBuffer(*b)}, nil
}

func (rawCodec) Unmarshal(data mem.BufferSlice, v any) error {
	b, ok := v.(*[]byte)
	if !ok {
		return fmt.Errorf("decode %T: only *[]byte is a frame", v)
	}
	*b = data.Materialize()
	return nil
}

// The peer service: on Messages a frame is a raft message and each is answered by an empty frame; on
// Snapshot all frames together are one message, which an empty frame answers once it was handed
// over.
const (
	messagesMethod = "/raftkv.Peer/Messages"
	snapshotMethod = "/raftkv.Peer/Snapshot"
)

// Metadata that a stream starts with: who talks to whom, and what others should know of the sender.
const (
	metaCluster = "raftkv-cluster"
	metaFrom    = "raftkv-from"
	metaTo      = "raftkv-to"
	metaName    = "raftkv-name"
	metaURL     = "raftkv-client-url"
)

var streamDesc = grpc.StreamDesc{ServerStreams: true, ClientStreams: true}

// peerHandler is what serves the peer service.
type peerHandler interface {
	messages(stream grpc.ServerStream) error
	snapshot(stream grpc.ServerStream) error
}

func peerService() *grpc.ServiceDesc {
	return &grpc.ServiceDesc{
		ServiceName: "raftkv.Peer",
		HandlerType: (*peerHandler)(nil),
		Streams: []grpc.StreamDesc{
			{
				StreamName: "Messages", ServerStreams: true, ClientStreams: true,
				Handler: func(srv any, s grpc.ServerStream) error { return srv.(peerHandler).messages(s) },
			},
			{
				StreamName: "Snapshot", ServerStreams: true, ClientStreams: true,
				Handler: func(srv any, s grpc.ServerStream) error { return srv.(peerHandler).snapshot(s) },
			},
		},
	}
}
