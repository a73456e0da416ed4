package scrape

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/banyanrun/banyan/internal/telemetry/otlp"
)

// Bounds of a scrape.
const (
	// Timeout is for all of one: less than the time between two.
	Timeout = 10 * time.Second
	// MaxBody and MaxSamples are what an answer may have. One with more counts as none.
	MaxBody    = 16 << 20
	MaxSamples = 50_000
)

// Target is an instance that offers metrics.
type Target struct {
	Service, Instance string
	URL               string // http://127.0.0.1:20100/metrics
	// H2C says that the instance speaks HTTP/2 without TLS, and no HTTP/1.1.
	H2C bool
}

func (t *Target) labels() []otlp.Label {
	return []otlp.Label{{Name: "instance", Value: t.Instance}, {Name: "service", Value: t.Service}}
}

// accept asks for OpenMetrics, which has exemplars, and takes the text format.
const accept = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"

// newClient makes a client that goes where it is told, and nowhere else.
func newClient(h2c bool) *http.Client {
	p := new(http.Protocols)
	p.SetHTTP1(!h2c)
	p.SetUnencryptedHTTP2(h2c)
	return &http.Client{
		Transport:     &http.Transport{Protocols: p, MaxIdleConnsPerHost: 1, IdleConnTimeout: time.Minute, ResponseHeaderTimeout: Timeout},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// fetch returns the samples of an instance at a time.
func fetch(ctx context.Context, client *http.Client, t *Target, now int64) ([]otlp.Sample, error) {
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, t.URL, nil)
	if err != nil {
		return nil, err
	}
	q.Header.Set("Accept", accept)
	q.Header.Set("User-Agent", "banyan")
	res, err := client.Do(q)
	if err != nil {
		if errors.Is(err, context.DeadlineExceeded) {
			return nil, fmt.Errorf("it did not answer within %s", Timeout)
		}
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("it answers %s", res.Status)
	}
	media, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type")) // none: the text format
	if strings.HasSuffix(media, "/html") || strings.HasSuffix(media, "/json") {
		return nil, fmt.Errorf("it answers with %s, not with metrics", media)
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, MaxBody+1))
	if err != nil {
		return nil, fmt.Errorf("its answer did not come to its end: %w", err)
	}
	if len(body) > MaxBody {
		return nil, fmt.Errorf("its answer is larger than %d MiB", MaxBody>>20)
	}
	x := exposition{open: media == "application/openmetrics-text", now: now, base: t.labels()}
	if err := x.parse(string(body)); err != nil {
		return nil, fmt.Errorf("its answer is not in a format of Prometheus: %w", err)
	}
	return x.samples, nil
}
