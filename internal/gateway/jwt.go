package gateway

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/textproto"
	"slices"
	"strings"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jws"

	"github.com/banyanrun/banyan/internal/route"
)

// ErrInvalid is in the chain of errors that are the token's fault.
var ErrInvalid = errors.New("the token is not valid")

// ErrUnavailable is in the chain of errors that say that no key set could be had.
var ErrUnavailable = errors.New("the key set cannot be had")

// maxToken bounds a token, in bytes.
const maxToken = 16 << 10

// VerifierOptions are what a verifier needs of its surroundings.
type VerifierOptions struct {
	Client *http.Client     // fetches the key set; nil: one of its own
	Now    func() time.Time // nil: time.Now
	Report func(err error)  // fetching the set failed, or (nil) works again; may be nil
}

// Verifier checks bearer tokens. Its methods are safe for concurrent use.
type Verifier struct {
	cfg     route.JWT
	keys    *keySet
	now     func() time.Time
	algs    map[string]jwa.SignatureAlgorithm
	strip   map[string]bool // lower case, dashes
	forward [][2]string     // claim, canonical header
}

// NewVerifier returns a verifier that must be closed.
func NewVerifier(cfg route.JWT, o VerifierOptions) *Verifier {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Client == nil {
		o.Client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	}
	if o.Report == nil {
		o.Report = func(error) {}
	}
	v := &Verifier{
		cfg: cfg, now: o.Now, keys: newKeySet(cfg.JWKS, o.Client, o.Now, o.Report),
		algs: map[string]jwa.SignatureAlgorithm{}, strip: map[string]bool{},
	}
	for _, name := range cfg.Algorithms {
		// Whatever the configuration says: an algorithm without a public key is none.
		if alg, ok := jwa.LookupSignatureAlgorithm(name); ok && !alg.IsSymmetric() && alg != jwa.NoSignature() {
			v.algs[name] = alg
		}
	}
	for claim, header := range cfg.Forward {
		v.forward = append(v.forward, [2]string{claim, textproto.CanonicalMIMEHeaderKey(header)})
		v.strip[normal(header)] = true
	}
	return v
}

// Close ends fetches that are under way.
func (v *Verifier) Close() { v.keys.close() }

// Config is what the verifier was made of.
func (v *Verifier) Config() route.JWT { return v.cfg }

// Strips reports whether a request's header is to be removed: it has the name of
// a forwarded claim, in any spelling that a service could take for it.
func (v *Verifier) Strips(name string) bool {
	for claimed := range v.strip {
		if len(claimed) == len(name) && normal(name) == claimed {
			return true
		}
	}
	return false
}

func normal(name string) string { return strings.ToLower(strings.ReplaceAll(name, "_", "-")) }

// Claims are those of a verified token.
type Claims struct {
	Subject string
	all     map[string]any
}

// Verify checks token and returns its claims.
func (v *Verifier) Verify(ctx context.Context, token string) (*Claims, error) {
	head, err := parseHead(token)
	if err != nil {
		return nil, err
	}
	alg, ok := v.algs[head.Alg]
	if !ok {
		return nil, invalid("algorithm %.20q is not accepted", head.Alg)
	}
	keys, err := v.keys.find(ctx, head.Kid, head.Alg)
	if err != nil {
		return nil, err
	}
	if len(keys) == 0 {
		return nil, invalid("no key of the set fits it")
	}
	for _, k := range keys {
		payload, err := jws.VerifyCompactFast(k.pub, []byte(token), alg)
		if err == nil {
			return v.check(payload)
		}
	}
	return nil, invalid("the signature does not match")
}

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrInvalid, fmt.Errorf(format, args...))
}

type tokenHead struct {
	Alg  string          `json:"alg"`
	Kid  string          `json:"kid"`
	Crit json.RawMessage `json:"crit"`
	B64  *bool           `json:"b64"`
}

// parseHead reads a compact token's protected header. Extensions that must be
// understood (crit) are not, so such a token is refused (RFC 7515, 4.1.11).
func parseHead(token string) (tokenHead, error) {
	var head tokenHead
	if len(token) > maxToken || strings.Count(token, ".") != 2 {
		return head, invalid("it is no signed JWT")
	}
	part, _, _ := strings.Cut(token, ".")
	raw, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil || json.Unmarshal(raw, &head) != nil {
		return head, invalid("its header cannot be read")
	}
	if head.Crit != nil || head.B64 != nil {
		return head, invalid("it has critical extensions")
	}
	return head, nil
}

