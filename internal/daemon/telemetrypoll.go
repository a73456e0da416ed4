package daemon

import (
	"context"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/banyanrun/banyan/internal/bus"
	"github.com/banyanrun/banyan/internal/model"
	"github.com/banyanrun/banyan/internal/reconcile"
	"github.com/banyanrun/banyan/internal/saga/machine"
	"github.com/banyanrun/banyan/internal/telemetry/metrics"
)

// families describe the series that are made here.
var families = map[string]metrics.Metadata{
	"banyan_up":                              {Type: "gauge", Help: "1: the instance is ready."},
	"banyan_instance_cpu_seconds_total":      {Type: "counter", Unit: "seconds", Help: "CPU time of the instance's processes."},
	"banyan_instance_memory_bytes":           {Type: "gauge", Unit: "bytes", Help: "Resident memory of the instance's processes."},
	"banyan_instance_open_fds":               {Type: "gauge", Help: "Open file descriptors of the instance's main process."},
	"banyan_instance_restarts_total":         {Type: "counter", Help: "Times that the instance was started again."},
	"banyan_instance_crashes":                {Type: "gauge", Help: "Crashes in a row."},
	"banyan_instance_start_time_seconds":     {Type: "gauge", Unit: "seconds", Help: "When the instance's process began, since 1970."},
	"banyan_service_desired_instances":       {Type: "gauge", Help: "Instances that should run."},
	"banyan_service_ready_instances":         {Type: "gauge", Help: "Instances that are ready."},
	"banyan_service_state":                   {Type: "gauge", Help: "1 for the state that the service is in."},
	"banyan_process_cpu_seconds_total":       {Type: "counter", Unit: "seconds", Help: "CPU time of Banyan's own processes."},
	"banyan_process_memory_bytes":            {Type: "gauge", Unit: "bytes", Help: "Resident memory of Banyan's own processes."},
	"banyan_disk_free_bytes":                 {Type: "gauge", Unit: "bytes", Help: "Space that is left where the state directory is."},
	"banyan_disk_size_bytes":                 {Type: "gauge", Unit: "bytes", Help: "Size of the file system where the state directory is."},
	"banyan_topic_events":                    {Type: "gauge", Help: "Events that are kept."},
	"banyan_topic_bytes":                     {Type: "gauge", Unit: "bytes", Help: "Bytes that the topic takes up."},
	"banyan_topic_delayed":                   {Type: "gauge", Help: "Events that wait for their time."},
	"banyan_topic_published_total":           {Type: "counter", Help: "Events that were published."},
	"banyan_topic_duplicates_total":          {Type: "counter", Help: "Events that were published before."},
	"banyan_topic_refused_total":             {Type: "counter", Help: "Events that could not be stored."},
	"banyan_publishes_total":                 {Type: "counter", Help: "Events that a service published, duplicates among them."},
	"banyan_subscription_lag":                {Type: "gauge", Help: "Events that are not delivered yet."},
	"banyan_subscription_oldest_seconds":     {Type: "gauge", Unit: "seconds", Help: "Age of the oldest event that is not delivered."},
	"banyan_subscription_in_flight":          {Type: "gauge", Help: "Deliveries under way."},
	"banyan_subscription_retrying":           {Type: "gauge", Help: "Events that wait for their next attempt."},
	"banyan_subscription_dead_letters":       {Type: "gauge", Help: "Dead letters there are."},
	"banyan_subscription_delivered_total":    {Type: "counter", Help: "Events that were delivered."},
	"banyan_subscription_failed_total":       {Type: "counter", Help: "Deliveries that failed."},
	"banyan_subscription_lost_total":         {Type: "counter", Help: "Events that retention took before they were delivered."},
	"banyan_outbox_waiting":                  {Type: "gauge", Help: "Events in a service's outbox that are not relayed yet."},
	"banyan_outbox_refused":                  {Type: "gauge", Help: "Events in a service's outbox that the bus refuses."},
	"banyan_sagas":                           {Type: "gauge", Help: "Sagas that are kept, by state."},
	"banyan_telemetry_dropped_total":         {Type: "counter", Help: "Telemetry that was dropped."},
	"banyan_telemetry_disk_bytes":            {Type: "gauge", Unit: "bytes", Help: "Bytes that telemetry takes up."},
	"banyan_telemetry_queue_bytes":           {Type: "gauge", Unit: "bytes", Help: "Telemetry that waits to be kept."},
	"banyan_telemetry_taken_total":           {Type: "counter", Help: "Records that were taken in."},
	"banyan_telemetry_damaged_files":         {Type: "gauge", Help: "Files of telemetry that cannot be read."},
	"banyan_telemetry_metrics_series":        {Type: "gauge", Help: "Series in memory."},
	"banyan_telemetry_metrics_dropped_total": {Type: "counter", Help: "Samples that were not taken, by reason."},
}

