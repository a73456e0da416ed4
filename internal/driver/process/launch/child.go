//go:build linux || darwin

package launch

import (
	"io"
	"os"
	"syscall"
)

// Child runs the stand-in process. It never returns: it becomes the program, or
// exits.
func Child() {
	if os.Getenv(Marker) != "1" {
		_, _ = os.Stderr.WriteString("banyan exec is for Banyan itself: use `banyan up`\n")
		os.Exit(2)
	}
	syscall.CloseOnExec(SocketFD)
	conn := socket(SocketFD)
	var req Request
	if err := ReadFrame(conn, &req); err != nil {
		os.Exit(exitNotRun)
	}
	if err := WriteFrame(conn, Status{Unjoined: join(req.Cgroups)}); err != nil {
		os.Exit(exitNotRun)
	}
	var word [1]byte
	if n, err := conn.Read(word[:]); err != nil || n != 1 || word[0] != Go {
		os.Exit(exitNotRun)
	}
	st := become(&req)
	_ = WriteFrame(conn, st)
	os.Exit(exitNotRun)
}

// join puts this process into each cgroup and returns those that refused.
func join(dirs []string) map[string]string {
	var refused map[string]string
	for _, dir := range dirs {
		if err := joinOne(dir); err != nil {
			if refused == nil {
				refused = map[string]string{}
			}
			refused[dir] = err.Error()
		}
	}
	return refused
}

// joinOne writes with bare system calls: os.File would start the poller.
func joinOne(dir string) error {
	fd, err := syscall.Open(dir+"/cgroup.procs", syscall.O_WRONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer syscall.Close(fd)
	_, err = syscall.Write(fd, []byte("0"))
	return err
}

// become turns this process into the program. It returns only when that failed.
func become(req *Request) Status {
	if req.Credential {
		if err := takeOn(req.UID, req.GID); err != nil {
			return Status{What: "cannot run as another user: " + err.Error(),
				Do: "start Banyan as root, or remove `user`"}
		}
	}
	if err := syscall.Chdir(req.Dir); err != nil {
		return dirStatus(req.Dir, err)
	}
	path, st := look(req)
	if path == "" {
		return st
	}
	closeRest()
	resetSignals()
	return execStatus(path, syscall.Exec(path, req.Argv, req.Env))
}

// takeOn drops root for good: groups first, because a plain user may not.
func takeOn(uid, gid uint32) error {
	if err := syscall.Setgroups([]int{int(gid)}); err != nil {
		return err
	}
	if err := syscall.Setgid(int(gid)); err != nil {
		return err
	}
	return syscall.Setuid(int(uid))
}

// socket reads and writes a descriptor without the runtime's poller, whose
// set-up costs a start more than the blocked thread does.
type socket int

func (s socket) Read(p []byte) (int, error) {
	for {
		n, err := syscall.Read(int(s), p)
		switch {
		case err == syscall.EINTR:
		case err != nil:
			return 0, err
		case n == 0 && len(p) > 0:
			return 0, io.EOF
		default:
			return n, nil
		}
	}
}

func (s socket) Write(p []byte) (int, error) {
	done := 0
	for done < len(p) {
		n, err := syscall.Write(int(s), p[done:])
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return done, err
		}
		done += n
	}
	return done, nil
}
