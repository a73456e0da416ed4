package view

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
)

// StatusOptions decide how Status looks.
type StatusOptions struct {
	Width int
	Color bool
	Now   time.Time
	// Instances shows every instance. Without it only those that are not as
	// they should be have a row, below their service.
	Instances bool
}

// Status is the table of `banyan ps`: a row a service, what is wrong below it,
// what was left out, and the platform's own processes.
func Status(st *banyanv1.Status, o StatusOptions) []string {
	headings := []cell{
		{text: "SERVICE"}, {text: "STATE"}, {text: "READY", right: true}, {text: "REVISION"}, {text: "AGE", right: true},
		{text: "RESTARTS", right: true}, {text: "CPU", right: true}, {text: "MEM", right: true}, {text: "ADDRESS"},
	}
	var rows []row
	for _, s := range st.GetServices() {
		if s.GetState() != banyanv1.State_STATE_LEFT_OUT {
			rows = append(rows, serviceRows(s, o)...)
		}
	}
	for i := range headings {
		headings[i].style = Dim
	}
	out := table(headings, rows, o.Width, o.Color)
	for _, l := range footer(st, o) {
		out = append(out, l.render(o.Width, o.Color))
	}
	return out
}

func serviceRows(s *banyanv1.Service, o StatusOptions) []row {
	look := serviceFace(s)
	sum := summarize(s, o.Now)
	rows := []row{{cells: []cell{
		{text: Clean(s.GetName())}, {text: look.word, style: look.style}, {text: readyCount(s), right: true},
		{text: s.GetRevision()}, {text: sum.age, right: true}, {text: strconv.Itoa(int(sum.restarts)), right: true},
		{text: sum.cpu, right: true}, {text: sum.memory, right: true}, {text: sum.address},
	}}}
	if reason := statusNote(s, o); reason != "" {
		rows = append(rows, row{free: line{{"  └ " + reason, look.style}}})
		for _, d := range lastOf(s.GetDetails(), statusDetails) {
			rows = append(rows, row{free: line{{"      " + Clean(d), Dim}}})
		}
	}
	for _, i := range s.GetInstances() {
		name := i.GetId() + ": "
		if o.Instances || len(s.GetInstances()) > 1 && i.GetState() != banyanv1.State_STATE_READY {
			name = ""
			rows = append(rows, instanceRow(i, o.Now))
			if i.GetReason() != "" {
				rows = append(rows, row{free: line{{"    └ " + Clean(i.GetReason()), faceOf(i.GetState()).style}}})
			}
		}
		for _, w := range i.GetWarnings() {
			rows = append(rows, row{free: line{{"    └ " + name + Clean(w), Yellow}}})
		}
	}
	return rows
}

// statusDetails is how many lines of what explains a reason the table shows: the
// compiler's words, the last output. All of them are in the JSON form.
const statusDetails = 5

func lastOf(lines []string, most int) []string { return lines[max(0, len(lines)-most):] }

func statusNote(s *banyanv1.Service, o StatusOptions) string {
	if s.GetReason() != "" {
		return Clean(s.GetReason())
	}
	if s.GetNextRun() != nil {
		return "next run " + s.GetNextRun().AsTime().In(o.Now.Location()).Format("2006-01-02 15:04:05")
	}
	return ""
}

// summary adds up a service's instances.
type summary struct {
	age, cpu, memory, address string
	restarts                  int32
}

func summarize(s *banyanv1.Service, now time.Time) summary {
	var sum summary
	var cpu time.Duration
	var memory int64
	var oldest time.Time
	var addresses []string
	for _, i := range s.GetInstances() {
		sum.restarts += i.GetRestarts()
		cpu += i.GetCpuTime().AsDuration()
		memory += i.GetMemoryBytes()
		if at := i.GetStartedAt(); at != nil && (oldest.IsZero() || at.AsTime().Before(oldest)) {
			oldest = at.AsTime()
		}
		if i.GetAddress() != "" {
			addresses = append(addresses, i.GetAddress())
		}
	}
	sum.age = age(oldest, now)
	if memory > 0 {
		sum.cpu, sum.memory = Duration(cpu), Bytes(memory)
	}
	if len(addresses) > 0 {
		sum.address = addresses[0]
	}
	if len(addresses) > 1 {
		sum.address += fmt.Sprintf(" +%d", len(addresses)-1)
	}
	return sum
}

func instanceRow(i *banyanv1.Instance, now time.Time) row {
	look := faceOf(i.GetState())
	cells := []cell{
		{text: "  " + i.GetId(), style: Dim}, {text: look.word, style: look.style}, {},
		{text: i.GetRevision()}, {}, {text: strconv.Itoa(int(i.GetRestarts())), right: true}, {}, {}, {text: i.GetAddress()},
	}
	if i.GetStartedAt() != nil {
		cells[4] = cell{text: age(i.GetStartedAt().AsTime(), now), right: true}
	}
	if i.GetMemoryBytes() > 0 {
		cells[6] = cell{text: Duration(i.GetCpuTime().AsDuration()), right: true}
		cells[7] = cell{text: Bytes(i.GetMemoryBytes()), right: true}
	}
	return row{cells: cells}
}

func age(start, now time.Time) string {
	if start.IsZero() {
		return ""
	}
	return Duration(now.Sub(start).Truncate(time.Second))
}

// footer tells what was left out, warnings, the gateway and our own processes.
func footer(st *banyanv1.Status, o StatusOptions) []line {
	out := []line{{}}
	for _, s := range st.GetServices() {
		if s.GetState() == banyanv1.State_STATE_LEFT_OUT {
			out = append(out, line{{"left out: " + Clean(s.GetName()), Dim}, {paren(s.GetReason()), Dim}})
		}
	}
	for _, w := range st.GetWarnings() {
		out = append(out, line{{"warning: ", Yellow}, {Clean(w), Plain}})
	}
	if urls := st.GetGatewayUrls(); len(urls) > 0 {
		out = append(out, line{{"gateway: " + strings.Join(urls, "  "), Plain}})
	}
	return append(out, line{
		{process("daemon", st.GetDaemon(), o.Now), Dim}, {"; ", Dim}, {process("data plane", st.GetDataPlane(), o.Now), Dim},
	})
}

func paren(s string) string {
	if s == "" {
		return ""
	}
	return " (" + Clean(s) + ")"
}

// process is "daemon: pid 17, 3m5s, 23Mi".
func process(name string, p *banyanv1.Process, now time.Time) string {
	if p.GetPid() == 0 {
		if p.GetReason() != "" {
			return name + ": not running: " + Clean(p.GetReason())
		}
		return name + ": not running"
	}
	parts := []string{fmt.Sprintf("pid %d", p.GetPid())}
	if s := p.GetState(); s != banyanv1.State_STATE_READY && s != banyanv1.State_STATE_UNSPECIFIED {
		parts = append(parts, Word(s))
	}
	if p.GetReason() != "" {
		parts = append(parts, Clean(p.GetReason()))
	}
	if p.GetStartedAt() != nil {
		parts = append(parts, age(p.GetStartedAt().AsTime(), now))
	}
	if p.GetMemoryBytes() > 0 {
		parts = append(parts, Bytes(p.GetMemoryBytes()))
	}
	return name + ": " + strings.Join(parts, ", ")
}
