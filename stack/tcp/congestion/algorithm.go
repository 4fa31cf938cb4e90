package congestion

// An Algorithm is a way of controlling congestion: CUBIC{}, NewReno{} or BBR{}.
// nil is the default, CUBIC. It is a value and no name so that a program links
// those that it names in its code, and no others; Find has them by their names,
// and links all.
type Algorithm interface {
	// Name is the algorithm's name, as TCP_CONGESTION has it.
	Name() string
	// New returns a new controller.
	New() Controller

	kind() int // where it stands in Names
}

type (
	CUBIC   struct{} // RFC 9438: the default
	NewReno struct{} // RFC 5681 and 6582
	BBR     struct{} // draft-ietf-ccwg-bbr, version 3
)

// Default is the name of the algorithm where none is asked for.
const Default = "cubic"

// Where the algorithms stand in Names.
const (
	kindCUBIC = iota
	kindReno
	kindBBR
)

// Names returns the names that Find knows, the default first.
func Names() []string { return []string{Default, "reno", "bbr"} }

// Find returns the algorithm of that name, as TCP_CONGESTION has it, and whether
// there is one.
func Find(name string) (Algorithm, bool) {
	switch name {
	case "cubic":
		return CUBIC{}, true
	case "reno":
		return NewReno{}, true
	case "bbr":
		return BBR{}, true
	}
	return nil, false
}

func (CUBIC) Name() string   { return Default }
func (NewReno) Name() string { return "reno" }
func (BBR) Name() string     { return "bbr" }

func (CUBIC) kind() int   { return kindCUBIC }
func (NewReno) kind() int { return kindReno }
func (BBR) kind() int     { return kindBBR }

func (CUBIC) New() Controller   { return begun(new(cubic)) }
func (NewReno) New() Controller { return begun(new(reno)) }
func (BBR) New() Controller     { return begun(new(bbr)) }

func begun(c Controller) Controller {
	c.Reset()
	return c
}
