//go:build !unix

package build

import "os/exec"

func contain(*exec.Cmd) {}
