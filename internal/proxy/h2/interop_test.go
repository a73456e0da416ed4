package h2

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/proxy/message"
)

// TestServesNetHTTP has net/http's client talk to our server.
func TestServesNetHTTP(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // a net, not a measure
	defer cancel()
	for _, cfg := range []Config{{}, {StreamWindow: 5000, HighWater: 5000, MaxStreams: 4}} {
		addr := serveEcho(t, cfg)
		tr := &http.Transport{Protocols: new(http.Protocols)}
		tr.Protocols.SetUnencryptedHTTP2(true)
		client := &http.Client{Transport: tr}
		// The first request alone: it makes the connection that the others share.
		res, err := client.Get("http://" + addr)
		if err != nil {
			t.Fatal(err)
		}
		if body, err := io.ReadAll(res.Body); err != nil || string(body) != greeting {
			t.Errorf("%q, %v", body, err)
		}
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() {
				for j := range 5 {
					if err := echoOnce(ctx, client, addr, i*9000+j); err != nil {
						t.Error(i, j, err)
					}
				}
			})
		}
		wg.Wait()
		tr.CloseIdleConnections()
	}
}

func echoOnce(ctx context.Context, client *http.Client, addr string, size int) error {
	body := bytes.Repeat([]byte("echo "), size/5+1)[:size+1]
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+addr+"/echo", io.MultiReader(bytes.NewReader(body)))
	if err != nil {
		return err
	}
	req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil } // the client dials more than it uses
	req.Header.Set("X-Long", strings.Repeat("v", size%30_000))
	if size%2 == 0 {
		req.Trailer = http.Header{"X-Sum": {strconv.Itoa(size)}}
	}
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	switch {
	case err != nil:
		return err
	case !bytes.Equal(got, body):
		return fmt.Errorf("%d bytes came back of %d", len(got), len(body))
	case res.Header.Get("X-Long") != req.Header.Get("X-Long"):
		return errors.New("another header")
	case size%2 == 0 && res.Trailer.Get("X-Sum") != strconv.Itoa(size):
		return fmt.Errorf("trailers %v", res.Trailer)
	}
	return nil
}

// TestCallsNetHTTP has our client talk to net/http's server.
func TestCallsNetHTTP(t *testing.T) {
	srv := &http.Server{Protocols: new(http.Protocols), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Trailer", "X-Sum")
		w.Header().Set("X-Host", r.Host)
		n, err := io.Copy(w, r.Body)
		w.Header().Set("X-Sum", fmt.Sprint(n, err, r.Trailer.Get("X-Sum")))
	})}
	srv.Protocols.SetUnencryptedHTTP2(true)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() { _ = srv.Serve(l) })
	defer wg.Wait()
	defer srv.Close()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil { // a net, not a measure
		t.Fatal(err)
	}
	x := &batch{t: t, calls: make(chan func(), 1)}
	x.c = New(Config{StreamWindow: 40_000, HighWater: 20_000}, x)
	x.calls <- x.start
	if err := drive(conn, x.c, x.calls); err != nil {
		t.Error(err)
	}
	if x.done != batchSize {
		t.Errorf("%d of %d done", x.done, batchSize)
	}
}

const batchSize = 60

// batch sends requests to a server that echoes.
type batch struct {
	ignore
	t     *testing.T
	c     *Conn
	calls chan func()
	begun int
	done  int
}

// sending is a batch's state of a stream.
type sending struct {
	rest []byte
	size int
	got  int
}

func (b *batch) start() {
	for b.begun < batchSize && b.c.Capacity() > 0 {
		size := b.begun * 3001
		h := &message.Head{Method: []byte("POST"), Scheme: []byte("http"), Authority: []byte("example.com"), Path: []byte("/echo"), TE: true}
		h.Trailer = []byte("x-sum")
		s, err := b.c.Open(h, false)
		if err != nil {
			b.t.Error(err)
			return
		}
		b.begun++
		s.Owner = &sending{rest: bytes.Repeat([]byte("x"), size), size: size}
		b.Writable(s)
	}
}

func (b *batch) Writable(s *Stream) {
	x := s.Owner.(*sending)
	x.rest = x.rest[s.WriteData(x.rest, false):]
	if len(x.rest) == 0 {
		s.WriteTrailers([]message.Field{{Name: []byte("X-Sum"), Value: []byte("mine")}})
	}
}

func (b *batch) Headers(s *Stream, h *message.Head, end bool) {
	if v, _ := h.Lookup("X-Host"); h.Status != 200 || string(v) != "example.com" || end || string(h.Trailer) != "X-Sum" {
		b.t.Errorf("%d %q %v %q", h.Status, v, end, h.Trailer)
	}
}

func (b *batch) Data(s *Stream, p []byte, end bool) {
	s.Owner.(*sending).got += len(p)
	s.Consumed(len(p))
	if end {
		b.t.Error("no trailers")
	}
}

func (b *batch) Trailers(s *Stream, h *message.Head) {
	x := s.Owner.(*sending)
	if v, _ := h.Lookup("x-sum"); string(v) != fmt.Sprint(x.size, " <nil>mine") || x.got != x.size {
		b.t.Errorf("%q, %d bytes of %d", v, x.got, x.size)
	}
	s.Release()
	if b.done++; b.done == batchSize {
		close(b.calls)
		return
	}
	b.start()
}

func (b *batch) Reset(s *Stream, code Code) {
	b.t.Errorf("reset: %v", code)
	s.Release()
}
