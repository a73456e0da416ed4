// Package secret keeps the values that `banyan secret set` is given, one file
// a secret in a directory of their own. The CLI writes them, the daemon reads
// them when it starts an instance; both may do so at the same time.
//
// Files are 0600 in a 0700 directory and are replaced atomically and durably:
// after Set returns, the value survives a power cut; until then the old one
// does. With a key (BANYAN_SECRET_KEY_FILE) each file is encrypted with
// AES-256-GCM under a key that HKDF-SHA256 derives from the key file's bytes;
// the secret's name is authenticated with it, so that files cannot be swapped.
package secret

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	"github.com/banyanrun/banyan/internal/fault"
)

// MaxSize is the longest value that is stored, in bytes.
const MaxSize = 1 << 20

// Store is a directory of secrets. The zero Key stores values as they are.
// A Store is safe for concurrent use, also by several processes.
type Store struct {
	// Dir is made by the first Set.
	Dir string
	// Key is what DeriveKey returns, or nil.
	Key []byte
}

const nameMost = 128 // bytes

// As a part of it the bound would make it a hundred times as large.
var nameForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)

func validName(name string) bool { return len(name) <= nameMost && nameForm.MatchString(name) }

// CheckName returns an error unless name can name a secret.
func CheckName(name string) error {
	if validName(name) {
		return nil
	}
	return fault.New(fault.Invalid, "%q cannot name a secret", name).
		Fix("use letters, digits, '.', '_' and '-', at most 128, starting with a letter or digit")
}

// Set stores value under name, replacing what was there.
func (s Store) Set(name string, value []byte) error {
	if err := CheckName(name); err != nil {
		return err
	}
	switch {
	case len(value) == 0:
		return fault.New(fault.Invalid, "the value of secret %s is empty", name)
	case len(value) > MaxSize:
		return fault.New(fault.Invalid, "the value of secret %s is longer than 1 MiB", name)
	}
	data, err := s.seal(name, value)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(s.Dir, 0o700); err != nil {
		return err
	}
	if err := os.Chmod(s.Dir, 0o700); err != nil { //nolint:gosec // a directory needs x
		return err
	}
	return replaceFile(s.Dir, name, data)
}

// Get returns the value of name. The error's code is fault.NotFound when it
// was never set and fault.Denied when it cannot be decrypted.
func (s Store) Get(name string) ([]byte, error) {
	if err := CheckName(name); err != nil {
		return nil, err
	}
	data, err := os.ReadFile(filepath.Join(s.Dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, missing(name)
	}
	if err != nil {
		return nil, err
	}
	return s.open(name, data)
}

// List returns the names of what is stored, sorted.
func (s Store) List() ([]string, error) {
	entries, err := os.ReadDir(s.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if e.Type().IsRegular() && validName(e.Name()) {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names, nil
}

// Remove deletes name. The error's code is fault.NotFound when it is not there.
func (s Store) Remove(name string) error {
	if err := CheckName(name); err != nil {
		return err
	}
	err := os.Remove(filepath.Join(s.Dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return missing(name)
	}
	if err != nil {
		return err
	}
	return syncDir(s.Dir)
}

func missing(name string) error {
	return fault.New(fault.NotFound, "secret %s is not set", name).Fix("set it with `banyan secret set %s`", name)
}

// replaceFile writes dir/name so that a crash leaves the old or the new content.
func replaceFile(dir, name string, data []byte) (err error) {
	f, err := os.CreateTemp(dir, ".new-*") // 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = f.Close() // a second Close is harmless
			_ = os.Remove(f.Name())
		}
	}()
	if _, err = f.Write(data); err != nil {
		return err
	}
	if err = f.Sync(); err != nil {
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	if err = os.Rename(f.Name(), filepath.Join(dir, name)); err != nil {
		return err
	}
	return syncDir(dir)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }()
	return d.Sync()
}
