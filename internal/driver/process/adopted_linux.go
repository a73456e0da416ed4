package process

import (
	"os"
	"strconv"
	"strings"

	"github.com/banyanrun/banyan/internal/driver/process/launch"
)

// adoptedRequest reads from the kernel how a process was started: environment,
// directory and user. It sees a directory that the program changed to, and what
// a program made of its own environment's memory.
func adoptedRequest(pid int) (launch.Request, error) {
	proc := "/proc/" + strconv.Itoa(pid)
	dir, err := os.Readlink(proc + "/cwd")
	if err != nil {
		return launch.Request{}, err
	}
	env, err := os.ReadFile(proc + "/environ")
	if err != nil {
		return launch.Request{}, err
	}
	req := launch.Request{Dir: dir, Env: strings.FieldsFunc(string(env), func(r rune) bool { return r == 0 })}
	status, err := os.ReadFile(proc + "/status")
	if err != nil {
		return req, err
	}
	uid, gid := idOf(string(status), "Uid:"), idOf(string(status), "Gid:")
	if os.Geteuid() == 0 && (uid != 0 || gid != 0) {
		req.Credential, req.UID, req.GID = true, uid, gid
	}
	return req, nil
}

// idOf reads the effective id of a line of /proc/PID/status.
func idOf(status, key string) uint32 {
	for line := range strings.Lines(status) {
		if f := strings.Fields(line); len(f) >= 3 && f[0] == key {
			n, _ := strconv.ParseUint(f[2], 10, 32)
			return uint32(n)
		}
	}
	return 0
}
