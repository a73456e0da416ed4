//go:build linux || darwin

package process

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/banyanrun/banyan/internal/driver"
	"github.com/banyanrun/banyan/internal/driver/process/launch"
	"github.com/banyanrun/banyan/internal/fault"
)

// Name is the driver's name in identities.
const Name = "process"

// tagVariable is the environment entry that marks an instance's processes.
const tagVariable = "BANYAN_TAG"

// Driver runs instances as processes. Safe for concurrent use.
type Driver struct {
	exec   []string
	tag    string
	log    *slog.Logger
	boot   string
	groups *cgroups
	scan   scanner
	ports  portTable
}

var _ driver.Driver = (*Driver)(nil)

var tagForm = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

// New returns a driver. It looks for cgroups that it may use and removes what
// earlier daemons with the same tag left empty.
func New(opt Options) (*Driver, error) {
	if len(opt.Exec) == 0 || !filepath.IsAbs(opt.Exec[0]) {
		return nil, fault.New(fault.Internal, "the exec helper %q has no absolute path", opt.Exec)
	}
	if !tagForm.MatchString(opt.Tag) {
		return nil, fault.New(fault.Internal, "the tag %q is not made of letters, digits, '-' and '_'", opt.Tag)
	}
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	boot, err := bootID()
	if err != nil {
		return nil, fault.New(fault.Unavailable, "cannot tell this boot from others: %w", err)
	}
	if err := supported(); err != nil {
		return nil, err
	}
	return &Driver{
		exec: opt.Exec, tag: opt.Tag, log: opt.Log, boot: boot,
		groups: findCgroups(opt.CgroupParent, "banyan-"+opt.Tag),
	}, nil
}

// Child is the body of the hidden command `banyan exec`. It never returns.
func Child() { launch.Child() }

// Name implements driver.Driver.
func (d *Driver) Name() string { return Name }

// Close removes the cgroups that held the instances' ones, if none is left. The
// instances themselves go on.
func (d *Driver) Close() { d.groups.close() }

// Prepare implements driver.Driver. The environment of the program is spec.Env
// and one entry more, BANYAN_TAG. Stdout and Stderr files stay on Abort: they
// belong to whoever collects logs.
func (d *Driver) Prepare(ctx context.Context, spec driver.Spec) (driver.Prepared, error) {
	if err := check(spec); err != nil {
		return nil, err
	}
	nonce := nonce()
	tag := d.tag + "/" + spec.ID + "/" + nonce
	dirs, why := d.groups.make(cgroupName(spec.ID, nonce), spec.Limits)
	in := &instance{d: d, id: driver.Identity{
		Driver: Name, BootID: d.boot, Tag: tag, Cgroup: joinDirs(dirs), Unenforced: why}}
	in.about = launch.Request{
		Argv: spec.Argv, Dir: spec.Dir, Credential: spec.Credential, UID: spec.UID, GID: spec.GID,
		Env: append([]string{tagVariable + "=" + tag}, spec.Env...), Cgroups: dirs}
	p, err := d.standIn(ctx, spec, in)
	if err != nil {
		d.groups.remove(splitDirs(in.id.Cgroup))
		return nil, err
	}
	return p, nil
}

// Adopt implements driver.Driver. Where the program's own environment or
// directory changed since, Exec sees what the kernel shows of them.
func (d *Driver) Adopt(ctx context.Context, id driver.Identity) (driver.Process, error) {
	if id.Driver != "" && id.Driver != Name {
		return nil, fault.New(fault.Internal, "pid %d belongs to the driver %q", id.PID, id.Driver)
	}
	in := &instance{d: d, id: id}
	if id.BootID != d.boot {
		return nil, fmt.Errorf("pid %d ran before this machine was restarted: %w", id.PID, driver.ErrGone)
	}
	h, err := openHandle(id.PID)
	if err == nil {
		err = in.verify(h)
		if err != nil {
			h.close()
		}
	}
	if err != nil {
		return nil, d.gone(ctx, in, err)
	}
	in.h = h
	return in.watched(isChild(id.PID)), nil
}

// gone cleans up after an instance whose main process is no more.
func (d *Driver) gone(ctx context.Context, in *instance, why error) error {
	if !errors.Is(why, driver.ErrGone) {
		return fault.New(fault.Unavailable, "cannot look at pid %d: %w", in.id.PID, why)
	}
	ctx, cancel := context.WithTimeout(ctx, killTimeout)
	defer cancel()
	if err := in.sweep(ctx); err != nil {
		return err
	}
	return why
}

func check(spec driver.Spec) error {
	switch {
	case spec.ID == "" || strings.ContainsAny(spec.ID, "/\n\x00"):
		return fault.New(fault.Internal, "the instance name %q cannot be used", spec.ID)
	case len(spec.Argv) == 0:
		return fault.New(fault.Invalid, "%s: no command was given", spec.ID).Fix("set `command`")
	case !filepath.IsAbs(spec.Dir):
		return fault.New(fault.Internal, "%s: the working directory %q is not absolute", spec.ID, spec.Dir)
	case spec.Limits.CPU < 0 || spec.Limits.Memory < 0:
		return fault.New(fault.Invalid, "%s: limits cannot be negative", spec.ID)
	}
	for _, s := range append(append([]string{}, spec.Argv...), spec.Env...) {
		if strings.IndexByte(s, 0) >= 0 {
			return fault.New(fault.Invalid, "%s: an argument or variable holds a zero byte", spec.ID)
		}
	}
	return nil
}

// nonce makes a start's tag and cgroup its own: an instance may be started
// again under its name while remains of its last life are being swept up.
func nonce() string {
	var b [4]byte
	_, _ = rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// cgroupName is spec.ID in the letters that a directory may have.
func cgroupName(id, nonce string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == ':' || r > '~' {
			return '_'
		}
		return r
	}, id) + "." + nonce
}

// Identity.Cgroup holds one directory a hierarchy, joined as in PATH.
func joinDirs(dirs []string) string { return strings.Join(dirs, ":") }

func splitDirs(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, ":")
}

// killTimeout is how long a killed process may take to be gone. Only one that
// is stuck in the kernel (a dead disk or NFS server) takes longer.
const killTimeout = 5 * time.Second
