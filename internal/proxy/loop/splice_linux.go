package loop

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// pipe is where bytes are on their way from one socket to another without being
// copied: splice(2) moves the pages that hold them. A loop has one, which is
// empty between the calls of Pull. The zero value is one that is not open yet.
type pipe struct {
	ends [2]int // for reading and writing
	open bool
	lame bool // given up
}

// pipeSize makes the pipe have one place for each 4 KiB of it. A place holds
// what a page of the sender's holds, of any size.
const pipeSize = 2 * Bulk

// ready opens the pipe where it is not, and reports whether it can be used.
func (p *pipe) ready() bool {
	if p.open || p.lame {
		return p.open
	}
	if unix.Pipe2(p.ends[:], unix.O_NONBLOCK|unix.O_CLOEXEC) != nil { // no descriptors: there may be some later
		return false
	}
	p.open = true
	_, _ = unix.FcntlInt(uintptr(p.ends[1]), unix.F_SETPIPE_SZ, pipeSize) // 64 KiB do, too
	return true
}

// close gives the pipe up with what is in it. It may be used again.
func (p *pipe) close() {
	if p.open {
		p.open = false
		_ = unix.Close(p.ends[0])
		_ = unix.Close(p.ends[1])
	}
}

// giveUp is for where splice(2) does not work: all is copied from then on.
func (p *pipe) giveUp() {
	p.close()
	p.lame = true
}

// fill takes at most n bytes of what a socket has; 0: its end. The pipe is empty.
func (p *pipe) fill(fd, n int) (int, syscall.Errno) {
	n, errno := splice(fd, p.ends[1], n)
	if errno == syscall.EINVAL || errno == syscall.ENOSYS {
		p.giveUp()
	}
	return n, errno
}

// empty gives at most n bytes to a socket.
func (p *pipe) empty(fd, n int) (int, syscall.Errno) { return splice(p.ends[0], fd, n) }

// read takes back what no socket took.
func (p *pipe) read(b []byte) (int, syscall.Errno) {
	for {
		n, _, errno := syscall.RawSyscall(syscall.SYS_READ, uintptr(p.ends[0]), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)))
		if errno != syscall.EINTR {
			return int(n), errno
		}
	}
}

func splice(from, to, n int) (int, syscall.Errno) {
	for {
		n, _, errno := syscall.RawSyscall6(syscall.SYS_SPLICE, uintptr(from), 0, uintptr(to), 0, uintptr(n), unix.SPLICE_F_MOVE|unix.SPLICE_F_NONBLOCK)
		if errno != syscall.EINTR {
			return int(n), errno
		}
	}
}

// Places of what SO_MEMINFO gives (linux/sock_diag.h).
const (
	memSendBuffer = 3
	memSendQueued = 5
	memVars       = 9
)

// sendRoom is how many bytes a socket takes now, about. It is 0 while less than a third of its
// buffer is free, as for epoll(7), which then tells when that is over.
func sendRoom(fd int) int {
	var info [memVars]uint32
	size := uint32(unsafe.Sizeof(info))
	_, _, errno := syscall.RawSyscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_MEMINFO,
		uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 { // not so old a kernel as to have no splice for sockets
		return Bulk
	}
	room := int(info[memSendBuffer]) - int(info[memSendQueued])
	if room < int(info[memSendBuffer])/3 && !isWritable(fd) {
		return 0
	}
	return max(room, Small)
}

// isWritable reports whether a socket takes output. Where it does not, asking
// makes the kernel tell when it does.
func isWritable(fd int) bool {
	p := [1]unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}
	var now unix.Timespec
	n, _, errno := syscall.RawSyscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&p)), 1, uintptr(unsafe.Pointer(&now)), 0, 0, 0)
	return n > 0 || errno != 0
}
