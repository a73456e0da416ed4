package gateway

import (
	"hash/maphash"
	"math"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"github.com/banyanrun/banyan/internal/route"
)

const (
	limitShards = 32
	// limitKeys is how many clients one shard remembers at most; about 100 B each.
	limitKeys = 4096
	// limitLook is how many others a new client makes a shard look at.
	limitLook = 4
)

// Limiter is the generic cell rate algorithm (ITU-T I.371): of each client it
// keeps one time, at which the client's bucket will be full again. A full
// bucket is the same as none, so it is forgotten; when a shard is crowded with
// clients that are not, one of the least loaded goes.
type Limiter struct {
	cfg      route.RateLimit
	interval int64 // ns a request
	depth    int64 // ns of a burst
	seed     maphash.Seed
	shards   [limitShards]struct {
		mu   sync.Mutex
		full map[string]int64 // unix ns
	}
}

// NewLimiter returns a limiter of cfg's rate; Requests and Per must be positive.
func NewLimiter(cfg route.RateLimit) *Limiter {
	interval := max(1, int64(cfg.Per)/int64(max(1, cfg.Requests)))
	burst := cfg.Burst
	if burst <= 0 {
		burst = max(1, cfg.Requests)
	}
	l := &Limiter{cfg: cfg, interval: interval, depth: interval * int64(burst), seed: maphash.MakeSeed()}
	for i := range l.shards {
		l.shards[i].full = map[string]int64{}
	}
	return l
}

// Config is what the limiter was made of.
func (l *Limiter) Config() route.RateLimit { return l.cfg }

// Decision is what a limiter says about one request.
type Decision struct {
	OK        bool
	Limit     int           // burst
	Remaining int           // requests that could follow at once
	Reset     time.Duration // until the bucket is full
	Retry     time.Duration // until a request is let through; 0 if this one was
}

// Allow counts one request of the client key.
func (l *Limiter) Allow(key string, now time.Time) Decision {
	t := now.UnixNano()
	s := &l.shards[maphash.String(l.seed, key)%limitShards]
	s.mu.Lock()
	defer s.mu.Unlock()
	full, known := s.full[key]
	full = max(full, t)
	next := full + l.interval
	if wait := next - l.depth - t; wait > 0 {
		return l.decide(false, full-t, time.Duration(wait))
	}
	if !known {
		forget(s.full, t)
	}
	s.full[key] = next
	return l.decide(true, next-t, 0)
}

func (l *Limiter) decide(ok bool, used int64, retry time.Duration) Decision {
	return Decision{
		OK: ok, Limit: int(l.depth / l.interval), Remaining: int(max(0, (l.depth-used)/l.interval)),
		Reset: time.Duration(used), Retry: retry,
	}
}

// forget makes room: full buckets among a few random ones go; in a crowded
// shard the fullest of them goes in any case.
func forget(full map[string]int64, now int64) {
	looked, best, bestAt := 0, "", int64(math.MaxInt64)
	for k, at := range full {
		if at <= now {
			delete(full, k)
		} else if at < bestAt {
			best, bestAt = k, at
		}
		if looked++; looked >= limitLook {
			break
		}
	}
	if len(full) >= limitKeys {
		delete(full, best)
	}
}

// Header sets the RateLimit fields, and Retry-After for a request that is refused; whole seconds, rounded up.
func (d Decision) Header(h http.Header) {
	h["Ratelimit-Limit"] = []string{strconv.Itoa(d.Limit)}
	h["Ratelimit-Remaining"] = []string{strconv.Itoa(d.Remaining)}
	h["Ratelimit-Reset"] = []string{seconds(d.Reset)}
	if !d.OK {
		h["Retry-After"] = []string{seconds(max(d.Retry, 1))}
	}
}

func seconds(d time.Duration) string {
	return strconv.FormatInt(int64((d+time.Second-1)/time.Second), 10)
}

// AddressKey is the key of a client address: an IPv4 address, or an IPv6
// network of 64 bits, of which one client has all.
func AddressKey(ip string) string {
	a, err := netip.ParseAddr(ip)
	if err != nil {
		return ip
	}
	a = a.Unmap().WithZone("")
	if a.Is4() {
		return a.String()
	}
	p, err := a.Prefix(64)
	if err != nil {
		return a.String()
	}
	return p.String()
}
