//go:build linux || darwin

package process

import (
	"os/user"
	"strconv"

	"github.com/banyanrun/banyan/internal/fault"
)

// LookupUser finds the ids to run a service as. The name may be a number. It is
// up to the caller whom to choose.
func LookupUser(name string) (uid, gid uint32, err error) {
	u, err := user.Lookup(name)
	if err != nil {
		if _, numErr := strconv.ParseUint(name, 10, 32); numErr == nil {
			u, err = user.LookupId(name)
		}
	}
	if err != nil {
		return 0, 0, fault.New(fault.Invalid, "there is no user %q on this machine", name).
			Fix("create it (useradd --system %s), or correct `user`", name)
	}
	id, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return 0, 0, fault.New(fault.Invalid, "user %q has the id %q, which is no number", name, u.Uid)
	}
	group, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return 0, 0, fault.New(fault.Invalid, "user %q has the group %q, which is no number", name, u.Gid)
	}
	return uint32(id), uint32(group), nil
}
