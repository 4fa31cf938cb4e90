package main

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/sockeye-net/sockeye/apps/url"
)

// A program is one run of the command.
type program struct {
	in       io.Reader
	out, err io.Writer
	mixed    bool     // out and err are read together, on a terminal
	args     []string // as given, for running again in a namespace
}

// run runs the command with args and returns its exit code. Results go to
// stdout, everything else to stderr.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	written := &sink{Writer: stdout}
	p := &program{in: stdin, out: written, err: stderr, mixed: onTerminal(stdout) && onTerminal(stderr), args: args}
	root := p.root()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(written)
	root.SetErr(stderr)
	cmd, err := root.ExecuteC()
	if err == nil {
		err = written.lost(unwritten(cmd))
	}
	if err == nil {
		return 0
	}
	code, text := verdict(cmd, err)
	if text != "" {
		fmt.Fprintln(stderr, complaint(cmd.CommandPath(), err, text))
	}
	return code
}

func (p *program) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "sockeye",
		Short: "A TCP/IP stack in userspace, to look at and to use",
		Long: `Sockeye is a TCP/IP stack in userspace: a TUN device gives it bare IP packets,
and it does the rest itself, up to Berkeley sockets, DNS and HTTP.

--addr is always our address. On a TUN that a command makes, the kernel's side
takes the first other address of the network; that is our gateway and, unless
--dns says otherwise, our name server.

Begin with:  sockeye demo`,
		Example: `  sockeye demo                            # watch a page being fetched
  sudo sockeye up --nat eth0 --user $USER # a device for the other commands
  sockeye get http://example.com/`,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return usage(cmd, badFlag(err)) })
	root.AddCommand(p.demo(), p.explain(), p.bench(), p.get(), p.dig(), p.dns(), p.ping(), p.run(), p.serve(), p.balance(), p.ws(), p.up(), p.down(), p.version())
	root.AddCommand(p.inside())
	root.InitDefaultHelpCmd()
	for _, c := range root.Commands() {
		if c.Name() == "help" {
			c.Example = "  sockeye help get"
		}
	}
	for _, c := range root.Commands() {
		if check := c.Args; check != nil {
			c.Args = func(cmd *cobra.Command, args []string) error {
				if err := check(cmd, args); err != nil {
					return usage(cmd, err)
				}
				return nil
			}
		}
	}
	return root
}

func (p *program) version() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Say which version this is",
		Example: "  sockeye version",
		Args:    noArguments,
		RunE: func(*cobra.Command, []string) error {
			v := "(devel)"
			if b, ok := debug.ReadBuildInfo(); ok && b.Main.Version != "" {
				v = b.Main.Version
			}
			fmt.Fprintf(p.out, "sockeye %s %s %s/%s\n", v, runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return nil // p.out remembers
		},
	}
}

// complaint is what is said of an error, in one line. Of a bad URL there are
// two: the second one points at the character that is wrong.
func complaint(who string, err error, text string) string {
	var bad *url.Error
	if errors.As(err, &bad) && len(bad.In) <= 200 {
		first, second, _ := strings.Cut(bad.Pointer(), "\n")
		who += ": "
		return who + first + "\n" + strings.Repeat(" ", len(who)) + second
	}
	return who + ": " + oneLine(text)
}

// oneLine makes one line of a text that may have several. What a stranger has said in it, and a terminal would
// take for commands or for writing that runs the other way, is shown by its number.
func oneLine(s string) string {
	s = strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == '\n' || r == '\r' }), "; ")
	if !strings.ContainsFunc(s, unfit) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case !unfit(r):
			b.WriteRune(r)
		case r < 0x80:
			fmt.Fprintf(&b, `\x%02x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

// unfit is what does not go to a terminal as it is; a tab does.
func unfit(r rune) bool {
	return unicode.IsControl(r) && r != '\t' || unicode.Is(unicode.Bidi_Control, r) || r == utf8.RuneError
}
