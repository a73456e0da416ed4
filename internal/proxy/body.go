package proxy

import (
	"errors"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// replayLimit is how much of a body is kept to send it again, in bytes.
const replayLimit = 64 << 10

// linger is how long a client may go on sending after the answer, so that it
// gets to read it before the connection is reset.
const linger = 500 * time.Millisecond

var (
	errBodyTooLarge = errors.New("body too large")
	errSuperseded   = errors.New("a later try reads the body")
)

// body is a request's body while it is sent, to one instance or several after
// each other. nil is a request without a body; all methods take it.
//
// The lock is held while the client is read: bytes that a given-up try was
// waiting for go to the replay buffer, where the next try finds them.
type body struct {
	src  io.Reader
	rc   *http.ResponseController
	pace time.Duration
	max  int64 // 0: any
	h2   bool

	read    atomic.Int64 // bytes taken from the client
	ended   atomic.Bool  // all of it was taken
	lost    atomic.Bool  // more than replayLimit was taken: it cannot be sent again
	stopped atomic.Bool

	current atomic.Pointer[attemptBody]

	mu   sync.Mutex
	kept []byte // what was taken so far, unless lost
	err  error  // how the source ended, io.EOF too
}

func newBody(r *http.Request, rc *http.ResponseController, pace time.Duration, limit int64) *body {
	if r.ContentLength == 0 || r.Body == nil || r.Body == http.NoBody {
		return nil
	}
	return &body{src: r.Body, rc: rc, pace: pace, max: limit, h2: r.ProtoMajor == 2}
}

// attempt returns a reader of the whole body and, if again is set, a way to
// get another one (http.Request.GetBody).
func (b *body) attempt(again bool) (io.ReadCloser, func() (io.ReadCloser, error)) {
	if b == nil {
		return http.NoBody, nil
	}
	a := &attemptBody{b: b}
	b.current.Store(a)
	if !again {
		return a, nil
	}
	return a, func() (io.ReadCloser, error) {
		if !b.replayable() {
			return nil, errors.New("the body is too large to be sent again")
		}
		r, _ := b.attempt(false)
		return r, nil
	}
}

func (b *body) replayable() bool { return b == nil || !b.lost.Load() }

func (b *body) atEnd() bool { return b == nil || b.ended.Load() }

func (b *body) bytesIn() int64 {
	if b == nil {
		return 0
	}
	return b.read.Load()
}

// clientError is the error with which the client's side ended, if it did.
// With gone, the client's connection is known to be broken, so that a reader
// that holds the lock is about to learn it; otherwise it may wait for the client.
func (b *body) clientError(gone bool) error {
	if b == nil {
		return nil
	}
	if gone {
		b.mu.Lock()
	} else if !b.mu.TryLock() {
		return nil
	}
	defer b.mu.Unlock()
	if b.err == nil || b.err == io.EOF { //nolint:errorlint // a Reader's end is not wrapped
		return nil
	}
	return b.err
}

// stop ends the use of the body: the handler is about to return.
func (b *body) stop() {
	if b == nil || b.stopped.Swap(true) || b.atEnd() {
		return
	}
	_ = b.rc.SetReadDeadline(time.Now().Add(linger))
}

// attemptBody is the body as one try reads it.
type attemptBody struct {
	b   *body
	off int
}

func (a *attemptBody) Read(p []byte) (int, error) {
	b := a.b
	b.mu.Lock()
	defer b.mu.Unlock()
	if a.over() {
		return 0, errSuperseded
	}
	if a.off < len(b.kept) {
		n := copy(p, b.kept[a.off:])
		a.off += n
		return n, nil
	}
	if int64(a.off) != b.read.Load() {
		return 0, errSuperseded // an earlier try took more than is kept
	}
	if b.err != nil {
		return 0, b.err
	}
	n, err := b.fill(p)
	a.off += n
	if a.over() {
		return 0, errSuperseded
	}
	return n, err
}

func (a *attemptBody) over() bool { return a.b.current.Load() != a || a.b.stopped.Load() }

// fill reads from the client.
func (b *body) fill(p []byte) (int, error) {
	if b.pace > 0 {
		_ = b.rc.SetReadDeadline(time.Now().Add(b.pace))
		if b.stopped.Load() {
			_ = b.rc.SetReadDeadline(time.Now().Add(linger))
		}
	}
	n, err := b.src.Read(p)
	if b.pace > 0 && (b.h2 || err == io.EOF) {
		// On HTTP/2 a deadline breaks the body off even while nobody reads; on
		// HTTP/1.1 the server now waits for the client to leave, for any time.
		_ = b.rc.SetReadDeadline(time.Time{})
	}
	total := b.read.Add(int64(n))
	if b.max > 0 && total > b.max {
		n, err = 0, errBodyTooLarge
	}
	b.keep(p[:n])
	if err == nil {
		return n, nil
	}
	b.err = err
	if err == io.EOF {
		b.ended.Store(true)
	}
	return n, err
}

func (b *body) keep(p []byte) {
	if b.lost.Load() {
		return
	}
	if len(b.kept)+len(p) > replayLimit {
		b.lost.Store(true)
		b.kept = nil
		return
	}
	b.kept = append(b.kept, p...)
}

func (a *attemptBody) Close() error { return nil }
