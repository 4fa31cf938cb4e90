package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/sockeye-net/sockeye/cmd/sockeye/internal/bench"
	"github.com/sockeye-net/sockeye/tun/setup"
)

// benchFlags are bench's flags.
type benchFlags struct {
	json   bool
	rounds int
	time   time.Duration
	mtu    int
	conns  []int
	flows  []int
	only   []string
	ways   []string
	apart  bool
	peer   string
}

func (p *program) bench() *cobra.Command {
	f := &benchFlags{}
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure this machine: our stack, the kernel, and the device's ceiling",
		Long: `Bench measures, in a network namespace of its own, how fast bytes and requests go
between the kernel and our stack over a TUN with offloads and without, the kernel
over a pair of veth devices, and a sender and receiver with no stack at all, which
is the most that the device gives: the ceiling, with the one copy between the
program's memory and the device's buffer that a socket call has, and without it. Ours is told
as a part of both (the last two columns). It needs no root where the system allows user
namespaces. The contestants take turns; the table has the medians. CPU is of both
sides, in the program and in the kernel.`,
		Example: `  sockeye bench
  sockeye bench --time 5s --rounds 5 --json`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return p.runBench(cmd, f) },
	}
	fl := cmd.Flags()
	fl.SortFlags = false
	fl.DurationVar(&f.time, "time", time.Second, "how long each round lasts (`DURATION`)")
	fl.IntVar(&f.rounds, "rounds", 3, "how many `ROUNDS` each contestant has in each discipline")
	fl.IntVar(&f.mtu, "mtu", 1500, "MTU of the devices, in `BYTES`")
	fl.IntSliceVar(&f.conns, "conns", []int{1, 64}, "how many connections ask at once (`N,M`)")
	fl.IntSliceVar(&f.flows, "flows", []int{1, 4}, "how many connections carry bytes at once (`N,M`)")
	fl.StringArrayVar(&f.only, "only", nil, "measure this `CONTESTANT`, named as in the table, alone; may be repeated")
	fl.StringSliceVar(&f.ways, "way", nil, "measure bytes up, bytes down, or requests alone (`up,down,ask`)")
	fl.BoolVar(&f.apart, "apart", false, "the kernel's end is a process of its own")
	fl.StringVar(&f.peer, "peer", "", "be that process")
	_ = fl.MarkHidden("peer")
	fl.BoolVar(&f.json, "json", false, "print a JSON object for each figure's line instead of a table")
	return cmd
}

func (p *program) runBench(cmd *cobra.Command, f *benchFlags) error {
	switch {
	case f.time <= 0 || f.rounds <= 0:
		return usage(cmd, fmt.Errorf("--time and --rounds are above zero"))
	case f.mtu < 576 || f.mtu > 65535:
		return usage(cmd, fmt.Errorf("--mtu %d: say 576 to 65535 bytes", f.mtu))
	case slices.ContainsFunc(append(f.conns, f.flows...), func(n int) bool { return n < 1 || n > 10000 }):
		return usage(cmd, fmt.Errorf("--conns and --flows: say 1 to 10000"))
	case slices.ContainsFunc(f.only, func(m string) bool { return !slices.Contains(bench.Modes(), m) }):
		return usage(cmd, fmt.Errorf("--only: say some of %q", bench.Modes()))
	case slices.ContainsFunc(f.ways, func(w string) bool { return !slices.Contains(bench.Ways(), w) }):
		return usage(cmd, fmt.Errorf("--way: say some of %q", bench.Ways()))
	}
	if f.peer != "" {
		return bench.ServePeer(f.peer, f.conns[0], f.time, os.Stdin, p.out)
	}
	if !setup.InNamespace() {
		code, err := setup.EnterUserNet()
		if err != nil {
			return fail(1, fmt.Errorf("no namespace of our own: %w", plain(err)))
		}
		if code != 0 {
			return fail(code, nil) // it has spoken
		}
		return nil
	}
	if err := setup.SetUp("lo"); err != nil {
		return fail(1, plain(err))
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	stopped, unwatch := watch()
	defer unwatch()
	context.AfterFunc(stopped, stop)
	live := isTerminal(p.err)
	plan := bench.Plan{Rounds: f.rounds, Time: f.time, MTU: f.mtu, Conns: f.conns, Flows: f.flows, Only: f.only, Ways: f.ways, Apart: f.apart, Say: func(text string) {
		if live {
			fmt.Fprintf(p.err, "\r\x1b[K%s", text)
		}
	}, Granted: func(mode, text string) {
		if live {
			fmt.Fprintf(p.err, "\r\x1b[K%s: %s\n", mode, text)
		}
	}}
	results, err := plan.Run(ctx)
	if live {
		fmt.Fprint(p.err, "\r\x1b[K")
	}
	if err != nil {
		return fail(1, plain(err))
	}
	if f.json {
		return printLines(p.out, results)
	}
	return printTable(p.out, results)
}

// printLines prints a JSON object a line.
func printLines(out io.Writer, results []bench.Result) error {
	enc := json.NewEncoder(out)
	for i := range results {
		if err := enc.Encode(&results[i]); err != nil {
			return err
		}
	}
	return nil
}

// printTable prints the disciplines one after the other.
func printTable(out io.Writer, results []bench.Result) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	title := ""
	for i := range results {
		r := &results[i]
		if t := heading(r); t != title {
			title = t
			if i > 0 {
				fmt.Fprintln(w)
			}
			fmt.Fprintf(w, "%s\t%s\t\n", t, columns(r))
		}
		if r.Name == "bulk" {
			fmt.Fprintf(w, "%s\t%.2f\t%.2f\t%s\t%s\t\n", r.Mode, r.Gbps, r.CPUPerGB, part(r.OfCeiling), part(r.OfDirect))
		} else {
			fmt.Fprintf(w, "%s\t%.0f\t%.0f\t%.0f\t%s\t\n", r.Mode, r.Ops, r.P50, r.P99, part(r.OfCeiling))
		}
	}
	return w.Flush()
}

// part says a part of a ceiling; 0: there is none to compare with.
func part(v float64) string {
	if v == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f", v)
}

func heading(r *bench.Result) string {
	if r.Name == "bulk" {
		side := map[string]string{"up": "sending", "down": "receiving"}[r.Dir]
		return fmt.Sprintf("bulk, %s, %d at once, MTU %d", side, r.Conns, r.MTU)
	}
	return fmt.Sprintf("a byte and its answer, %d at once", r.Conns)
}

func columns(r *bench.Result) string {
	if r.Name == "bulk" {
		return "Gbit/s\tCPU s/GB\tof ceiling\tno copy"
	}
	return "per second\tmedian us\t99 % us\tof ceiling"
}
