package journey

import "bytes"

// A page is made to be shown to others: the passwords that cross a connection in the clear are stars in it.

// hushed is what a segment carries, without the passwords of FTP's PASS and of HTTP's Authorization.
func hushed(b []byte) []byte {
	b = bytes.Clone(b)
	lower := bytes.ToLower(b)
	if bytes.HasPrefix(lower, []byte("pass ")) {
		star(b, len("pass "))
	}
	for _, field := range []string{"\nauthorization:", "\nproxy-authorization:"} {
		for from := 0; ; {
			i := bytes.Index(lower[from:], []byte(field))
			if i < 0 {
				break
			}
			from += i + len(field)
			for from < len(b) && b[from] == ' ' {
				from++
			}
			how := bytes.IndexAny(b[from:], " \r\n")
			if how < 0 {
				break
			}
			star(b, from+how) // what kind it is may be seen
		}
	}
	return b
}

// star covers a line from a place to its end.
func star(b []byte, from int) {
	for i := from; i < len(b) && b[i] != '\r' && b[i] != '\n'; i++ {
		if b[i] != ' ' {
			b[i] = '*'
		}
	}
}

// hushedPacket is a packet without the passwords in what its layers carry.
func hushedPacket(data []byte, layers []layer) []byte {
	for _, l := range layers {
		if (l.Name == "data" || l.Name == "http") && l.From < len(data) {
			return append(bytes.Clone(data[:l.From]), hushed(data[l.From:])...)
		}
	}
	return data
}
