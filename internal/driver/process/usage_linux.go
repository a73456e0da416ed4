package process

import (
	"os"
	"time"

	"github.com/banyanrun/banyan/internal/driver"
	"github.com/banyanrun/banyan/internal/fault"
)

// ticks is the unit of CPU times in /proc, USER_HZ: 100 on every Linux that Go
// runs on.
const ticks = 100

// Usage implements driver.Process. Memory shared by several processes of the
// instance counts for each.
func (p *process) Usage() (driver.Usage, error) {
	if p.ended() {
		return driver.Usage{}, fault.New(fault.NotFound, "pid %d has ended", p.in.id.PID)
	}
	var u driver.Usage
	page := int64(os.Getpagesize())
	for _, pid := range p.in.members() {
		st, err := readStat(pid)
		if err != nil {
			continue // it ended meanwhile
		}
		u.Memory += st.rss * page
		u.CPU += time.Duration(st.cpu) * time.Second / ticks
	}
	if cpu, ok := cgroupCPU(tracking(splitDirs(p.in.id.Cgroup))); ok {
		u.CPU = cpu // processes that ended count as well
	}
	return u, nil
}
