package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/sockeye-net/sockeye/apps/journey"
	"github.com/sockeye-net/sockeye/stack/capture"
)

// explainFlags are explain's flags.
type explainFlags struct {
	html, lang string
	all        bool
}

func (p *program) explain() *cobra.Command {
	f := &explainFlags{}
	cmd := &cobra.Command{
		Use:   "explain FILE",
		Short: "Tell what is in a capture, conversation by conversation",
		Long: `Explain reads a capture, pcapng or pcap, ours or anybody's, and tells each TCP
conversation in it: the ladder of its packets, what the handshake settled, why
each segment was sent, how it ended. What --pcap has written has the reasons in
it; those that are only seen from outside are marked as inferred.`,
		Example: `  sockeye demo --pcap demo.pcapng && sockeye explain demo.pcapng
  tcpdump -w - -c 100 tcp | sockeye explain -
  sockeye explain --html trace.html trace.pcap`,
		Args: oneArgument("a capture, such as demo.pcapng"),
		RunE: func(_ *cobra.Command, args []string) error { return p.runExplain(f, args[0]) },
	}
	fl := cmd.Flags()
	fl.SortFlags = false
	fl.StringVar(&f.html, "html", "", "write it to `FILE`, too, a page for a browser")
	fl.BoolVar(&f.all, "all", false, "leave out no middle of a long ladder")
	langFlag(cmd, &f.lang)
	return cmd
}

func (p *program) runExplain(f *explainFlags, name string) error {
	in := p.in
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return fail(1, err)
		}
		defer file.Close()
		in = file
	}
	var page *pageFile
	if f.html != "" {
		page = &pageFile{path: f.html}
	}
	if err := page.open(); err != nil {
		return fail(1, err)
	}
	j := journey.New(journey.Options{Out: p.out, Us: "our side", Peer: "the peer", Color: isTerminal(p.out), Lang: f.lang, All: f.all, Page: page != nil, Title: filepath.Base(name)})
	err := j.Explain(capture.NewReader(in))
	if err != nil && !errors.Is(err, io.EOF) {
		err = fail(1, fmt.Errorf("%s: %w", name, plain(err)))
	}
	if e := page.write(j); e != nil {
		err = errors.Join(err, fail(1, e))
	}
	return err
}
