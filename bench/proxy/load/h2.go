//go:build linux

package load

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"
)

// Of RFC 9113: the client's preface, types of frames, flags and settings.
const (
	preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

	frameData         = 0
	frameHeaders      = 1
	frameReset        = 3
	frameSettings     = 4
	framePing         = 6
	frameGoAway       = 7
	frameWindowUpdate = 8

	flagEndStream  = 0x1 // ACK of SETTINGS and PING
	flagEndHeaders = 0x4
	flagPadded     = 0x8
	flagPriority   = 0x20

	settingTableSize = 1
	settingStreams   = 3
	settingWindow    = 4

	maxFrame = 16384

	// Windows that we give: no answer of a load is larger than a stream's.
	streamWindow = 1 << 20
	connWindow   = 1 << 30
)

// h2conn is what both ends of HTTP/2 have in common.
type h2conn struct {
	out
	handle func(typ, flags byte, id uint32, p []byte) error

	w        []byte // frames to write
	rest     []byte // of a frame that has not come whole
	handling bool   // frames come in: what they bring about is written at their end

	encoder  encoder
	settled  bool // the peer's settings have come
	streams  uint32
	window   int64 // of the connection, for what we send
	initial  int64 // of new streams
	sending  []*sending
	received int // bytes of DATA that the peer has not got back
}

// sending is a body that goes out as far as the windows let it.
type sending struct {
	id     uint32
	body   []byte
	window int64
	end    []field // trailers; nil: the last DATA frame ends the stream
	hold   bool    // nothing goes out yet, but the peer may widen the window
}

func newH2Conn(l *Loop, fd int) h2conn {
	return h2conn{out: out{loop: l, fd: fd, to: socket(fd)}, window: 65535, initial: 65535, streams: 1 << 30}
}

func (c *h2conn) frame(typ, flags byte, id uint32, p []byte) {
	c.w = append(c.w, byte(len(p)>>16), byte(len(p)>>8), byte(len(p)), typ, flags)
	c.w = binary.BigEndian.AppendUint32(c.w, id)
	c.w = append(c.w, p...)
}

// headers encodes fields right behind the frame's header.
func (c *h2conn) headers(id uint32, flags byte, fields []field) {
	begin := len(c.w)
	c.frame(frameHeaders, flags|flagEndHeaders, id, nil)
	c.w = c.encoder.append(c.w, fields)
	n := len(c.w) - begin - 9
	c.w[begin+1], c.w[begin+2] = byte(n>>8), byte(n)
}

// greet sends our settings and opens the connection's window.
func (c *h2conn) greet() {
	var p []byte
	p = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint16(p, settingStreams), 1000)
	p = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint16(p, settingWindow), streamWindow)
	c.frame(frameSettings, 0, 0, p)
	c.frame(frameWindowUpdate, 0, 0, binary.BigEndian.AppendUint32(nil, connWindow))
}

// take hands whole frames on and writes what they bring about.
func (c *h2conn) take(p []byte) error {
	if len(c.rest) > 0 {
		c.rest = append(c.rest, p...)
		p = c.rest
	}
	c.handling = true
	for len(p) >= 9 {
		n := int(p[0])<<16 | int(p[1])<<8 | int(p[2])
		if n > maxFrame {
			return fmt.Errorf("a frame of %d bytes", n)
		}
		if len(p) < 9+n {
			break
		}
		if err := c.dispatch(p[3], p[4], binary.BigEndian.Uint32(p[5:])&^(1<<31), p[9:9+n]); err != nil {
			return err
		}
		p = p[9+n:]
	}
	c.handling = false
	c.rest = append(c.rest[:0], p...)
	return c.push()
}

// push writes as much as the kernel takes.
func (c *h2conn) push() error {
	if c.handling || len(c.w) == 0 {
		return nil
	}
	n, err := c.to.write(c.w)
	if err != nil && !errors.Is(err, unix.EAGAIN) {
		return fmt.Errorf("write: %w", err)
	}
	c.w = c.w[:copy(c.w, c.w[n:])]
	return c.await(len(c.w) > 0)
}

