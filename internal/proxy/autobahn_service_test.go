package proxy

import (
	"bufio"
	"bytes"
	"compress/flate"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/coder/websocket"
	"github.com/gobwas/httphead"
	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsflate"
	"github.com/gobwas/ws/wsutil"
)

// patience bounds all that a client or service waits for.
const patience = 30 * time.Second

// wsService echoes messages, strict in all that RFC 6455 leaves to a server, UTF-8
// included. It ends its side of a connection and reads on until the client ends its
// own, so that nothing it has said is lost to a reset.
type wsService struct {
	addr string

	mu    sync.Mutex
	count int
	peers map[string]*wsPeer // by request target
}

// wsPeer is what a test knows of the service's side of a connection.
type wsPeer struct {
	taken    atomic.Int64  // octets read after the handshake
	news     chan struct{} // has something after taken grew
	failedAt atomic.Int64  // taken when the service failed the connection
}

// hasRead waits until the service has read n octets.
func (p *wsPeer) hasRead(n int64) bool {
	late := time.NewTimer(patience)
	defer late.Stop()
	for p.taken.Load() < n {
		select {
		case <-p.news:
		case <-late.C:
			return false
		}
	}
	return true
}

// watched tells a peer of what is read.
type watched struct {
	conn io.Reader
	peer *wsPeer
}

func (w watched) Read(b []byte) (int, error) {
	n, err := w.conn.Read(b)
	w.peer.taken.Add(int64(n))
	select {
	case w.peer.news <- struct{}{}:
	default:
	}
	return n, err
}

func newWSService(t *testing.T) *wsService {
	t.Helper()
	l := mustListen(t)
	s := &wsService{addr: l.Addr().String(), peers: map[string]*wsPeer{}}
	var conns sync.WaitGroup
	conns.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			conns.Go(func() {
				defer c.Close()
				_ = c.SetDeadline(time.Now().Add(patience))
				s.serve(c.(*net.TCPConn))
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		conns.Wait()
	})
	return s
}

// expect makes up a request target and says who will answer it.
func (s *wsService) expect(path string, rude bool) (string, *wsPeer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count++
	target := fmt.Sprintf("%s?%d", path, s.count)
	if rude {
		target += "&rude"
	}
	p := &wsPeer{news: make(chan struct{}, 1)}
	s.peers[target] = p
	return target, p
}

func (s *wsService) serve(c *net.TCPConn) {
	var peer *wsPeer
	var rude bool
	agreed := wsflate.Extension{}
	_, err := ws.Upgrader{
		OnRequest: func(target []byte) error {
			s.mu.Lock()
			defer s.mu.Unlock()
			peer, rude = s.peers[string(target)], bytes.HasSuffix(target, []byte("rude"))
			return nil
		},
		Negotiate: func(o httphead.Option) (httphead.Option, error) {
			var offered wsflate.Parameters
			if err := offered.Parse(o); err != nil {
				return httphead.Option{}, err
			}
			agreed.Parameters = wsflate.Parameters{
				ServerNoContextTakeover: true, ClientNoContextTakeover: true, ServerMaxWindowBits: offered.ServerMaxWindowBits,
			}
			return agreed.Negotiate(o)
		},
	}.Upgrade(c)
	if err != nil || peer == nil {
		return
	}
	in := watched{c, peer}
	_, deflates := agreed.Accepted()
	err = echoMessages(c, bufio.NewReaderSize(in, 16<<10), deflates)
	code := ws.StatusCode(0)
	switch answered := (*answeredError)(nil); {
	case errors.As(err, &answered) && errors.As(err, new(wsutil.ClosedError)): // a close, not a failure
		rude = false
	case errors.As(err, &answered):
		peer.failedAt.Store(peer.taken.Load())
	case errors.Is(err, wsutil.ErrInvalidUTF8):
		code = ws.StatusInvalidFramePayloadData
	case errors.As(err, new(ws.ProtocolError)):
		code = ws.StatusProtocolError
	default:
		return
	}
	if code != 0 {
		peer.failedAt.Store(peer.taken.Load())
	}
	if rude {
		_ = c.SetLinger(0)
		return
	}
	if code != 0 {
		_ = ws.WriteFrame(c, ws.NewCloseFrame(ws.NewCloseFrameBody(code, err.Error())))
	}
	_ = c.CloseWrite()
	_, _ = io.Copy(io.Discard, in)
}

