package interop

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
)

// postgres runs the real server on the kernel's side, as an ordinary user, which it
// insists on, and returns what a client of ours needs.
func (w *world) postgres() string {
	w.t.Helper()
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if len(found) == 0 {
		w.t.Skip("postgresql is not installed")
	}
	bin := filepath.Dir(found[len(found)-1])
	u, err := user.Lookup("postgres")
	require.NoError(w.t, err)
	uid, err := strconv.Atoi(u.Uid)
	require.NoError(w.t, err)
	gid, err := strconv.Atoi(u.Gid)
	require.NoError(w.t, err)
	dir, err := os.MkdirTemp("", "sockeye-postgres") // not the test's: that is for its own user only
	require.NoError(w.t, err)
	w.t.Cleanup(func() { require.NoError(w.t, os.RemoveAll(dir)) })
	require.NoError(w.t, os.Chown(dir, uid, gid))
	as := func(name string, args ...string) *exec.Cmd {
		cmd := exec.Command(filepath.Join(bin, name), args...)
		cmd.Dir, cmd.Env = dir, []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C"}
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
		return cmd
	}
	data := filepath.Join(dir, "data")
	w.finish(w.start(as("initdb", "-D", data, "-U", "sockeye", "-A", "trust", "-E", "UTF8", "--no-sync")))
	require.NoError(w.t, os.WriteFile(filepath.Join(data, "pg_hba.conf"), []byte("host all all "+w.ours().ip+"/32 trust\n"), 0o644))
	p := w.start(as("postgres", "-D", data, "-c", "listen_addresses="+w.kernel().ip, "-c", "unix_socket_directories=", "-c", "fsync=off", "-c", "max_connections=60"))
	w.t.Cleanup(func() { // before it is killed, its children would stay
		_ = p.cmd.Process.Signal(syscall.SIGQUIT)
		<-p.done
	})
	w.serves(p, "5432")
	return "postgres://sockeye@" + w.kernel().at("5432") + "/postgres?sslmode=disable"
}

// A Postgres client, pgx, through our DialContext, against the real server.
func TestPostgres(t *testing.T) {
	w := newWorld(t)
	at := w.postgres()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cfg, err := pgx.ParseConfig(at)
	require.NoError(t, err)
	cfg.DialFunc = w.net.DialContext
	var c *pgx.Conn
	require.Eventually(t, func() bool { // it takes connections before it is ready
		c, err = pgx.ConnectConfig(ctx, cfg)
		return err == nil
	}, patience, 10*time.Millisecond)
	defer func() { require.NoError(t, c.Close(ctx)) }()

	t.Run("a big result", func(t *testing.T) {
		rows, err := c.Query(ctx, "select i, md5(i::text), repeat(chr(97 + i % 26), i % 200) from generate_series(1, 100000) i")
		require.NoError(t, err)
		n := 0
		for rows.Next() {
			var i int
			var hash, text string
			require.NoError(t, rows.Scan(&i, &hash, &text))
			n++
			if i != n || len(hash) != 32 || len(text) != i%200 || bytes.Count([]byte(text), []byte{byte(97 + i%26)}) != len(text) {
				require.FailNow(t, "another row", "%d: %d %s %q", n, i, hash, text)
			}
		}
		require.NoError(t, rows.Err())
		require.Equal(t, 100_000, n)
		want := random(20<<20, 5)
		var got []byte
		require.NoError(t, c.QueryRow(ctx, "select $1::bytea", want).Scan(&got))
		require.True(t, bytes.Equal(want, got), "20 MiB each way")
	})
	t.Run("COPY both ways", func(t *testing.T) { copies(t, ctx, c) })
	t.Run("a notification", func(t *testing.T) {
		other, err := pgx.ConnectConfig(ctx, cfg)
		require.NoError(t, err)
		defer func() { require.NoError(t, other.Close(ctx)) }()
		_, err = c.Exec(ctx, "listen salmon")
		require.NoError(t, err)
		_, err = other.Exec(ctx, "notify salmon, 'upstream'")
		require.NoError(t, err)
		n, err := c.WaitForNotification(ctx)
		require.NoError(t, err)
		require.Equal(t, "upstream", n.Payload)
	})
	t.Run("given up, by a deadline of the connection", func(t *testing.T) {
		other, err := pgx.ConnectConfig(ctx, cfg)
		require.NoError(t, err)
		short, stop := context.WithTimeout(ctx, 200*time.Millisecond)
		defer stop()
		_, err = other.Exec(short, "select pg_sleep(1000)")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.True(t, pgconn.Timeout(err))
		require.True(t, other.IsClosed())
	})
	t.Run("given up, by a request to cancel", func(t *testing.T) {
		asking := cfg.Copy()
		asking.BuildContextWatcherHandler = func(pc *pgconn.PgConn) ctxwatch.Handler {
			return &pgconn.CancelRequestContextWatcherHandler{Conn: pc, DeadlineDelay: time.Minute}
		}
		other, err := pgx.ConnectConfig(ctx, asking)
		require.NoError(t, err)
		defer func() { require.NoError(t, other.Close(ctx)) }()
		for range 3 {
			early, leave := context.WithCancel(ctx)
			time.AfterFunc(200*time.Millisecond, leave)
			_, err = other.Exec(early, "select pg_sleep(1000)")
			var pe *pgconn.PgError
			require.True(t, errors.As(err, &pe), "%v", err)
			require.Equal(t, "57014", pe.Code, "query_canceled")
			var n int
			require.NoError(t, other.QueryRow(ctx, "select 7").Scan(&n), "the connection is still good")
			require.Equal(t, 7, n)
		}
	})
	t.Run("fifty connections", func(t *testing.T) { pooled(t, ctx, at, w) })
}