// look gathers samples of one time.
type look struct {
	now     time.Time
	samples []metrics.Sample
}

func (l *look) add(v float64, name string, pairs ...string) {
	l.samples = append(l.samples, metrics.Sample{Labels: metrics.Named(name, pairs...), Time: l.now.UnixMilli(), Value: v})
}

// pollOthers keeps what the platform knows of itself and of instances.
func (d *daemon) pollOthers(ctx context.Context) {
	l := &look{now: time.Now()}
	d.lookAtServices(ctx, l)
	d.lookAtSelf(l)
	d.lookAtBus(ctx, l)
	d.lookAtSagas(ctx, l)
	d.telemetry.append(ctx, slices.Concat(l.samples, d.telemetry.clients.Samples(l.now), d.telemetry.spans.Samples(l.now)))
}

func (d *daemon) lookAtServices(ctx context.Context, l *look) {
	var services []model.ServiceStatus
	err := d.loop.Read(ctx, func(desired reconcile.Desired, obs *model.Observed, plan reconcile.Plan) {
		services = reconcile.Summarize(desired, obs, plan)
	})
	if err != nil {
		return
	}
	usage := d.effects.usage()
	for i := range services {
		s := &services[i]
		name := s.Service.Name
		if s.Service.Job == nil {
			l.add(float64(s.Service.Replicas), "banyan_service_desired_instances", "service", name)
			l.add(float64(s.Ready), "banyan_service_ready_instances", "service", name)
		}
		l.add(1, "banyan_service_state", "service", name, "state", string(s.State))
		for k := range s.Instances {
			l.instance(&s.Instances[k], usage)
		}
	}
}

func (l *look) instance(i *model.Instance, usage map[string]model.Usage) {
	pairs := []string{"service", i.Service, "instance", i.ID, "revision", i.Revision}
	up := 0.0
	if i.Phase == model.Ready {
		up = 1
	}
	l.add(up, "banyan_up", pairs...)
	l.add(float64(i.Restarts), "banyan_instance_restarts_total", pairs...)
	l.add(float64(i.Crashes), "banyan_instance_crashes", pairs...)
	if !i.Started.IsZero() {
		l.add(float64(i.Started.UnixMilli())/1e3, "banyan_instance_start_time_seconds", pairs...)
	}
	u, known := usage[i.ID]
	if !known {
		return
	}
	l.add(u.CPU.Seconds(), "banyan_instance_cpu_seconds_total", pairs...)
	l.add(float64(u.Memory), "banyan_instance_memory_bytes", pairs...)
	if n := openFiles(i.PID); n > 0 {
		l.add(float64(n), "banyan_instance_open_fds", pairs...)
	}
}

// openFiles is how many descriptors a process has; 0 where that cannot be seen.
func openFiles(pid int) int {
	if pid <= 0 {
		return 0
	}
	f, err := os.Open("/proc/" + strconv.Itoa(pid) + "/fd")
	if err != nil {
		return 0
	}
	defer f.Close()
	names, err := f.Readdirnames(-1)
	if err != nil {
		return 0
	}
	return len(names)
}

func (d *daemon) lookAtSelf(l *look) {
	self := selfUsage()
	l.add(self.CPU.Seconds(), "banyan_process_cpu_seconds_total", "process", "daemon")
	l.add(float64(self.Memory), "banyan_process_memory_bytes", "process", "daemon")
	d.mu.Lock()
	p := d.proxy
	d.mu.Unlock()
	if p != nil {
		if u, err := p.Usage(); err == nil {
			l.add(u.CPU.Seconds(), "banyan_process_cpu_seconds_total", "process", "dataplane")
			l.add(float64(u.Memory), "banyan_process_memory_bytes", "process", "dataplane")
		}
	}
	var fs unix.Statfs_t
	if unix.Statfs(d.layout.StateDir, &fs) == nil {
		l.add(float64(fs.Bavail)*float64(fs.Bsize), "banyan_disk_free_bytes")
		l.add(float64(fs.Blocks)*float64(fs.Bsize), "banyan_disk_size_bytes")
	}
	d.telemetry.look(l)
}

