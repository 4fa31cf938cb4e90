package wire

// An Error says why bytes are not the header they should be. Its values are
// comparable constants; zero is no error and never returned.
type Error uint8

// The errors of decoding.
const (
	_           Error = iota
	ErrShort          // fewer bytes than the headers say
	ErrVersion        // not IPv4
	ErrHeader         // header length, total length or TCP's options do not fit
	ErrChecksum       // checksum does not match
	ErrOptions        // the IPv4 header is right, but its options cannot be walked
)

// Error returns what is wrong, as a phrase.
func (e Error) Error() string {
	switch e {
	case ErrShort:
		return "wire: shorter than its headers say"
	case ErrVersion:
		return "wire: not IPv4"
	case ErrHeader:
		return "wire: header length, total length or options do not fit"
	case ErrChecksum:
		return "wire: wrong checksum"
	case ErrOptions:
		return "wire: malformed IPv4 options"
	}
	return "wire: unknown error"
}
