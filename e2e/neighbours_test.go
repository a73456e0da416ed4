package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Several apps share a machine: two different ones, and one file in two
// directories. Whatever happens to one, the others do not notice.
func TestTwoApps(t *testing.T) {
	long(t)
	one, twin, other := startTiny(t, 3, 2), startTiny(t, 3, 2), newApp(t, callsFile)
	other.up()
	addresses := map[string]string{}
	for _, a := range []*app{one, twin, other} {
		st := a.settled(30 * time.Second)
		for _, s := range st.GetServices() {
			for _, i := range s.GetInstances() {
				name := a.dir + " " + i.GetId()
				if before := addresses[i.GetAddress()]; before != "" {
					t.Errorf("%s and %s are both at %s", before, name, i.GetAddress())
				}
				addresses[i.GetAddress()] = name
			}
		}
		a.mustBeWhole(t)
	}
	l := startLoad(t, loadOptions{rate: 100, urls: []string{twin.url("/s1"), other.url("/front/call?url=BACK_URL")}})
	before := twin.pidsNow()
	kill(t, one.pid("daemon"))
	kill(t, one.pid("proxy"))
	one.must("down")
	one.nothingLeft()
	one.up()
	one.must("down")
	l.more(100)
	l.finish()
	samePids(t, before, twin.pidsNow())
	twin.mustBeWhole(t)
}

// A gateway port that is taken: the message names the port and its holder, and
// what is running goes on.
func TestTakenPort(t *testing.T) {
	first := startTiny(t, 1, 1)
	second := newApp(t, strings.ReplaceAll(tinyFile(1, 1), "${port}", strconv.Itoa(first.port)))
	r := second.banyan("up", "-d")
	if r.code == 0 {
		t.Fatalf("two gateways on one port: %s", r)
	}
	t.Log(r)
	for _, want := range []string{strconv.Itoa(first.port), "banyan", "gateway.listen"} {
		if !strings.Contains(r.err, want) {
			t.Errorf("the message lacks %q: %s", want, r)
		}
	}
	holders := []string{strconv.Itoa(first.pid("daemon")), strconv.Itoa(first.pid("proxy"))}
	if !strings.Contains(r.err, holders[0]) && !strings.Contains(r.err, holders[1]) {
		t.Errorf("the message names no process of %v: %s", holders, r)
	}
	first.who("/s1")

	// A running app whose file moves the gateway to a taken port stays as it is.
	second.write("banyan.yaml", tinyFile(1, 1))
	second.up()
	before := second.pidsNow()
	second.write("banyan.yaml", strings.ReplaceAll(tinyFile(1, 1), "${port}", strconv.Itoa(first.port)))
	if r := second.banyan("up", "-d"); r.code == 0 {
		t.Errorf("two gateways on one port: %s", r)
	}
	second.who("/s1")
	samePids(t, before, second.pidsNow())
}

// Somebody without rights runs the shop.
func TestNonRootUser(t *testing.T) {
	long(t)
	if os.Getuid() != 0 {
		t.Skip("skipped: the tests are run by a user without rights anyway")
	}
	const uid = 47110
	s := newShop(t)
	home := newDir(t)
	s.as = &syscall.Credential{Uid: uid, Gid: uid}
	s.env = []string{"HOME=" + home, "PATH=" + readablePath(), "LANG=C.UTF-8"}
	for _, dir := range []string{s.dir, home} {
		if out, err := exec.Command("chown", "-R", strconv.Itoa(uid)+":"+strconv.Itoa(uid), dir).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	s.up()
	st := s.ps()
	for id, pid := range pids(st) {
		info, err := os.Stat(filepath.Join("/proc", strconv.Itoa(pid)))
		if err != nil {
			t.Fatal(err)
		}
		if owner := info.Sys().(*syscall.Stat_t).Uid; owner != uid {
			t.Errorf("instance %s runs as %d", id, owner)
		}
	}
	s.signUp().buy()
	before := pids(st)
	kill(t, s.pid("daemon"))
	kill(t, s.pid("proxy"))
	samePids(t, before, pids(s.ps()))
	await(t, 10*time.Second, "the gateway", func() error {
		a, err := send("GET", s.url("/api/products"), nil)
		if err == nil && a.status != 200 {
			err = fmt.Errorf("%s", a)
		}
		return err
	})
	s.must("down")
	s.nothingLeft()
}

// readablePath is PATH less what only root may enter, such as its pyenv.
func readablePath() string {
	var dirs []string
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		if !strings.HasPrefix(dir, "/root") {
			dirs = append(dirs, dir)
		}
	}
	return strings.Join(dirs, string(filepath.ListSeparator))
}
