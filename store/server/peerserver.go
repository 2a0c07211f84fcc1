package server

import (
	"errors"
	"io"
	"time"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// hello is what this member tells a peer when it connects.
func (s *Server) hello(to uint64) metadata.MD {
	md := metadata.Pairs(metaCluster, formatID(s.cluster), metaFrom, formatID(s.id), metaTo, formatID(to), metaName, s.cfg.Name)
	md.Append(metaURL, s.cfg.AdvertiseClientURLs...)
	return md
}

// greet reads a peer's hello and refuses strangers.
func (s *Server) greet(stream grpc.ServerStream) error {
	md, _ := metadata.FromIncomingContext(stream.Context())
	one := func(key string) string {
		if v := md.Get(key); len(v) == 1 {
			return v[0]
		}
		return ""
	}
	if got := one(metaCluster); got != formatID(s.cluster) {
		return status.Errorf(codes.FailedPrecondition, "raftkv: this is a member of cluster %s, not of %s", formatID(s.cluster), got)
	}
	if got := one(metaTo); got != formatID(s.id) {
		return status.Errorf(codes.FailedPrecondition, "raftkv: this is member %s, not %s", formatID(s.id), got)
	}
	for _, m := range s.members {
		if formatID(m.ID) == one(metaFrom) && m.ID != s.id {
			return s.post(stream.Context(), event{kind: evPeer, id: m.ID, name: one(metaName), urls: md.Get(metaURL)})
		}
	}
	return status.Errorf(codes.FailedPrecondition, "raftkv: %s is no other member of cluster %s", one(metaFrom), formatID(s.cluster))
}

// messages serves one peer's stream of messages.
func (s *Server) messages(stream grpc.ServerStream) error {
	if err := s.greet(stream); err != nil {
		return err
	}
	if err := stream.SendHeader(nil); err != nil {
		return err
	}
	ack := []byte{}
	for {
		var frame []byte
		if err := stream.RecvMsg(&frame); err != nil {
			return ended(err)
		}
		m := &raftpb.Message{}
		if err := proto.Unmarshal(frame, m); err != nil {
			return status.Errorf(codes.InvalidArgument, "raftkv: decode message: %v", err)
		}
		e := event{kind: evMessage, message: m}
		if timedHeartbeat(m) {
			e.at = time.Now()
		}
		if err := s.post(stream.Context(), e); err != nil {
			return err
		}
		if err := stream.SendMsg(&ack); err != nil {
			return err
		}
	}
}

// snapshot serves one snapshot.
func (s *Server) snapshot(stream grpc.ServerStream) error {
	if err := s.greet(stream); err != nil {
		return err
	}
	var all []byte
	for {
		var frame []byte
		err := stream.RecvMsg(&frame)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		all = append(all, frame...)
	}
	m := &raftpb.Message{}
	if err := proto.Unmarshal(all, m); err != nil {
		return status.Errorf(codes.InvalidArgument, "raftkv: decode snapshot: %v", err)
	}
	if err := s.post(stream.Context(), event{kind: evMessage, message: m}); err != nil {
		return err
	}
	ack := []byte{}
	return stream.SendMsg(&ack)
}

func ended(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}
