//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"

	"github.com/banyanrun/banyan/internal/link"
	"github.com/banyanrun/banyan/internal/proxy/account"
	"github.com/banyanrun/banyan/internal/route"
	"golang.org/x/sys/unix"
)

// playback is a daemon's part of a link: what it would send was encoded before,
// so that only reading it costs.
type playback struct {
	daemon *net.UnixConn
	conn   *link.Conn
	parts  link.Assembler
	// Two snapshots that differ in one route take turns, each as a whole or as
	// what is to be changed of any of the two.
	whole, change [2][]byte
	n             int
	spans         account.Encoder
}

// takeSpans sends spans as the data plane does; nobody looks at them. That they are
// received is done, and counted, on the same core.
func (p *playback) takeSpans(batch []account.Span) {
	m := &link.Message{Spans: &link.Spans{Data: append([]byte(nil), p.spans.Encode(batch)...)}}
	if err := p.conn.Send(m); err != nil {
		panic(err) // the other end is this process
	}
}

// drain receives what takeSpans sends.
func (p *playback) drain() { _, _ = io.Copy(io.Discard, p.daemon) }

// newPlayback makes the messages of s and of s with another policy of one route.
func newPlayback(s *route.Snapshot) (*playback, error) {
	p := &playback{}
	var err error
	if p.daemon, p.conn, err = linkPair(); err != nil {
		return nil, err
	}
	both := [2]*route.Snapshot{s, otherPolicy(s)}
	var changes link.Packer
	if _, err := p.record(changes.Pack(s)); err != nil {
		return nil, err
	}
	changes.Agree()
	for _, i := range []int{1, 0} {
		if p.change[i], err = p.record(changes.Pack(both[i])); err != nil {
			return nil, err
		}
		changes.Agree()
		var all link.Packer
		if p.whole[i], err = p.record(all.Pack(both[i])); err != nil {
			return nil, err
		}
	}
	_, err = p.play(p.whole[0])
	return p, err
}

func otherPolicy(s *route.Snapshot) *route.Snapshot {
	if s.Gateway == nil {
		return s
	}
	o, g := *s, *s.Gateway
	g.Routes = slices.Clone(g.Routes)
	g.Routes[len(g.Routes)/2].Policy.Retries = 7
	o.Gateway = &g
	return &o
}

// linkPair is a link between this process and itself, with its daemon's end bare.
func linkPair() (daemon *net.UnixConn, conn *link.Conn, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, err
	}
	var ends [2]*net.UnixConn
	for i, fd := range fds {
		f := os.NewFile(uintptr(fd), "link")
		c, err := net.FileConn(f)
		if err = errors.Join(err, f.Close()); err != nil {
			return nil, nil, err
		}
		ends[i] = c.(*net.UnixConn) //nolint:forcetypeassert // FileConn's type for it
	}
	conn, err = link.NewConn(ends[1])
	return ends[0], conn, err
}

// record returns what comes out of a link when parts are sent.
func (p *playback) record(parts []*link.Part) ([]byte, error) {
	daemon, conn, err := linkPair()
	if err != nil {
		return nil, err
	}
	defer daemon.Close()
	sent := make(chan error, 1)
	go func() {
		defer conn.Close()
		for _, part := range parts {
			if err := conn.Send(&link.Message{Part: part}); err != nil {
				sent <- err
				return
			}
		}
		sent <- nil
	}()
	var b bytes.Buffer
	_, err = io.Copy(&b, daemon)
	return b.Bytes(), errors.Join(err, <-sent)
}

// next is the other one of the two snapshots, as it comes over the link.
func (p *playback) next(whole bool) (*route.Snapshot, error) {
	p.n++
	if whole {
		return p.play(p.whole[p.n%2])
	}
	return p.play(p.change[p.n%2])
}

func (p *playback) play(messages []byte) (*route.Snapshot, error) {
	go func() { _, _ = p.daemon.Write(messages) }()
	for {
		m, _, err := p.conn.Receive()
		if err == nil && m.Part == nil {
			err = errors.New("no part")
		}
		if err != nil {
			return nil, fmt.Errorf("playback: %w", err)
		}
		s, err := p.parts.Add(m.Part)
		if err != nil {
			return nil, err
		}
		if s != nil {
			p.parts.Agree()
			return s, nil
		}
	}
}
