package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
)

// serveGRPC serves gRPC's own health service on $PORT.
func serveGRPC() error {
	l, err := net.Listen("tcp", net.JoinHostPort(os.Getenv("HOST"), os.Getenv("PORT")))
	if err != nil {
		return err
	}
	server := grpc.NewServer()
	healthv1.RegisterHealthServer(server, health.NewServer())
	go func() {
		asked := make(chan os.Signal, 1)
		signal.Notify(asked, syscall.SIGTERM)
		<-asked
		server.GracefulStop()
	}()
	return server.Serve(l)
}

// callGRPC asks the gRPC service at the address in the variable `addr`.
func callGRPC(w http.ResponseWriter, r *http.Request) {
	conn, err := grpc.NewClient(os.Getenv(r.FormValue("addr")), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		http.Error(w, err.Error(), http.StatusTeapot)
		return
	}
	defer conn.Close()
	res, err := healthv1.NewHealthClient(conn).Check(r.Context(), &healthv1.HealthCheckRequest{Service: r.FormValue("service")})
	if err != nil {
		http.Error(w, err.Error(), http.StatusTeapot)
		return
	}
	fmt.Fprint(w, res.GetStatus())
}
