// Command testapp is a service for the end-to-end tests that does what it is
// told, good or bad: by its environment when it starts and by requests while it
// runs. Only package e2e runs it.
package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "testapp:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	mode := "serve"
	if len(args) > 0 {
		mode = args[0]
	}
	switch mode {
	case "serve":
		return serve()
	case "grpc":
		return serveGRPC()
	case "publish":
		return publish()
	case "start":
		return start()
	case "outbox":
		return publishByOutbox()
	case "sql":
		return execSQL(args[1:])
	case "job":
		return job(args[1:])
	case "linger": // a grandchild that nobody asks to stop
		signal.Ignore(syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
		select {}
	default:
		return fmt.Errorf("%s is not a mode", mode)
	}
}

// serve listens on $PORT. Variables make it bad:
//
//	CRASH        says so and exits with this code before it listens
//	START_DELAY  listens only after this time
//	IGNORE_TERM  does not stop when it is asked to
//	CHATTER      writes a numbered line every so often
//	STOP_FILE    gets a line with service and time when it is asked to stop
func serve() error {
	fmt.Fprintf(os.Stdout, "%s begins, version %s\n", os.Getenv("BANYAN_INSTANCE"), os.Getenv("VERSION"))
	if code := os.Getenv("CRASH"); code != "" {
		fmt.Fprintf(os.Stderr, "cannot go on: the moon is in the wrong house (%s)\n", os.Getenv("BANYAN_INSTANCE"))
		n, err := strconv.Atoi(code)
		if err != nil {
			return err
		}
		os.Exit(n)
	}
	if d, err := time.ParseDuration(os.Getenv("START_DELAY")); err == nil {
		<-time.After(d)
	}
	if d, err := time.ParseDuration(os.Getenv("CHATTER")); err == nil {
		go chatter(d)
	}
	l, err := net.Listen("tcp", net.JoinHostPort(os.Getenv("HOST"), os.Getenv("PORT")))
	if err != nil {
		return err
	}
	server := &http.Server{Handler: handler(), ReadHeaderTimeout: 10 * time.Second}
	stopped := make(chan struct{})
	go func() {
		asked := make(chan os.Signal, 1)
		signal.Notify(asked, syscall.SIGTERM)
		<-asked
		asked <- awaitStop(asked)
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		_ = server.Shutdown(ctx) // what does not end is cut off by the exit
		close(stopped)
	}()
	if err := server.Serve(l); err != http.ErrServerClosed {
		return err
	}
	<-stopped
	return nil
}

// awaitStop notes that a stop was asked for, and never returns if it is to be ignored.
func awaitStop(more <-chan os.Signal) os.Signal {
	fmt.Fprintf(os.Stdout, "%s is asked to stop\n", os.Getenv("BANYAN_INSTANCE"))
	if path := os.Getenv("STOP_FILE"); path != "" {
		f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666) //nolint:gosec // the test's file
		if err == nil {
			fmt.Fprintf(f, "%s %d\n", os.Getenv("BANYAN_SERVICE"), time.Now().UnixNano())
			_ = f.Close()
		}
	}
	for os.Getenv("IGNORE_TERM") != "" {
		<-more
	}
	return syscall.SIGTERM
}

func chatter(every time.Duration) {
	for n := 0; ; n++ {
		fmt.Fprintf(os.Stdout, "line %08d of %d\n", n, os.Getpid())
		<-time.After(every)
	}
}

// job exits with the code of its argument, after what its variables ask for.
func job(args []string) error {
	if d, err := time.ParseDuration(os.Getenv("START_DELAY")); err == nil {
		<-time.After(d)
	}
	fmt.Fprintf(os.Stdout, "job %s ran at %d\n", os.Getenv("BANYAN_SERVICE"), time.Now().UnixNano())
	if len(args) == 0 {
		return nil
	}
	code, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	if code != 0 {
		fmt.Fprintln(os.Stderr, "the job found nothing to do and is cross about it")
	}
	os.Exit(code)
	return nil
}
