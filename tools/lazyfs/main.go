//go:build linux

// Command lazyfs is a file system in memory, by FUSE, that loses what was not
// synced when it is told that power failed: written content wholly, by beginnings
// or torn into sectors, and names of files whose directory was not synced. The
// end-to-end tests run an app on it. It is harder on programs than most file
// systems are, and allows what POSIX does.
//
//	lazyfs [-lie] DIRECTORY
//
// It mounts itself at the directory, as root, and says "ready". Then it takes
// commands from standard input, a line each, and answers each by a line:
//
//	cut SEED   power fails now; the seed says what is lost. No sync succeeds any more,
//	           and nothing that is done is there after
//	boot       power is back, and the file system is mounted anew; whoever used it
//	           must have ended
//
// With -lie syncs do nothing, as on a disk that promises more than it does. At the
// end of the input it unmounts itself and ends.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
)

func main() {
	if err := run(os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "lazyfs:", err)
		os.Exit(1)
	}
}

func run(args []string, in io.Reader, out io.Writer) error {
	lie := len(args) > 0 && args[0] == "-lie"
	if lie {
		args = args[1:]
	}
	if len(args) != 1 {
		return errors.New("usage: lazyfs [-lie] DIRECTORY")
	}
	m := &machine{dir: args[0], disk: newDisk(lie)}
	if err := m.on(); err != nil {
		return err
	}
	fmt.Fprintln(out, "ready")
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		said, err := m.command(lines.Text())
		if err != nil {
			said = "error: " + err.Error()
		}
		fmt.Fprintln(out, said)
	}
	return errors.Join(lines.Err(), m.unmount())
}

// machine has a disk that is mounted.
type machine struct {
	dir    string
	disk   *disk
	next   *disk // after power failed; nil: it did not
	server *fuse.Server
}

func (m *machine) on() (err error) {
	m.server, err = mount(m.disk, m.dir)
	return err
}

func (m *machine) command(line string) (string, error) {
	name, rest, _ := strings.Cut(line, " ")
	switch {
	case name == "cut" && m.next == nil:
		seed, err := strconv.ParseUint(rest, 10, 64)
		if err != nil {
			return "", err
		}
		var lost *loss
		m.next, lost = m.disk.lose(seed)
		return lost.String(), nil
	case name == "boot" && m.next != nil:
		if err := m.unmount(); err != nil {
			return "", err
		}
		m.disk, m.next = m.next, nil
		return "ready", m.on()
	default:
		return "", fmt.Errorf("%q is no command, or not now", line)
	}
}

// unmount waits a little for those whose end has not closed their files yet.
func (m *machine) unmount() error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for late := time.Now().Add(5 * time.Second); ; <-tick.C {
		err := syscall.Unmount(m.dir, 0)
		if err == nil {
			m.server.Wait()
			return nil
		}
		if !errors.Is(err, syscall.EBUSY) || time.Now().After(late) {
			return fmt.Errorf("unmount: %w", errors.Join(err, syscall.Unmount(m.dir, syscall.MNT_DETACH)))
		}
	}
}
