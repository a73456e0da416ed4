package cli

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/banyanrun/banyan/appfile"
	"github.com/banyanrun/banyan/internal/daemon/layout"
	"github.com/banyanrun/banyan/internal/fault"
	"github.com/banyanrun/banyan/internal/saga/definition"
	"github.com/banyanrun/banyan/internal/telemetry/alert"
)

// fileNames are the names of an app file, in order of preference.
var fileNames = []string{"banyan.yaml", "banyan.yml"}

// target is the app that a command is about.
type target struct {
	// File is the app file as a person here would write it; empty where only
	// a state directory was named.
	File string
	Abs  string
	layout.Layout
}

// Dir is the app's directory, or the state directory where that is all we know.
func (t target) Dir() string {
	if t.Abs == "" {
		return t.StateDir
	}
	return filepath.Dir(t.Abs)
}

// locate finds the app: by path (a file or a directory), by -C, or by walking
// up from the working directory as git does; with an explicit state directory
// the file may be missing.
func (p *program) locate(path string) (target, error) {
	if path == "" {
		path = p.flags.app
	}
	file, err := p.findFile(path)
	stateDir := p.stateDir()
	if err != nil && (stateDir == "" || path != "") {
		return target{}, err
	}
	t := target{Abs: file}
	if file != "" {
		t.File = p.short(file)
	}
	if stateDir == "" {
		t.Layout, err = layout.Beside(filepath.Dir(file))
	} else {
		t.Layout, err = layout.For(p.absolute(stateDir))
	}
	return t, err
}

// locateFile is locate for commands that need the app file itself.
func (p *program) locateFile(path string) (target, error) {
	t, err := p.locate(path)
	if err == nil && t.Abs == "" {
		_, err = p.findFile(path)
	}
	return t, err
}

func (p *program) stateDir() string {
	if p.flags.stateDir != "" {
		return p.flags.stateDir
	}
	return p.getenv("BANYAN_STATE_DIR")
}

func (p *program) absolute(path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(p.dir, path)
}

// short is the path relative to the working directory, if that is shorter.
func (p *program) short(path string) string {
	if rel, err := filepath.Rel(p.dir, path); err == nil && len(rel) < len(path) {
		return rel
	}
	return path
}

func (p *program) findFile(path string) (string, error) {
	if path != "" {
		return p.findNamed(p.absolute(path))
	}
	for dir := p.dir; ; dir = filepath.Dir(dir) {
		if file := fileIn(dir); file != "" {
			return file, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fault.New(fault.Invalid, "there is no banyan.yaml in %s or above it", p.dir).
				Fix("write one, or name the app with -C PATH")
		}
	}
}

func (p *program) findNamed(path string) (string, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return "", fault.New(fault.Invalid, "there is no %s", p.short(path)).Fix("name an app file, or the directory it is in")
	case !info.IsDir():
		return path, nil
	}
	if file := fileIn(path); file != "" {
		return file, nil
	}
	return "", fault.New(fault.Invalid, "there is no banyan.yaml in %s", p.short(path)).Fix("write one, or name the app file itself")
}

func fileIn(dir string) string {
	for _, name := range fileNames {
		file := filepath.Join(dir, name)
		if info, err := os.Stat(file); err == nil && !info.IsDir() {
			return file
		}
	}
	return ""
}

// load reads the app file as the daemon will.
func (p *program) load(t target, env string, profiles []string) (*appfile.File, error) {
	return appfile.Load(appfile.Options{Path: p.readable(t.File), Env: env, Profiles: profiles, Lookup: p.lookup, Check: check})
}

// check finds mistakes in expressions, as the daemon will.
func check(app *appfile.App, dir string) []appfile.Finding {
	return append(definition.Check(app, dir), alert.Check(app, dir)...)
}

// readable is a path that can be opened even if the process is elsewhere than
// the console, as in tests.
func (p *program) readable(path string) string {
	if wd, err := os.Getwd(); err == nil && wd == p.dir {
		return path
	}
	return p.absolute(path)
}

// parsePath is the optional PATH argument.
func parsePath(args []string) string { return strings.Join(args, "") }
