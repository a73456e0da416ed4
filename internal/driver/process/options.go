package process

import (
	"log/slog"
)

// Options configure a Driver.
type Options struct {
	// Exec is the argv prefix of the hidden helper: {"/path/banyan", "exec"}. The
	// path is absolute. The program must call Child for it.
	Exec []string
	// CgroupParent is the cgroup below which instances get theirs, as a path
	// within the hierarchy ("/system.slice/banyan.service"). Empty: the driver
	// finds one that it may use.
	CgroupParent string
	// Tag tells this daemon's processes from another's, for example a hash of its
	// state directory. Letters, digits, '-' and '_' only.
	Tag string
	// Log takes one record for each thing that went wrong behind the caller's
	// back. Nil: dropped.
	Log *slog.Logger
}
