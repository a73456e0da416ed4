package appfile

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// Requirement is a runtime that must be on PATH, such as node>=20.
type Requirement struct {
	// Program is the name of the executable.
	Program string
	// Version is the least version, such as 20 or 3.9. Empty: any.
	Version string
}

// String writes the requirement as in the file.
func (r Requirement) String() string {
	if r.Version == "" {
		return r.Program
	}
	return r.Program + ">=" + r.Version
}

var (
	requirementForm = pattern(`^([A-Za-z0-9][A-Za-z0-9._+-]*?)\s*(?:>=\s*v?([0-9]+(?:\.[0-9]+){0,3}))?$`)
	otherOperator   = pattern(`^([A-Za-z0-9][A-Za-z0-9._+-]*?)\s*(?:==|=|>|\^|~>|~|<=|<|@|:|\s)\s*v?([0-9]+(?:\.[0-9]+)*)`)
)

// ParseRequirement reads node, node>=20 and python3>=3.9.
func ParseRequirement(s string) (Requirement, error) {
	if m := requirementForm().FindStringSubmatch(s); m != nil {
		return Requirement{Program: m[1], Version: m[2]}, nil
	}
	fix := "write a program's name, or with its least version: node>=20"
	if m := otherOperator().FindStringSubmatch(s); m != nil {
		fix = fmt.Sprintf("only the least version can be given: write %s>=%s", m[1], m[2])
	}
	return Requirement{}, &formatError{fmt.Sprintf("%s is not a requirement", quote(s)), fix}
}

// Schedule tells when a job runs next.
type Schedule interface {
	// Next is the first time after t, in t's location.
	Next(t time.Time) time.Time
}

// scheduleWords are the @ forms that a job can have.
var scheduleWords = []string{"@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"}

// ParseSchedule reads a cron expression of five fields (minute, hour, day of
// month, month, day of week), @hourly and its like, or @every 10m. Intervals
// are at least 1s.
func ParseSchedule(s string) (Schedule, error) {
	message := fmt.Sprintf("%s is not a schedule", quote(s))
	const example = `write five fields (minute, hour, day of month, month, day of week) such as "0 3 * * *", or @hourly, @daily, @every 10m`
	if interval, ok := strings.CutPrefix(s, "@every "); ok {
		d, err := ParseDuration(strings.TrimSpace(interval))
		if f, bad := errors.AsType[*formatError](err); bad {
			return nil, &formatError{message + ": " + f.message, f.fix}
		}
		if d < Duration(time.Second) {
			return nil, &formatError{message + ": the shortest interval is 1s", "write @every 1s or more"}
		}
		return cron.Every(time.Duration(d)), nil
	}
	fields := strings.Fields(s)
	switch {
	case strings.HasPrefix(s, "@") && !slices.Contains(scheduleWords, s):
		fix := orElse(didYouMean(s, append([]string{"@every 10m"}, scheduleWords...), ""), "known are @every 10m, "+strings.Join(scheduleWords, ", "))
		if s == "@reboot" {
			fix = "leave schedule out: the job runs once for each of its revisions"
		}
		return nil, &formatError{message, fix}
	case strings.Contains(s, "TZ="):
		return nil, &formatError{"a schedule is in local time and takes no time zone", "remove " + fields[0]}
	case len(fields) == 6:
		return nil, &formatError{message + ": it has six fields", "leave out the seconds: write " + strings.Join(fields[1:], " ")}
	case slices.Contains(scheduleWords, "@"+strings.ToLower(s)):
		return nil, &formatError{message, "write \"@" + strings.ToLower(s) + "\""}
	case len(fields) != 5 && !strings.HasPrefix(s, "@"):
		return nil, &formatError{fmt.Sprintf("%s: it has %d of five fields", message, len(fields)), example}
	}
	schedule, err := parseCron(s)
	if err != nil {
		return nil, &formatError{message + ": " + cronCause(err), example}
	}
	if schedule.Next(time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
		return nil, &formatError{message + ": there is no such date", "check the day of the month"}
	}
	return schedule, nil
}

// cronCause keeps the library's reason, less the expression itself.
func cronCause(err error) string {
	text, _, _ := strings.Cut(err.Error(), "\n")
	return text
}

func parseCron(s string) (schedule cron.Schedule, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("it cannot be read: %v", p)
		}
	}()
	return cron.ParseStandard(s)
}
