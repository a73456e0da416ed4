package metrics

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/oklog/ulid/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/tsdb"
)

// damagedDir holds what was set aside, within the store's directory.
const damagedDir = "damaged"

// openRepaired opens the database. Prometheus itself cuts a damaged log off where
// the damage begins; blocks that cannot be opened, a log that cannot be repaired
// and at last everything are moved out of the way.
func (s *Store) openRepaired() (*tsdb.DB, []string, error) {
	o := &s.options
	var damage []string
	cuts := &cutCounter{}
	db, err := s.openOnce(cuts)
	for _, aside := range []func(dir string, err error) ([]string, error){asideBlocks, asideLog, asideAll} {
		if err == nil || ofTheDisk(err) {
			break
		}
		o.Log.Warn("metrics are damaged", "dir", o.Dir, "error", err)
		moved, moveErr := aside(o.Dir, err)
		if moveErr != nil {
			return nil, nil, moveErr
		}
		damage = append(damage, moved...)
		if len(moved) > 0 {
			db, err = s.openOnce(cuts)
		}
	}
	if err == nil && cuts.found() {
		damage = append(damage, "the log was damaged: what came after the damage is gone")
	}
	for _, d := range damage {
		o.Log.Error("metrics were damaged", "dir", o.Dir, "what", d)
	}
	return db, damage, err
}

func (s *Store) openOnce(cuts *cutCounter) (db *tsdb.DB, err error) {
	defer func() {
		if p := recover(); p != nil {
			db, err = nil, fmt.Errorf("opening panicked: %v", p)
		}
	}()
	o := &s.options
	s.shares.forget()
	return tsdb.Open(o.Dir, o.Log, cuts.registry(), s.storage(), nil)
}

// ofTheDisk says that an error is not damage: moving things would only make it worse.
func ofTheDisk(err error) bool {
	if errors.Is(err, fs.ErrPermission) {
		return true
	}
	for _, e := range []error{syscall.ENOSPC, syscall.EROFS, syscall.EDQUOT, syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// asideBlocks moves the blocks that cannot be opened.
func asideBlocks(dir string, _ error) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var moved []string
	for _, e := range entries {
		if _, err := ulid.ParseStrict(e.Name()); err != nil || !e.IsDir() {
			continue
		}
		block, err := tsdb.OpenBlock(nil, filepath.Join(dir, e.Name()), nil, nil)
		if err == nil {
			err = block.Close()
		}
		if err == nil {
			continue
		}
		if err := aside(dir, e.Name()); err != nil {
			return nil, err
		}
		moved = append(moved, fmt.Sprintf("block %s was set aside in %s: %v", e.Name(), damagedDir, err))
	}
	return moved, nil
}

// logDirs hold what is not in blocks yet.
var logDirs = []string{"wal", "wbl", "chunks_head"}

// asideLog moves what is not in blocks yet.
func asideLog(dir string, cause error) ([]string, error) {
	moved := false
	for _, name := range logDirs {
		err := aside(dir, name)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		moved = moved || err == nil
	}
	if !moved {
		return nil, nil
	}
	return []string{fmt.Sprintf("the log was set aside in %s, with the last hours of samples: %v", damagedDir, cause)}, nil
}

func asideAll(dir string, cause error) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if e.Name() == damagedDir {
			continue
		}
		if err := aside(dir, e.Name()); err != nil {
			return nil, err
		}
	}
	return []string{fmt.Sprintf("everything was set aside in %s: %v", damagedDir, cause)}, nil
}

// aside moves an entry of the directory. Of each name the latest is kept.
func aside(dir, name string) error {
	from, to := filepath.Join(dir, name), filepath.Join(dir, damagedDir, name)
	if _, err := os.Lstat(from); err != nil {
		return err
	}
	if err := os.RemoveAll(to); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	return os.Rename(from, to)
}

// cutCounter finds out whether Prometheus repaired a log: it says so only in a
// counter of its own.
type cutCounter struct {
	reg *prometheus.Registry
}

func (c *cutCounter) registry() prometheus.Registerer {
	c.reg = prometheus.NewRegistry()
	return c.reg
}

func (c *cutCounter) found() bool {
	families, err := c.reg.Gather()
	if err != nil {
		return false
	}
	for _, f := range families {
		if f.GetName() == "prometheus_tsdb_wal_corruptions_total" {
			for _, m := range f.GetMetric() {
				return m.GetCounter().GetValue() > 0
			}
		}
	}
	return false
}
