package probe

import (
	"context"
	"time"
)

// Kind says what a probe's result is for.
type Kind int

const (
	// Readiness begins as not ready.
	Readiness Kind = iota
	// Liveness begins as alive; when it fails the instance is to be restarted.
	Liveness
)

// Probe says how to ask. Exactly one of HTTP, TCP, Exec and Log is set; none
// means TCP. A zero number or duration takes the default.
type Probe struct {
	Kind Kind
	// HTTP is the path to GET ("/healthz"). 200 to 399 is a success.
	HTTP string
	// TCP succeeds when a connection is accepted.
	TCP bool
	// Exec is a command that runs beside the instance; exit code 0 is a success.
	Exec []string
	// Log waits for a line in the instance's output (Target.Log). It does not
	// become unready again.
	Log bool

	InitialDelay     time.Duration // before the first ask; default 0
	Period           time.Duration // between two asks; default 10 s
	Timeout          time.Duration // of one ask; default 1 s
	SuccessThreshold int           // consecutive successes to count; default 1; always 1 for Liveness
	FailureThreshold int           // consecutive failures to count; default 3
}

// WithDefaults returns p with its zero fields filled in.
func (p Probe) WithDefaults() Probe {
	if p.HTTP == "" && len(p.Exec) == 0 && !p.Log {
		p.TCP = true
	}
	if p.Period <= 0 {
		p.Period = 10 * time.Second
	}
	if p.Timeout <= 0 {
		p.Timeout = time.Second
	}
	if p.SuccessThreshold <= 0 || p.Kind == Liveness {
		p.SuccessThreshold = 1
	}
	if p.FailureThreshold <= 0 {
		p.FailureThreshold = 3
	}
	return p
}

// Target is the instance to ask. Only what the probe's kind needs has to be set.
type Target struct {
	// Addr is host:port.
	Addr string
	// Exec runs a command beside the instance, as driver.Process.Exec does.
	Exec func(ctx context.Context, argv []string) error
	// Log is closed when the line came.
	Log <-chan struct{}
	// Owns tells who listens on the port of Addr, as driver.Process.Owns does. Nil:
	// not checked.
	Owns func() (listening, owner bool, addr string, ok bool)
}

// state counts towards the thresholds.
type state struct {
	p       Probe
	ready   bool
	ever    bool // it was ready once
	streak  int  // consecutive results that speak against ready
	told    bool
	reason  string
	pending string // why the last ask failed
}

// take counts one result; reason is empty for a success. It returns whether
// there is something to tell.
func (s *state) take(reason string) bool {
	s.pending = reason
	if (reason == "") == s.ready {
		s.streak = 0
	} else {
		s.streak++
	}
	need := s.p.SuccessThreshold
	if s.ready {
		need = s.p.FailureThreshold
	}
	turned := s.streak >= need
	if turned {
		s.ready, s.streak = !s.ready, 0
		s.ever = s.ever || s.ready
	}
	return s.news(turned)
}

// news tells whether what is to be told differs from what was told. While it is
// not ready every new reason is told.
func (s *state) news(turned bool) bool {
	reason := ""
	if !s.ready {
		reason = s.pending
		if reason == "" {
			reason = s.reason // succeeding, but not often enough yet
		}
	}
	if s.told && !turned && reason == s.reason {
		return false
	}
	s.told, s.reason = true, reason
	return true
}
