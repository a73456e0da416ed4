package daemon

import (
	"fmt"
	"hash/fnv"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/banyanrun/banyan/internal/daemon/layout"
	"github.com/banyanrun/banyan/internal/driver/process"
	"github.com/banyanrun/banyan/internal/fault"
	"github.com/banyanrun/banyan/internal/model"
)

// The uids that services get when the daemon is root: the range that systemd
// reserves for dynamic users (systemd.exec, DynamicUser=), which no
// distribution assigns.
const (
	firstUID = 61184
	lastUID  = 65519
)

// account is whom an instance runs as.
type account struct {
	change   bool
	uid, gid uint32
	// warning says why it is not a user of the service's own.
	warning string
}

// personal are variables that say where one user keeps things. Another user
// cannot use them.
var personal = []string{
	"HOME", "USER", "LOGNAME", "SHELL", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME",
	"XDG_RUNTIME_DIR", "GOPATH", "GOCACHE", "GOMODCACHE",
}

// inherit corrects the variables that are inherited from whoever applied the app
// for this account, whose home is its data directory.
func (a account) inherit(variables map[string]string, home string) map[string]string {
	env := maps.Clone(variables)
	if env == nil {
		env = map[string]string{}
	}
	if a.change {
		for _, name := range personal {
			delete(env, name)
		}
		env["HOME"] = home
	}
	return env
}

// users gives each service a uid of its own.
type users struct {
	app  string
	root bool
}

// choose says whom a service runs as. needs are the paths that it must reach.
// Where a uid of its own cannot reach them, as in root's home directory, it runs
// as root, and says so.
func (u *users) choose(s *model.Service, needs []string) (account, error) {
	if s.Spec.User != "" {
		return u.named(s)
	}
	if !u.root {
		return account{}, nil
	}
	for _, path := range needs {
		if at := closed(path); at != "" {
			return account{warning: fmt.Sprintf("runs as root: %s is closed to other users; set user:, or move the app to where it is open", at)}, nil
		}
	}
	id := u.own(s.Identity())
	return account{change: true, uid: id, gid: id}, nil
}

func (u *users) named(s *model.Service) (account, error) {
	uid, gid, err := process.LookupUser(s.Spec.User)
	if err != nil {
		return account{}, err
	}
	if int(uid) == os.Getuid() {
		return account{}, nil
	}
	if !u.root {
		return account{}, fault.New(fault.Denied, "%s cannot run as %s: only root can choose a user", s.Name, s.Spec.User).
			Fix("remove user:, or run Banyan as root")
	}
	return account{change: true, uid: uid, gid: gid}, nil
}

// own derives the uid from app and service, so that data keeps its owner. Two
// services may meet on one uid by chance (1 in 4,336): they are then no worse
// off than two programs of one user.
func (u *users) own(service string) uint32 {
	h := fnv.New32a()
	fmt.Fprintf(h, "%s\x00%s", u.app, service)
	return firstUID + h.Sum32()%(lastUID-firstUID+1)
}

// closed returns the first directory or file on the way to path that other users
// may not enter or read; empty: none.
func closed(path string) string {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return "" // it does not exist: starting it will say so
	}
	at := "/"
	for part := range strings.SplitSeq(strings.Trim(real, "/"), "/") {
		at = filepath.Join(at, part)
		info, err := os.Stat(at)
		if err != nil {
			return ""
		}
		const search = 0o001
		if info.Mode().Perm()&search == 0 {
			return at
		}
	}
	return ""
}

// give makes a directory, owned by the account and closed to others.
func give(dir string, to account) error {
	if err := layout.MakeDir(dir); err != nil {
		return fault.New(fault.Denied, "cannot make %s: %w", dir, err)
	}
	if !to.change {
		return nil
	}
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok && stat.Uid == to.uid && stat.Gid == to.gid {
		return nil
	}
	// Inside a root, so that a link that the owner of old data put there does not
	// lead this to files elsewhere.
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	defer root.Close()
	return fs.WalkDir(root.FS(), ".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return root.Lchown(path, int(to.uid), int(to.gid))
	})
}
