//go:build !linux

package fsys

// Sync of package os asks the drive itself on macOS, where fsync does not.
func (f file) Sync() error { return f.File.Sync() }
