package http

import (
	"io"

	"github.com/sockeye-net/sockeye/apps/url"
)

// Pipeline sends requests for one origin at once and reads the responses in order (RFC 9112 9.3.2): each is
// called with every one of them, and reads its body. Only what is idempotent and has no body is taken. Where
// the server ends the connection early, the rest is asked for again, one by one.
func (c *Client) Pipeline(rs []*Request, each func(i int, resp *Response, err error)) error {
	us, raw, err := c.prepareAll(rs)
	if err != nil || len(rs) == 0 {
		return err
	}
	cn, err := c.take(us[0], rs[0].Deadline)
	if err != nil {
		return err
	}
	done := 0
	if err := cn.request(rs[0], raw); err == nil {
		done = cn.answers(rs, us, each)
	}
	if done == len(rs) && !cn.closing && cn.buffered() == 0 {
		c.put(cn)
	} else {
		cn.close()
	}
	for ; done < len(rs); done++ {
		resp, err := c.Do(rs[done])
		each(done, resp, err)
		if err == nil {
			_ = resp.Body.Close()
		}
	}
	return nil
}

// prepareAll checks the requests and writes their heads one after the other.
func (c *Client) prepareAll(rs []*Request) (us []*url.URL, raw []byte, err error) {
	for _, r := range rs {
		u, one, err := c.prepare(r)
		switch {
		case err != nil:
			return nil, nil, err
		case !r.Idempotent() || r.Body != nil || r.Old:
			return nil, nil, badRequest("only requests that may be repeated and have no body go into a pipeline")
		case len(us) > 0 && c.key(u) != c.key(us[0]):
			return nil, nil, badRequest("a pipeline goes to one server")
		}
		us, raw = append(us, u), append(raw, one...)
	}
	return us, raw, nil
}

// answers reads the responses and returns how many came whole.
func (cn *conn) answers(rs []*Request, us []*url.URL, each func(int, *Response, error)) int {
	for i, r := range rs {
		cn.doing = "read the response of"
		cn.interim = 0
		h, err := cn.heads()
		if err != nil {
			return i
		}
		resp, err := cn.respond(r, h, true)
		if err != nil {
			each(i, nil, err)
			cn.closing = true
			return i + 1
		}
		resp.URL, resp.Body.piped = us[i], true
		each(i, resp, nil)
		if _, err := io.Copy(io.Discard, resp.Body.rest()); err != nil || cn.closing {
			cn.closing = true
			return i + 1
		}
		cn.reused = true
	}
	return len(rs)
}

// rest is what of the body nobody has read, closed or not.
func (b *Body) rest() io.Reader {
	b.closed = false
	return b
}
