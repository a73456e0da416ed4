//go:build !linux

package slim

func dropProgram() {}