// answeredError is an error that the library has answered with a close frame.
type answeredError struct{ error }

func (e *answeredError) Unwrap() error { return e.error }

// echoMessages echoes until there is a reason to close. A message comes back in
// one frame, deflated if it came so.
func echoMessages(out io.Writer, in io.Reader, deflates bool) error {
	var message wsflate.MessageState
	control := wsutil.ControlFrameHandler(out, ws.StateServerSide)
	answer := func(h ws.Header, r io.Reader) error {
		if err := control(h, r); err != nil {
			return &answeredError{err}
		}
		return nil
	}
	r := &wsutil.Reader{Source: in, State: ws.StateServerSide, CheckUTF8: !deflates, OnIntermediate: answer}
	var compress *wsflate.Helper
	if deflates {
		compress = huffmanOnly()
		r.State = r.State.Set(ws.StateExtended)
		r.Extensions = []wsutil.RecvExtension{&message}
	}
	for {
		h, err := r.NextFrame()
		if err != nil {
			return err
		}
		if h.OpCode.IsControl() {
			if err := answer(h, r); err != nil {
				return err
			}
			continue
		}
		payload, err := readMessage(r, h, message.IsCompressed())
		if err != nil {
			return err
		}
		f := ws.NewFrame(h.OpCode, true, payload)
		if message.IsCompressed() {
			if f, err = compress.CompressFrame(f); err != nil {
				return err
			}
		}
		if err := ws.WriteFrame(out, f); err != nil {
			return err
		}
	}
}

func readMessage(r io.Reader, h ws.Header, compressed bool) ([]byte, error) {
	if compressed {
		b, err := io.ReadAll(wsflate.NewReader(r, func(r io.Reader) wsflate.Decompressor { return flate.NewReader(r) }))
		if err == nil && h.OpCode == ws.OpText && !utf8.Valid(b) {
			err = wsutil.ErrInvalidUTF8
		}
		return b, err
	}
	var b bytes.Buffer
	b.Grow(int(h.Length) + bytes.MinRead)
	_, err := b.ReadFrom(r)
	return b.Bytes(), err
}

// huffmanOnly deflates without looking back, so that it fits any window.
func huffmanOnly() *wsflate.Helper {
	w, _ := flate.NewWriter(nil, flate.HuffmanOnly)
	return &wsflate.Helper{Compressor: func(to io.Writer) wsflate.Compressor {
		w.Reset(to)
		return w
	}}
}

// wsTakeover is a service of another library, which deflates with what it sent before
// as its dictionary, if the client lets it.
func wsTakeover(t *testing.T) string {
	t.Helper()
	return backend(t, func(w http.ResponseWriter, q *http.Request) {
		c, err := websocket.Accept(w, q, &websocket.AcceptOptions{CompressionMode: websocket.CompressionContextTakeover, CompressionThreshold: 1})
		if err != nil {
			return
		}
		defer func() { _ = c.CloseNow() }()
		c.SetReadLimit(-1)
		for {
			kind, b, err := c.Read(context.Background())
			if err != nil || c.Write(context.Background(), kind, b) != nil {
				return
			}
		}
	})
}

// newInflater reads the service's deflated messages (RFC 7692, 7.2.2), one after
// the other. Nil: no extension was agreed on.
func newInflater(agreed string) func(t *testing.T, b []byte) []byte {
	if agreed == "" {
		return nil
	}
	var before []byte
	return func(t *testing.T, b []byte) []byte {
		t.Helper()
		tail := strings.NewReader("\x00\x00\xff\xff\x01\x00\x00\xff\xff")
		b, err := io.ReadAll(flate.NewReaderDict(io.MultiReader(bytes.NewReader(b), tail), before))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(agreed, "server_no_context_takeover") {
			before = append(before, b...)
			before = before[max(0, len(before)-32<<10):]
		}
		return b
	}
}
