package interop

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	testgrpc "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"
)

// A callee answers the calls of gRPC's own test service.
type callee struct {
	testgrpc.UnimplementedTestServiceServer
	left chan error // how the contexts of sleeping calls end
}

// UnaryCall gives back the payload; one without waits until its caller has gone.
func (s *callee) UnaryCall(ctx context.Context, in *testgrpc.SimpleRequest) (*testgrpc.SimpleResponse, error) {
	if in.Payload == nil {
		<-ctx.Done()
		s.left <- ctx.Err()
		return nil, ctx.Err()
	}
	return &testgrpc.SimpleResponse{Payload: in.Payload}, nil
}

// StreamingInputCall tells how many bytes came.
func (s *callee) StreamingInputCall(stream grpc.ClientStreamingServer[testgrpc.StreamingInputCallRequest, testgrpc.StreamingInputCallResponse]) error {
	var n int32
	for {
		in, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return stream.SendAndClose(&testgrpc.StreamingInputCallResponse{AggregatedPayloadSize: n})
		}
		if err != nil {
			return err
		}
		n += int32(len(in.Payload.Body))
	}
}

// StreamingOutputCall sends messages of the sizes that it is asked for.
func (s *callee) StreamingOutputCall(in *testgrpc.StreamingOutputCallRequest, stream grpc.ServerStreamingServer[testgrpc.StreamingOutputCallResponse]) error {
	for i, p := range in.ResponseParameters {
		if err := stream.Send(&testgrpc.StreamingOutputCallResponse{Payload: &testgrpc.Payload{Body: random(int(p.Size), byte(i))}}); err != nil {
			return err
		}
	}
	return nil
}

// FullDuplexCall gives each payload back as it comes.
func (s *callee) FullDuplexCall(stream grpc.BidiStreamingServer[testgrpc.StreamingOutputCallRequest, testgrpc.StreamingOutputCallResponse]) error {
	for {
		in, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = stream.Send(&testgrpc.StreamingOutputCallResponse{Payload: in.Payload})
		}
		if err != nil {
			return err
		}
	}
}

// gRPC over TLS: calls of all four kinds, calls given up, and a server that goes.
func TestGRPC(t *testing.T) {
	cert, pool := certificates()
	eachWay(t, func(t *testing.T, client, server side) {
		l, err := server.listen("tcp4", server.at("443"))
		require.NoError(t, err)
		s := &callee{left: make(chan error, 1)}
		g := grpc.NewServer(grpc.Creds(credentials.NewServerTLSFromCert(&cert)))
		testgrpc.RegisterTestServiceServer(g, s)
		served := make(chan error, 1)
		go func() { served <- g.Serve(l) }()
		cc, err := grpc.NewClient("passthrough:///"+server.at("443"), grpc.WithTransportCredentials(credentials.NewClientTLSFromCert(pool, "example.com")),
			grpc.WithContextDialer(func(ctx context.Context, at string) (net.Conn, error) { return client.dial(ctx, "tcp4", at) }))
		require.NoError(t, err)
		c := testgrpc.NewTestServiceClient(cc)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		for i, n := range []int{1, 100, 3 << 20} {
			want := random(n, byte(i))
			r, err := c.UnaryCall(ctx, &testgrpc.SimpleRequest{Payload: &testgrpc.Payload{Body: want}})
			require.NoError(t, err)
			require.True(t, bytes.Equal(want, r.Payload.Body), "unary, %d bytes", n)
		}
		calleeTakes(t, ctx, c)
		calleeSends(t, ctx, c)
		pingPong(t, ctx, c)

		t.Run("given up: at the deadline, and by the caller", func(t *testing.T) {
			short, stop := context.WithTimeout(ctx, 100*time.Millisecond)
			defer stop()
			_, err := c.UnaryCall(short, &testgrpc.SimpleRequest{})
			require.Equal(t, codes.DeadlineExceeded, status.Code(err))
			require.Error(t, <-s.left)
			early, leave := context.WithCancel(ctx)
			time.AfterFunc(100*time.Millisecond, leave)
			_, err = c.UnaryCall(early, &testgrpc.SimpleRequest{})
			require.Equal(t, codes.Canceled, status.Code(err))
			require.ErrorIs(t, <-s.left, context.Canceled)
		})
		_, err = c.EmptyCall(ctx, &testgrpc.Empty{})
		require.Equal(t, codes.Unimplemented, status.Code(err))

		g.GracefulStop()
		require.NoError(t, <-served)
		_, err = c.UnaryCall(ctx, &testgrpc.SimpleRequest{Payload: &testgrpc.Payload{Body: []byte("x")}})
		require.Equal(t, codes.Unavailable, status.Code(err), "nobody listens any more: %v", err)
		require.NoError(t, cc.Close())
	})
}

func calleeTakes(t *testing.T, ctx context.Context, c testgrpc.TestServiceClient) {
	t.Helper()
	up, err := c.StreamingInputCall(ctx)
	require.NoError(t, err)
	for i := range 100 {
		require.NoError(t, up.Send(&testgrpc.StreamingInputCallRequest{Payload: &testgrpc.Payload{Body: random(100_000, byte(i))}}))
	}
	r, err := up.CloseAndRecv()
	require.NoError(t, err)
	require.EqualValues(t, 10_000_000, r.AggregatedPayloadSize)
}

func calleeSends(t *testing.T, ctx context.Context, c testgrpc.TestServiceClient) {
	t.Helper()
	in := new(testgrpc.StreamingOutputCallRequest)
	for i := range 100 {
		in.ResponseParameters = append(in.ResponseParameters, &testgrpc.ResponseParameters{Size: int32(i * 2000)})
	}
	down, err := c.StreamingOutputCall(ctx, in)
	require.NoError(t, err)
	for i := range 100 {
		r, err := down.Recv()
		require.NoError(t, err)
		require.True(t, bytes.Equal(random(i*2000, byte(i)), r.Payload.Body), "message %d", i)
	}
	_, err = down.Recv()
	require.ErrorIs(t, err, io.EOF)
}

func pingPong(t *testing.T, ctx context.Context, c testgrpc.TestServiceClient) {
	t.Helper()
	both, err := c.FullDuplexCall(ctx)
	require.NoError(t, err)
	for i := range 200 {
		want := random(i*i, byte(i))
		require.NoError(t, both.Send(&testgrpc.StreamingOutputCallRequest{Payload: &testgrpc.Payload{Body: want}}))
		r, err := both.Recv()
		require.NoError(t, err)
		require.True(t, bytes.Equal(want, r.Payload.Body), "message %d", i)
	}
	require.NoError(t, both.CloseSend())
	_, err = both.Recv()
	require.ErrorIs(t, err, io.EOF)
}
