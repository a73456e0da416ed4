package layout

import (
	"errors"
	"os"
	"path/filepath"
)

// MakeDir makes a directory, private to its owner, unless it is there. Its parent
// must be there. Once it returns nil the directory survives a loss of power.
func MakeDir(dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return syncDir(filepath.Dir(dir))
}

// syncDir makes what happened to names in a directory last. What is synced in a
// file lasts without it only where a file system is kind.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
