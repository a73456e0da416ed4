package access

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"sync"
	"time"
)

const (
	// SessionLife is how long a session lasts at most, and sessionIdle without use.
	SessionLife = 30 * 24 * time.Hour
	sessionIdle = 7 * 24 * time.Hour
	// usedEvery is how exactly a session's last use is stored.
	usedEvery = time.Hour
	// mostSessions are kept; the one that was used longest ago gives way.
	mostSessions = 100
	// mostOfSubject are kept of one that an identity provider knows, in the same way:
	// nobody pushes others out by signing in again and again.
	mostOfSubject = 5
)

// ErrOver is why what a session has going on ends with it.
var ErrOver = errors.New("the session is over")

// Session is a browser that was let in.
type Session struct {
	Grant
	Created time.Time `json:"created"`
	Used    time.Time `json:"used"`
	Until   time.Time `json:"until"`
}

func (s *Session) over(now time.Time) bool {
	return !now.Before(s.Until) || now.Sub(s.Used) >= sessionIdle
}

// Keeper stores sessions by the hash of their secret. That one is not stored is
// worth a line in a log, not an error: the browser is let in again.
type Keeper interface {
	Save(id string, s Session)
	Remove(id string)
}

// Sessions are the browsers that were let in. It is safe for concurrent use.
type Sessions struct {
	keeper Keeper
	now    func() time.Time

	mu    sync.Mutex
	all   map[string]Session
	going map[string]map[*going]struct{} // what ends with a session, by its id
}

// going is something that goes on in the name of a session.
type going struct{ end context.CancelCauseFunc }

// NewSessions returns those that were kept and are not over.
func NewSessions(keeper Keeper, kept map[string]Session, now func() time.Time) *Sessions {
	s := &Sessions{keeper: keeper, now: now, all: map[string]Session{}, going: map[string]map[*going]struct{}{}}
	for id, old := range kept {
		if old.over(now()) {
			keeper.Remove(id)
			continue
		}
		s.all[id] = old
	}
	return s
}

// Begin makes a session that lasts at most that long, and returns its secret.
func (s *Sessions) Begin(g Grant, most time.Duration) (secret string) {
	secret = newSecret()
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	s.makeRoom(now, g.Subject)
	id, session := idOf(secret), Session{Grant: g, Created: now, Used: now, Until: now.Add(most)}
	s.all[id] = session
	s.keeper.Save(id, session)
	return secret
}

// makeRoom drops the sessions that are over, and where there are too many, of the
// subject or in all, the one that was used longest ago.
func (s *Sessions) makeRoom(now time.Time, subject string) {
	if len(s.all) < mostSessions && subject == "" {
		return
	}
	oldest, oldestOf, of := "", "", 0
	for id, session := range s.all {
		if session.over(now) {
			s.drop(id)
			continue
		}
		oldest = s.older(oldest, id)
		if subject != "" && session.Subject == subject {
			oldestOf = s.older(oldestOf, id)
			of++
		}
	}
	switch {
	case of >= mostOfSubject:
		s.drop(oldestOf)
	case len(s.all) >= mostSessions:
		s.drop(oldest)
	}
}

// older is the one of two sessions that was used longer ago; "" is none.
func (s *Sessions) older(a, b string) string {
	if a == "" || s.all[b].Used.Before(s.all[a].Used) {
		return b
	}
	return a
}

// Find returns the session with that secret, and its id, which is none.
func (s *Sessions) Find(secret string) (session Session, id string, ok bool) {
	if secret == "" {
		return Session{}, "", false
	}
	id = idOf(secret)
	s.mu.Lock()
	defer s.mu.Unlock()
	session, ok = s.all[id]
	if !ok {
		return Session{}, "", false
	}
	now := s.now()
	if session.over(now) {
		s.drop(id)
		return Session{}, "", false
	}
	if now.Sub(session.Used) >= usedEvery {
		session.Used = now
		s.all[id] = session
		s.keeper.Save(id, session)
	}
	return session, id, true
}

// End ends the session with that secret, if there is one.
func (s *Sessions) End(secret string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if id := idOf(secret); !s.all[id].Created.IsZero() {
		s.drop(id)
	}
}

// Keep ends the sessions that are not to be kept.
func (s *Sessions) Keep(kept func(*Session) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, session := range s.all {
		if !kept(&session) {
			s.drop(id)
		}
	}
}

// Context returns a context for what is done in the name of the session with that id.
// It ends with the session, for ErrOver. The caller calls done.
func (s *Sessions) Context(parent context.Context, id string) (ctx context.Context, done func()) {
	ctx, end := context.WithCancelCause(parent)
	s.mu.Lock()
	defer s.mu.Unlock()
	session, ok := s.all[id]
	if !ok {
		end(ErrOver)
		return ctx, func() { end(nil) }
	}
	timer := time.AfterFunc(session.Until.Sub(s.now()), func() { end(ErrOver) })
	one := &going{end: end}
	if s.going[id] == nil {
		s.going[id] = map[*going]struct{}{}
	}
	s.going[id][one] = struct{}{}
	return ctx, func() {
		timer.Stop()
		end(nil)
		s.mu.Lock()
		defer s.mu.Unlock()
		if delete(s.going[id], one); len(s.going[id]) == 0 {
			delete(s.going, id)
		}
	}
}

func (s *Sessions) drop(id string) {
	delete(s.all, id)
	s.keeper.Remove(id)
	for one := range s.going[id] {
		one.end(ErrOver)
	}
	delete(s.going, id)
}

func idOf(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}
