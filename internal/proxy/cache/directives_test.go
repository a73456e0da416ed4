package cache

import (
	"bytes"
	"strings"
	"testing"

	"github.com/banyanrun/banyan/internal/proxy/message"
)

func TestDirectives(t *testing.T) {
	const no = -1
	for line, want := range map[string]directives{
		"":                                  {maxAge: no, sMaxAge: no, minFresh: no, staleIfError: no},
		" , ,\t,":                           {maxAge: no, sMaxAge: no, minFresh: no, staleIfError: no},
		"max-age=5":                         {maxAge: 5, sMaxAge: no, minFresh: no, staleIfError: no},
		"No-Store,MAX-AGE = 5 , public":     {noStore: true, public: true, maxAge: 5, sMaxAge: no, minFresh: no, staleIfError: no},
		`max-age="5"x, s-maxage="6"`:        {maxAge: 5, sMaxAge: 6, minFresh: no, staleIfError: no},
		`a="no-store, \"no-cache", private`: {private: true, maxAge: no, sMaxAge: no, minFresh: no, staleIfError: no},
		`a="x\", no-store, \"", private`:    {private: true, maxAge: no, sMaxAge: no, minFresh: no, staleIfError: no},
		`a="no-store`:                       {maxAge: no, sMaxAge: no, minFresh: no, staleIfError: no},
		`a="x\`:                             {maxAge: no, sMaxAge: no, minFresh: no, staleIfError: no},
		"=5, no-cache=, no-stores":          {noCache: true, maxAge: no, sMaxAge: no, minFresh: no, staleIfError: no},
		"max-age=-1, min-fresh=1.5":         {maxAge: 0, sMaxAge: no, minFresh: mostSeconds, staleIfError: no},
		"stale-if-error=7, s-maxage=1,s-maxage=2, must-revalidate": {
			revalidate: true, maxAge: no, sMaxAge: 0, minFresh: no, staleIfError: 7,
		},
		"proxy-revalidate, only-if-cached": {revalidate: true, onlyIfCached: true, maxAge: no, sMaxAge: no, minFresh: no, staleIfError: no},
	} {
		if d := control(response(200, "Cache-Control: "+line)); d != want {
			t.Errorf("%q: %+v", line, d)
		}
	}
}

// FuzzDirectives: whatever stands there, lines and one list of them mean the
// same, case does not count, and what is prohibited stays so, whatever else is said.
func FuzzDirectives(f *testing.F) {
	for _, s := range []string{"max-age=5, no-store", `private="a, b", s-maxage="1"`, `a="\"`, "=,=\x00,", "max-age=99999999999999999999"} {
		f.Add(s, "no-cache, min-fresh=7")
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		read := func(lines ...string) directives {
			h := &message.Head{Status: 200}
			for _, l := range lines {
				h.Add(message.CacheControl, []byte(l))
			}
			return control(h)
		}
		d := read(a)
		for _, n := range []int64{d.maxAge, d.sMaxAge, d.minFresh, d.staleIfError} {
			if n < -1 || n > mostSeconds {
				t.Fatalf("%q: %+v", a, d)
			}
		}
		if read(strings.ToUpper(a)) != read(strings.ToLower(a)) && isASCII(a) {
			t.Fatalf("%q: case counts", a)
		}
		both := read(a, b)
		if !strings.ContainsAny(a, `"\`) && read(a+","+b) != both {
			t.Fatalf("%q, %q: lines are not a list", a, b)
		}
		if d.noStore && !both.noStore || d.private && !both.private || d.noCache && !both.noCache || d.revalidate && !both.revalidate ||
			d.maxAge >= 0 && both.maxAge > d.maxAge || d.sMaxAge >= 0 && both.sMaxAge > d.sMaxAge || both.minFresh < d.minFresh {
			t.Fatalf("%q and then %q: %+v, %+v", a, b, d, both)
		}
	})
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r > 126 })
}

func FuzzMatches(f *testing.F) {
	f.Add(`"a", W/"b"`, `W/"b"`)
	f.Add(`*`, `"x"`)
	f.Add(`"a`, `a`)
	f.Fuzz(func(t *testing.T, list, tag string) {
		yes := matches([]byte(list), []byte(tag))
		if strings.TrimSpace(list) == "*" {
			return
		}
		if o := opaque([]byte(tag)); yes && (o == nil || !bytes.Contains([]byte(list), o)) {
			t.Fatalf("%q has %q", list, tag)
		} else if o != nil && !strings.Contains(list, `"`) && !matches([]byte(list+", "+tag), []byte(tag)) {
			t.Fatalf("%q and itself lacks %q", list, tag)
		}
	})
}
