package build

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/banyanrun/banyan/internal/fault"
	"github.com/banyanrun/banyan/internal/ignore"
)

// Sources hashes what builds depend on. It remembers the files that it has read
// for as long as size, time and inode stay the same. It is not safe for concurrent use.
type Sources struct {
	files map[string]fileSum
	hash  func(path string) ([32]byte, error)
}

type fileSum struct {
	info os.FileInfo
	sum  [32]byte
}

// same reports whether a file is still the one that was read.
func (f fileSum) same(info os.FileInfo) bool {
	return f.info != nil && os.SameFile(f.info, info) && f.info.Size() == info.Size() && f.info.ModTime().Equal(info.ModTime())
}

// fresh is how old a file must be for its time to change with its next change:
// filesystems count time in steps of some milliseconds.
const fresh = 100 * time.Millisecond

// NewSources returns an empty memory.
func NewSources() *Sources {
	return &Sources{files: map[string]fileSum{}, hash: hashFile}
}

// Hash returns the hash of the paths' content, names and permissions. Paths are
// relative to dir; directories are taken whole, less what .gitignore files name.
// With no paths it is dir itself.
func (s *Sources) Hash(dir string, paths []string) (string, error) {
	if len(paths) == 0 {
		paths = []string{"."}
	}
	h := sha256.New()
	for _, p := range slices.Sorted(slices.Values(paths)) {
		root := filepath.Join(dir, p)
		info, err := os.Stat(root)
		if err != nil {
			return "", fault.New(fault.Invalid, "sources: %s does not exist", root).Fix("correct sources in the app file")
		}
		if err := s.walk(h, dir, root, fs.FileInfoToDirEntry(info), nil); err != nil {
			return "", fmt.Errorf("sources: %w", err)
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// walk adds what is at path, which is a file or a directory below base.
func (s *Sources) walk(h hash.Hash, base, path string, e fs.DirEntry, rules *ignore.Rules) error {
	if !e.IsDir() {
		rel, err := filepath.Rel(base, path)
		if err != nil {
			return err
		}
		return s.add(h, rel, path, e)
	}
	rules = ignore.In(path, rules)
	entries, err := os.ReadDir(path)
	if err != nil {
		return ignoreGone(err) // removed while we walk: the next hash is another one
	}
	for _, e := range entries {
		below := filepath.Join(path, e.Name())
		if rules.Ignores(below, e.IsDir()) {
			continue
		}
		if err := s.walk(h, base, below, e, rules); err != nil {
			return err
		}
	}
	return nil
}

// add writes one entry to the hash: its name, its kind and its content's sum.
func (s *Sources) add(h hash.Hash, rel, path string, e fs.DirEntry) error {
	switch {
	case e.IsDir():
		return nil
	case e.Type()&fs.ModeSymlink != 0:
		target, err := os.Readlink(path)
		if err != nil {
			return ignoreGone(err)
		}
		entry(h, "link", rel, []byte(target))
		return nil
	case !e.Type().IsRegular():
		return nil
	}
	sum, mode, err := s.sum(path)
	if err != nil {
		return ignoreGone(err)
	}
	kind := "file"
	if mode&0o111 != 0 {
		kind = "program"
	}
	entry(h, kind, rel, sum[:])
	return nil
}

// entry writes length-prefixed fields, so that no two trees give the same bytes.
func entry(h hash.Hash, kind, name string, content []byte) {
	for _, field := range [][]byte{[]byte(kind), []byte(filepath.ToSlash(name)), content} {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(field)))
		h.Write(n[:]) // a hash never fails
		h.Write(field)
	}
}

func ignoreGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func (s *Sources) sum(path string) ([32]byte, fs.FileMode, error) {
	info, err := os.Stat(path)
	if err != nil {
		return [32]byte{}, 0, err
	}
	if known := s.files[path]; known.same(info) {
		return known.sum, info.Mode(), nil
	}
	sum, err := s.hash(path)
	if err != nil {
		return sum, 0, err
	}
	delete(s.files, path)
	if time.Since(info.ModTime()) > fresh {
		s.files[path] = fileSum{info: info, sum: sum}
	}
	return sum, info.Mode(), nil
}

func hashFile(path string) (sum [32]byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return sum, err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return sum, err
	}
	h.Sum(sum[:0])
	return sum, nil
}

// digestTree hashes an output directory whole.
func digestTree(dir string) (string, error) {
	s := NewSources()
	s.hash = hashOutput
	h := sha256.New()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		return s.add(h, rel, path, e)
	})
	return hex.EncodeToString(h.Sum(nil)), err
}
