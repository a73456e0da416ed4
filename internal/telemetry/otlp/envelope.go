package otlp

import (
	"bytes"
	wire "encoding/binary"
	"io"
	"net/http"
	"strings"
)

// prefixLen is what stands before a message of gRPC: whether it is compressed, and how
// long it is.
const prefixLen = 5

// unpack returns a request of a procedure whose message is in memory, without
// compression: Connect, which reads it, would do both for as many requests at once as
// there are. What is not as it should be it leaves to Connect.
func (s *Share) unpack(q *http.Request) (*http.Request, error) {
	if !strings.HasPrefix(strings.ToLower(q.Header.Get("Content-Type")), "application/grpc") {
		return s.unpackPlain(q)
	}
	to := q.WithContext(q.Context())
	prefix := make([]byte, prefixLen)
	n, _ := io.ReadFull(q.Body, prefix) // one that is cut off is for Connect to say
	size := wire.BigEndian.Uint32(prefix[1:])
	if n < prefixLen || size > MaxBody {
		to.Body = joined(q, prefix[:n])
		return to, nil
	}
	body, err := s.readAll(io.LimitReader(q.Body, int64(size)), int(size))
	if err != nil {
		return nil, err
	}
	if len(body) == int(size) && prefix[0] == 1 && q.Header.Get("Grpc-Encoding") == gzipName {
		if body, err = s.unzip(body); err != nil {
			return nil, err
		}
		prefix[0] = 0
		wire.BigEndian.PutUint32(prefix[1:], uint32(len(body)))
	}
	to.Body = joined(q, prefix, body)
	return to, s.copied(body)
}

// unpackPlain is unpack for Connect's own protocol, which has the message as it is.
func (s *Share) unpackPlain(q *http.Request) (*http.Request, error) {
	body, err := s.Read(q)
	if err != nil {
		return nil, err
	}
	to := q.WithContext(q.Context())
	to.Header = q.Header.Clone()
	to.Header.Del("Content-Encoding")
	to.Header.Del("Content-Length")
	to.ContentLength = int64(len(body))
	to.Body = joined(q, body)
	return to, s.copied(body)
}

// copied takes room for the two copies of a body that Connect and the codec make.
func (s *Share) copied(body []byte) error { return s.take(2 * len(body)) }

// joined is what was read of a request, and what follows in it.
func joined(q *http.Request, read ...[]byte) io.ReadCloser {
	readers := make([]io.Reader, 0, len(read)+1)
	for _, b := range read {
		readers = append(readers, bytes.NewReader(b))
	}
	return struct {
		io.Reader
		io.Closer
	}{io.MultiReader(append(readers, q.Body)...), q.Body}
}
