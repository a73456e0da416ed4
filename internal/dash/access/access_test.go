package access_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/banyanrun/banyan/internal/dash/access"
	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
)

// advance lets a bubble's time pass, and what happens in it happen.
func advance(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// TestEveryProcedureIsClassified: what is added to a service is refused to browsers
// until somebody decides who may call it.
func TestEveryProcedureIsClassified(t *testing.T) {
	never := map[string]bool{
		"/banyan.v1.ControlService/Apply":             true, // it runs what a file says
		"/banyan.v1.DashboardService/OpenDashboard":   true, // a session would last for ever
		"/banyan.v1.BusService/Publish":               true, // for services
		"/banyan.v1.BusService/PublishBatch":          true,
		"/banyan.v1.TelemetryService/NoSuchProcedure": true,
	}
	for _, file := range []protoreflect.FileDescriptor{banyanv1.File_banyan_v1_control_proto, banyanv1.File_banyan_v1_telemetry_proto, banyanv1.File_banyan_v1_dashboard_proto} {
		for i := range file.Services().Len() {
			s := file.Services().Get(i)
			for k := range s.Methods().Len() {
				m := s.Methods().Get(k)
				procedure := fmt.Sprintf("/%s/%s", s.FullName(), m.Name())
				need := access.NeedOf(procedure)
				if need == access.Never && !never[procedure] {
					t.Errorf("%s is not classified: add it to role.go, or here", procedure)
				}
				if need == access.Act && (m.IsStreamingServer() || m.IsStreamingClient()) {
					t.Errorf("%s acts and streams, so no record of it is made", procedure)
				}
			}
		}
	}
	for procedure := range never {
		if access.NeedOf(procedure) != access.Never {
			t.Errorf("a browser may call %s", procedure)
		}
	}
	if access.Operator.May(access.Never) || access.Viewer.May(access.Act) || access.Role("").May(access.Read) {
		t.Error("somebody may do more than their role says")
	}
	if !access.Viewer.May(access.Read) || !access.Operator.May(access.Read) || !access.Operator.May(access.Act) {
		t.Error("somebody may do less than their role says")
	}
}

func TestTokenLetsInOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tokens := access.NewTokens(time.Now)
		secret, until := tokens.Issue(access.Grant{Who: "a", Role: access.Viewer})
		if time.Until(until) != access.TokenLife || len(secret) < 40 {
			t.Errorf("until %s, %d characters", until, len(secret))
		}
		if _, ok := tokens.Take(secret + "x"); ok {
			t.Error("another token lets in")
		}
		if g, ok := tokens.Take(secret); !ok || g.Role != access.Viewer || g.Who != "a" {
			t.Errorf("%+v, %v", g, ok)
		}
		if _, ok := tokens.Take(secret); ok {
			t.Error("it lets in twice")
		}
		secret, _ = tokens.Issue(access.Grant{Role: access.Operator})
		advance(access.TokenLife)
		if _, ok := tokens.Take(secret); ok {
			t.Error("it lets in too late")
		}
		if _, ok := tokens.Take(""); ok {
			t.Error("no token lets in")
		}
	})
}

func TestTokensAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tokens := access.NewTokens(time.Now)
		var secrets []string
		for range 40 {
			secret, _ := tokens.Issue(access.Grant{Role: access.Viewer})
			secrets = append(secrets, secret)
			advance(time.Second)
		}
		in := 0
		for i, secret := range secrets {
			if _, ok := tokens.Take(secret); ok {
				in++
				if i < 8 {
					t.Errorf("the oldest, %d, still lets in", i)
				}
			}
		}
		if in != 32 {
			t.Errorf("%d of 40 let in", in)
		}
	})
}

// drawer keeps sessions as the state does.
type drawer map[string]access.Session

func (d drawer) Save(id string, s access.Session) { d[id] = s }
func (d drawer) Remove(id string)                 { delete(d, id) }

func TestSessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kept := drawer{}
		s := access.NewSessions(kept, nil, time.Now)
		secret := s.Begin(access.Grant{Who: "a", Role: access.Operator}, access.SessionLife)
		for id := range kept {
			if strings.Contains(id, secret) || strings.Contains(secret, id) {
				t.Error("the secret is stored")
			}
		}
		again := access.NewSessions(kept, maps.Clone(kept), time.Now) // another daemon
		for range 5 {                                                 // used every 6 days
			advance(6*24*time.Hour - time.Second)
			if found, _, ok := again.Find(secret); !ok && time.Since(found.Created) < access.SessionLife {
				t.Fatal("it ended early")
			}
		}
		advance(time.Hour)
		if _, _, ok := again.Find(secret); ok || len(kept) != 0 {
			t.Errorf("it goes on after 30 days; %d are kept", len(kept))
		}

		secret = s.Begin(access.Grant{Role: access.Viewer}, access.SessionLife)
		advance(7 * 24 * time.Hour)
		if _, _, ok := s.Find(secret); ok {
			t.Error("it goes on without use")
		}
		secret = s.Begin(access.Grant{Role: access.Viewer}, access.SessionLife)
		s.End("another")
		if _, _, ok := s.Find(secret); !ok {
			t.Error("another's end ended it")
		}
		s.End(secret)
		if _, _, ok := s.Find(secret); ok {
			t.Error("it goes on after its end")
		}
		if _, _, ok := s.Find(""); ok {
			t.Error("nothing is a session")
		}
	})
}

func TestSessionsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kept := drawer{}
		s := access.NewSessions(kept, nil, time.Now)
		first := s.Begin(access.Grant{Role: access.Viewer}, access.SessionLife)
		for range 150 {
			advance(time.Second)
			s.Begin(access.Grant{Role: access.Viewer}, access.SessionLife)
		}
		if _, _, ok := s.Find(first); ok || len(kept) != 100 {
			t.Errorf("%d are kept, the first %v", len(kept), ok)
		}
		old := maps.Clone(kept)
		advance(8 * 24 * time.Hour)
		if access.NewSessions(kept, old, time.Now); len(kept) != 0 {
			t.Errorf("%d that are over are kept", len(kept))
		}
	})
}

// One person who signs in again and again pushes out nobody but himself.
func TestSessionsOfOneSubject(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kept := drawer{}
		s := access.NewSessions(kept, nil, time.Now)
		link := s.Begin(access.Grant{Role: access.Operator}, access.SessionLife)
		var secrets []string
		for range 150 {
			advance(time.Second)
			secrets = append(secrets, s.Begin(access.Grant{Role: access.Viewer, Subject: "a"}, access.SessionLife))
		}
		if _, _, ok := s.Find(link); !ok || len(kept) != 6 {
			t.Errorf("%d are kept, the first %v", len(kept), ok)
		}
		if _, _, ok := s.Find(secrets[149]); !ok {
			t.Error("the newest is not kept")
		}
	})
}

func TestWhatEndsWithASession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := access.NewSessions(drawer{}, nil, time.Now)
		begin := func(life time.Duration) (secret string, ctx context.Context) {
			secret = s.Begin(access.Grant{Role: access.Viewer}, life)
			_, id, _ := s.Find(secret)
			ctx, done := s.Context(t.Context(), id)
			t.Cleanup(done)
			return secret, ctx
		}
		_, other := begin(access.SessionLife)
		secret, ctx := begin(access.SessionLife)
		s.End(secret)
		if !errors.Is(context.Cause(ctx), access.ErrOver) {
			t.Errorf("signed out: %v", context.Cause(ctx))
		}
		_, ctx = begin(time.Hour)
		advance(time.Hour)
		if !errors.Is(context.Cause(ctx), access.ErrOver) || other.Err() != nil {
			t.Errorf("its time is over: %v, another: %v", context.Cause(ctx), other.Err())
		}
		s.Keep(func(*access.Session) bool { return false })
		if !errors.Is(context.Cause(other), access.ErrOver) {
			t.Errorf("not kept: %v", context.Cause(other))
		}
		if ctx, done := s.Context(t.Context(), "nothing"); ctx.Err() == nil {
			t.Error("there is a session of the id nothing")
			done()
		}
	})
}

func TestHost(t *testing.T) {
	host := access.NewHost("shop")
	if host == access.NewHost("shop") || !strings.HasPrefix(host, "shop-") || !strings.HasSuffix(host, access.Domain) || strings.ToLower(host) != host {
		t.Errorf("the host is %s", host)
	}
	label, _, _ := strings.Cut(access.NewHost(strings.Repeat("a", 39)), ".")
	if len(label) > 63 {
		t.Errorf("a label of %d", len(label))
	}
	for field, want := range map[string]bool{
		host: true, host + ":8800": true, strings.ToUpper(host) + ":9": true, host + ".:8800": true,
		"": false, "127.0.0.1:8800": false, "localhost:8800": false, "banyan.localhost:8800": false, "evil.example": false,
		host + ".evil.example": false, "x" + host: false, "[::1]:8800": false, "shop-aaaaaaaa.banyan.localhost": false,
	} {
		if got := access.HostIs(field, host); got != want {
			t.Errorf("%q: %v", field, got)
		}
	}
}
