package appfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
)

// Options say what to load, and how.
type Options struct {
	// Path is the app file, or a directory with banyan.yaml or banyan.yml in
	// it. Empty: the working directory.
	Path string
	// Env names an overlay: prod is banyan.prod.yaml beside the app file, and
	// its absence is an error. Empty: no overlay.
	Env string
	// Profiles include the services and jobs that name one of them; "*"
	// includes all.
	Profiles []string
	// Check finds what this package cannot: whether the expressions of sagas and
	// the schemas of topics mean something. It is asked about an app without other
	// mistakes; dir is the app file's directory, empty for Parse. nil: no such check.
	Check func(app *App, dir string) []Finding
	// Lookup returns the value of ${env.NAME}. nil: [os.LookupEnv].
	Lookup func(name string) (string, bool)
}

// File is a loaded app file.
type File struct {
	// App is the app with overlays merged, ${env.…} replaced, defaults filled
	// in, and without the services and jobs that the profiles leave out.
	App *App
	// Path is the app file's absolute path; the name given, after [Parse].
	Path string
	// Dir is the directory of Path. Relative paths in the file begin here.
	Dir string
	// Overlays are the absolute paths of the overlays that were merged.
	Overlays []string
	// Warnings are what looks wrong and does not keep the app from running.
	Warnings []Problem
	// EnvRefs are the names that ${env.NAME} uses, sorted.
	EnvRefs []string
}

// Load reads an app file with its overlay, from disk. For mistakes in a file
// the error is [Problems], with all that were found; else it says which file
// could not be read, and wraps the cause.
func Load(o Options) (*File, error) {
	path, err := findFile(o.Path)
	if err != nil {
		return nil, err
	}
	data, err := readFile(path)
	if err != nil {
		return nil, err
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("app file %s: %w", path, err)
	}
	l := newLoader(o)
	l.files = []string{path}
	root := parseYAML(path, data, l.reporter)
	f := &File{Path: abs, Dir: filepath.Dir(abs)}
	if o.Env != "" {
		name, err := findOverlay(path, o.Env)
		if err != nil {
			return nil, err
		}
		if root, err = l.overlay(root, name); err != nil {
			return nil, err
		}
		f.Overlays = []string{filepath.Join(f.Dir, filepath.Base(name))}
	}
	l.dir, l.display = f.Dir, filepath.Dir(path)
	return l.finish(f, root)
}

// Parse is Load for content that is already in memory, as in tests and
// editors. It looks at no file: Options.Path and Env are not used, and files
// and directories that the content names are not looked for.
func Parse(name string, data []byte, o Options) (*File, error) {
	l := newLoader(o)
	root := parseYAML(name, data, l.reporter)
	return l.finish(&File{Path: name, Dir: filepath.Dir(name)}, root)
}

// loader carries one run of Load or Parse.
type loader struct {
	*reporter
	options Options
	files   []string // as they are named in problems, the base first
	ix      *index
	dir     string // absolute; empty: leave the disk alone
	display string // the same as the user wrote it, for messages
}

func newLoader(o Options) *loader {
	if o.Lookup == nil {
		o.Lookup = os.LookupEnv
	}
	return &loader{reporter: &reporter{}, options: o, ix: newIndex()}
}

// overlay merges one overlay file over root.
func (l *loader) overlay(root *node, name string) (*node, error) {
	data, err := readFile(name)
	if err != nil {
		return nil, err
	}
	l.files = append(l.files, name)
	over := parseYAML(name, data, l.reporter)
	if root == nil || over == nil {
		return nil, nil // reported
	}
	return merge(root, over, l.reporter), nil
}

// finish goes from nodes to a checked App.
func (l *loader) finish(f *File, root *node) (*File, error) {
	if root == nil {
		return nil, l.problems.sorted(l.files...)
	}
	d := &decoder{reporter: l.reporter, ix: l.ix, lookup: l.options.Lookup}
	app := &App{}
	l.ix.set("", root.pos(), nil)
	d.structure(root, "", reflect.ValueOf(app).Elem())
	v := &validator{reporter: l.reporter, app: app, ix: l.ix}
	v.rules()
	app.ApplyDefaults(f.Dir)
	v.all()
	v.selectProfiles(l.options.Profiles)
	if l.dir != "" {
		v.disk(l.dir, l.display, l.options.Lookup)
	}
	if l.options.Check != nil && len(l.problems) == 0 {
		v.findings(l.options.Check(app, l.dir))
	}
	if len(l.problems) > 0 {
		return nil, l.problems.sorted(l.files...)
	}
	f.App, f.EnvRefs, f.Warnings = app, d.envNames(), l.warnings.sorted(l.files...)
	return f, nil
}

// fileNames are what a directory is searched for.
var fileNames = []string{"banyan.yaml", "banyan.yml"}

// findFile is the app file that path means.
func findFile(path string) (string, error) {
	if path == "" {
		path = "."
	}
	info, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("app file: %w", err)
	}
	if !info.IsDir() {
		return path, nil
	}
	var found []string
	for _, name := range fileNames {
		if _, err := os.Stat(filepath.Join(path, name)); err == nil {
			found = append(found, filepath.Join(path, name))
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 2:
		return "", fmt.Errorf("both %s and %s exist; remove one of them, or name the one to use", found[0], found[1])
	}
	hint := "create one, or give the path of an app file"
	if compose, _ := filepath.Glob(filepath.Join(path, "*compose*.y*ml")); len(compose) > 0 {
		hint = fmt.Sprintf("%s is a Compose file, which has other keys; write a banyan.yaml beside it", compose[0])
	}
	return "", fmt.Errorf("no banyan.yaml in %s: %w; %s", path, fs.ErrNotExist, hint)
}

var overlayName = pattern(`^[A-Za-z0-9][A-Za-z0-9_-]*$`)

// findOverlay is the overlay of env beside the app file.
func findOverlay(path, env string) (string, error) {
	if !overlayName().MatchString(env) {
		return "", fmt.Errorf("%s cannot be the name of an environment; use letters, digits, - and _", quote(env))
	}
	ext := filepath.Ext(path)
	stem := strings.TrimSuffix(path, ext)
	want := stem + "." + env + orElse(ext, ".yaml")
	for _, name := range []string{want, stem + "." + env + ".yaml", stem + "." + env + ".yml"} {
		if _, err := os.Stat(name); err == nil {
			return name, nil
		}
	}
	hint := "create it, or leave out the environment"
	var known []string
	others, _ := filepath.Glob(stem + ".*.y*ml")
	for _, o := range others {
		known = append(known, strings.TrimSuffix(strings.TrimPrefix(o, stem+"."), filepath.Ext(o)))
	}
	if len(known) > 0 {
		hint = "environments here are " + list(known)
	}
	return "", fmt.Errorf("the environment %s has no overlay %s: %w; %s", env, want, fs.ErrNotExist, hint)
}

// readFile reads at most what parseYAML accepts, and one byte.
func readFile(path string) ([]byte, error) {
	data, err := os.ReadFile(path)
	if err == nil {
		return data, nil
	}
	if errors.Is(err, fs.ErrPermission) {
		return nil, fmt.Errorf("app file: %w; make it readable for your user", err)
	}
	return nil, fmt.Errorf("app file: %w", err)
}
