// Package ports hands out TCP ports on loopback. They come from 20000–29999,
// below the range that systems take ephemeral ports from, so that a port that
// is free now is not taken by somebody's outgoing connection a moment later.
// Ports are leased machine-wide, in a directory that all apps of the machine
// share, so that two apps do not get into each other's way.
package ports

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/banyanrun/banyan/internal/fault"
)

// The ports that belong to Banyan, both included.
const (
	First = 20000
	Last  = 29999
)

// Allocator leases ports to one app. It is safe for concurrent use.
type Allocator struct {
	dir   string
	owner string // state directory
	file  string

	mu      sync.Mutex
	leased  map[int]string // port → what for
	reserve []int          // leased, and not in use
	next    int
}

// lease is the content of one app's file in the shared directory.
type lease struct {
	Owner string         `json:"owner"` // its state directory; the lease ends when that is gone
	Ports map[int]string `json:"ports"`
}

// New returns an allocator for the app with this state directory. known are the
// ports that it has from before.
func New(dir, owner, name string, known map[int]string) (*Allocator, error) {
	if err := os.MkdirAll(dir, 0o777); err != nil { //nolint:gosec // shared by all users, as the temp directory is
		return nil, fault.New(fault.Denied, "cannot make the directory of port leases: %w", err)
	}
	_ = os.Chmod(dir, os.ModeSticky|0o777) // only its owner can; it is right already for everybody else
	h := fnv.New32a()
	h.Write([]byte(owner)) // never fails
	a := &Allocator{
		dir: dir, owner: owner, file: filepath.Join(dir, name+".json"),
		leased: map[int]string{}, next: First + int(h.Sum32()%(Last-First)),
	}
	maps.Copy(a.leased, known)
	return a, a.locked(func(map[int]string) error { return a.save() })
}

// Lease returns a port that nobody has leased and nothing listens on, for the
// use, which is for people.
func (a *Allocator) Lease(use string) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for range 2 {
		for len(a.reserve) > 0 {
			p := a.reserve[0]
			a.reserve = a.reserve[1:]
			if Free(p) {
				a.leased[p] = use
				return p, nil
			}
			delete(a.leased, p)
		}
		if err := a.locked(a.refill); err != nil {
			return 0, err
		}
	}
	return 0, fault.New(fault.Conflict, "no port is free between %d and %d", First, Last).
		Fix("stop an app, or scale a service down")
}

// block is how many ports are leased at once, so that the shared directory is
// locked and written once for many instances.
const block = 64

// refill leases another block for the reserve.
func (a *Allocator) refill(taken map[int]string) error {
	for range Last - First + 1 {
		p := a.next
		if a.next++; a.next > Last {
			a.next = First
		}
		if _, mine := a.leased[p]; mine || taken[p] != "" || !Free(p) {
			continue
		}
		a.leased[p] = "reserve"
		if a.reserve = append(a.reserve, p); len(a.reserve) == block {
			break
		}
	}
	return a.save()
}

// Release makes ports available to the app again. They stay leased to it until Close.
func (a *Allocator) Release(ports ...int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, p := range ports {
		if _, mine := a.leased[p]; mine && p >= First && p <= Last && !slices.Contains(a.reserve, p) {
			a.leased[p] = "reserve"
			a.reserve = append(a.reserve, p)
		}
	}
}

// Leased returns what is leased, the reserve included: port to use.
func (a *Allocator) Leased() map[int]string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return maps.Clone(a.leased)
}

// Close gives all ports back.
func (a *Allocator) Close() error {
	if err := os.Remove(a.file); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("port leases: %w", err)
	}
	return nil
}

// locked runs f with the ports that other apps have, while no other app changes its own.
func (a *Allocator) locked(f func(taken map[int]string) error) error {
	lock, err := openLock(filepath.Join(a.dir, "lock"))
	if err != nil {
		return fault.New(fault.Denied, "port leases: %w", err)
	}
	defer lock.Close()
	_ = lock.Chmod(0o666) // whoever made it: every user must be able to lock it
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return fmt.Errorf("port leases: %w", err)
	}
	return f(a.others())
}

// openLock opens the lock that all users of the machine share. In a sticky
// directory the kernel may refuse O_CREAT on a file that another user has made
// (fs.protected_regular), so the file is made only where it is missing.
func openLock(path string) (*os.File, error) {
	lock, err := os.OpenFile(path, os.O_RDWR|syscall.O_NOFOLLOW, 0)
	if !errors.Is(err, os.ErrNotExist) {
		return lock, err
	}
	return os.OpenFile(path, os.O_CREATE|os.O_RDWR|syscall.O_NOFOLLOW, 0o666) //nolint:gosec // shared
}

// others reads the leases of the machine's other apps. A file that cannot be
// read as a lease is passed over: a free port is checked by listening anyway.
func (a *Allocator) others() map[int]string {
	taken := map[int]string{}
	files, _ := filepath.Glob(filepath.Join(a.dir, "*.json")) // the pattern is well-formed
	for _, file := range files {
		if file == a.file {
			continue
		}
		data, err := os.ReadFile(file)
		var l lease
		if err != nil || json.Unmarshal(data, &l) != nil {
			continue
		}
		if _, err := os.Stat(l.Owner); errors.Is(err, os.ErrNotExist) {
			_ = os.Remove(file) // its app is gone; somebody else's file stays, which does no harm
			continue
		}
		for p, use := range l.Ports {
			taken[p] = use + " of " + filepath.Dir(l.Owner)
		}
	}
	return taken
}

func (a *Allocator) save() error {
	data, err := json.Marshal(lease{Owner: a.owner, Ports: a.leased})
	if err != nil {
		return fmt.Errorf("port leases: %w", err)
	}
	tmp := a.file + ".new"                                 // one at a time: the directory is locked
	if err := os.WriteFile(tmp, data, 0o644); err != nil { //nolint:gosec // others read it
		return fault.New(fault.Denied, "port leases: %w", err)
	}
	if err := os.Rename(tmp, a.file); err != nil {
		return fmt.Errorf("port leases: %w", err)
	}
	return nil
}

// Free reports whether nothing listens on the port on loopback.
func Free(port int) bool {
	l, err := net.Listen("tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return false
	}
	return l.Close() == nil
}

// PortOf returns the port of host:port, 0 if there is none.
func PortOf(addr string) int {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return 0
	}
	n, err := strconv.Atoi(strings.TrimSpace(port))
	if err != nil {
		return 0
	}
	return n
}
