package stream

import (
	"time"

	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
)

// process is what one uses.
type process struct {
	CPU    float64 `json:"cpu"`    // cores
	Memory int64   `json:"memory"` // bytes
}

type usageEvent struct {
	Time      time.Time          `json:"time"`
	Daemon    process            `json:"daemon"`
	DataPlane process            `json:"data_plane"`
	Instances map[string]process `json:"instances"`
}

// usage turns processor time into cores, as the difference of two readings.
type usage struct {
	at    time.Time
	spent map[string]spent
}

// spent is the processor time of a process that began then.
type spent struct {
	began time.Time
	cpu   time.Duration
}

// staleUsage is how old a reading may be for the difference to say something.
const staleUsage = 4 * usageEvery

func (u *usage) next(st *banyanv1.Status, now time.Time) *usageEvent {
	seconds := now.Sub(u.at).Seconds()
	old := u.spent
	if now.Sub(u.at) > staleUsage {
		old = nil
	}
	u.at, u.spent = now, map[string]spent{}
	one := func(id string, s spent, memory int64) process {
		u.spent[id] = s
		p := process{Memory: memory}
		if before, ok := old[id]; ok && before.began.Equal(s.began) && seconds > 0 {
			p.CPU = max(0, (s.cpu-before.cpu).Seconds()/seconds)
		}
		return p
	}
	whole := func(id string, p *banyanv1.Process) process {
		return one(id, spent{p.GetStartedAt().AsTime(), p.GetCpuTime().AsDuration()}, p.GetMemoryBytes())
	}
	e := &usageEvent{
		Time: now.UTC(), Instances: map[string]process{},
		// No instance has such an id.
		Daemon: whole("\x00daemon", st.GetDaemon()), DataPlane: whole("\x00data plane", st.GetDataPlane()),
	}
	for _, s := range st.GetServices() {
		for _, i := range s.GetInstances() {
			if i.GetPid() != 0 {
				e.Instances[i.GetId()] = one(i.GetId(), spent{i.GetStartedAt().AsTime(), i.GetCpuTime().AsDuration()}, i.GetMemoryBytes())
			}
		}
	}
	return e
}
