package script

import (
	"slices"

	"github.com/sockeye-net/sockeye/stack/wire"
)

// tasteless returns what is wanted of another stack, where ours got the form that
// want has: with got's PSH, its window scale, its order and padding of options,
// and its window where both are open.
func (p *packet) tasteless(got *packet) *packet {
	want := *p
	if p.proto != protoTCP {
		return &want
	}
	want.flags = p.flags&^wire.PSH | got.flags&wire.PSH
	if p.win > 0 && got.win > 0 {
		want.win = got.win
	}
	if !p.anyOptions {
		want.options = likewise(p.options, got.options)
	}
	return &want
}

// likewise returns the options in want in the order and with the padding of got.
func likewise(want, got []option) (list []option) {
	padding := func(o option) bool { return o.kind <= kindNop }
	left := slices.DeleteFunc(slices.Clone(want), padding)
	for _, g := range got {
		i := slices.IndexFunc(left, func(o option) bool { return o.kind == g.kind })
		switch {
		case padding(g):
			list = append(list, g)
		case i >= 0:
			o := left[i]
			if o.kind == kindScale {
				o.value = g.value
			}
			list = append(list, o)
			left = slices.Delete(left, i, i+1)
		}
	}
	return append(list, left...)
}
