package process

import (
	"bufio"
	"encoding/hex"
	"io"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// portTable shares readings of the listening sockets: 600 instances that start
// at once all ask at about the same time.
type portTable struct {
	mu  sync.Mutex
	nss map[string]*listeners // by network namespace
}

// tableAge is how old a shared reading may be.
const tableAge = 20 * time.Millisecond

type listeners struct {
	at     time.Time
	byPort map[int][]listener
}

type listener struct {
	addr  netip.Addr
	inode string // as in "socket:[inode]"
}

// Owns implements driver.Process. Where several sockets listen on the port, the
// one that a connection to 127.0.0.1 reaches counts.
func (p *process) Owns(port int) (listening, owner bool, addr string, ok bool) {
	found, ok := p.in.d.ports.look(p.in.id.PID, port)
	if !ok || len(found) == 0 {
		return false, false, "", ok
	}
	found = reached(found)
	inodes, ok := p.in.sockets(found)
	if !ok {
		return true, false, found[0].addr.String(), false
	}
	owner = true
	for _, l := range found { // SO_REUSEPORT: a stranger among them gets some of the calls
		owner = owner && inodes[l.inode]
	}
	return true, owner, found[0].addr.String(), true
}

// look returns the listeners on a port in the network namespace of the process.
func (t *portTable) look(pid, port int) ([]listener, bool) {
	proc := "/proc/" + strconv.Itoa(pid)
	ns, err := os.Readlink(proc + "/ns/net")
	if err != nil { // not permitted: it is nearly always ours
		proc, ns = "/proc/self", "self"
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	l := t.nss[ns]
	if l == nil || now.Sub(l.at) > tableAge {
		byPort, err := readListeners(proc)
		if err != nil {
			return nil, false
		}
		l = &listeners{at: now, byPort: byPort}
		t.keep(ns, l, now)
	}
	return l.byPort[port], true
}

func (t *portTable) keep(ns string, l *listeners, now time.Time) {
	if t.nss == nil {
		t.nss = map[string]*listeners{}
	}
	for k, old := range t.nss {
		if now.Sub(old.at) > tableAge {
			delete(t.nss, k)
		}
	}
	t.nss[ns] = l
}

func readListeners(proc string) (map[int][]listener, error) {
	out := map[int][]listener{}
	var first error
	for _, name := range []string{"/net/tcp", "/net/tcp6"} {
		f, err := os.Open(proc + name)
		if err != nil {
			if first == nil && name == "/net/tcp" {
				first = err
			}
			continue
		}
		parseListeners(f, out)
		_ = f.Close()
	}
	return out, first
}

// parseListeners reads lines of /proc/net/tcp until the first that does not
// listen: the kernel lists listening sockets first, and there may be tens of
// thousands of others.
func parseListeners(r io.Reader, out map[int][]listener) {
	const listen = "0A"
	sc := bufio.NewScanner(r)
	sc.Scan() // the header
	for sc.Scan() {
		f := strings.Fields(sc.Text())
		if len(f) < 10 || f[3] != listen {
			return
		}
		host, hexPort, ok := strings.Cut(f[1], ":")
		port, err := strconv.ParseUint(hexPort, 16, 16)
		if !ok || err != nil {
			continue
		}
		if addr, ok := hexAddr(host); ok {
			out[int(port)] = append(out[int(port)], listener{addr, f[9]})
		}
	}
}

// hexAddr decodes an address that the kernel wrote as 32-bit words in the
// machine's byte order; all machines that Banyan runs on are little-endian.
func hexAddr(s string) (netip.Addr, bool) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b)%4 != 0 {
		return netip.Addr{}, false
	}
	for i := 0; i < len(b); i += 4 {
		b[i], b[i+1], b[i+2], b[i+3] = b[i+3], b[i+2], b[i+1], b[i]
	}
	a, ok := netip.AddrFromSlice(b)
	return a.Unmap(), ok
}

// reached keeps those listeners that the kernel prefers for a connection to
// 127.0.0.1: the exact address, then 0.0.0.0, then ::, then any.
func reached(all []listener) []listener {
	rank := func(a netip.Addr) int {
		switch {
		case a.Is4() && a.IsLoopback():
			return 0
		case a.Is4() && a.IsUnspecified():
			return 1
		case a.IsUnspecified():
			return 2
		}
		return 3
	}
	best := 4
	var out []listener
	for _, l := range all {
		switch r := rank(l.addr); {
		case r < best:
			best, out = r, []listener{l}
		case r == best:
			out = append(out, l)
		}
	}
	return out
}

// sockets tells which of the listeners' sockets the instance's processes hold.
// The main process is asked first: it is nearly always the one. ok is false
// where a process may not be looked into and the answer might be there.
func (in *instance) sockets(want []listener) (held map[string]bool, ok bool) {
	held = map[string]bool{}
	ok = fdSockets(in.id.PID, held)
	if holdsAll(held, want) {
		return held, true
	}
	for _, pid := range in.members() {
		if pid == in.id.PID {
			continue
		}
		ok = fdSockets(pid, held) && ok
		if holdsAll(held, want) {
			return held, true
		}
	}
	return held, ok
}

func holdsAll(held map[string]bool, want []listener) bool {
	for _, l := range want {
		if !held[l.inode] {
			return false
		}
	}
	return true
}

// fdSockets adds the inodes of the sockets that a process holds. A process that
// has ended holds none.
func fdSockets(pid int, into map[string]bool) bool {
	path := "/proc/" + strconv.Itoa(pid) + "/fd"
	dir, err := os.Open(path)
	if err != nil {
		return os.IsNotExist(err)
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	for _, name := range names {
		link, err := os.Readlink(path + "/" + name)
		if err != nil {
			continue
		}
		if s, ok := strings.CutPrefix(link, "socket:["); ok {
			into[strings.TrimSuffix(s, "]")] = true
		}
	}
	return err == nil || os.IsNotExist(err)
}

// members lists the instance's processes for a reader: unlike survivors it may
// be a little old.
func (in *instance) members() []int { return in.survivors() }
