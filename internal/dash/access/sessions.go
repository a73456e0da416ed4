package access

import (
	"crypto/sha256"
	"encoding/hex"
	"sync"
	"time"
)

const (
	// SessionLife is how long a session lasts at most, and sessionIdle without use.
	SessionLife = 30 * 24 * time.Hour
	sessionIdle = 7 * 24 * time.Hour
	// SignedInLife is how long what an identity provider said is believed.
	SignedInLife = 12 * time.Hour
	// usedEvery is how exactly a session's last use is stored.
	usedEvery = time.Hour
	// mostSessions are kept; the one that was used longest ago gives way.
	mostSessions = 100
)

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

	mu  sync.Mutex
	all map[string]Session
}

// NewSessions returns those that were kept and are not over.
func NewSessions(keeper Keeper, kept map[string]Session, now func() time.Time) *Sessions {
	s := &Sessions{keeper: keeper, now: now, all: map[string]Session{}}
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
	if len(s.all) >= mostSessions {
		s.makeRoom(now)
	}
	id, session := idOf(secret), Session{Grant: g, Created: now, Used: now, Until: now.Add(most)}
	s.all[id] = session
	s.keeper.Save(id, session)
	return secret
}

// makeRoom drops the sessions that are over, and one more if there is none.
func (s *Sessions) makeRoom(now time.Time) {
	oldest := ""
	for id, session := range s.all {
		switch {
		case session.over(now):
			s.drop(id)
		case oldest == "" || session.Used.Before(s.all[oldest].Used):
			oldest = id
		}
	}
	if len(s.all) >= mostSessions {
		s.drop(oldest)
	}
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

func (s *Sessions) drop(id string) {
	delete(s.all, id)
	s.keeper.Remove(id)
}

func idOf(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}
