package cli

import (
	"path/filepath"

	"github.com/banyanrun/banyan/appfile"
	"github.com/banyanrun/banyan/internal/cli/watch"
)

// sources follows what an app is made of: its file, what that names, and the
// services' sources. A nil *sources never changes.
type sources struct{ w *watch.Watcher }

func watchSources(file *appfile.File) (*sources, error) {
	w, err := watch.Start(sourcePaths(file))
	if err != nil {
		return nil, err
	}
	return &sources{w}, nil
}

// Changed gets a value after each burst of changes.
func (s *sources) Changed() <-chan struct{} {
	if s == nil {
		return nil
	}
	return s.w.Changed()
}

// Follow goes on with what another version of the file names.
func (s *sources) Follow(file *appfile.File) error { return s.w.Follow(sourcePaths(file)) }

// Close ends it.
func (s *sources) Close() { s.w.Close() }

// sourcePaths are the files and directories whose change means another apply.
func sourcePaths(file *appfile.File) []string {
	paths := append([]string{file.Path}, file.Overlays...)
	below := func(base, path string) string {
		if filepath.IsAbs(path) {
			return path
		}
		return filepath.Join(base, path)
	}
	add := func(workingDir string, sources, envFiles []string) {
		dir := below(file.Dir, workingDir)
		for _, e := range envFiles {
			paths = append(paths, below(file.Dir, e))
		}
		if len(sources) == 0 {
			paths = append(paths, dir)
		}
		for _, src := range sources {
			paths = append(paths, below(dir, src))
		}
	}
	for _, s := range file.App.Services {
		add(s.WorkingDir, s.Sources, s.EnvFile)
	}
	for _, j := range file.App.Jobs {
		add(j.WorkingDir, j.Sources, j.EnvFile)
	}
	for _, s := range file.App.Secrets {
		if s != nil && s.File != "" {
			paths = append(paths, below(file.Dir, s.File))
		}
	}
	return paths
}
