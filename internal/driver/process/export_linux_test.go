package process

import "os"

// Untracked makes the driver find an instance's processes without cgroup v2, as
// on machines that have only v1 or for users who may not use it.
func (d *Driver) Untracked() {
	_ = os.Remove(d.groups.unified)
	d.groups.unified = ""
}

// Helper is the exec helper's argv prefix of the driver.
func (d *Driver) Helper() []string { return d.exec }
