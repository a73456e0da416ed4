package appfile

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// disk checks the files and directories that the app names.
func (v *validator) disk(dir, display string, lookup func(string) (string, bool)) {
	c := &diskCheck{v, dir, display}
	for _, name := range v.serviceNames() {
		s := v.app.Services[name]
		c.program(join("services", name), s.WorkingDir, s.Sources, s.EnvFile)
	}
	for _, name := range slices.Sorted(maps.Keys(v.app.Jobs)) {
		j := v.app.Jobs[name]
		c.program(join("jobs", name), j.WorkingDir, j.Sources, j.EnvFile)
	}
	if g := v.app.Gateway; g != nil && g.TLS != nil {
		c.tls(g.TLS)
	}
	c.schemas()
	for _, name := range slices.Sorted(maps.Keys(v.app.Secrets)) {
		c.secret(name, v.app.Secrets[name], lookup)
	}
}

type diskCheck struct {
	*validator
	dir     string
	display string
}

func (c *diskCheck) abs(path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(c.dir, path)
}

// program checks working_dir, sources and env_file.
func (c *diskCheck) program(path, workingDir string, sources []string, envFiles StringList) {
	at := join(path, "working_dir")
	root := c.abs(workingDir)
	info, err := os.Stat(root)
	switch rel, relErr := filepath.Rel(c.dir, root); {
	case relErr != nil || rel == ".." || strings.HasPrefix(rel, "../"):
		c.report(at, fmt.Sprintf("working_dir %s is outside the app's directory %s", quote(workingDir), c.dir), "move the app file to a directory that holds all its services")
	case err != nil:
		c.report(at, fmt.Sprintf("working_dir %s does not exist", quote(workingDir)), orElse(c.nearFile(root), "create it; it is relative to "+c.dir))
	case !info.IsDir():
		c.report(at, fmt.Sprintf("working_dir %s is a file", quote(workingDir)), "name the directory that holds it")
	default:
		for i, s := range sources {
			if _, err := os.Stat(filepath.Join(root, s)); err != nil && !filepath.IsAbs(s) {
				c.report(join(path, "sources", strconv.Itoa(i)), fmt.Sprintf("the source %s does not exist in %s", quote(s), root), orElse(c.nearFile(filepath.Join(root, s)), "sources are files and directories, relative to working_dir, without patterns"))
			}
		}
	}
	for i, name := range envFiles {
		c.envFile(join(path, "env_file", strconv.Itoa(i)), name)
	}
}

// nearFile looks for a name that was probably meant.
func (c *diskCheck) nearFile(path string) string {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return ""
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return didYouMean(filepath.Base(path), names, "")
}

// envFile checks that an env_file is there and can be read as one.
func (c *diskCheck) envFile(at, name string) {
	data, err := os.ReadFile(c.abs(name))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		fix := orElse(c.nearFile(c.abs(name)), "create it; it is relative to "+c.dir)
		if _, err := os.Stat(c.abs(name) + ".example"); err == nil {
			fix = fmt.Sprintf("copy %s.example to %s", name, name)
		}
		c.report(at, fmt.Sprintf("env_file %s does not exist", quote(name)), fix)
		return
	case err != nil:
		c.report(at, fmt.Sprintf("env_file %s cannot be read: %v", quote(name), err), "check that it is a file, and its permissions")
		return
	}
	shown := name
	if !filepath.IsAbs(name) {
		shown = filepath.Join(c.display, name)
	}
	if _, err := ParseEnvFile(shown, data); err != nil {
		if ps, ok := errors.AsType[Problems](err); ok {
			c.problems = append(c.problems, ps...)
		}
	}
}

// tls checks that the certificate and its key are there and belong together.
func (c *diskCheck) tls(t *TLS) {
	path := join("gateway", "tls")
	cert, haveCert := c.pem(join(path, "cert"), t.Cert)
	key, haveKey := c.pem(join(path, "key"), t.Key)
	if !haveCert || !haveKey {
		return
	}
	if _, err := tls.X509KeyPair(cert, key); err != nil {
		reason := strings.TrimPrefix(err.Error(), "tls: ")
		c.report(path, fmt.Sprintf("%s and %s are no certificate and key that belong together: %s", t.Cert, t.Key, reason), "cert is a file in PEM of the certificate and its chain, key one of its private key")
	}
}

// pem reads one of the files of tls.
func (c *diskCheck) pem(at, name string) ([]byte, bool) {
	if name == "" || c.isBad(at) {
		return nil, false // reported
	}
	data, err := os.ReadFile(c.abs(name))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		c.report(at, fmt.Sprintf("the file %s does not exist", quote(name)), orElse(c.nearFile(c.abs(name)), "create it; it is relative to "+c.dir))
	case err != nil:
		c.report(at, fmt.Sprintf("the file %s cannot be read: %v", quote(name), err), "check that it is a file, and its permissions")
	}
	return data, err == nil
}

// secret warns of sources that are not there: a laptop may do without them.
func (c *diskCheck) secret(name string, s *Secret, lookup func(string) (string, bool)) {
	if s.File != "" {
		if _, err := os.Stat(c.abs(s.File)); err != nil {
			c.warn(c.at(join("secrets", name, "file")), fmt.Sprintf("the file %s of the secret %s cannot be read", quote(s.File), name), "create it before what uses the secret is started; it is relative to "+c.dir)
		}
	}
	if s.Environment != "" {
		if _, ok := lookup(s.Environment); !ok {
			c.warn(c.at(join("secrets", name, "environment")), fmt.Sprintf("the variable %s of the secret %s is not set", s.Environment, name), "set it before what uses the secret is started")
		}
	}
}
