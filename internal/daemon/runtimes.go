package daemon

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/banyanrun/banyan/appfile"
	"github.com/banyanrun/banyan/internal/fault"
	"github.com/banyanrun/banyan/internal/model"
)

// runtimes checks that what a service requires is there. An optional service
// is left out where it is not; any other makes the apply fail.
func runtimes(s *model.Service) error {
	for _, text := range s.Spec.Requires {
		req, err := appfile.ParseRequirement(text)
		if err != nil {
			return err
		}
		why := missing(req, s.Variables["PATH"])
		if why == "" {
			continue
		}
		if s.Spec.Optional {
			s.LeftOut = why
			return nil
		}
		return fault.New(fault.Invalid, "%s requires %s: %s", s.Name, req, why).
			Fix("install it, or set optional: true to leave the service out where it is missing")
	}
	return nil
}

// versionMost bounds how long a program may take to tell its version.
const versionMost = 5 * time.Second

var versionNumber = regexp.MustCompile(`\d+(\.\d+)*`)

// missing says what of a requirement is not met; empty: nothing.
func missing(req appfile.Requirement, path string) string {
	program := which(req.Program, path)
	if program == "" {
		return req.Program + " is not on PATH"
	}
	if req.Version == "" {
		return ""
	}
	ctx, cancel := context.WithTimeout(context.Background(), versionMost)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, "--version")
	cmd.Env = append(os.Environ(), "PATH="+path)
	out, err := cmd.CombinedOutput()
	have := versionNumber.FindString(string(out))
	if err != nil || have == "" {
		return fmt.Sprintf("%s does not tell its version", req.Program)
	}
	if older(have, req.Version) {
		return fmt.Sprintf("%s is version %s, %s is needed", req.Program, have, req.Version)
	}
	return ""
}

func which(program, path string) string {
	for _, dir := range filepath.SplitList(path) {
		file := filepath.Join(dir, program)
		if info, err := os.Stat(file); err == nil && !info.IsDir() && info.Mode()&0o111 != 0 {
			return file
		}
	}
	return ""
}

// older compares dotted version numbers.
func older(have, want string) bool {
	h, w := strings.Split(have, "."), strings.Split(want, ".")
	for n := range w {
		var a int
		if n < len(h) {
			a, _ = strconv.Atoi(h[n]) // digits only, by the expression
		}
		b, _ := strconv.Atoi(w[n])
		if a != b {
			return a < b
		}
	}
	return false
}
