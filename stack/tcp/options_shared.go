package tcp

// Most connections of a host have the same options, so they share them: a Conn
// holds a pointer to settings, which never change while somebody uses them.

// settings are options in force for users connections.
type settings struct {
	Options
	users int
	known bool // in Env.settings
	next  *settings
}

// knownSettings is how many different settings an Env looks through for equal ones.
const knownSettings = 8

// sharedSettings are those of an Env.
type sharedSettings struct {
	known [knownSettings]*settings
	turn  int       // which of known is forgotten next
	free  *settings // without users, and not known
	zero  settings  // of connections that were released
}

// use returns settings equal to o for one more user, who gives them back to leave.
func (p *sharedSettings) use(o *Options) *settings {
	for _, s := range p.known {
		if s != nil && s.Options == *o {
			s.users++
			return s
		}
	}
	s := p.free
	if s != nil {
		p.free = s.next
	} else {
		s = new(settings)
	}
	*s = settings{Options: *o, users: 1, known: true}
	if old := p.known[p.turn]; old != nil {
		old.known = false
		p.put(old)
	}
	p.known[p.turn] = s
	p.turn = (p.turn + 1) % knownSettings
	return s
}

// leave ends one use.
func (p *sharedSettings) leave(s *settings) {
	if s == &p.zero {
		return
	}
	s.users--
	p.put(s)
}

// put keeps settings that are of no use to anybody for later.
func (p *sharedSettings) put(s *settings) {
	if s.users > 0 || s.known {
		return
	}
	s.next, p.free = p.free, s
}
