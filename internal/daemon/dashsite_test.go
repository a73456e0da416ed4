package daemon

import (
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/banyanrun/banyan/appfile"
	"github.com/banyanrun/banyan/internal/dash"
	"github.com/banyanrun/banyan/internal/fault"
	"github.com/banyanrun/banyan/internal/ports"
	"github.com/banyanrun/banyan/internal/state"
)

// closedDaemon has what it needs to find a place for the dashboard.
func closedDaemon(t *testing.T) *daemon {
	t.Helper()
	dir := t.TempDir()
	store, err := state.Open(t.Context(), filepath.Join(dir, "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() }) // nothing is written at the end
	leases, err := ports.New(filepath.Join(dir, "ports"), dir, "a", nil)
	if err != nil {
		t.Fatal(err)
	}
	return &daemon{store: store, ports: leases, effects: &effects{changed: make(chan struct{})}}
}

func (d *daemon) site(t *testing.T, wish appfile.Dashboard, app string) dash.Site {
	t.Helper()
	site, err := d.dashSite(t.Context(), wish, app)
	if err != nil {
		t.Fatal(err)
	}
	if err := closeAll(site.Listeners); err != nil {
		t.Error(err)
	}
	return site
}

func TestDashboardStaysWhereItIs(t *testing.T) {
	d := closedDaemon(t)
	first := d.site(t, appfile.Dashboard{}, "shop")
	if !strings.HasPrefix(first.Host, "shop-") || !strings.HasPrefix(first.URL, "http://"+first.Host+":") || first.Secure {
		t.Errorf("%+v", first)
	}
	if again := d.site(t, appfile.Dashboard{}, "shop"); again.URL != first.URL {
		t.Errorf("it was at %s and is at %s", first.URL, again.URL)
	}
	for _, l := range first.Listeners {
		if !net.ParseIP(hostOf(l.Addr().String())).IsLoopback() {
			t.Errorf("it listens on %s", l.Addr())
		}
	}
	_, port, err := net.SplitHostPort(strings.TrimPrefix(first.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	other, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", port))
	if err != nil {
		t.Fatal(err)
	}
	moved := d.site(t, appfile.Dashboard{}, "shop")
	if moved.Host != first.Host || moved.URL == first.URL {
		t.Errorf("it is at %s, where somebody else is", moved.URL)
	}
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	if after := d.site(t, appfile.Dashboard{}, "shop"); after.URL != moved.URL {
		t.Errorf("it went back from %s to %s", moved.URL, after.URL)
	}
	if renamed := d.site(t, appfile.Dashboard{}, "store"); !strings.HasPrefix(renamed.Host, "store-") {
		t.Errorf("the app's name is another, and the host's is %s", renamed.Host)
	}
}

func TestDashboardWhereTheFileSays(t *testing.T) {
	d := closedDaemon(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := strconv.Itoa(ports.PortOf(taken.Addr().String()))
	wish := appfile.Dashboard{Listen: "127.0.0.1:" + port, URL: "https://Ops.example.com"}
	if _, err := d.dashSite(t.Context(), wish, "shop"); fault.CodeOf(err) != fault.Conflict || !strings.Contains(err.Error(), "dashboard.listen") {
		t.Errorf("%v", err)
	}
	if err := taken.Close(); err != nil {
		t.Fatal(err)
	}
	site := d.site(t, wish, "shop")
	if !site.Secure || site.URL != "https://Ops.example.com" || site.Host != "Ops.example.com" || len(site.Listeners) != 1 {
		t.Errorf("%+v", site)
	}
}

func TestDashboardThatPeopleSignInTo(t *testing.T) {
	d := closedDaemon(t)
	wish := func() *appfile.Dashboard {
		return &appfile.Dashboard{Listen: "127.0.0.1:0", URL: "https://ops.example.com", OIDC: &appfile.OIDC{
			Issuer: "https://id.example.com", ClientID: "banyan", Operators: &appfile.People{Groups: []string{"ops"}},
		}}
	}
	first, again := d.site(t, *wish(), "shop"), d.site(t, *wish(), "shop")
	if first.SignIn == nil || first.SignIn.Rules() != again.SignIn.Rules() {
		t.Fatal("the same file gives other rules, which would end all sessions")
	}
	other := wish()
	other.OIDC.Operators.Groups = []string{"staff"}
	if site := d.site(t, *other, "shop"); site.SignIn.Rules() == first.SignIn.Rules() {
		t.Error("another group gives the same rules")
	}
	if !sameDash(wish(), wish()) || sameDash(wish(), other) || sameDash(wish(), nil) || !sameDash(nil, &appfile.Dashboard{}) {
		t.Error("what an app file wants is not compared by what it says")
	}
	if site := d.site(t, appfile.Dashboard{}, "shop"); site.SignIn != nil {
		t.Error("people sign in though the file does not say so")
	}
}
