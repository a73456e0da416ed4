package dash

import (
	"io"
	"net/http"
	"time"
)

const (
	// strangerMost is how long an answer may take to be sent to somebody who is not let
	// in: whoever reads slowly on purpose must not hold connections.
	strangerMost = 30 * time.Second
	// visitorMost is the same for each part of an answer to somebody who is.
	visitorMost = 2 * time.Minute
	// bodyMost is how long each part of a request's body may take to come.
	bodyMost = 30 * time.Second
)

// patient is a writer for visitors: an answer may take long to be made, as long as
// it is taken.
type patient struct {
	http.ResponseWriter

	control *http.ResponseController
}

func newPatient(w http.ResponseWriter) *patient {
	return &patient{w, http.NewResponseController(w)}
}

// A writer without deadlines is one of a test.
func (p *patient) extend() { _ = p.control.SetWriteDeadline(time.Now().Add(visitorMost)) }

func (p *patient) WriteHeader(status int) {
	p.extend()
	p.ResponseWriter.WriteHeader(status)
}

func (p *patient) Write(b []byte) (int, error) {
	p.extend()
	return p.ResponseWriter.Write(b)
}

// FlushError is for http.ResponseController.
func (p *patient) FlushError() error {
	p.extend()
	return p.control.Flush()
}

// Flush implements http.Flusher.
func (p *patient) Flush() { _ = p.FlushError() } // whoever writes next sees why

// Unwrap is for http.ResponseController.
func (p *patient) Unwrap() http.ResponseWriter { return p.ResponseWriter }

// timed is a request's body that must go on to come. What is read after it, to see
// whether the client goes away, may take as long as it does.
type timed struct {
	io.ReadCloser

	control *http.ResponseController
}

func (t *timed) Read(b []byte) (int, error) {
	_ = t.control.SetReadDeadline(time.Now().Add(bodyMost)) // as above
	n, err := t.ReadCloser.Read(b)
	if err != nil {
		_ = t.control.SetReadDeadline(time.Time{}) // as above
	}
	return n, err
}