// look tells how telemetry itself is.
func (r *telemetryRoom) look(l *look) {
	stores, st := r.store.Status(), r.metrics.Status()
	for _, drop := range r.lost(stores, &st) {
		l.add(float64(drop.Count), "banyan_telemetry_dropped_total", "where", drop.Where, "reason", drop.Reason)
	}
	for _, s := range stores {
		name := storeNames[s.Kind]
		l.add(float64(s.Bytes), "banyan_telemetry_disk_bytes", "store", name)
		l.add(float64(s.TakenIn), "banyan_telemetry_taken_total", "store", name)
		l.add(float64(len(s.Damage)), "banyan_telemetry_damaged_files", "store", name)
	}
	l.add(float64(st.Bytes), "banyan_telemetry_disk_bytes", "store", "metrics")
	l.add(float64(st.Series), "banyan_telemetry_metrics_series")
	for reason, n := range st.Dropped {
		l.add(float64(n), "banyan_telemetry_metrics_dropped_total", "reason", reason)
	}
	l.add(float64(r.engine.Waiting()), "banyan_telemetry_queue_bytes")
	r.lookAtExports(l)
}

func (d *daemon) lookAtBus(ctx context.Context, l *look) {
	b := d.broker.Load()
	if b == nil {
		return
	}
	topics, err := b.bus.Topics(ctx)
	if err != nil {
		return
	}
	for i := range topics {
		l.topic(&topics[i])
	}
	for _, s := range b.outboxes.stats() {
		l.add(float64(s.Waiting), "banyan_outbox_waiting", "service", s.Service)
		l.add(float64(s.Refused), "banyan_outbox_refused", "service", s.Service)
	}
	d.telemetry.published.look(l)
}

func (l *look) topic(t *bus.TopicStat) {
	l.add(float64(t.Events), "banyan_topic_events", "topic", t.Name)
	l.add(float64(t.Bytes), "banyan_topic_bytes", "topic", t.Name)
	l.add(float64(t.Delayed), "banyan_topic_delayed", "topic", t.Name)
	l.add(float64(t.Published), "banyan_topic_published_total", "topic", t.Name)
	l.add(float64(t.Duplicates), "banyan_topic_duplicates_total", "topic", t.Name)
	l.add(float64(t.Refused), "banyan_topic_refused_total", "topic", t.Name)
	for i := range t.Subscriptions {
		s := &t.Subscriptions[i]
		pairs := []string{"topic", t.Name, "service", s.Service}
		age := time.Duration(0)
		if !s.Oldest.IsZero() {
			age = max(0, l.now.Sub(s.Oldest))
		}
		l.add(float64(s.Lag), "banyan_subscription_lag", pairs...)
		l.add(age.Seconds(), "banyan_subscription_oldest_seconds", pairs...)
		l.add(float64(s.Busy), "banyan_subscription_in_flight", pairs...)
		l.add(float64(s.Retrying), "banyan_subscription_retrying", pairs...)
		l.add(float64(s.Dead), "banyan_subscription_dead_letters", pairs...)
		l.add(float64(s.Delivered), "banyan_subscription_delivered_total", pairs...)
		l.add(float64(s.Failed), "banyan_subscription_failed_total", pairs...)
		l.add(float64(s.Lost), "banyan_subscription_lost_total", pairs...)
	}
}

func (d *daemon) lookAtSagas(ctx context.Context, l *look) {
	c, err := d.runner()
	if err != nil {
		return
	}
	counts, err := c.Count(ctx)
	if err != nil {
		return
	}
	for _, status := range []machine.Status{machine.Running, machine.Compensating, machine.NeedsAttention, machine.Succeeded, machine.Compensated} {
		l.add(float64(counts[status]), "banyan_sagas", "state", string(status))
	}
}

// publishCounts counts what services published.
type publishCounts struct {
	mu sync.Mutex
	of map[[2]string]int64 // by publisher and topic
}

func (c *publishCounts) add(publisher, topic string, events int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.of == nil {
		c.of = map[[2]string]int64{}
	}
	c.of[[2]string{publisher, topic}] += int64(events)
}

func (c *publishCounts) look(l *look) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for key, n := range c.of {
		l.add(float64(n), "banyan_publishes_total", "publisher", key[0], "topic", key[1])
	}
}
