package main

import (
	"encoding/json"
	"strings"

	"github.com/sockeye-net/sockeye/apps/dns"
)

// A jsonRecord is a record, for programs.
type jsonRecord struct {
	Name string `json:"name"`
	TTL  uint32 `json:"ttl"`
	Type string `json:"type"`
	Data string `json:"data"`
}

// A jsonExchange is one question to one server, for programs.
type jsonExchange struct {
	Server     string       `json:"server"`
	Transport  string       `json:"transport"`
	Name       string       `json:"name,omitempty"`
	Type       string       `json:"type,omitempty"`
	Micros     int64        `json:"micros"`
	Status     string       `json:"status,omitempty"`
	Flags      []string     `json:"flags,omitempty"`
	Size       int          `json:"size,omitempty"`
	Ignored    int          `json:"ignored,omitempty"`
	Error      string       `json:"error,omitempty"`
	Answer     []jsonRecord `json:"answer,omitempty"`
	Authority  []jsonRecord `json:"authority,omitempty"`
	Additional []jsonRecord `json:"additional,omitempty"`
}

// A jsonAnswer is what dig found, for programs.
type jsonAnswer struct {
	Name      string         `json:"name"`
	Type      string         `json:"type"`
	Status    string         `json:"status"`
	From      string         `json:"from"`
	Canonical string         `json:"canonical"`
	Chain     []jsonRecord   `json:"chain,omitempty"`
	Records   []jsonRecord   `json:"records"`
	Error     string         `json:"error,omitempty"`
	Exchanges []jsonExchange `json:"exchanges"`
}

func jsonRecords(a *dns.Answer, rs []dns.Record) []jsonRecord {
	out := []jsonRecord{}
	for _, r := range rs {
		r = a.Spelt(r)
		out = append(out, jsonRecord{dns.Escape(r.Name), r.TTL, dns.TypeString(r.Type), r.DataString()})
	}
	return out
}

// jsonText is everything that was found and exchanged, as one line of JSON.
func jsonText(a *dns.Answer, err error) string {
	out := jsonAnswer{Name: dns.Escape(a.Name), Type: dns.TypeString(a.Type), From: a.Origin(), Canonical: a.SpeltName(a.Canonical),
		Chain: jsonRecords(a, a.Chain), Records: jsonRecords(a, a.Records), Exchanges: []jsonExchange{}}
	if err != nil {
		out.Error = err.Error()
	}
	for _, x := range a.Exchanges {
		e := jsonExchange{Server: x.Server.String(), Transport: x.Transport.String(), Micros: x.RoundTrip.Microseconds(), Size: len(x.Raw), Ignored: x.Ignored}
		if x.Err != nil {
			e.Error = x.Err.Error()
		}
		if m := x.Message; m != nil {
			out.Status = dns.RCodeString(m.RCode)
			e.Status, e.Flags = out.Status, strings.Fields(digFlagNames(m))
			for _, q := range m.Questions {
				e.Name, e.Type = dns.Escape(a.SpeltName(q.Name)), dns.TypeString(q.Type)
			}
			e.Answer, e.Authority, e.Additional = jsonRecords(a, m.Answers), jsonRecords(a, m.Authorities), jsonRecords(a, m.Additionals)
		}
		out.Exchanges = append(out.Exchanges, e)
	}
	b, _ := json.Marshal(out) // strings and numbers
	return string(b) + "\n"
}
