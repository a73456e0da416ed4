package cli_test

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// svc is the smallest service: it listens on $PORT and answers with its name.
//
//	svc [-say TEXT] [-greet WORD]   GET / answers "WORD from SERVICE"
//	    GET /instance  the instance's name
//	    GET /env?NAME  a variable
//	    GET /call?URL  what URL answers; $NAME in it is expanded
//	    GET /exit      ends with exit code 3
//	svc -exit CODE                  says TEXT and ends: a build, a job, a crash
func svc(args []string) int {
	flags := flag.NewFlagSet("svc", flag.ExitOnError)
	say := flags.String("say", "", "print this first")
	greet := flags.String("greet", "hello", "what / answers")
	code := flags.Int("exit", -1, "end with this exit code")
	_ = flags.Parse(args) // it exits on errors
	if *say != "" {
		fmt.Println(*say)
	}
	if *code >= 0 {
		return *code
	}
	listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", os.Getenv("PORT")))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Println("listening")
	server := &http.Server{Handler: handler(*greet), ReadHeaderTimeout: time.Minute}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, func() { _ = server.Shutdown(context.Background()) })
	_ = server.Serve(listener) // it ends with Shutdown
	fmt.Println("bye")
	return 0
}

func handler(greet string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, "%s from %s\n", greet, os.Getenv("BANYAN_SERVICE"))
	})
	mux.HandleFunc("/instance", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, os.Getenv("BANYAN_INSTANCE"))
	})
	mux.HandleFunc("/env", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, os.Getenv(r.URL.RawQuery))
	})
	mux.HandleFunc("/call", func(w http.ResponseWriter, r *http.Request) {
		res, err := http.Get(os.ExpandEnv(r.URL.RawQuery))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		defer func() { _ = res.Body.Close() }()
		w.WriteHeader(res.StatusCode)
		_, _ = io.Copy(w, res.Body) // the caller sees a short body
	})
	mux.HandleFunc("/exit", func(http.ResponseWriter, *http.Request) {
		fmt.Println("about to exit")
		os.Exit(3)
	})
	return mux
}
