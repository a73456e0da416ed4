package journal

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/banyanrun/banyan/internal/bus/engine"
	"github.com/banyanrun/banyan/internal/fault"
)

// because returns an error that is both the sentinel and its cause.
func because(code fault.Code, sentinel, cause error, where string) *fault.Error {
	err := fmt.Errorf("%w: %w", sentinel, cause)
	return &fault.Error{Code: code, What: err.Error(), Where: where, Err: err}
}

func damaged(where, format string, args ...any) error {
	return because(fault.Damaged, engine.ErrDamaged, fmt.Errorf(format, args...), where).
		Fix("restore the directory of the bus from a backup while the app is down, or see with `banyan events repair` what is lost, and give it up")
}

func stopped(where string, cause error) error {
	return because(fault.Unavailable, engine.ErrStopped, cause, where).
		Fix("look after the disk, then restart: what was acknowledged is checked and goes on")
}

func full(where string, cause error) error {
	return because(fault.Unavailable, engine.ErrFull, cause, where).
		Fix("let its subscribers catch up, raise its bound, or make room on the disk")
}

// failed is what keeps the keeper from its work.
func failed(where, what string, err error) error {
	if noRoom(err) {
		return full(where, err)
	}
	return fault.New(fault.Unavailable, "cannot %s: %w", what, err).At(where).
		Fix("make sure that the disk works and the directory may be written to; it is tried again each second")
}

func noRoom(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}
