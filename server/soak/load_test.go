package soak

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// stage is what a run of the mixed load is at.
type stage int32

const (
	arriving stage = iota // nothing is measured
	alone                 // the healthy clients are alone
	mixed                 // the others are there too
	leaving               // nothing is measured any more
)

// load is what the clients of a run share.
type load struct {
	visitor                 // to the end of the run
	acting  context.Context // until clients that act by themselves are to stop
	base    time.Time       // what all times of the run count from
	stage   atomic.Int32
	ledger  ledger
	number  atomic.Int32 // of the last write
	faults  faults
}

// stopping tells whether the clients are to end, after a while or when they are told to.
func (l *load) stopping(after time.Duration) bool {
	select {
	case <-l.acting.Done():
		return true
	case <-time.After(after):
		return false
	}
}

// faults gathers what went wrong.
type faults struct {
	mu    sync.Mutex
	count int
	first []error // a few of them
}

func (f *faults) add(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.count++; len(f.first) < 10 {
		f.first = append(f.first, err)
	}
}

// many tells whether so much went wrong that more would tell nothing.
func (f *faults) many() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.count >= 10
}

// err is what went wrong, or nil.
func (f *faults) err() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.count == 0 {
		return nil
	}
	return fmt.Errorf("%d faults, the first of them:\n%w", f.count, errors.Join(f.first...))
}

// measure is what is measured of the healthy clients.
type measure int

const (
	reads  measure = iota // from a request to its answer
	writes                // the same
	events                // from a write to its event
	measures
)

// latencies are those that one client has seen. One goroutine adds to them.
type latencies [leaving][measures][]uint32 // microseconds

func (l *latencies) add(s stage, m measure, d time.Duration) {
	if s == alone || s == mixed {
		l[s][m] = append(l[s][m], uint32(max(d, 0)/time.Microsecond))
	}
}
