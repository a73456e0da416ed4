package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

const prometheusFile = `global: {scrape_interval: 10s, scrape_timeout: 10s}
scrape_configs:
  - job_name: bench
    static_configs: [{targets: [%q]}]
`

// measurePrometheus has Prometheus fetch the same series as the daemon gets.
func measurePrometheus(ctx context.Context, o *options, dir string) (err error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { expose(w, o.series) })}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	defer func() {
		_ = server.Close()
		if e := <-ended; !errors.Is(e, http.ErrServerClosed) {
			err = errors.Join(err, e)
		}
	}()
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	config := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(config, fmt.Appendf(nil, prometheusFile, l.Addr().String()), 0o600); err != nil {
		return err
	}
	addr, err := freeAddr(ctx)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, o.prometheus, "--config.file="+config, "--storage.tsdb.path="+filepath.Join(dir, "kept"), "--web.listen-address="+addr)
	if err := cmd.Start(); err != nil {
		return err
	}
	c := &contender{name: "Prometheus", pid: cmd.Process.Pid, query: "http://" + addr}
	defer func() {
		_ = cmd.Process.Signal(os.Interrupt) // it may have ended
		_ = cmd.Wait()                       // it was told to
	}()
	select {
	case <-time.After(o.steady): // the measured interval
	case <-ctx.Done():
		return ctx.Err()
	}
	u, err := c.usage()
	if err != nil {
		return err
	}
	answer, err := fetch(ctx, &c.client, c.query+"/api/v1/query?query=count(bench_handled_total)")
	if err != nil {
		return err
	}
	if !strings.Contains(string(answer), fmt.Sprintf(`"%d"`, o.series)) {
		return fmt.Errorf("prometheus has not all series: %s", answer)
	}
	fmt.Printf("Prometheus, %d series for %.0f s: %.0f MB resident, %.0f at most; %.0f %% of a core\n",
		o.series, o.steady.Seconds(), mb(u.now), mb(u.most), 100*u.cpu.Seconds()/o.steady.Seconds())
	return nil
}

// expose writes the series that load.series sends.
func expose(w http.ResponseWriter, series int) {
	out := bufio.NewWriter(w)
	defer func() { _ = out.Flush() }() // who asks sees that there is less
	fmt.Fprintln(out, "# TYPE bench_handled_total counter")
	now := time.Now().Unix() % 100_000
	for i := range series {
		fmt.Fprintf(out, "bench_handled_total{service=\"service-%d\",shard=\"%d\",handler=\"handler-%d\"} %d\n", i%services, i/services%100, i/services/100, now*int64(i))
	}
}
