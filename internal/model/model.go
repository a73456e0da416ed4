// Package model holds the desired and observed state that Banyan's engines
// share. It is plain data without behaviour beyond small questions to itself,
// and imports nothing but the app file's types.
package model

import (
	"cmp"
	"encoding/json"
	"time"

	"github.com/banyanrun/banyan/appfile"
)

// App is what should be: the app file made definite on this machine.
type App struct {
	Name        string   `json:"name"`
	Path        string   `json:"path"` // of the app file
	Environment string   `json:"environment,omitempty"`
	Profiles    []string `json:"profiles,omitempty"`
	// Generation grows with each apply that changes something.
	Generation uint64              `json:"generation"`
	Gateway    *appfile.Gateway    `json:"gateway,omitempty"`
	Services   map[string]*Service `json:"services"`
	// Bus and Topics are complete, with their defaults; schemas are absolute.
	// Both are nil where nobody publishes or subscribes.
	Bus    *appfile.Bus              `json:"bus,omitempty"`
	Topics map[string]*appfile.Topic `json:"topics,omitempty"`
	// Sagas are what each is compiled from, with the schemas that it names.
	Sagas map[string]json.RawMessage `json:"sagas,omitempty"`
	// SagaStore is as in the app file, where there are sagas.
	SagaStore string `json:"saga_store,omitempty"`
	// CallsAll: Banyan may call every service that speaks HTTP, as steps of sagas do.
	// Those that were begun earlier may call others than the file's now.
	CallsAll bool `json:"calls_all,omitempty"`
	// Resources are the servers that the app uses; their URLs keep their references.
	Resources *appfile.AppResources `json:"resources,omitempty"`
	// Dashboard is as in the app file; nil: by its defaults.
	Dashboard *appfile.Dashboard `json:"dashboard,omitempty"`
	// Telemetry, Alerts and Recordings are as in the app file.
	Telemetry  *appfile.Telemetry        `json:"telemetry,omitempty"`
	Alerts     map[string]*appfile.Alert `json:"alerts,omitempty"`
	Recordings map[string]string         `json:"recordings,omitempty"`
	// Secrets says where values come from; files are absolute.
	Secrets  map[string]*appfile.Secret `json:"secrets,omitempty"`
	Warnings []string                   `json:"warnings,omitempty"`
}

// Service is one desired service, or a job: a service that ends.
type Service struct {
	Name string `json:"name"`
	// Spec is the app file's entry with its defaults; for a job, the fields that jobs share.
	Spec *appfile.Service `json:"spec"`
	// Job is set for jobs.
	Job *Job `json:"job,omitempty"`
	// Of is set for the job that migrates a service's database: the service, whose
	// identity, environment and data are the job's too.
	Of string `json:"of,omitempty"`
	// Replicas is how many instances should run; `banyan scale` overrides the file.
	Replicas int `json:"replicas"`
	// Declared is the app file's number, to see when it says another one.
	Declared int `json:"declared"`
	// ConfigHash stands for all that makes a revision but the build's output.
	ConfigHash string `json:"config_hash"`
	// BuildKey stands for the sources, command and environment of the build; empty: nothing to build.
	BuildKey string `json:"build_key,omitempty"`
	// Variables is the environment that the build and the instances inherit.
	Variables map[string]string `json:"variables,omitempty"`
	// Restarts counts `banyan restart`: each makes a new revision of the same content.
	Restarts int `json:"restarts,omitempty"`
	// LeftOut says why the service is not run, for an optional one. Empty: it is run.
	LeftOut string `json:"left_out,omitempty"`
}

// Job is when and how a job runs.
type Job struct {
	Schedule string        `json:"schedule,omitempty"` // cron; empty: once for each revision
	Timeout  time.Duration `json:"timeout,omitempty"`
	Retries  int           `json:"retries,omitempty"`
}

