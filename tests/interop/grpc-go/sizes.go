package main

import (
	"context"
	"sync/atomic"

	"google.golang.org/grpc/stats"
)

// sizes watches how large messages are on the wire, which tells whether they were compressed.
type sizes struct {
	wireBytes int64
}

func (s *sizes) lastOnWire() int64 { return atomic.LoadInt64(&s.wireBytes) }

func (s *sizes) HandleRPC(_ context.Context, event stats.RPCStats) {
	if payload, ok := event.(*stats.InPayload); ok {
		atomic.StoreInt64(&s.wireBytes, int64(payload.WireLength))
	}
}

func (s *sizes) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context { return ctx }

func (s *sizes) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

func (s *sizes) HandleConn(context.Context, stats.ConnStats) {}
