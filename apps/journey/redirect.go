package journey

// Redirect tells that a response sends us on, and by which rule (RFC 9110 15.4).
func (j *Journey) Redirect(code int, to, method string) {
	j.end(func() {
		j.fact("redirect", j.t("%d: %s", code, j.t(redirects[code])))
		j.fact("to", clean(to, columns-len(margin)-factColumn))
		if method != "" {
			j.fact("method", j.t("%s, from now on", method))
		}
		j.blank()
	})
}

var redirects = map[int]string{
	301: "the page has moved for good. A POST becomes a GET, as it always has.",
	302: "the page is elsewhere for now. A POST becomes a GET, as it always has.",
	303: "the answer is to be fetched from another place, with GET.",
	307: "the page is elsewhere for now. Method and body stay as they are.",
	308: "the page has moved for good. Method and body stay as they are.",
}

// Kept tells that a connection is used once more.
func (j *Journey) Kept() {
	j.end(func() {
		j.paragraph(j.t("The connection is still open: it is used again, and nothing has to be agreed on a second time."))
		j.blank()
	})
}
