package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sockeye-net/sockeye/apps/balance"
	"github.com/sockeye-net/sockeye/stack/stdnet"
)

// balanceFlags are balance's own flags.
type balanceFlags struct {
	linkFlags
	to     []string
	by     string
	listen string
	every  time.Duration
}

func (p *program) balance() *cobra.Command {
	f := &balanceFlags{}
	cmd := &cobra.Command{
		Use:   "balance --to A,B",
		Short: "Spread connections over several servers",
		Long: `Balance takes TCP connections on a listener of our stack and passes each on to
one of several servers. One that does not answer is taken out for ten seconds.
How many connections each has had is told on standard error, when that has
changed. It runs until it is interrupted.

Policies: round-robin, least-connections, hash (of the client's address),
weighted (a weight follows an equals sign: --to 192.0.2.1:81=3,192.0.2.1:82=1).`,
		Example: `  sockeye balance --to 192.0.2.1:8081,192.0.2.1:8082 --listen :80
  sockeye balance --by weighted --to 192.0.2.1:8081=3,192.0.2.1:8082=1`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return p.runBalance(cmd, f) },
	}
	fl := cmd.Flags()
	fl.StringSliceVar(&f.to, "to", nil, "the servers, each an `ADDR` with a port, and perhaps a weight")
	fl.StringVar(&f.by, "by", "round-robin", "the `POLICY`")
	fl.StringVar(&f.listen, "listen", ":80", "listen on this `ADDR` of ours")
	f.every = time.Second
	secondsVar(cmd, &f.every, "every", "", "look at the counts each `TIME`")
	f.registerServer(cmd)
	return cmd
}

// targets reads --to.
func (f *balanceFlags) targets() (ts []balance.Target, err error) {
	for _, to := range f.to {
		addr, weight, weighted := strings.Cut(to, "=")
		t := balance.Target{Weight: 1}
		if t.To, err = netip.ParseAddrPort(addr); err != nil || !t.To.Addr().Is4() || t.To.Port() == 0 {
			return nil, fmt.Errorf("--to %q: write an address and a port, such as 192.0.2.1:8080", to)
		}
		if weighted {
			if t.Weight, err = strconv.Atoi(weight); err != nil || t.Weight < 1 || t.Weight > 1000 {
				return nil, fmt.Errorf("--to %q: the weight is a number from 1 to 1000", to)
			}
		}
		ts = append(ts, t)
	}
	if len(ts) == 0 {
		return nil, fmt.Errorf("name the servers, such as --to 192.0.2.1:8081,192.0.2.1:8082")
	}
	return ts, nil
}

func (p *program) runBalance(cmd *cobra.Command, f *balanceFlags) error {
	ts, err := f.targets()
	if err != nil {
		return usage(cmd, err)
	}
	policy, err := balance.ParsePolicy(f.by)
	if err != nil {
		return usage(cmd, fmt.Errorf("--by: %w", err))
	}
	if f.every <= 0 {
		return usage(cmd, fmt.Errorf("--every must be more than 0"))
	}
	return p.within(&f.linkFlags, 1, func(s *session, stop *interruption) error {
		n := stdnet.New(s.stack)
		l, err := n.Listen("tcp", f.listen)
		if err != nil {
			return fail(1, fmt.Errorf("cannot listen on %s: %w; choose another --listen", f.listen, cause(err)))
		}
		b := &balance.Balancer{Targets: ts, Policy: policy, Dial: func(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
			return n.DialContext(ctx, "tcp", to.String())
		}}
		s.tellDevice(p.err)
		servers := fmt.Sprint(len(ts), " servers")
		if len(ts) == 1 {
			servers = "one server"
		}
		fmt.Fprintf(p.err, "balancing %s over %s, %s\n", reachable(l, s), servers, policy)
		over := make(chan struct{})
		go func() {
			defer close(over)
			watchCounts(stop, b, p.err, f.every)
			_ = l.Close()
		}()
		err = b.Serve(l)
		_ = b.Close()
		if stop.came() {
			<-over
			return nil // being told to end is how it ends
		}
		return fail(1, err)
	})
}

// watchCounts tells the counts when they have changed, and in the end.
func watchCounts(ctx context.Context, b *balance.Balancer, to io.Writer, every time.Duration) {
	t := time.NewTicker(every)
	defer t.Stop()
	last := ""
	for {
		if now := countsText(b); now != last && last != "" || ctx.Err() != nil {
			fmt.Fprintln(to, now)
			last = now
		} else {
			last = now
		}
		if ctx.Err() != nil {
			return
		}
		select {
		case <-t.C:
		case <-ctx.Done():
		}
	}
}

// countsText is the counts in a line.
func countsText(b *balance.Balancer) string {
	counts, refused := b.Counts()
	var parts []string
	for _, c := range counts {
		text := fmt.Sprintf("%s %d (%d open)", c.To, c.Total, c.Open)
		if c.Out {
			text += " OUT"
		}
		parts = append(parts, text)
	}
	if refused > 0 {
		parts = append(parts, fmt.Sprintf("refused %d", refused))
	}
	return strings.Join(parts, "  ")
}
