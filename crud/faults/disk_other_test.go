//go:build !linux

package faults

// fill does nothing where the limits of another process cannot be set.
func (p *process) fill() (free func() error, err error) { return func() error { return nil }, nil }
