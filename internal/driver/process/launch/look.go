//go:build linux || darwin

package launch

import (
	"os"
	"slices"
	"strings"
	"syscall"
)

// look finds the program as the shell would, but on the request's PATH: this
// process's own PATH belongs to the daemon. It runs as the service's user, in
// the service's directory.
func look(req *Request) (string, Status) {
	if len(req.Argv) == 0 || req.Argv[0] == "" {
		return "", Status{What: "no command was given", Do: "set `command`"}
	}
	name := req.Argv[0]
	if strings.ContainsRune(name, '/') {
		return name, Status{} // exec says what is wrong with it
	}
	path := lookupEnv(req.Env, "PATH")
	denied := ""
	for dir := range strings.SplitSeq(path, ":") {
		if dir == "" {
			continue // an empty entry means the current directory: never what was meant
		}
		file := strings.TrimSuffix(dir, "/") + "/" + name
		switch err := executable(file); err {
		case nil:
			return file, Status{}
		case syscall.EACCES:
			denied = file
		}
	}
	if denied != "" {
		return "", execStatus(denied, syscall.EACCES)
	}
	if path == "" {
		return "", Status{What: "command not found: " + name + " (PATH is empty)",
			Do: "set PATH in `environment`, or give the command with its path"}
	}
	return "", Status{What: "command not found: " + name,
		Do: "install it, correct `command`, or give its path (looked in " + path + ")"}
}

// executable tells whether this process may run the file.
func executable(file string) error {
	fi, err := os.Stat(file)
	if err != nil {
		return syscall.ENOENT
	}
	if fi.IsDir() {
		return syscall.EISDIR
	}
	const xOK = 1
	if err := syscall.Access(file, xOK); err != nil || fi.Mode()&0o111 == 0 {
		return syscall.EACCES
	}
	return nil
}

func lookupEnv(env []string, key string) string {
	for _, kv := range slices.Backward(env) {
		if v, ok := strings.CutPrefix(kv, key+"="); ok {
			return v
		}
	}
	return ""
}

func dirStatus(dir string, err error) Status {
	st := Status{What: "cannot enter the working directory " + dir + ": " + err.Error(),
		Do: "correct `working_dir`"}
	switch err {
	case syscall.ENOENT:
		st = Status{What: "the working directory " + dir + " does not exist", Do: "create it, or correct `working_dir`"}
	case syscall.EACCES:
		st.Do = "let the service's user enter it, or correct `working_dir`"
	}
	return st
}

// execStatus says in words why exec refused the file.
func execStatus(path string, err error) Status {
	_, statErr := os.Stat(path)
	switch {
	case err == syscall.ENOENT && statErr != nil:
		return Status{What: "command not found: " + path, Do: "build it first, or correct `command`"}
	case err == syscall.ENOENT:
		return Status{What: "cannot run " + path + ": the interpreter in its first line, or its loader, is missing",
			Do: "install " + interpreter(path)}
	case err == syscall.EACCES:
		return Status{What: "cannot run " + path + ": permission denied",
			Do: "make it executable (chmod +x) and let the service's user reach it"}
	case err == syscall.ENOEXEC:
		return Status{What: "cannot run " + path + ": it is no program for this machine",
			Do: "build it for this system, or start a script with its interpreter (`sh " + path + "`)"}
	case err == syscall.ETXTBSY:
		return Status{What: "cannot run " + path + ": it is being written", Do: "try again when the build has ended"}
	case err == syscall.E2BIG:
		return Status{What: "cannot run " + path + ": arguments and environment are too long",
			Do: "put large values into files"}
	}
	return Status{What: "cannot run " + path + ": " + err.Error(), Do: "correct `command`"}
}

// interpreter is what a script's first line names.
func interpreter(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return "it"
	}
	defer f.Close()
	var buf [128]byte
	n, _ := f.Read(buf[:])
	line, _, _ := strings.Cut(string(buf[:n]), "\n")
	if rest, ok := strings.CutPrefix(line, "#!"); ok && len(strings.Fields(rest)) > 0 {
		return strings.Join(strings.Fields(rest), " ")
	}
	return "what it is linked against"
}
