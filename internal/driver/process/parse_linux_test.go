package process

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/banyanrun/banyan/internal/driver"
)

func TestParseStat(t *testing.T) {
	line := "42 (evil) R 1 (x) S 7 42 42 0 -1 4194560 1 2 3 4 10 20 3 4 20 0 1 0 98765 1000 55 18446744073709551615 " +
		strings.Repeat("0 ", 26) + "256\n"
	st, err := parseStat([]byte(line))
	if err != nil {
		t.Fatal(err)
	}
	if st.comm != "evil) R 1 (x" || st.zombie || st.ppid != 7 || st.pgrp != 42 || st.start != 98765 ||
		st.cpu != 37 || st.rss != 55 || !st.exitKnown || st.exit != 256 {
		t.Errorf("%+v", st)
	}
	self, err := readStat(os.Getpid())
	if err != nil || self.ppid != os.Getppid() || self.start == 0 {
		t.Errorf("of this process: %+v, %v", self, err)
	}
}

func FuzzParseStat(f *testing.F) {
	f.Add([]byte("1 (a) Z 1 1"))
	f.Add([]byte(")("))
	f.Fuzz(func(_ *testing.T, b []byte) { _, _ = parseStat(b) })
}

func FuzzParsers(f *testing.F) {
	f.Add("31 23 0:28 / /sys/fs/cgroup rw - cgroup2 none rw\n", "0::/a\n4:memory:/b\n", []byte("BANYAN_TAG=x/y\x00"))
	f.Fuzz(func(_ *testing.T, a, b string, c []byte) {
		parseMounts(a, b)
		findTag(c)
		parseListeners(strings.NewReader(a), map[int][]listener{})
	})
}

func TestFindTag(t *testing.T) {
	for env, want := range map[string]string{
		"A=1\x00BANYAN_TAG=t/i/1\x00B=2\x00":              "t/i/1",
		"BANYAN_TAG=t/i/1":                                "t/i/1",
		"X=BANYAN_TAG=t/i/1\x00":                          "",
		"X=BANYAN_TAG=t/no\x00BANYAN_TAG=t/yes\x00":       "t/yes",
		"MY_BANYAN_TAG=t/i/1\x00NOT_BANYAN_TAG=t/i\x00=x": "",
	} {
		if got := findTag([]byte(env)); got != want {
			t.Errorf("%q: %q, not %q", env, got, want)
		}
	}
}

func TestParseMounts(t *testing.T) {
	hybrid := parseMounts(`32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:1 - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 /docker/abc /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
41 31 0:38 / /sys/fs/cgroup/uni\040fied rw,relatime - cgroup2 cgroup2 rw
22 20 0:1 / / rw - ext4 /dev/root rw
`, "4:memory:/docker/abc\n2:cpu,cpuacct:/user\n0::/user.slice/session-3.scope\n")
	want := cgroupMounts{
		unified: hierarchy{"/sys/fs/cgroup/uni fied", "/", "/user.slice/session-3.scope"},
		cpu:     hierarchy{"/sys/fs/cgroup/cpu,cpuacct", "/", "/user"},
		memory:  hierarchy{"/sys/fs/cgroup/memory", "/docker/abc", "/docker/abc"},
	}
	if hybrid != want {
		t.Errorf("%+v", hybrid)
	}
	if got := hybrid.memory.dir("/docker/abc"); got != "/sys/fs/cgroup/memory" {
		t.Errorf("a container's own cgroup is at %s", got)
	}
}

// fakeUnified makes a directory that looks like a v2 hierarchy to the code.
func fakeUnified(t *testing.T, controllers string) hierarchy {
	t.Helper()
	root := t.TempDir()
	for _, dir := range []string{"", "svc", "svc/banyan-x"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
		for file, text := range map[string]string{"cgroup.controllers": controllers, "cgroup.subtree_control": "", "cgroup.procs": ""} {
			if err := os.WriteFile(filepath.Join(root, dir, file), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	return hierarchy{mount: root, root: "/", own: "/svc/banyan-daemon"}
}

func TestUnifiedLimits(t *testing.T) {
	h := fakeUnified(t, "cpu memory pids")
	c := setUp(cgroupMounts{unified: h}, "/svc", "banyan-x")
	if !c.unifiedCPU || !c.unifiedMemory || c.unified != filepath.Join(h.mount, "svc/banyan-x") {
		t.Fatalf("%+v", c)
	}
	dir := filepath.Join(c.unified, "i")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"cpu.max", "memory.max", "memory.swap.max"} {
		if err := os.WriteFile(filepath.Join(dir, file), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := setCPU(dir, true, 0.5); err != nil {
		t.Error(err)
	}
	if err := setMemory(dir, true, 1<<27); err != nil {
		t.Error(err)
	}
	for file, want := range map[string]string{"cpu.max": "50000 100000", "memory.max": "134217728", "memory.swap.max": "0"} {
		if b, _ := os.ReadFile(filepath.Join(dir, file)); string(b) != want {
			t.Errorf("%s is %q, not %q", file, b, want)
		}
	}
}

func TestUnenforcedSaysWhy(t *testing.T) {
	c := setUp(cgroupMounts{unified: fakeUnified(t, "pids")}, "/svc", "banyan-x")
	_, why := c.make("i", driver.Limits{CPU: 1, Memory: 1 << 20})
	for _, want := range []string{"memory limit: the memory controller is not available", "cpu limit: the cpu controller is not available"} {
		if !strings.Contains(why, want) {
			t.Errorf("%q does not say %q", why, want)
		}
	}
	if _, why := c.make("j", driver.Limits{}); why != "" {
		t.Errorf("without limits: %q", why)
	}
	if _, why := setUp(cgroupMounts{}, "", "banyan-x").make("k", driver.Limits{CPU: 1}); !strings.Contains(why, "no cgroup controllers") {
		t.Errorf("without cgroups: %q", why)
	}
}

func TestReached(t *testing.T) {
	l := map[int][]listener{}
	parseListeners(strings.NewReader(`  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 11 1 0 100 0 0 10 0
   1: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 22 1 0 100 0 0 10 0
   2: 0100007F:C0FA 0100007F:6F5F 01 00000000:00000000 02:00000022 00000000     0        0 33 2 0 20 4 28 14 -1
`), l)
	parseListeners(strings.NewReader(`  sl  local_address                         remote_address st
   0: 00000000000000000000000000000000:1F90 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 44 1 0 100
`), l)
	if len(l) != 1 || len(l[8080]) != 3 {
		t.Fatalf("%+v", l)
	}
	if got := reached(l[8080]); len(got) != 1 || got[0].inode != "22" || got[0].addr.String() != "127.0.0.1" {
		t.Errorf("%+v", got)
	}
	if got := reached(l[8080][2:]); got[0].addr.String() != "::" {
		t.Errorf("%+v", got)
	}
}
