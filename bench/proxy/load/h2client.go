//go:build linux

package load

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"golang.org/x/net/http2/hpack"
)

// h2client sends requests on the streams of one connection.
type h2client struct {
	h2conn
	run    *run
	fields []field
	body   []byte // of a request; empty: none
	want   int    // bytes of an answer's body
	grpc   bool

	calls   map[uint32]*call
	free    []*call
	next    uint32 // stream
	early   []time.Time
	decoder *hpack.Decoder
	reading *call // whose fields are being decoded
}

// call is a request under way.
type call struct {
	due  time.Time
	got  int // bytes of body
	ok   bool
	done bool // a gRPC answer's status has come, and is 0
	err  error
}

func newH2Client(r *run, fd int) *h2client {
	s := r.spec
	t := s.targets()[0]
	c := &h2client{h2conn: newH2Conn(r.loop, fd), run: r, want: s.Down, grpc: s.Kind == GRPC, calls: map[uint32]*call{}, next: 1}
	c.handle = c.frameOf
	c.decoder = hpack.NewDecoder(4096, c.field)
	c.fields = []field{
		{name: ":method", value: "GET", static: 2},
		{name: ":scheme", value: "http", static: 6},
		{name: ":path", value: t.Path, staticName: 4},
		{name: ":authority", value: t.Host, staticName: 1},
		{name: "user-agent", value: "bench", staticName: 58},
		{name: "accept", value: "*/*", staticName: 19},
	}
	if c.grpc {
		c.want, c.body = len(grpcMessages(s.units(), s.Down)), grpcMessages(1, s.Up)
		c.fields[0] = field{name: ":method", value: "POST", static: 3}
		c.fields[5] = field{name: "content-type", value: "application/grpc", staticName: 31}
		c.fields = append(c.fields, field{name: "te", value: "trailers"})
	}
	c.w = append(c.w, preface...)
	c.greet()
	return c
}

func (c *h2client) inFlight() int { return len(c.calls) + len(c.early) }

func (c *h2client) close() { c.loop.remove(c.fd) }

// start waits for the proxy's settings: they say how to encode.
func (c *h2client) start(due time.Time) error {
	if !c.settled {
		c.early = append(c.early, due)
		return c.push()
	}
	if len(c.calls) >= int(c.streams) {
		return fmt.Errorf("the proxy lets %d streams be open at a time", c.streams)
	}
	id := c.next
	c.next += 2
	if len(c.free) == 0 {
		c.free = append(c.free, new(call))
	}
	k := c.free[len(c.free)-1]
	c.free = c.free[:len(c.free)-1]
	*k = call{due: due}
	c.calls[id] = k
	if len(c.body) == 0 {
		c.headers(id, flagEndStream, c.fields)
	} else {
		c.headers(id, 0, c.fields)
		c.send(&sending{id: id, body: c.body, window: c.initial})
	}
	return c.push()
}

func (c *h2client) ready(events uint32) error {
	p, err := c.fill(events)
	if err != nil || len(p) == 0 {
		return err
	}
	return c.take(p)
}

func (c *h2client) frameOf(typ, flags byte, id uint32, p []byte) error {
	switch typ {
	case frameSettings:
		if !c.settled {
			return nil
		}
		early := c.early
		c.early = nil
		for _, due := range early {
			if err := c.start(due); err != nil {
				return err
			}
		}
		return nil
	case frameGoAway:
		return fmt.Errorf("GOAWAY, error code %d", binary.BigEndian.Uint32(p[4:]))
	case frameReset:
		return fmt.Errorf("a stream was reset, error code %d", binary.BigEndian.Uint32(p))
	case frameHeaders, frameData:
	default:
		return nil
	}
	k := c.calls[id]
	if k == nil {
		return fmt.Errorf("a frame of type %d on stream %d, which is not open", typ, id)
	}
	if typ == frameData {
		k.got += len(p)
	} else if err := c.decode(k, p); err != nil {
		return err
	}
	if flags&flagEndStream == 0 {
		return nil
	}
	return c.finish(id, k)
}

func (c *h2client) decode(k *call, p []byte) error {
	c.reading = k
	if _, err := c.decoder.Write(p); err != nil {
		return fmt.Errorf("a header block: %w", err)
	}
	if err := c.decoder.Close(); err != nil {
		return fmt.Errorf("a header block: %w", err)
	}
	return k.err
}

func (c *h2client) field(f hpack.HeaderField) {
	switch f.Name {
	case ":status":
		c.reading.ok = f.Value == "200"
		if !c.reading.ok {
			c.reading.err = fmt.Errorf("an answer of status %s", f.Value)
		}
	case "grpc-status":
		c.reading.done = f.Value == "0"
		if !c.reading.done {
			c.reading.err = fmt.Errorf("grpc-status %s", f.Value)
		}
	}
}

// finish checks a whole answer and gives its place to the next request.
func (c *h2client) finish(id uint32, k *call) error {
	switch {
	case !k.ok:
		return errors.New("an answer without a status")
	case k.got != c.want:
		return fmt.Errorf("an answer's body has %d bytes, want %d", k.got, c.want)
	case c.grpc && !k.done:
		return errors.New("an answer without grpc-status")
	}
	delete(c.calls, id)
	c.free = append(c.free, k)
	return c.run.answered(c, k.due)
}
