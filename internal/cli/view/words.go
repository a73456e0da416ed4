package view

import (
	"fmt"
	"strconv"
	"time"

	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
)

// face is how a state looks in a row.
type face struct {
	word   string
	symbol string
	style  Style
}

var faces = map[banyanv1.State]face{
	banyanv1.State_STATE_WAITING:     {"waiting", "·", Dim},
	banyanv1.State_STATE_BUILDING:    {"building", spin, Blue},
	banyanv1.State_STATE_STARTING:    {"starting", spin, Blue},
	banyanv1.State_STATE_READY:       {"ready", "✓", Green},
	banyanv1.State_STATE_UNREADY:     {"unready", "!", Yellow},
	banyanv1.State_STATE_BACKING_OFF: {"backing off", "↻", Yellow},
	banyanv1.State_STATE_STOPPING:    {"stopping", spin, Blue},
	banyanv1.State_STATE_STOPPED:     {"stopped", "–", Dim},
	banyanv1.State_STATE_FAILED:      {"failed", "✗", Red},
	banyanv1.State_STATE_COMPLETED:   {"completed", "✓", Green},
	banyanv1.State_STATE_LEFT_OUT:    {"left out", "–", Dim},
	banyanv1.State_STATE_SCHEDULED:   {"scheduled", "◷", Dim},
}

// spin stands for the spinner's current frame.
const spin = "spin"

var spinner = []string{"⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"}

func faceOf(state banyanv1.State) face {
	if f, ok := faces[state]; ok {
		return f
	}
	return face{"unknown", "?", Plain}
}

// serviceFace is the state's, but a ready service whose old revision is still
// being replaced is updating.
func serviceFace(s *banyanv1.Service) face {
	if s.GetState() == banyanv1.State_STATE_READY && s.GetUpdating() {
		return face{"updating", spin, Blue}
	}
	return faceOf(s.GetState())
}

// Word names a state as people read it.
func Word(state banyanv1.State) string { return faceOf(state).word }

// Done reports whether nothing more is awaited of the service: it is as the
// app file wants it.
func Done(s *banyanv1.Service) bool {
	switch s.GetState() {
	case banyanv1.State_STATE_READY:
		return !s.GetUpdating() && s.GetReady() >= s.GetDesired()
	case banyanv1.State_STATE_STOPPED:
		return s.GetDesired() == 0 && !s.GetUpdating()
	case banyanv1.State_STATE_COMPLETED, banyanv1.State_STATE_SCHEDULED, banyanv1.State_STATE_LEFT_OUT:
		return true
	}
	return false
}

// Duration is short and readable: 340ms, 1.2s, 12s, 3m5s, 2h3m, 5d2h.
func Duration(d time.Duration) string {
	switch {
	case d < 0:
		return "0s"
	case d < time.Second:
		return fmt.Sprintf("%dms", d.Milliseconds())
	case d < 10*time.Second:
		return fmt.Sprintf("%.1fs", d.Truncate(100*time.Millisecond).Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm%ds", int(d.Minutes()), int(d.Seconds())%60)
	case d < 24*time.Hour:
		return fmt.Sprintf("%dh%dm", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%dd%dh", int(d.Hours())/24, int(d.Hours())%24)
}

// Bytes is a size in the app file's units: 812Ki, 23Mi, 1.5Gi.
func Bytes(n int64) string {
	switch {
	case n < 1<<10:
		return strconv.FormatInt(n, 10)
	case n < 1<<20:
		return fmt.Sprintf("%dKi", n>>10)
	case n < 1<<30:
		return fmt.Sprintf("%dMi", n>>20)
	}
	return fmt.Sprintf("%.1fGi", float64(n)/(1<<30))
}