// check reads the payload and checks issuer, audience and times.
func (v *Verifier) check(payload []byte) (*Claims, error) {
	c := &Claims{}
	d := json.NewDecoder(bytes.NewReader(payload))
	d.UseNumber()
	if err := d.Decode(&c.all); err != nil || c.all == nil {
		return nil, invalid("its claims cannot be read")
	}
	c.Subject, _ = c.all["sub"].(string)
	if iss, _ := c.all["iss"].(string); v.cfg.Issuer != "" && iss != v.cfg.Issuer {
		return nil, invalid("its issuer is not the expected one")
	}
	if v.cfg.Audience != "" && !slices.Contains(stringsOf(c.all["aud"]), v.cfg.Audience) {
		return nil, invalid("it is for another audience")
	}
	if _, there := c.all["exp"]; !there {
		return nil, invalid("it has no exp, so it would never expire")
	}
	now := v.now()
	for _, limit := range []struct {
		claim, wrong string
		ok           func(time.Time) bool
	}{
		{"exp", "it has expired", func(t time.Time) bool { return now.Before(t.Add(v.cfg.Leeway)) }},
		{"nbf", "it is not valid yet", func(t time.Time) bool { return !now.Add(v.cfg.Leeway).Before(t) }},
		{"iat", "it was issued in the future", func(t time.Time) bool { return !now.Add(v.cfg.Leeway).Before(t) }},
	} {
		raw, there := c.all[limit.claim]
		if !there {
			continue
		}
		t, ok := numericDate(raw)
		if !ok {
			return nil, invalid("its %s is no date", limit.claim)
		}
		if !limit.ok(t) {
			return nil, invalid("%s", limit.wrong)
		}
	}
	return c, nil
}

// numericDate is RFC 7519's: seconds since 1970, maybe with a fraction.
func numericDate(raw any) (time.Time, bool) {
	n, ok := raw.(json.Number)
	if !ok {
		return time.Time{}, false
	}
	f, err := n.Float64()
	if err != nil || math.IsNaN(f) || math.Abs(f) > 1e11 {
		return time.Time{}, false
	}
	s, frac := math.Modf(f)
	return time.Unix(int64(s), int64(frac*1e9)), true
}

func stringsOf(raw any) []string {
	switch raw := raw.(type) {
	case string:
		return []string{raw}
	case []any:
		var list []string
		for _, e := range raw {
			if s, ok := e.(string); ok {
				list = append(list, s)
			}
		}
		return list
	}
	return nil
}

// Forward sets the headers that carry claims to the service. A claim that is
// not there, or could not stand in a header, is left out.
func (v *Verifier) Forward(c *Claims, h http.Header) {
	for _, f := range v.forward {
		if s, ok := headerValue(c.all[f[0]]); ok {
			h[f[1]] = []string{s}
		}
	}
}

// headerValue writes a claim: text, numbers and truth values as they are, lists
// of those with commas, the rest as JSON.
func headerValue(raw any) (string, bool) {
	var s string
	switch raw := raw.(type) {
	case nil:
		return "", false
	case string:
		s = raw
	case json.Number:
		s = raw.String()
	case []any:
		parts := make([]string, 0, len(raw))
		for _, e := range raw {
			p, ok := headerValue(e)
			if !ok || strings.Contains(p, ",") {
				return "", false
			}
			parts = append(parts, p)
		}
		s = strings.Join(parts, ",")
	default:
		b, err := json.Marshal(raw)
		if err != nil {
			return "", false
		}
		s = string(b)
	}
	for i := range len(s) {
		if s[i] < ' ' || s[i] == 0x7f {
			return "", false
		}
	}
	return s, s != ""
}

// Token takes the token out of an Authorization header's value; "" without one.
func Token(v string) string {
	if len(v) < 7 || !strings.EqualFold(v[:7], "bearer ") {
		return ""
	}
	return strings.TrimSpace(v[7:])
}