// Identity is the name by which the service is known to others and to itself.
func (s *Service) Identity() string { return cmp.Or(s.Of, s.Name) }

// Migration is the name of the job that migrates the service's database; empty:
// there is none. No name of the app file's has a dot.
func (s *Service) Migration() string {
	if s.Job != nil || s.Spec == nil || s.Spec.Database == nil || len(s.Spec.Database.Migrate) == 0 {
		return ""
	}
	return s.Name + ".migrate"
}

// Need is something outside of the app that a service cannot be started without,
// and that is not there.
type Need struct {
	// Reason is for people: why it is not there.
	Reason string
	// Failed: it will not be there soon, as far as anybody knows. Otherwise it is
	// being made.
	Failed bool
}

// Build is a build that was made, is being made, or failed.
type Build struct {
	Service string `json:"service"`
	Key     string `json:"key"`
	// Done and Failed are exclusive; neither: it is running.
	Done   bool `json:"done,omitempty"`
	Failed bool `json:"failed,omitempty"`
	// Digest stands for the content of Dir once it is done. Two builds with one
	// digest are one revision, so a change that compiles to the same restarts nothing.
	Digest  string    `json:"digest,omitempty"`
	Dir     string    `json:"dir,omitempty"`
	Reason  string    `json:"reason,omitempty"`
	Details []string  `json:"details,omitempty"` // the compiler's last words
	Started time.Time `json:"started"`
	Ended   time.Time `json:"ended,omitzero"`
}

// Phase is where an instance is in its life.
type Phase string

// The phases of an instance.
const (
	Starting   Phase = "starting" // the process is being started, or runs and is not ready yet
	Ready      Phase = "ready"
	Unready    Phase = "unready"     // runs, and its readiness probe fails
	BackingOff Phase = "backing-off" // ended; starts again at RetryAt
	Draining   Phase = "draining"    // gets no new requests; stops when those in flight are done
	Stopping   Phase = "stopping"    // was asked to stop
	Stopped    Phase = "stopped"     // ended as it should; a retired one is removed next
	Failed     Phase = "failed"      // ended and is not started again
	Completed  Phase = "completed"   // a job's run that ended with exit code 0
)

// Alive reports whether a process may exist in this phase.
func (p Phase) Alive() bool {
	switch p {
	case Starting, Ready, Unready, Draining, Stopping:
		return true
	default:
		return false
	}
}

// Instance is one running copy of a revision, as last observed. It keeps its ID
// when it is started again after a crash.
type Instance struct {
	ID       string `json:"id"` // order-3
	Service  string `json:"service"`
	Revision string `json:"revision"`
	// Of is the service as it was when the instance was made: what its revision
	// means, whatever the app file says since. It is never changed.
	Of *Service `json:"of,omitempty"`
	// OutDir is what ${out} means to this revision.
	OutDir string `json:"out_dir,omitempty"`
	Port   int    `json:"port,omitempty"`
	Phase  Phase  `json:"phase"`
	// Run numbers the processes that the instance has had, from 1.
	Run int `json:"run"`
	PID int `json:"pid,omitempty"`
	// Reason is for people: why it is in this phase.
	Reason  string   `json:"reason,omitempty"`
	Details []string `json:"details,omitempty"` // last lines of its output where that explains the reason
	// Retiring: it will not be started again; it drains, stops and is removed.
	Retiring bool `json:"retiring,omitempty"`
	// Unrouted: the data plane has acknowledged routes without it.
	Unrouted bool `json:"unrouted,omitempty"`
	// Killed: its process was sent SIGKILL, not only asked to stop.
	Killed bool `json:"killed,omitempty"`
	// Drained: nothing is in flight to it any more, says the data plane.
	Drained  bool      `json:"drained,omitempty"`
	Deadline time.Time `json:"deadline,omitzero"` // of draining
	RetryAt  time.Time `json:"retry_at,omitzero"`
	Created  time.Time `json:"created"`
	Started  time.Time `json:"started,omitzero"` // of the current process
	ReadyAt  time.Time `json:"ready_at,omitzero"`
	// Crashes in a row, for the backoff; Restarts in all.
	Crashes  int `json:"crashes,omitempty"`
	Restarts int `json:"restarts,omitempty"`
	// Warnings say what was asked for and cannot be given here.
	Warnings []string `json:"warnings,omitempty"`
}

