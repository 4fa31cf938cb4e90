package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/sockeye-net/sockeye/stack/link"
)

// keyLogVariable names the file that TLS's secrets go to, as with curl and browsers.
const keyLogVariable = "SSLKEYLOGFILE"

// A keyLog takes TLS's secrets for the file that SSLKEYLOGFILE names and, with --pcap, for the capture.
type keyLog struct {
	file *os.File
	rec  *recorder
}

// openKeyLog opens what SSLKEYLOGFILE names; nil: it names nothing and the secrets are not for the capture alone.
func openKeyLog(rec *recorder, capture bool) (*keyLog, error) {
	path := os.Getenv(keyLogVariable)
	if path == "" && !capture {
		return nil, nil
	}
	if path == "" {
		rec.holdBack = secretsLate
		return &keyLog{rec: rec}, nil
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("cannot write the secrets that %s asks for: %w", keyLogVariable, err)
	}
	rec.holdBack = secretsLate
	return &keyLog{f, rec}, nil
}

// Write takes one line.
func (k *keyLog) Write(line []byte) (int, error) {
	k.rec.secret(line)
	if k.file == nil {
		return len(line), nil
	}
	return k.file.Write(line)
}

func (k *keyLog) close() error {
	if k == nil || k.file == nil {
		return nil
	}
	return k.file.Close()
}

// keyLog is where a browser's secrets go; nil: nowhere.
func (s *session) keyLog() io.Writer {
	if s.keys == nil {
		return nil
	}
	return s.keys
}

// secretsLate is how long packets wait for the secrets that open them. Who reads the file from its
// beginning to its end, as tshark does, needs the secrets first, and we know them only once the
// packets of the handshake have come.
const secretsLate = time.Second

// waitMost bounds the packets that wait, in bytes.
const waitMost = 64 << 20

// secret writes a secret before the packets that wait for it.
func (r *recorder) secret(line []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.w != nil {
		r.note(r.w.WriteSecrets(line))
	}
}

// put writes what has waited for long enough, and lets the rest wait.
func (r *recorder) put(records []link.Record, all bool) {
	if r.w == nil {
		return
	}
	r.waiting = append(r.waiting, records...)
	for i := range records {
		r.waits += records[i].Length
	}
	until := r.st.Now().Add(-r.holdBack)
	n := 0
	for ; n < len(r.waiting); n++ {
		if rec := &r.waiting[n]; all || rec.At <= until || r.waits > waitMost {
			r.note(r.w.WriteRecord(rec, r.known.of(rec)...))
			r.waits -= rec.Length
			continue
		}
		break
	}
	if r.waiting = r.waiting[n:]; len(r.waiting) == 0 {
		r.waiting = nil
		r.known.forget()
	}
}

// note keeps the first error of the file.
func (r *recorder) note(err error) {
	if r.err == nil {
		r.err = err
	}
}
