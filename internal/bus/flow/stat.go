package flow

import "time"

// Condition is what a subscription as a whole does.
type Condition int

// The conditions.
const (
	Running Condition = iota
	Blocked           // so much is open that no more is read
	Probing           // nobody sees deliveries
	Held              // the subscriber asked for time
	Ended             // the subscriber wants no more
	Paused
)

// String returns the word that people see.
func (c Condition) String() string {
	return [...]string{"running", "blocked-keys", "probing", "held", "gone", "paused"}[c]
}

// Stat is the state of a subscription.
type Stat struct {
	Condition Condition
	Until     time.Time // of Held, and the next try of Probing; else zero
	Open      int       // read and not done
	Busy      int       // under way, and dead letters being stored
	Delayed   int       // waiting for their next attempt
}

// Stat returns the state at a time.
func (f *Flow) Stat(now time.Time) Stat {
	s := Stat{Open: len(f.open), Busy: f.busy, Delayed: len(f.waiting)}
	switch {
	case f.paused:
		s.Condition = Paused
	case f.gone:
		s.Condition = Ended
	case now.Before(f.hold):
		s.Condition, s.Until = Held, f.hold
	case f.probe.wait > 0:
		s.Condition, s.Until = Probing, f.probe.at
	case f.here() >= f.config.MaxOpen:
		s.Condition = Blocked
	}
	return s
}
