package otlp

import (
	"bytes"
	"fmt"
	"mime"
	"net/http"
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

// BadEncoding is an error: the compression of a body that nobody reads here.
type BadEncoding string

// Error implements error.
func (e BadEncoding) Error() string {
	return fmt.Sprintf("the Content-Encoding is %q; send gzip, or none", string(e))
}

// gzipName is the compression that all senders know.
const gzipName = "gzip"

var unzippers sync.Pool

// unzip decompresses a body, whose room it gives back.
func (s *Share) unzip(body []byte) ([]byte, error) {
	defer s.give(cap(body))
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
	out, err := s.readAll(z, 4*len(body))
	if err != nil && fault.CodeOf(err) == fault.Invalid {
		err = fault.New(fault.Invalid, "the body is not gzip as a whole: %w", err)
	}
	return out, err
}
