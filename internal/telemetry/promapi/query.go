package promapi

import (
	"errors"
	"net/http"
	"time"

	"github.com/banyanrun/banyan/internal/telemetry/metrics"
)

func (a *api) query(r *http.Request) (any, *notes, error) {
	limit, err := limitParam(r)
	if err != nil {
		return nil, nil, err
	}
	at, err := timeParam(r, "time", a.Now())
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel, err := within(r)
	if err != nil {
		return nil, nil, err
	}
	defer cancel()
	result, err := a.Store.Query(ctx, r.FormValue("query"), at)
	return answered(result, limit, err)
}

func (a *api) queryRange(r *http.Request) (any, *notes, error) {
	limit, err := limitParam(r)
	if err != nil {
		return nil, nil, err
	}
	from, to, step, err := rangeParams(r)
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel, err := within(r)
	if err != nil {
		return nil, nil, err
	}
	defer cancel()
	result, err := a.Store.QueryRange(ctx, r.FormValue("query"), from, to, step)
	return answered(result, limit, err)
}

func rangeParams(r *http.Request) (from, to time.Time, step time.Duration, err error) {
	if from, err = parseTime(r.FormValue("start")); err != nil {
		return from, to, 0, wrong("start", err)
	}
	if to, err = parseTime(r.FormValue("end")); err != nil {
		return from, to, 0, wrong("end", err)
	}
	if to.Before(from) {
		return from, to, 0, wrong("end", errors.New("end timestamp must not be before start time"))
	}
	if step, err = parseDuration(r.FormValue("step")); err != nil {
		return from, to, 0, wrong("step", err)
	}
	if step < time.Millisecond {
		return from, to, 0, wrong("step", errors.New("zero or negative query resolution step widths are not accepted. Try a positive integer"))
	}
	if (to.UnixMilli()-from.UnixMilli())/step.Milliseconds() > 11_000 {
		return from, to, 0, &failure{kind: badData, message: "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)"}
	}
	return from, to, step, nil
}

func answered(result *metrics.Result, limit int, err error) (any, *notes, error) {
	if err != nil {
		return nil, nil, err
	}
	beside := &notes{warnings: result.Warnings, infos: result.Infos}
	if limit > 0 && len(result.Series) > limit {
		result.Series = result.Series[:limit]
		beside.warnings = append(beside.warnings, "results truncated due to limit")
	}
	return result, beside, nil
}

func (a *api) formatQuery(r *http.Request) (any, *notes, error) {
	text, err := metrics.Format(r.FormValue("query"))
	return text, nil, err
}

func (a *api) exemplars(r *http.Request) (any, *notes, error) {
	from, err := timeParam(r, "start", minTime)
	if err != nil {
		return nil, nil, err
	}
	to, err := timeParam(r, "end", maxTime)
	if err != nil {
		return nil, nil, err
	}
	if to.Before(from) {
		return nil, nil, &failure{kind: badData, message: "end timestamp must not be before start timestamp"}
	}
	found, err := a.Store.Exemplars(r.Context(), r.FormValue("query"), from, to)
	return found, nil, err
}
