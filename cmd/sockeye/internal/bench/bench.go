package bench

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// A Result is what one contestant did in one discipline: medians of its rounds.
type Result struct {
	Name     string  `json:"name"` // bulk or request-response
	Mode     string  `json:"mode"` // the contestant
	Dir      string  `json:"dir,omitempty"`
	Conns    int     `json:"conns"`
	MTU      int     `json:"mtu"`
	Gbps     float64 `json:"gbps,omitempty"`         // payload, 10^9 bits a second
	CPUPerGB float64 `json:"cpu_s_per_GB,omitempty"` // of this process, both sides, user and system
	Ops      float64 `json:"ops_per_s,omitempty"`
	P50      float64 `json:"p50_us,omitempty"`
	P99      float64 `json:"p99_us,omitempty"`

	// Gbps, or Ops, as a part of what the same device gave the same run without a
	// stack: with one copy between the caller's memory and the device's, and with none.
	OfCeiling float64 `json:"of_ceiling,omitempty"`
	OfDirect  float64 `json:"of_ceiling_no_copy,omitempty"`
}

// A Plan says what to measure.
type Plan struct {
	Rounds int           // of each contestant in each discipline
	Time   time.Duration // of each round
	MTU    int           // bytes
	Conns  []int         // how many connections ask at once
	Flows  []int         // how many connections carry bytes at once
	Only   []string      // contestants; none: all
	Ways   []string      // of Ways(); none: all
	Apart  bool          // the kernel's end is a process of its own
	// Say is told what is being done, for a progress line.
	Say func(text string)
	// Granted is told, once for each contestant of ours, what its device does for it.
	Granted func(mode, text string)

	told [2]bool // Granted of offloads, and of the plain TUN
}

const bulkName = "bulk"

// A discipline is what a contestant is put to.
type discipline struct {
	result Result // what is known before
	bare   bool   // the ceilings take part: where requests are answered they have one connection
	run    func(context.Context, *path, *Plan) (Result, error)
}

func (p *Plan) disciplines() (all []discipline) {
	for _, n := range p.Flows {
		for _, dir := range []string{"up", "down"} {
			all = append(all, discipline{Result{Name: bulkName, Dir: dir, Conns: n, MTU: p.MTU}, true,
				func(ctx context.Context, to *path, p *Plan) (Result, error) { return bulk(ctx, to, p, n, dir == "up") }})
		}
	}
	for _, n := range p.Conns {
		all = append(all, discipline{Result{Name: "request-response", Conns: n, MTU: p.MTU}, n == 1,
			func(ctx context.Context, to *path, p *Plan) (Result, error) { return requests(ctx, to, p, n) }})
	}
	return slices.DeleteFunc(all, func(d discipline) bool {
		return len(p.Ways) > 0 && !slices.Contains(p.Ways, d.way())
	})
}

// Ways returns what there is to measure.
func Ways() []string { return []string{"up", "down", "ask"} }

func (d *discipline) way() string {
	if d.result.Dir == "" {
		return "ask"
	}
	return d.result.Dir
}

// Run measures everything and returns the results, discipline by discipline.
// It must be called in a network namespace of its own, with the rights of its
// root.
func (p *Plan) Run(ctx context.Context) (all []Result, err error) {
	for _, d := range p.disciplines() {
		rounds := map[string][]Result{}
		for round := range p.Rounds {
			for _, c := range contestants {
				if !p.takesPart(&c, &d) {
					continue
				}
				p.Say(fmt.Sprintf("%s %s, %d at once: round %d of %d, %s",
					d.result.Name, d.result.Dir, d.result.Conns, round+1, p.Rounds, c.mode))
				r, err := p.once(ctx, &c, &d)
				if err != nil {
					return all, fmt.Errorf("%s, %s %s: %w", c.mode, d.result.Name, d.result.Dir, err)
				}
				rounds[c.mode] = append(rounds[c.mode], r)
			}
		}
		first := len(all)
		for _, c := range contestants {
			if got := rounds[c.mode]; len(got) > 0 {
				all = append(all, d.result.median(c.mode, got))
			}
		}
		compare(all[first:])
	}
	return all, nil
}

// compare fills in what the results of one discipline are as parts of their ceilings.
func compare(all []Result) {
	of := func(r *Result, mode string) float64 {
		for i := range all {
			if c := &all[i]; mode != "" && c.Mode == mode && c.Gbps+c.Ops > 0 {
				return (r.Gbps + r.Ops) / (c.Gbps + c.Ops) // it has one of them
			}
		}
		return 0
	}
	for i := range all {
		for _, c := range contestants {
			if c.mode == all[i].Mode {
				all[i].OfCeiling, all[i].OfDirect = of(&all[i], c.under), of(&all[i], c.direct)
			}
		}
	}
}

// takesPart reports whether c is put to d.
func (p *Plan) takesPart(c *contestant, d *discipline) bool {
	return (d.bare || !c.bare) && (d.result.Name == bulkName || !c.bulk) && (len(p.Only) == 0 || slices.Contains(p.Only, c.mode))
}

// Modes returns the names of the contestants.
func Modes() (names []string) {
	for i := range contestants {
		names = append(names, contestants[i].mode)
	}
	return names
}

// once sets a contestant up, lets it run and clears up.
func (p *Plan) once(ctx context.Context, c *contestant, d *discipline) (r Result, err error) {
	to, err := c.open(p)
	if err != nil {
		return r, err
	}
	defer func() {
		if cerr := to.close(); err == nil {
			err = cerr
		}
	}()
	return d.run(ctx, to, p)
}

// median takes the median of each figure.
func (r Result) median(mode string, rounds []Result) Result {
	r.Mode = mode
	of := func(f func(*Result) float64) float64 {
		var v []float64
		for i := range rounds {
			v = append(v, f(&rounds[i]))
		}
		slices.Sort(v)
		return v[len(v)/2]
	}
	r.Gbps = of(func(r *Result) float64 { return r.Gbps })
	r.CPUPerGB = of(func(r *Result) float64 { return r.CPUPerGB })
	r.Ops = of(func(r *Result) float64 { return r.Ops })
	r.P50 = of(func(r *Result) float64 { return r.P50 })
	r.P99 = of(func(r *Result) float64 { return r.P99 })
	return r
}
