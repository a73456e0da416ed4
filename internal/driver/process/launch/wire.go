package launch

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
)

const (
	// SocketFD is the descriptor of the socket to the daemon.
	SocketFD = 3
	// Go is the byte that lets the program run.
	Go = 'G'
	// Marker is the environment variable (value "1") that tells the helper from
	// a user who types `banyan exec`.
	Marker = "BANYAN_EXEC_HELPER"
	// exitNotRun is the exit code when the program never ran. Nobody waits for
	// it but a daemon that adopted the stand-in.
	exitNotRun = 125
)

// Request is what the daemon asks of the stand-in process.
type Request struct {
	Argv []string `json:"argv"`
	Env  []string `json:"env"` // KEY=value, whole
	Dir  string   `json:"dir"`
	// Credential says that UID and GID are to be taken on.
	Credential bool   `json:"credential,omitempty"`
	UID        uint32 `json:"uid,omitempty"`
	GID        uint32 `json:"gid,omitempty"`
	// Cgroups are directories to join, in order.
	Cgroups []string `json:"cgroups,omitempty"`
}

// Status is what the stand-in process reports: once when it waits, and a second
// time only if the program cannot be run.
type Status struct {
	// Unjoined are the cgroup directories it could not join, each with the reason.
	Unjoined map[string]string `json:"unjoined,omitempty"`
	// What went wrong and what to do about it; empty when it waits.
	What string `json:"what,omitempty"`
	Do   string `json:"do,omitempty"`
}

// maxFrame bounds a message: arguments and environment together, which the
// kernel bounds to less.
const maxFrame = 16 << 20

// WriteFrame writes v as JSON with its length (4 bytes, big endian) before it.
func WriteFrame(w io.Writer, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if len(body) > maxFrame {
		return fmt.Errorf("message of %d bytes is too long", len(body))
	}
	frame := binary.BigEndian.AppendUint32(make([]byte, 0, 4+len(body)), uint32(len(body)))
	_, err = w.Write(append(frame, body...))
	return err
}

// ReadFrame reads what WriteFrame wrote. It returns io.EOF when the other side
// ended before a message began.
func ReadFrame(r io.Reader, v any) error {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return err
	}
	n := binary.BigEndian.Uint32(head[:])
	if n > maxFrame {
		return fmt.Errorf("message of %d bytes is too long", n)
	}
	body := make([]byte, n)
	if _, err := io.ReadFull(r, body); err != nil {
		return err
	}
	return json.Unmarshal(body, v)
}
