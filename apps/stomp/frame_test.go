package stomp

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFrames(t *testing.T) {
	for _, row := range []struct {
		name string
		f    Frame
		want string
	}{
		{"no body", Frame{Command: "SUBSCRIBE", Headers: []Header{{"id", "1"}}}, "SUBSCRIBE\nid:1\n\n\x00"},
		{"a body", Frame{Command: "SEND", Body: "x"}, "SEND\ncontent-length:1\n\nx\x00"},
		{"a body with a NUL", Frame{Command: "SEND", Body: "a\x00b"}, "SEND\ncontent-length:3\n\na\x00b\x00"},
		{"escapes", Frame{Command: "SEND", Headers: []Header{{"a:b", "c\nd\\e\rf"}}}, `SEND` + "\n" + `a\cb:c\nd\\e\rf` + "\n\n\x00"},
		{"CONNECT escapes nothing", Frame{Command: "CONNECT", Headers: []Header{{"host", `a\b:c`}}}, "CONNECT\nhost:a\\b:c\n\n\x00"},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, err := row.f.Encode()
			require.NoError(t, err)
			require.Equal(t, row.want, got)
			back, err := Parse(got)
			require.NoError(t, err)
			require.Equal(t, row.f.Body, back.Body)
			for i, h := range row.f.Headers {
				require.Equal(t, h, back.Headers[i])
			}
		})
	}
	for _, h := range []Header{{"a", "b\nc"}, {"a\r", "b"}, {"a:b", "c"}, {"a", "\x00"}} {
		_, err := (&Frame{Command: "CONNECT", Headers: []Header{h}}).Encode()
		require.Error(t, err, "%q", h)
	}
	_, err := (&Frame{Command: "SEND", Headers: []Header{{"a", "\x00"}}}).Encode()
	require.Error(t, err)
}

func TestParse(t *testing.T) {
	for _, s := range []string{"", "\n", "\r\n\n"} {
		f, err := Parse(s)
		require.NoError(t, err)
		require.Nil(t, f, "a heart-beat")
	}
	f, err := Parse("\nMESSAGE\r\nfoo:1\r\nfoo:2\r\n\r\nbody\x00\n\n")
	require.NoError(t, err)
	require.Equal(t, "1", f.Get("foo"), "the first counts")
	require.Equal(t, "body", f.Body)
	for _, bad := range []string{
		"MESSAGE", "MESSAGE\n", "MESSAGE\n\n", "message\n\n\x00", "\x00", "MESSAGE\nfoo\n\n\x00", "MESSAGE\n:x\n\n\x00",
		"MESSAGE\na:\\t\n\n\x00", "MESSAGE\na:\\\n\n\x00", "MESSAGE\ncontent-length:5\n\nbody\x00", "MESSAGE\ncontent-length:3\n\nbody\x00",
		"MESSAGE\ncontent-length:-1\n\nbody\x00", "MESSAGE\n\nbody\x00more", "MESSAGE\n\nbody", "MESSAGE\na:b\rc\n\n\x00",
		"MESSAGE\n" + strings.Repeat("a:b\n", 101) + "\n\x00", "MESSAGE\n\n" + strings.Repeat("x", maxFrame) + "\x00",
	} {
		_, err := Parse(bad)
		require.Error(t, err, "%.60q", bad)
	}
}

// What is parsed is written as something that parses the same.
func FuzzParse(f *testing.F) {
	f.Add("MESSAGE\na:b\ncontent-length:1\n\nx\x00")
	f.Add("CONNECTED\nversion:1.2\n\n\x00\n")
	f.Fuzz(func(t *testing.T, s string) {
		got, err := Parse(s)
		if err != nil || got == nil {
			return
		}
		if got.Body != "" && got.Get("content-length") != "" {
			got.Headers = nil // Encode adds its own
		}
		text, err := got.Encode()
		if err != nil {
			return
		}
		again, err := Parse(text)
		require.NoError(t, err)
		require.Equal(t, got.Command, again.Command)
		require.Equal(t, got.Body, again.Body)
	})
}
