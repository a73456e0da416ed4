package proxy

import (
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// informational passes a 1xx answer on.
func (x *exchange) informational(code int, from map[string][]string) {
	h := x.w.Header()
	maps.Copy(h, from)
	x.startWrite()
	x.w.WriteHeader(code)
	x.endWrite()
	for k := range from {
		delete(h, k)
	}
}

// relay passes resp on to the client; the instance stays acquired meanwhile.
func (x *exchange) relay(resp *http.Response, inst *instance) {
	if resp.StatusCode == http.StatusSwitchingProtocols {
		x.switchProtocols(resp, inst)
		return
	}
	defer resp.Body.Close()
	h := x.w.Header()
	dropHopByHop(resp.Header)
	x.copyHeader(h, resp.Header)
	announced := announceTrailers(h, resp.Trailer)
	x.finishBody()
	x.status = resp.StatusCode
	x.w.WriteHeader(resp.StatusCode)

	err := x.copyBody(resp)
	if err != nil {
		x.broken(resp, inst, err)
		return
	}
	copyTrailers(h, resp.Trailer, announced)
	x.startWrite() // the server writes the rest when the handler returns
	x.done = true
}

func (x *exchange) copyHeader(to, from http.Header) {
	for k, vs := range from {
		if !isDataPlanes(k) {
			to[k] = vs
		}
	}
	to["X-Request-Id"] = []string{x.reqID}
	if x.adjust != nil {
		x.adjust(to)
	}
}

// announceTrailers names the trailers that resp announced, and returns how many.
func announceTrailers(h, trailer http.Header) int {
	if len(trailer) == 0 {
		return 0
	}
	h["Trailer"] = []string{strings.Join(slices.Sorted(maps.Keys(trailer)), ", ")}
	return len(trailer)
}

// copyTrailers sets what came after the body, announced or not.
func copyTrailers(h, trailer http.Header, announced int) {
	prefix := ""
	if len(trailer) != announced {
		prefix = http.TrailerPrefix
	}
	for k, vs := range trailer {
		if k == errorHeader {
			continue
		}
		h[prefix+k] = vs
	}
}

// broken ends an answer whose body did not come to its end: the client must be
// able to see that. A gRPC client gets a status, others a broken connection.
func (x *exchange) broken(resp *http.Response, inst *instance, err error) {
	x.fail = x.failed(UpstreamReset, inst, shortError(err))
	if x.r.Context().Err() != nil || isClientSide(err) {
		x.fail = x.failed(ClientGone, inst, "")
		panic(http.ErrAbortHandler)
	}
	x.e.judge(x.edg, choice{inst: inst}, bad)
	if x.r.ProtoMajor == 2 && isGRPC(resp.Header) {
		h := x.w.Header()
		h.Set(http.TrailerPrefix+"Grpc-Status", "14")
		h.Set(http.TrailerPrefix+"Grpc-Message", string(UpstreamReset))
		return
	}
	panic(http.ErrAbortHandler)
}

// Buffers: small ones while little comes at once, so that many idle streams
// cost little; large ones once a small one was filled.
const (
	smallBuffer = 4 << 10
	largeBuffer = 32 << 10
)

var (
	smallBuffers = sync.Pool{New: func() any { return new([smallBuffer]byte) }}
	largeBuffers = sync.Pool{New: func() any { return new([largeBuffer]byte) }}
)

// copyBody relays the body as it comes: whatever has no known length, or is an
// event stream, is flushed at once.
func (x *exchange) copyBody(resp *http.Response) error {
	if x.r.Method == http.MethodHead || resp.ContentLength == 0 {
		return nil
	}
	flush := resp.ContentLength < 0 || strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream")
	if flush {
		// The header, now: the first event may take long.
		x.startWrite()
		err := x.rc.Flush()
		x.endWrite()
		if err != nil {
			return clientSide{err}
		}
	}
	small := smallBuffers.Get().(*[smallBuffer]byte) //nolint:forcetypeassert // the pool's only type
	full, err := x.pump(resp.Body, small[:], flush, true)
	smallBuffers.Put(small)
	if !full {
		return err
	}
	large := largeBuffers.Get().(*[largeBuffer]byte) //nolint:forcetypeassert // the pool's only type
	defer largeBuffers.Put(large)
	_, err = x.pump(resp.Body, large[:], flush, false)
	return err
}

// pump copies from src until its end; with small set only until buf was filled once.
func (x *exchange) pump(src io.Reader, buf []byte, flush, small bool) (full bool, err error) {
	for {
		n, rerr := src.Read(buf)
		if n > 0 {
			x.startWrite()
			w, werr := x.w.Write(buf[:n])
			x.out += int64(w)
			if werr == nil && flush {
				werr = x.rc.Flush()
			}
			x.endWrite()
			if werr != nil {
				return false, clientSide{werr}
			}
		}
		switch {
		case rerr == io.EOF:
			return false, nil
		case rerr != nil:
			return false, rerr
		case small && n == len(buf):
			return true, nil
		}
	}
}

// clientSide marks an error of writing to the client.
type clientSide struct{ error }

func (e clientSide) Unwrap() error { return e.error }

func isClientSide(err error) bool {
	_, ok := err.(clientSide) //nolint:errorlint // never wrapped
	return ok
}