// copies has the same 100,000 rows go up as binary, down as text, up as text and down as text again.
func copies(t *testing.T, ctx context.Context, c *pgx.Conn) {
	_, err := c.Exec(ctx, "create table fish (id int primary key, name text, scales bytea); create table again (like fish)")
	require.NoError(t, err)
	const n = 100_000
	var want bytes.Buffer
	up, err := c.CopyFrom(ctx, pgx.Identifier{"fish"}, []string{"id", "name", "scales"}, pgx.CopyFromSlice(n, func(i int) ([]any, error) {
		name, scales := fmt.Sprint("salmon ", i), random(i%100, byte(i))
		fmt.Fprintf(&want, "%d\t%s\t\\\\x%x\n", i, name, scales)
		return []any{i, name, scales}, nil
	}))
	require.NoError(t, err)
	require.EqualValues(t, n, up)
	down := func(table string) []byte {
		var got bytes.Buffer
		tag, err := c.PgConn().CopyTo(ctx, &got, "copy (select * from "+table+" order by id) to stdout")
		require.NoError(t, err)
		require.EqualValues(t, n, tag.RowsAffected())
		return got.Bytes()
	}
	first := down("fish")
	require.True(t, bytes.Equal(want.Bytes(), first))
	tag, err := c.PgConn().CopyFrom(ctx, bytes.NewReader(first), "copy again from stdin")
	require.NoError(t, err)
	require.EqualValues(t, n, tag.RowsAffected())
	require.True(t, bytes.Equal(first, down("again")))
}

func pooled(t *testing.T, ctx context.Context, at string, w *world) {
	cfg, err := pgxpool.ParseConfig(at)
	require.NoError(t, err)
	cfg.ConnConfig.DialFunc = w.net.DialContext
	cfg.MaxConns = 50
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	require.NoError(t, err)
	defer pool.Close()
	_, err = pool.Exec(ctx, "create table counter as select 0 as n")
	require.NoError(t, err)
	var all sync.WaitGroup
	errs := make([]error, 50)
	for i := range errs {
		all.Go(func() {
			for range 20 {
				if _, err := pool.Exec(ctx, "update counter set n = n + 1"); err != nil {
					errs[i] = err
					return
				}
			}
		})
	}
	all.Wait()
	require.NoError(t, errors.Join(errs...))
	var n int
	require.NoError(t, pool.QueryRow(ctx, "select n from counter").Scan(&n))
	require.Equal(t, 1000, n)
}
