package drivertest

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	programArg = "drivertest-program"
	daemonArg  = "drivertest-daemon"
)

// program is what the harness runs as an instance.
func program(args []string) {
	switch args[0] {
	case "exit":
		code, _ := strconv.Atoi(args[1])
		os.Exit(code)
	case "echo":
		fmt.Println(args[1])
		fmt.Fprintln(os.Stderr, args[2])
	case "env":
		for _, e := range os.Environ() {
			fmt.Println("env " + e)
		}
		dir, _ := os.Getwd()
		fmt.Println("dir " + dir)
		fmt.Println("end .")
	case "touch":
		_ = os.WriteFile(args[1], nil, 0o600)
	case "sleep":
		fmt.Println("pid " + strconv.Itoa(os.Getpid()))
		time.Sleep(time.Hour)
	case "quiet":
		time.Sleep(time.Hour)
	case "sleep-exit": // ends with the code when the file is there
		fmt.Println("pid " + strconv.Itoa(os.Getpid()))
		for _, err := os.Stat(args[1]); err != nil; _, err = os.Stat(args[1]) {
			time.Sleep(time.Millisecond)
		}
		code, _ := strconv.Atoi(args[2])
		os.Exit(code)
	case "stubborn":
		signal.Ignore(syscall.SIGTERM, syscall.SIGINT)
		fmt.Println("pid " + strconv.Itoa(os.Getpid()))
		time.Sleep(time.Hour)
	case "graceful":
		c := make(chan os.Signal, 1)
		signal.Notify(c, syscall.SIGTERM)
		fmt.Println("pid " + strconv.Itoa(os.Getpid()))
		<-c
		fmt.Println("bye .")
		os.Exit(7)
	case "fork":
		fork(args[1:])
	case "daemon":
		startDaemon(args[1])
	case "listen":
		listen(args[1])
	case "hog":
		hog()
	case "burn":
		burn()
	default:
		fmt.Fprintln(os.Stderr, "unknown program", args)
		os.Exit(99)
	}
}

// fork starts a child, in the same group or, with "away", a grandchild in a
// session of its own whose parent has ended; then it exits, or with "stay" stays.
func fork(args []string) {
	how := strings.Join(args, " ")
	if strings.Contains(how, "middle") {
		fmt.Println("pid " + strconv.Itoa(start(true, "quiet").Process.Pid))
		return
	}
	if strings.Contains(how, "away") {
		_ = start(false, "fork", "middle").Wait()
	} else {
		fmt.Println("pid " + strconv.Itoa(start(false, "quiet").Process.Pid))
	}
	fmt.Println("forked .")
	if strings.Contains(how, "stay") {
		time.Sleep(time.Hour)
	}
}

func start(session bool, args ...string) *exec.Cmd {
	cmd := exec.Command(self(), append([]string{programArg}, args...)...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: session}
	if err := cmd.Start(); err != nil {
		panic(err)
	}
	return cmd
}

// startDaemon starts a daemon as a data plane does when its own has died.
func startDaemon(order string) {
	cmd := exec.Command(self(), daemonArg, order)
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "BANYAN_TAG=") {
			cmd.Env = append(cmd.Env, e)
		}
	}
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		panic(err)
	}
	line, _ := bufio.NewReader(out).ReadString('\n')
	fmt.Println("pid " + strconv.Itoa(cmd.Process.Pid))
	fmt.Print("identity " + line)
	time.Sleep(time.Hour)
}

func listen(addr string) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		panic(err)
	}
	fmt.Println("port " + strconv.Itoa(l.Addr().(*net.TCPAddr).Port))
	time.Sleep(time.Hour)
}

// hog takes memory until it is killed.
func hog() {
	debug.SetGCPercent(-1)
	var all [][]byte
	for range 1024 {
		b := make([]byte, 4<<20)
		for i := 0; i < len(b); i += 4096 {
			b[i] = 1
		}
		all = append(all, b)
	}
	fmt.Println("survived", len(all))
}

// burn uses one core for 600 ms of wall time and says how much it got.
func burn() {
	for begin := time.Now(); time.Since(begin) < 600*time.Millisecond; { //nolint:revive // the point is to do nothing
	}
	var ru syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &ru)
	fmt.Println("used " + strconv.FormatInt((ru.Utime.Nano()+ru.Stime.Nano())/1e6, 10))
}
