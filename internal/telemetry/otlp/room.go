package otlp

import (
	"cmp"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"github.com/banyanrun/banyan/internal/fault"
)

// roomMost bounds the bytes of requests that are held at once: four of the largest by
// HTTP, and two by gRPC, where there are copies.
const roomMost = 6 * MaxBody

// Room bounds the memory that requests take together: the bytes of their bodies, and
// how many are decoded at once, which takes several times as much. Who finds no room
// for bytes is refused with *Full at once. Receivers may share one; its methods are
// safe for concurrent use.
type Room struct {
	most int64
	held atomic.Int64
	// gate has as many places as requests may be decoded. Nobody waits for anything
	// else between its two ends.
	gate chan struct{}
}

// NewRoom returns a Room of so many bytes. 0: 96 MiB.
func NewRoom(most int64) *Room {
	return &Room{most: cmp.Or(most, roomMost), gate: make(chan struct{}, max(2, runtime.GOMAXPROCS(0)))}
}

// Enter begins a request, which ends with the Share's Leave.
func (r *Room) Enter() *Share { return &Share{room: r} }

// Decode calls read when there is a place for it. The place is left also by a panic.
func (r *Room) Decode(read func() error) error {
	r.gate <- struct{}{}
	defer func() { <-r.gate }()
	return read()
}

// Share is what one request has of a Room. Only one goroutine at a time uses it.
type Share struct {
	room *Room
	has  int64
}

// Leave gives all of it back.
func (s *Share) Leave() { s.give(int(s.has)) }

func (s *Share) give(n int) {
	s.has -= int64(n)
	s.room.held.Add(-int64(n))
}

// take gets room for more bytes, or an error.
func (s *Share) take(n int) error {
	if s.room.held.Add(int64(n)) > s.room.most {
		s.room.held.Add(-int64(n))
		return &Full{RetryAfter: time.Second}
	}
	s.has += int64(n)
	return nil
}

// Read reads a request to its end, and decompresses it. What is longer than MaxBody is
// an error, before and after. What it returns is held until Leave.
func (s *Share) Read(q *http.Request) ([]byte, error) {
	if q.ContentLength > MaxBody {
		return nil, errLarge
	}
	body, err := s.readAll(q.Body, int(q.ContentLength))
	if err != nil {
		return nil, err
	}
	switch encoding := strings.ToLower(strings.TrimSpace(q.Header.Get("Content-Encoding"))); encoding {
	case "", "identity":
		return body, nil
	case gzipName:
		return s.unzip(body)
	default:
		return nil, BadEncoding(encoding)
	}
}

// readAll reads MaxBody at most. The size is a guess.
func (s *Share) readAll(r io.Reader, size int) ([]byte, error) {
	const spare = 512 // so that a right guess need not grow to find the end
	room := min(max(size, 0), 1<<20) + spare
	if err := s.take(room); err != nil {
		return nil, err
	}
	b := make([]byte, 0, room)
	for {
		n, err := r.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		switch {
		case len(b) > MaxBody:
			return nil, errLarge
		case err == io.EOF:
			return b, nil
		case err != nil:
			return nil, fault.New(fault.Invalid, "the body did not come to its end: %w", err)
		case len(b) < cap(b):
			continue
		}
		more := min(2*room, MaxBody+spare)
		if err := s.take(more - room); err != nil {
			return nil, err
		}
		room = more
		b = append(make([]byte, 0, room), b...)
	}
}