// Observed is what is.
type Observed struct {
	Instances map[string]*Instance
	Builds    map[string]*Build // by Build.Key
	// LastRun is when a job's last run was begun, by job.
	LastRun map[string]time.Time
	// RunNow are jobs that a person asked to run.
	RunNow map[string]bool
	// Numbers is the last number given to an instance, by service.
	Numbers map[string]int
	// Needs are what services wait for outside of the app, by service.
	Needs map[string]Need
}

// Capacity is what the machine has to give.
type Capacity struct {
	CPU    float64 // cores
	Memory int64   // bytes
}

// State is a service's or an instance's state as people are shown it.
type State string

// The states that are not phases of an instance.
const (
	StateWaiting   State = "waiting" // the reason says for what
	StateBuilding  State = "building"
	StateLeftOut   State = "left-out"
	StateScheduled State = "scheduled"
)

// ServiceStatus is what there is to say of a service.
type ServiceStatus struct {
	Service   *Service
	State     State
	Reason    string
	Details   []string
	Ready     int
	Revision  string // the wanted one; empty while it is not known
	Updating  bool   // instances of other revisions are still there
	Instances []Instance
	NextRun   time.Time
}

// Settled reports whether the service is as it should be, with nothing left to do.
func (s *ServiceStatus) Settled() bool {
	switch s.State {
	case State(Ready), State(Completed), StateLeftOut, StateScheduled, State(Stopped):
		return !s.Updating
	default:
		return false
	}
}

// Status is all there is to say of an app.
type Status struct {
	App         *App // nil: nothing was applied yet
	GatewayURLs []string
	// DashboardURL is where the dashboard is; empty: it is not open.
	DashboardURL string
	Services     []ServiceStatus
	Daemon       ProcessStatus
	DataPlane    ProcessStatus
	Usage        map[string]Usage // by instance; only where it was asked for
	GoingDown    bool
}

// ProcessStatus is what there is to say of one of Banyan's own processes.
type ProcessStatus struct {
	PID     int
	Version string
	Started time.Time
	Ready   bool
	Reason  string
	Usage   Usage
}

// Usage is what a process and its descendants use.
type Usage struct {
	CPU    time.Duration // since its start
	Memory int64         // bytes resident
}

// Settled reports whether every service is as it should be.
func (s *Status) Settled() bool {
	for n := range s.Services {
		if !s.Services[n].Settled() {
			return false
		}
	}
	return s.App != nil && s.DataPlane.Ready
}

// stuckCrashes in a row are taken as a sign that the next start will fail too.
const stuckCrashes = 3

// Stuck reports whether nothing more will change by itself: what is not settled
// has failed, fails again and again, or waits for something that has.
func (s *Status) Stuck() bool {
	for n := range s.Services {
		st := &s.Services[n]
		if st.Settled() || st.hopeless() {
			continue
		}
		return false
	}
	return s.App != nil && s.DataPlane.Ready
}

func (s *ServiceStatus) hopeless() bool {
	switch s.State {
	case State(Failed):
		return true
	case StateWaiting:
		for _, i := range s.Instances {
			if i.Retiring && i.Phase.Alive() {
				return false // it waits for these to go
			}
		}
		return true
	case State(Starting), State(BackingOff), State(Unready):
		for _, i := range s.Instances {
			// What crashes of an older revision is about to be replaced.
			if !i.Retiring && i.Revision == s.Revision && i.Crashes >= stuckCrashes {
				return true
			}
		}
		return false
	default:
		return false
	}
}
