package otlp

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"

	"github.com/banyanrun/banyan/internal/fault"
)

var errLarge = TooLarge(fmt.Sprintf("the request is larger than %d MiB, compressed or not; send fewer records at once", MaxBody>>20))

// formOf returns how a request is written; nil: it is known.
func formOf(h http.Header) (form, *failure) {
	media, _, _ := mime.ParseMediaType(h.Get("Content-Type")) // of a broken one, what is there of it
	switch media {
	case "application/x-protobuf", "application/protobuf":
		return binary, nil
	case "application/json":
		return text, nil
	}
	return text, &failure{status: http.StatusUnsupportedMediaType, code: unimplemented, message: fmt.Sprintf("the Content-Type is %q; send application/x-protobuf or application/json", media)}
}

// ReadBody reads a request to its end, and decompresses it. What is longer than
// MaxBody is an error, before and after.
func ReadBody(q *http.Request) ([]byte, error) {
	if q.ContentLength > MaxBody {
		return nil, errLarge
	}
	body, err := readAll(q.Body, int(q.ContentLength))
	if err != nil {
		return nil, err
	}
	switch encoding := strings.ToLower(strings.TrimSpace(q.Header.Get("Content-Encoding"))); encoding {
	case "", "identity":
		return body, nil
	case "gzip":
		return unzip(body)
	default:
		return nil, BadEncoding(encoding)
	}
}

// BadEncoding is an error: the compression of a body that nobody reads here.
type BadEncoding string

// Error implements error.
func (e BadEncoding) Error() string {
	return fmt.Sprintf("the Content-Encoding is %q; send gzip, or none", string(e))
}

var unzippers sync.Pool

func unzip(body []byte) ([]byte, error) {
	from := bytes.NewReader(body)
	z, ok := unzippers.Get().(*gzip.Reader)
	var err error
	if ok {
		err = z.Reset(from)
	} else {
		z, err = gzip.NewReader(from)
	}
	if err != nil {
		return nil, fault.New(fault.Invalid, "the body is not gzip: %w", err)
	}
	defer unzippers.Put(z)
	out, err := readAll(z, 4*len(body))
	if err != nil && !errors.As(err, new(TooLarge)) {
		err = fault.New(fault.Invalid, "the body is not gzip as a whole: %w", err)
	}
	return out, err
}

// readAll reads MaxBody at most. The size is a guess.
func readAll(r io.Reader, size int) ([]byte, error) {
	const spare = 512 // so that a right guess need not grow to find the end
	b := make([]byte, 0, min(max(size, 0), 1<<20)+spare)
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
		case len(b) == cap(b):
			b = append(b, 0)[:len(b)]
		}
	}
}
