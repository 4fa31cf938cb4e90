package capture

// secretsTLS is the type of secrets in NSS's key log format ("TLSK").
const secretsTLS = 0x544c534b

// WriteSecrets writes TLS's secrets as a Decryption Secrets Block: lines of
// NSS's key log, as crypto/tls writes them. A reader needs them before the
// packets that they open, so it is called before those are written.
func (w *Writer) WriteSecrets(lines []byte) error {
	w.k.begin(blockSecrets)
	w.k.u32(secretsTLS)
	w.k.u32(uint32(len(lines)))
	w.k.bytes(lines)
	return w.flush()
}
