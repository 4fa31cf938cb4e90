package interop

import (
	"context"
	"os/exec"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
)

// A Redis client through our DialContext, against the real server.
func TestRedis(t *testing.T) {
	path := program(t, "redis-server")
	w := newWorld(t)
	k := w.kernel()
	p := w.start(exec.Command(path, "--port", "6379", "--bind", k.ip, "--save", "", "--dir", w.dir, "--protected-mode", "no"))
	w.serves(p, "6379")
	client := redis.NewClient(&redis.Options{Addr: k.at("6379"), Dialer: w.net.DialContext})
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	want := string(random(20<<20, 2))
	require.NoError(t, client.Set(ctx, "large", want, 0).Err())
	got, err := client.Get(ctx, "large").Result()
	require.NoError(t, err)
	require.True(t, want == got, "20 MiB each way")
	pipe := client.Pipeline()
	for range 10_000 {
		pipe.Incr(ctx, "count")
	}
	_, err = pipe.Exec(ctx)
	require.NoError(t, err)
	n, err := client.Get(ctx, "count").Int()
	require.NoError(t, err)
	require.Equal(t, 10_000, n)

	sub := client.Subscribe(ctx, "channel")
	defer sub.Close()
	_, err = sub.Receive(ctx) // that it is subscribed to
	require.NoError(t, err)
	var publishers sync.WaitGroup
	publishers.Go(func() {
		for i := range 1000 {
			client.Publish(ctx, "channel", i)
		}
	})
	for i := range 1000 {
		m, err := sub.ReceiveMessage(ctx)
		require.NoError(t, err)
		require.Equal(t, strconv.Itoa(i), m.Payload)
	}
	publishers.Wait()
}