// dispatch does what frames of connections ask for and leaves those of streams to handle.
func (c *h2conn) dispatch(typ, flags byte, id uint32, p []byte) error {
	switch typ {
	case frameSettings:
		if flags&flagEndStream == 0 {
			c.settings(p)
			c.frame(frameSettings, flagEndStream, 0, nil)
			c.settled = true
			c.pump()
		}
	case framePing:
		if flags&flagEndStream == 0 {
			c.frame(framePing, flagEndStream, 0, p)
		}
		return nil
	case frameWindowUpdate:
		c.widen(id, int64(binary.BigEndian.Uint32(p)))
		return nil
	}
	if flags&flagPadded != 0 && (typ == frameData || typ == frameHeaders) {
		c.consumed(typ, int(p[0])+1)
		p = p[1 : len(p)-int(p[0])]
	}
	if typ == frameHeaders {
		if flags&flagEndHeaders == 0 {
			return errors.New("a header block in more than one frame")
		}
		if flags&flagPriority != 0 {
			p = p[5:]
		}
	}
	c.consumed(typ, len(p))
	return c.handle(typ, flags, id, p)
}

// consumed gives the connection's window back in large pieces.
func (c *h2conn) consumed(typ byte, n int) {
	if typ != frameData {
		return
	}
	if c.received += n; c.received >= connWindow/2 {
		c.frame(frameWindowUpdate, 0, 0, binary.BigEndian.AppendUint32(nil, uint32(c.received)))
		c.received = 0
	}
}

func (c *h2conn) settings(p []byte) {
	for ; len(p) >= 6; p = p[6:] {
		v := binary.BigEndian.Uint32(p[2:])
		switch binary.BigEndian.Uint16(p) {
		case settingTableSize:
			c.encoder.limit(v)
		case settingStreams:
			c.streams = v
		case settingWindow:
			for _, s := range c.sending {
				s.window += int64(v) - c.initial
			}
			c.initial = int64(v)
		}
	}
}

func (c *h2conn) widen(id uint32, n int64) {
	if id == 0 {
		c.window += n
	}
	for _, s := range c.sending {
		if s.id == id {
			s.window += n
		}
	}
	c.pump()
}

// send queues a body and sends what it can of it.
func (c *h2conn) send(s *sending) {
	c.sending = append(c.sending, s)
	c.pump()
}

// pump sends a frame of each body in turn until the windows are shut.
func (c *h2conn) pump() {
	for progress := true; progress; {
		progress = false
		c.sending = slices.DeleteFunc(c.sending, func(s *sending) bool {
			n := min(int64(len(s.body)), c.window, s.window, maxFrame)
			if n <= 0 || s.hold {
				return false
			}
			progress = true
			c.window, s.window = c.window-n, s.window-n
			p := s.body[:n]
			s.body = s.body[n:]
			last := len(s.body) == 0
			flags := byte(0)
			if last && s.end == nil {
				flags = flagEndStream
			}
			c.frame(frameData, flags, s.id, p)
			if last && s.end != nil {
				c.headers(s.id, flagEndStream, s.end)
			}
			return last
		})
	}
}

// fill reads what has come; more is whether it is anything.
func (c *h2conn) fill(events uint32) (p []byte, err error) {
	if events&unix.EPOLLOUT != 0 {
		if err := c.push(); err != nil {
			return nil, err
		}
	}
	n, err := c.to.read(c.loop.scratch)
	switch {
	case errors.Is(err, unix.EAGAIN):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("read: %w", err)
	case n == 0:
		return nil, errClosed
	}
	return c.loop.scratch[:n], nil
}

var errClosed = errors.New("the proxy closed a connection")

// grpcMessages are messages, each with its prefix: a flag and the length.
func grpcMessages(n, size int) []byte {
	one := binary.BigEndian.AppendUint32([]byte{0}, uint32(size))
	one = append(one, make([]byte, size)...)
	return slices.Repeat(one, n)
}
